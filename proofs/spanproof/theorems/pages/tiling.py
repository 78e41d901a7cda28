"""Pages: spans tile the arenas, the span map is right, and free neighbours are merged.

For any number of spans and pages. The invariant is assumed at the spans and addresses that a step
looks at or changes, and at those that the claim speaks of; it is shown of an arbitrary span and an
arbitrary address.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, cast

import z3

from spanproof.prove.assumptions import DISJOINT_REGIONS, LOCK_SECTIONS
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.values import Value
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import Address, SpanId
from spanspec.base.words import U64
from spanspec.pages.runs import end_of
from spanspec.pages.tiling import invariant, steps
from spanspec.pages.tiling.records import NO_SPAN, Tiling, contains, is_free, is_live
from spanspec.span.mspan import IN_USE, MANUAL

INTEGERS: Final = Integers()
LOCKED: Final = (LOCK_SECTIONS,)

Settled = Callable[[Tiling, z3.ExprRef], z3.BoolRef]
"""Which runs are coalesced: a predicate of a run."""


def base_at(tiling: Tiling, span: SpanId) -> U64:
    """The first address of a span."""
    return tiling.runs[span].base


def end_at(tiling: Tiling, span: SpanId) -> U64:
    """The address just beyond a span."""
    return end_of(tiling.runs[span])


def last_at(tiling: Tiling, span: SpanId) -> U64:
    """The last address of a span."""
    return end_of(tiling.runs[span]) - 1


def owner_at(tiling: Tiling, address: Address) -> SpanId:
    """The span that an address belongs to."""
    return tiling.owner[address]


def mapped_at(tiling: Tiling, address: Address) -> SpanId:
    """The span that an address leads to."""
    return tiling.map[address]


def term(p: Proof, rule: Callable[..., int], *arguments: object) -> z3.ExprRef:
    """Return an identity or an address as a term."""
    return cast(z3.ExprRef, p.call(rule, *arguments))


def distinct(terms: Iterable[z3.ExprRef]) -> list[z3.ExprRef]:
    """Return terms without repetitions."""
    return list({item.get_id(): item for item in terms}.values())


def any_tiling(p: Proof) -> Tiling:
    """A page heap of which nothing is assumed yet."""
    tiling = p.fresh(Tiling, "heap")
    assert isinstance(tiling, Tiling)
    return tiling


class Templates:
    """Each predicate of the invariant, read once; an instance of it is a substitution.

    `settled` tells which runs are known to be coalesced.
    """

    def __init__(self, p: Proof, tiling: Tiling, settled: Settled) -> None:
        self._span = cast(z3.ExprRef, p.fresh(SpanId, "some_span"))
        self._at = cast(z3.ExprRef, p.fresh(Address, "some_address"))
        self._of_address = z3.And(
            p.holds(invariant.address_has_its_span, tiling, self._at),
            p.holds(invariant.used_address_is_mapped, tiling, self._at),
        )
        self._of_span = z3.And(
            p.holds(invariant.run_is_sound, tiling, self._span), settled(tiling, self._span)
        )
        self._of_both = p.holds(invariant.run_has_its_address, tiling, self._span, self._at)
        self._places = [term(p, r, tiling, self._span) for r in (base_at, last_at, end_at)]
        self._owner = term(p, owner_at, tiling, self._at)

    def places(self, span: z3.ExprRef) -> list[z3.ExprRef]:
        """Return the addresses at the ends of a span, and next to them."""
        found = [z3.substitute(place, (self._span, span)) for place in self._places]
        return [found[0] - 1, *found]

    def owner(self, address: z3.ExprRef) -> z3.ExprRef:
        """Return the span that an address belongs to."""
        return z3.substitute(self._owner, (self._at, address))

    def about(
        self, spans: Sequence[z3.ExprRef], addresses: Sequence[z3.ExprRef]
    ) -> Iterator[z3.BoolRef]:
        """Yield the invariant of some spans and addresses."""
        for at in addresses:
            yield z3.substitute(self._of_address, (self._at, at))
        for span in spans:
            yield z3.substitute(self._of_span, (self._span, span))
            for at in addresses:
                yield z3.substitute(self._of_both, (self._span, span), (self._at, at))


def sound_around(
    p: Proof,
    tiling: Tiling,
    spans: Sequence[z3.ExprRef],
    addresses: Sequence[z3.ExprRef],
    settled: Settled,
) -> list[z3.ExprRef]:
    """Assume the invariant of some spans and addresses and of what is found there.

    Return all addresses looked at.
    """
    known = Templates(p, tiling, settled)
    looked_at = [*addresses]
    for span in spans:
        looked_at += known.places(span)
    looked_at = distinct(looked_at)
    around = distinct([*spans, *(known.owner(at) for at in looked_at)])
    p.assume(*known.about(around, looked_at))
    return looked_at


def show_invariant(
    p: Proof, tiling: Tiling, span: z3.ExprRef, address: z3.ExprRef, settled: Settled
) -> None:
    """Claim the invariant of a span and an address."""
    p.show("an address has its span", p.holds(invariant.address_has_its_span, tiling, address))
    p.show("runs are disjoint", p.holds(invariant.run_has_its_address, tiling, span, address))
    p.show("used pages are mapped", p.holds(invariant.used_address_is_mapped, tiling, address))
    p.show("ends are mapped", p.holds(invariant.run_is_sound, tiling, span))
    p.show("coalesced", settled(tiling, span))


def span_of(chosen: dict[str, Value], name: str) -> z3.ExprRef:
    """Return a chosen identity as a term."""
    return cast(z3.ExprRef, chosen[name])


class StepClaim(NamedTuple):
    """What is claimed of a step: the rules, in words, and the span that is then to be coalesced.

    `changed` is the parameter that names it; None: the step leaves nothing to coalesce.
    """

    rules: str
    says: str
    changed: str | None


STEPS: Final[dict[Callable[..., Tiling], StepClaim]] = {
    steps.grow: StepClaim(
        "HEAP-19 HEAP-8 I-12 I-13",
        "A piece of the arena becomes a span; no page has two.",
        "span",
    ),
    steps.take_whole: StepClaim(
        "HEAP-13 HEAP-8 I-13", "A run taken whole is found from each of its pages.", None
    ),
    steps.take_part: StepClaim(
        "HEAP-13 HEAP-8 I-12 I-13 I-14",
        "A run cut in two loses no page, both parts are found, and the rest keeps its flag.",
        None,
    ),
    steps.give_back: StepClaim(
        "HEAP-28 I-13", "A freed span can be unlike coalesced at its ends only.", "span"
    ),
    steps.scavenge: StepClaim(
        "SCAV-6 SCAV-7 I-9",
        "A released run can be unlike coalesced at its ends only.",
        "span",
    ),
    steps.scavenge_part: StepClaim(
        "SCAV-9 HEAP-8 I-12 I-13",
        "A run cut for the scavenger loses no page, and both parts are found from their ends.",
        "part",
    ),
}
"""The steps of the page heap."""


def prove_step(step: Callable[..., Tiling], claim: StepClaim) -> None:
    """Register the obligation that a step keeps the invariant."""
    name = step.__name__

    def build(p: Proof) -> None:
        tiling = any_tiling(p)
        chosen = {
            parameter: p.fresh(kind, parameter)
            for parameter, kind in step.__annotations__.items()
            if parameter not in ("tiling", "return")
        }
        span = cast(z3.ExprRef, p.fresh(SpanId, "any_span"))
        address = cast(z3.ExprRef, p.fresh(Address, "any_address"))
        spans = [span, *(span_of(chosen, n) for n in chosen if n in ("span", "chosen", "part"))]
        seams = seams_of(p, step, tiling, chosen)

        def coalesced(now: Tiling, one: z3.ExprRef) -> z3.BoolRef:
            return p.holds(invariant.run_is_coalesced, now, one)

        def settled(now: Tiling, one: z3.ExprRef) -> z3.BoolRef:
            if claim.changed is None:
                return coalesced(now, one)
            return p.holds(invariant.settled_but_at, now, one, chosen[claim.changed])

        looked_at = sound_around(p, tiling, spans, [address, *seams], coalesced)
        if step is steps.grow:
            size = chosen["base"], chosen["npages"]
            p.assume(p.holds(steps.is_fresh, tiling, chosen["span"], chosen["npages"]))
            p.assume(*(p.holds(steps.is_unused, tiling, *size, at) for at in looked_at))
        else:
            p.assume(p.holds(getattr(steps, f"may_{name}"), tiling, *chosen.values()))
        after = p.call(step, tiling, *chosen.values())
        assert isinstance(after, Tiling)
        show_invariant(p, after, span, address, settled)
        show_outcome(p, step, after, chosen)
        p.possible("another span", span != spans[1])
        for label, situation in situations(p, step, tiling, chosen):
            p.possible(label, situation)

    build.__doc__ = claim.says
    assumes = (*LOCKED, DISJOINT_REGIONS) if step is steps.grow else LOCKED
    obligation(f"pages.{name.replace('_', '-')}", claim.rules, INTEGERS, assumes=assumes)(build)


def seams_of(
    p: Proof, step: Callable[..., Tiling], tiling: Tiling, chosen: dict[str, Value]
) -> list[z3.ExprRef]:
    """Return the addresses at which a step makes a new boundary."""
    if step is steps.grow:
        base, npages = span_of(chosen, "base"), span_of(chosen, "npages")
        end = base + npages * PAGE_SIZE
        return [base - 1, base, end - 1, end]
    if step is steps.take_part:
        base = term(p, base_at, tiling, chosen["chosen"])
        return [base + span_of(chosen, "npages") * PAGE_SIZE]
    if step is steps.scavenge_part:
        end = term(p, end_at, tiling, chosen["span"])
        return [end - span_of(chosen, "npages") * PAGE_SIZE]
    return []


def show_outcome(
    p: Proof, step: Callable[..., Tiling], after: Tiling, chosen: dict[str, Value]
) -> None:
    """Claim what has become of the span that a step is about."""
    target = chosen["part" if step is steps.scavenge_part else "span"]
    p.show("it is a run", p.holds(is_live, after, target))
    if "state" in chosen:
        p.show("in the state asked for", term(p, state_at, after, target) == chosen["state"])
    if step in (steps.grow, steps.scavenge, steps.scavenge_part):
        p.show("it is scavenged", p.holds(is_scavenged, after, target))


def situations(
    p: Proof, step: Callable[..., Tiling], tiling: Tiling, chosen: dict[str, Value]
) -> Iterator[tuple[str, z3.BoolRef]]:
    """Yield what a step must be able to meet: a guard that is too strong keeps every invariant."""
    if "state" in chosen:
        for state, label in ((IN_USE, "into use"), (MANUAL, "as a manual span")):
            yield label, span_of(chosen, "state") == state
    if step is steps.give_back:
        for state, label in ((IN_USE, "out of use"), (MANUAL, "a manual span")):
            yield label, term(p, state_at, tiling, chosen["span"]) == state
    if step in (steps.take_part, steps.scavenge_part):
        whole = term(p, npages_at, tiling, chosen["chosen" if step is steps.take_part else "span"])
        yield "one page", span_of(chosen, "npages") == 1
        yield "all pages but one", span_of(chosen, "npages") == whole - 1
    if step is steps.take_whole:
        yield "one page", span_of(chosen, "npages") == 1
        yield "a scavenged run", p.holds(is_scavenged, tiling, chosen["span"])
        whole = term(p, npages_at, tiling, chosen["span"])
        yield "the pages asked for", span_of(chosen, "npages") == whole
    if step is steps.scavenge:
        yield "what is not scavenged yet", z3.Not(p.holds(is_scavenged, tiling, chosen["span"]))
    if step is steps.grow:
        base, last = seams_of(p, step, tiling, chosen)[1:3]
        yield "one page", span_of(chosen, "npages") == 1
        yield "just above a span", term(p, owner_at, tiling, base - 1) != NO_SPAN
        yield "just below a span", term(p, owner_at, tiling, last + 1) != NO_SPAN


def state_at(tiling: Tiling, span: SpanId) -> int:
    """The state of a span."""
    return tiling.runs[span].state


def npages_at(tiling: Tiling, span: SpanId) -> U64:
    """The pages of a span."""
    return tiling.runs[span].npages


def is_scavenged(tiling: Tiling, span: SpanId) -> bool:
    """A run is scavenged."""
    return tiling.runs[span].scavenged


for _step, _claim in STEPS.items():
    prove_step(_step, _claim)


@obligation("pages.start", "I-12 I-13 I-14", INTEGERS)
def no_span_satisfies_the_invariant(p: Proof) -> None:
    """Before the heap has grown, the invariant holds: no span lives, no address leads to one."""
    tiling = any_tiling(p)
    span = cast(z3.ExprRef, p.fresh(SpanId, "any_span"))
    address = cast(z3.ExprRef, p.fresh(Address, "any_address"))
    addresses = [address, term(p, end_at, tiling, span)]
    for at in addresses:
        p.assume(term(p, owner_at, tiling, at) == NO_SPAN)
        p.assume(term(p, mapped_at, tiling, at) == NO_SPAN)
    p.assume(z3.Not(p.holds(is_live, tiling, span)))
    show_invariant(p, tiling, span, address, lambda t, s: p.holds(invariant.run_is_coalesced, t, s))
    p.possible("a descriptor", span != NO_SPAN)


@obligation("pages.merge-lower", "HEAP-29 HEAP-30 I-12 I-13 I-14", INTEGERS, assumes=LOCKED)
def merging_with_the_lower_neighbour_settles_the_lower_end(p: Proof) -> None:
    """Coalescing finds the true lower neighbour by the span map, merges it if it is alike, and
    loses no page; afterwards a free run can differ from coalesced at its upper end only.
    """
    prove_merge(p, steps.merge_lower, invariant.settled_but_at, invariant.settled_but_above)


@obligation("pages.merge-upper", "HEAP-29 HEAP-30 HEAP-33 I-12 I-13 I-14", INTEGERS, assumes=LOCKED)
def merging_with_the_upper_neighbour_settles_everything(p: Proof) -> None:
    """Coalescing finds the true upper neighbour by the span map, merges it if it is alike, and
    loses no page; afterwards no two free neighbours have the same flag.
    """
    prove_merge(p, steps.merge_upper, invariant.settled_but_above, None)


def prove_merge(
    p: Proof,
    step: Callable[..., Tiling],
    before: Callable[..., bool],
    after: Callable[..., bool] | None,
) -> None:
    """Claim that one half of coalescing keeps the invariant, and what is coalesced then."""
    tiling = any_tiling(p)
    changed = cast(z3.ExprRef, p.fresh(SpanId, "changed"))
    span = cast(z3.ExprRef, p.fresh(SpanId, "any_span"))
    address = cast(z3.ExprRef, p.fresh(Address, "any_address"))
    beside = (
        term(p, base_at, tiling, changed) - 1
        if step is steps.merge_lower
        else term(p, end_at, tiling, changed)
    )
    neighbour = term(p, owner_at, tiling, beside)
    p.assume(p.holds(is_free, tiling, changed))
    spans = [span, changed, neighbour]
    sound_around(p, tiling, spans, [address], lambda t, s: p.holds(before, t, s, changed))
    merged = p.call(step, tiling, changed)
    assert isinstance(merged, Tiling)

    def settled(now: Tiling, one: z3.ExprRef) -> z3.BoolRef:
        if after is None:
            return p.holds(invariant.run_is_coalesced, now, one)
        return p.holds(after, now, one, changed)

    show_invariant(p, merged, span, address, settled)
    alike = p.holds(is_alike, tiling, neighbour, changed)
    p.possible("a neighbour that is merged", alike)
    p.possible("a neighbour that is not", z3.And(neighbour != NO_SPAN, z3.Not(alike)))


def is_alike(tiling: Tiling, span: SpanId, other: SpanId) -> bool:
    """Two runs are free and have the same flag."""
    return (
        is_free(tiling, span)
        and is_free(tiling, other)
        and tiling.runs[span].scavenged == tiling.runs[other].scavenged
    )


@obligation("pages.no-overlap", "I-12 I-14 HEAP-33", INTEGERS)
def live_runs_do_not_overlap(p: Proof) -> None:
    """Two live runs have no address in common, and an address in use leads to the one it is in, as
    the ends of a free one do. What is not in a run leads nowhere, and free neighbours are unlike.
    """
    tiling = any_tiling(p)
    one, other = p.fresh(SpanId, "one"), p.fresh(SpanId, "other")
    at = cast(z3.ExprRef, p.fresh(Address, "at"))
    spans = [cast(z3.ExprRef, one), cast(z3.ExprRef, other)]
    elsewhere = cast(z3.ExprRef, p.fresh(Address, "elsewhere"))
    above = term(p, owner_at, tiling, term(p, end_at, tiling, one))
    coalesced: Settled = lambda t, s: p.holds(invariant.run_is_coalesced, t, s)  # noqa: E731
    sound_around(p, tiling, spans, [at, elsewhere], coalesced)
    p.assume(p.holds(is_inside, tiling, one, at))
    p.show("no overlap", z3.Implies(p.holds(is_inside, tiling, other, at), spans[0] == spans[1]))
    used = z3.Not(p.holds(is_free, tiling, one))
    p.show("found", z3.Implies(used, term(p, mapped_at, tiling, at) == spans[0]))
    for rule, label in ((base_at, "its first address"), (last_at, "its last address")):
        place = term(p, rule, tiling, one)
        p.show(f"found from {label}", term(p, mapped_at, tiling, place) == spans[0])
    p.show("has a page", term(p, base_at, tiling, one) < term(p, end_at, tiling, one))
    p.show(
        "only free runs are scavenged", z3.Implies(used, z3.Not(p.holds(is_scavenged, tiling, one)))
    )
    alike = p.holds(is_alike, tiling, above, one)
    p.show("no two free neighbours are alike", z3.Not(alike))
    nowhere = term(p, owner_at, tiling, elsewhere) == NO_SPAN
    leads_nowhere = term(p, mapped_at, tiling, elsewhere) == NO_SPAN
    p.show("an address in no run leads nowhere", z3.Implies(nowhere, leads_nowhere))
    p.possible("two live runs", p.holds(two_live, tiling, one, other))


def is_inside(tiling: Tiling, span: SpanId, address: Address) -> bool:
    """An address lies in a live run."""
    return is_live(tiling, span) and contains(tiling.runs[span], address)


def two_live(tiling: Tiling, one: SpanId, other: SpanId) -> bool:
    """Two different runs are live, and one of them is in use."""
    return one != other and is_live(tiling, one) and is_live(tiling, other)
