"""Pages: spans tile the arenas, the span map is right, and free neighbours are merged.

For any number of spans and pages, and after every step of the page heap.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, cast

import z3

from spanproof.prove.assumptions import DISJOINT_REGIONS, LOCK_SECTIONS, PHYSICAL_PAGES
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.values.values import Value
from spanproof.theorems.pages.tables.tilingaround import any_tiling, show_invariant, sound_around
from spanproof.theorems.pages.tables.tilingreads import (
    arena_base_at,
    arena_end_at,
    base_at,
    end_at,
    is_alike,
    is_in_use,
    is_manual,
    is_scavenged,
    mapped_at,
    mapped_bytes,
    npages_at,
    owner_at,
    state_at,
    term,
)
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import Address, SpanId
from spanspec.pages.tables import coalescing, steps
from spanspec.pages.tables.records import (
    NO_SPAN,
    UNMAPPED,
    Tiling,
    is_listed,
    is_live,
    is_loose,
)
from spanspec.span.mspan import DEAD, FREE

INTEGERS: Final = Integers()

LOCKED: Final = (LOCK_SECTIONS, PHYSICAL_PAGES)


def span_of(chosen: dict[str, Value], name: str) -> z3.ExprRef:
    """Return a chosen identity as a term."""
    return cast(z3.ExprRef, chosen[name])


class StepClaim(NamedTuple):
    """A step of the page heap: its guard, the rules, and what is claimed of it, in words."""

    may: Callable[..., bool]
    rules: str
    says: str


STEPS: Final[dict[Callable[..., Tiling], StepClaim]] = {
    steps.add_arenas: StepClaim(
        steps.may_add_arenas,
        "AR-5 I-12 I-13 T-11",
        "No page of a new arena has a span, and none of another arena loses its own.",
    ),
    steps.enter_arenas: StepClaim(
        steps.may_enter_arenas,
        "HEAP-17 I-16",
        "The current arena goes on with pages that no span has had, and loses none.",
    ),
    steps.take_from_arena: StepClaim(
        steps.may_take_from_arena,
        "HEAP-19 HEAP-8 I-10 I-12 I-13",
        "A piece of the arena becomes a span; no page has two.",
    ),
    steps.take_whole: StepClaim(
        steps.may_take_whole,
        "HEAP-13 HEAP-8 I-13 T-30 T-31",
        "A run taken whole is found from each of its pages.",
    ),
    steps.take_part: StepClaim(
        steps.may_take_part,
        "HEAP-13 HEAP-8 I-12 I-13 I-14 T-30 T-31",
        "A run cut in two loses no page, both parts are found, and the rest keeps its flag.",
    ),
    steps.use: StepClaim(steps.may_use, "HEAP-22", "A run that was taken becomes a span in use."),
    steps.use_manually: StepClaim(
        steps.may_use_manually, "HEAP-24", "A run that was taken becomes a manual span."
    ),
    steps.give_back: StepClaim(
        steps.may_give_back,
        "HEAP-28 I-10 I-13 T-33 T-34 T-35",
        "A freed span had nothing in it, is free, needs zeroing, and is not in the free set yet.",
    ),
    steps.scavenge: StepClaim(
        steps.may_scavenge,
        "SCAV-6 SCAV-7 I-9",
        "A released run is free, and not in the free set until it is coalesced.",
    ),
    steps.scavenge_part: StepClaim(
        steps.may_scavenge_part,
        "SCAV-9 HEAP-8 I-12 I-13",
        "A run cut for the scavenger loses no page, and both parts are found from their ends.",
    ),
    coalescing.merge_lower: StepClaim(
        coalescing.may_merge_lower,
        "HEAP-29 HEAP-30 I-10 I-12 I-13 I-14",
        "Coalescing finds the true lower neighbour by the span map, merges it if it is alike, and "
        "loses no page; afterwards the lower neighbour is none that is alike.",
    ),
    coalescing.merge_upper: StepClaim(
        coalescing.may_merge_upper,
        "HEAP-29 HEAP-30 HEAP-33 I-10 I-12 I-13 I-14",
        "Coalescing finds the true upper neighbour by the span map, merges it if it is alike, and "
        "loses no page; afterwards neither neighbour is alike, so the run may enter the free set.",
    ),
    coalescing.enter_free_set: StepClaim(
        coalescing.may_enter_free_set,
        "HEAP-29 HEAP-33 I-14 TREAP-4",
        "A run without a neighbour that is alike enters the free set: no two free neighbours have "
        "the same flag.",
    ),
}
"""The steps of the page heap."""

CHOSEN: Final = ("span", "chosen", "part")
"""The names of the parameters that are descriptors."""


Outcome = Callable[[Proof, Tiling, Tiling, z3.ExprRef], None]
"""What claims something of a descriptor, from the pages before and after a step."""


def prove_step(step: Callable[..., Tiling], claim: StepClaim, own: Outcome | None) -> None:
    """Register the obligation that a step keeps the invariant."""

    def build(p: Proof) -> None:
        tiling = any_tiling(p)
        chosen = p.parameters(step)
        span = cast(z3.ExprRef, p.fresh(SpanId, "any_span"))
        address = cast(z3.ExprRef, p.fresh(Address, "any_address"))
        spans = [span, *(span_of(chosen, name) for name in chosen if name in CHOSEN)]
        seams = seams_of(p, step, tiling, chosen)
        spans += [term(p, owner_at, tiling, at) for at in seams if is_merge(step)]
        sound_around(p, tiling, spans, [address, *seams])
        p.assume(p.holds(claim.may, tiling, *chosen.values()))
        after = p.call(step, tiling, *chosen.values())
        assert isinstance(after, Tiling)
        show_invariant(p, after, span, address)
        show_outcome(p, step, tiling, after, chosen, own)
        if step is steps.add_arenas:
            base, end = span_of(chosen, "base"), end_of_region(chosen)
            inside = z3.And(base <= address, address < end)
            p.show("no span yet", term(p, mapped_at, after, address) == NO_SPAN, inside)
        if len(spans) > 1:
            p.possible("another span", span != spans[1])
        for label, situation in situations(p, step, tiling, chosen):
            p.possible(label, situation)

    build.__doc__ = claim.says
    assumes = (*LOCKED, DISJOINT_REGIONS) if step is steps.add_arenas else LOCKED
    name = step.__name__.replace("_", "-")
    obligation(f"pages.{name}", claim.rules, INTEGERS, assumes=assumes)(build)


def is_merge(step: Callable[..., Tiling]) -> bool:
    """Tell whether a step merges a run with a neighbour.

    Here and below steps are compared by `is`: an obligation does not rest on the text of a function
    of which it only asks whether it is the one that is proved.
    """
    return step is coalescing.merge_lower or step is coalescing.merge_upper


def end_of_region(chosen: dict[str, Value]) -> z3.ExprRef:
    """The address just beyond a region of so many pages."""
    return span_of(chosen, "base") + span_of(chosen, "npages") * PAGE_SIZE


def seams_of(
    p: Proof, step: Callable[..., Tiling], tiling: Tiling, chosen: dict[str, Value]
) -> list[z3.ExprRef]:
    """Return the addresses at which a step makes a new boundary, or takes one away."""
    if step is steps.enter_arenas:
        return [end_of_region(chosen) - 1]
    if step is steps.take_from_arena:
        base = term(p, arena_base_at, tiling)
        end = base + span_of(chosen, "npages") * PAGE_SIZE
        return [base - 1, base, end - 1, end]
    if step is steps.take_part:
        base = term(p, base_at, tiling, chosen["chosen"])
        return [base + span_of(chosen, "npages") * PAGE_SIZE]
    if step is steps.scavenge_part:
        end = term(p, end_at, tiling, chosen["span"])
        return [end - span_of(chosen, "npages") * PAGE_SIZE]
    if step is coalescing.merge_lower:
        return [term(p, base_at, tiling, chosen["span"]) - 1]
    if step is coalescing.merge_upper:
        return [term(p, end_at, tiling, chosen["span"])]
    return []


def show_outcome(
    p: Proof,
    step: Callable[..., Tiling],
    before: Tiling,
    after: Tiling,
    chosen: dict[str, Value],
    own: Outcome | None,
) -> None:
    """Claim what has become of the span that a step is about."""
    if step is steps.add_arenas:
        size = span_of(chosen, "npages") * PAGE_SIZE
        p.show("counted", term(p, mapped_bytes, after) == term(p, mapped_bytes, before) + size)
        return
    if step is steps.enter_arenas:
        base, end = span_of(chosen, "base"), term(p, arena_end_at, after)
        p.show("up to its end", end == end_of_region(chosen))
        old_end, new_base = term(p, arena_end_at, before), term(p, arena_base_at, after)
        old_base = term(p, arena_base_at, before)
        lost = z3.And(old_base < old_end, z3.Or(new_base != old_base, base != old_end))
        p.show("nothing is lost", z3.Not(lost))
        return
    target = chosen["part" if step is steps.scavenge_part else "span"]
    p.show("it is a run", p.holds(is_live, after, target))
    if own is not None:
        own(p, before, after, target)
    if step is steps.use or step is steps.use_manually:
        return
    if step is steps.take_whole or step is steps.take_part:
        p.show("the pages asked for", term(p, npages_at, after, target) == chosen["npages"])
        return
    if step is coalescing.enter_free_set:
        p.show("it is in the free set", p.holds(is_listed, after, target))
        return
    p.show("it is on its way", p.holds(is_loose, after, target))
    if step is steps.take_from_arena or step is steps.scavenge or step is steps.scavenge_part:
        p.show("it is scavenged", p.holds(is_scavenged, after, target))
    if is_merge(step):
        neighbour = term(p, owner_at, before, seams_of(p, step, before, chosen)[0])
        alike = p.holds(is_alike, before, neighbour, target)
        merged = z3.And(neighbour != NO_SPAN, z3.Not(p.holds(is_live, after, neighbour)))
        p.show("merged just if it is alike", merged == alike)


def used(p: Proof, before: Tiling, after: Tiling, span: z3.ExprRef) -> None:
    """Claim of a run that it has become a span of the collected heap."""
    p.show("it is used", p.holds(is_in_use, after, span))
    p.show("as was asked", z3.Not(p.holds(is_manual, after, span)))


def used_manually(p: Proof, before: Tiling, after: Tiling, span: z3.ExprRef) -> None:
    """Claim of a run that it has become a manual span."""
    p.show("it is used", p.holds(is_in_use, after, span))
    p.show("as was asked", p.holds(is_manual, after, span))


def taken(p: Proof, before: Tiling, after: Tiling, span: z3.ExprRef) -> None:
    """Claim of a run that it was taken out of the free set."""
    p.show("it is taken", p.holds(steps.is_taken, after, span))


def settled_below(p: Proof, before: Tiling, after: Tiling, span: z3.ExprRef) -> None:
    """Claim of a run that was merged downwards that no neighbour below is alike."""
    p.show("settled below", term(p, coalescing.alike_below, after, span) == NO_SPAN)


def settled_around(p: Proof, before: Tiling, after: Tiling, span: z3.ExprRef) -> None:
    """Claim of a run that was merged upwards that it may enter the free set."""
    below = term(p, coalescing.alike_below, before, span) == NO_SPAN
    p.show("settled", p.holds(coalescing.may_enter_free_set, after, span), below)


OWN: Final[dict[Callable[..., Tiling], Outcome]] = {
    steps.use: used,
    steps.use_manually: used_manually,
    steps.take_whole: taken,
    steps.take_part: taken,
    coalescing.merge_lower: settled_below,
    coalescing.merge_upper: settled_around,
}
"""What is claimed of single steps by the model's own rules. No other step rests on these."""


def situations(
    p: Proof, step: Callable[..., Tiling], tiling: Tiling, chosen: dict[str, Value]
) -> Iterator[tuple[str, z3.BoolRef]]:
    """Yield what a step must be able to meet: a guard that is too strong keeps every invariant."""
    if step is steps.give_back:
        manual = p.holds(is_manual, tiling, chosen["span"])
        yield "out of use", z3.Not(manual)
        yield "a manual span", manual
    if step is steps.use or step is steps.use_manually:
        for state, label in ((FREE, "a run that was taken whole"), (DEAD, "a part of a run")):
            yield label, term(p, state_at, tiling, chosen["span"]) == state
    if step is steps.take_part or step is steps.scavenge_part:
        whole = term(p, npages_at, tiling, chosen["chosen" if step is steps.take_part else "span"])
        yield "one page", span_of(chosen, "npages") == 1
        yield "all pages but one", span_of(chosen, "npages") == whole - 1
    if step is steps.take_whole:
        yield "one page", span_of(chosen, "npages") == 1
        yield "a scavenged run", p.holds(is_scavenged, tiling, chosen["span"])
    if step is steps.take_from_arena:
        base, last = seams_of(p, step, tiling, chosen)[1:3]
        end = term(p, arena_end_at, tiling)
        yield "one page", span_of(chosen, "npages") == 1
        yield "all that is left", last + 1 == end
        yield "just above a span", term(p, owner_at, tiling, base - 1) != NO_SPAN
    if step is steps.add_arenas:
        base = span_of(chosen, "base")
        yield "just above an arena", term(p, mapped_at, tiling, base - 1) != UNMAPPED
    if step is steps.enter_arenas:
        base, old_end = span_of(chosen, "base"), term(p, arena_end_at, tiling)
        yield "it goes on", z3.And(base == old_end, term(p, arena_base_at, tiling) < old_end)
        yield "somewhere else", base != old_end
    if is_merge(step):
        neighbour = term(p, owner_at, tiling, seams_of(p, step, tiling, chosen)[0])
        alike = p.holds(is_alike, tiling, neighbour, chosen["span"])
        yield "a neighbour that is merged", alike
        yield "a neighbour that is not", z3.And(neighbour != NO_SPAN, z3.Not(alike))
    if step is coalescing.enter_free_set:
        above = term(p, owner_at, tiling, term(p, end_at, tiling, chosen["span"]))
        yield "a free neighbour", p.holds(is_listed, tiling, above)


for _step, _claim in STEPS.items():
    prove_step(_step, _claim, OWN.get(_step))
