"""The sweepgen protocol and the lists, for any number of spans, threads, Ps and cache slots.

Each step is the model's own function; the invariant is assumed for all identities and shown for
arbitrary ones, at every 32-bit sweepgen with the wrap-around included.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import z3

from spanproof.prove.assumptions import ATOMICS, LOCK_SECTIONS, NON_PREEMPTION, STOP_THE_WORLD
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.values.merge import as_bool
from spanproof.symbolic.values.values import Value
from spanproof.theorems.sharing.steps.order import Order, order_of, show_order
from spanproof.theorems.sharing.steps.rooms import show_what_is_told
from spanproof.theorems.sharing.steps.situations import SITUATIONS, in_words
from spanspec.base.ids import ProcId, SlotId, SpanId, ThreadId
from spanspec.sharing.invariant import invariant, threadinvariant
from spanspec.sharing.invariant.invariant import sharing_holds
from spanspec.sharing.steps.cycle import everything_is_swept, start_cycle
from spanspec.sharing.steps.steps import STEPS, Step
from spanspec.sharing.tables.records import Sharing, is_flushed, is_in_unswept
from spanspec.span.sweepgen import is_legal_transition, is_stale, needs_sweep, rank

WORDS: Final = Words(32)


LAST: Final = 0xFFFF_FFFE
"""The last even sweepgen: the next cycle begins at 0 again."""


INTERLEAVED: Final = (ATOMICS, LOCK_SECTIONS)


STOPPED: Final = (*INTERLEAVED, STOP_THE_WORLD, NON_PREEMPTION)


INVARIANT: Final[tuple[tuple[object, Callable[..., bool]], ...]] = (
    (SpanId, invariant.span_is_legal),
    (SpanId, invariant.span_is_swept_once),
    (SpanId, invariant.span_has_its_owner),
    (SpanId, invariant.span_is_in_its_stack),
    (SpanId, invariant.span_is_listed_right),
    (SlotId, invariant.slot_is_owner),
    (SlotId, invariant.slot_has_its_filler),
    (ProcId, invariant.proc_is_current),
    (ThreadId, threadinvariant.popper_is_right),
    (ThreadId, threadinvariant.sweeper_is_owner),
    (ThreadId, threadinvariant.holder_is_owner),
    (ThreadId, threadinvariant.filler_has_its_slot),
    (ThreadId, threadinvariant.creator_is_owner),
    (ThreadId, threadinvariant.pusher_is_right),
)
"""The invariant's predicates, each of one identity."""


def any_system(p: Proof) -> Sharing:
    """A system in which the invariant holds for all identities."""
    state = p.fresh(Sharing, "state")
    assert isinstance(state, Sharing)
    p.assume(p.holds(sharing_holds, state))
    return state


def show_invariant(p: Proof, state: Sharing) -> None:
    """Claim the invariant of arbitrary identities."""
    p.show("sweepgen stays even", state.sweepgen & 1 == 0)
    for kind, predicate in INVARIANT:
        one = p.fresh(kind, f"any_{kind_name(kind)}")
        p.show(predicate.__name__.replace("_", " "), p.holds(predicate, state, one))


def kind_name(kind: object) -> str:
    """Return the name of a kind of identity: span, slot, proc, thread or class."""
    return str(getattr(kind, "__name__", kind)).removesuffix("Id").lower()


def changes_legally(before: Sharing, after: Sharing, span: SpanId) -> bool:
    """A span that stays in use changes its generation as SWP-3 allows, and never goes back."""
    sg = before.sweepgen
    old, new = before.spans[span], after.spans[span]
    return not (old.in_use and new.in_use) or (
        is_legal_transition(sg, old.sweepgen, new.sweepgen)
        and rank(sg, old.sweepgen) <= rank(sg, new.sweepgen)
    )


def stale_span_waits(before: Sharing, after: Sharing, span: SpanId) -> bool:
    """A stale span stays in use, stale, and in its slot."""
    old, new = before.spans[span], after.spans[span]
    return not (old.in_use and is_stale(before.sweepgen, old.sweepgen)) or (
        new.in_use
        and new.sweepgen == old.sweepgen
        and after.slots[new.cacher].span == before.slots[old.cacher].span
    )


def takes_own_stale_span(
    before: Sharing, after: Sharing, slot: SlotId, thread: ThreadId, span: SpanId
) -> bool:
    """Only the span in this slot changes, and a thread of the slot's P has it then."""
    return (
        before.slots[slot].proc == before.threads[thread].proc
        if before.slots[slot].span == span
        else stale_span_waits(before, after, span)
    )


def unswept_only_shrinks(before: Sharing, after: Sharing, span: SpanId) -> bool:
    """No step within a cycle enters a span into the unswept stack."""
    sg = before.sweepgen
    return is_in_unswept(sg, before.spans[span]) or not is_in_unswept(sg, after.spans[span])


def leaves_unswept(before: Sharing, after: Sharing, span: SpanId) -> bool:
    """A span was in the unswept stack, and is no more."""
    sg = before.sweepgen
    return is_in_unswept(sg, before.spans[span]) and not is_in_unswept(sg, after.spans[span])


def rises_in_rank(before: Sharing, after: Sharing, span: SpanId) -> bool:
    """A span is further in its cycle than before."""
    sg = before.sweepgen
    return rank(sg, before.spans[span].sweepgen) < rank(sg, after.spans[span].sweepgen)


SMALLER: Final = {"pop": leaves_unswept, "claim-listed": rises_in_rank}
"""Steps of loops: the entries of the unswept stack, or the spans of rank 0, become one fewer.

No step makes either number larger, so sweepone's loop and cacheSpan's retries end.
"""


class Claim(NamedTuple):
    """What is claimed of a step besides that it keeps the invariant: the rules, and in words."""

    rules: str
    says: str


CLAIMS: Final = {
    "pop": Claim(
        "SWP-11 SWP-13 SWP-15",
        "A popped span has no other entry in the unswept stack, which no step enlarges: so "
        "sweepone drains it.",
    ),
    "look": Claim("SWP-14 SWP-15", "Reading a popped span's state changes nothing."),
    "drop": Claim(
        "SWP-14 T-55",
        "A popped span that was not in use has sg or sg+3 when its sweepgen is read, whatever "
        "others did in between, which is what T-55 checks.",
    ),
    "compare-and-swap": Claim(
        "SWP-3 SWP-15 CONC-5", "Whoever wins the compare-and-swap is the only sweeper."
    ),
    "claim-directly": Claim(
        "SWP-3 SWP-18 SWP-22", "A span found by another way than the stack has one sweeper, too."
    ),
    "examine": Claim("SWP-24 T-58", "A sweep always finds its span in use, at sg-1."),
    "relist": Claim("CEN-14 CEN-15 T-37", "A swept span that was full is in the empty list."),
    "publish": Claim(
        "SWP-3 SWP-24 I-26 T-60", "A span is published at most once in a cycle, by its owner."
    ),
    "push": Claim("SWP-9 SWP-29 I-23", "A span is pushed once, even if it is cached by then."),
    "publish-dead": Claim(
        "SWP-26 CEN-14 I-26 T-37 T-60", "A dead span leaves its list; nobody can find it then."
    ),
    "free": Claim("HEAP-28 T-34 T-35", "Only a swept span that is in no list goes back."),
    "claim-listed": Claim(
        "CEN-3 CEN-4 SWP-3 SWP-41",
        "A span claimed from a list has one sweeper, and is never unswept again in this cycle: so "
        "the retries of cacheSpan end.",
    ),
    "move-claimed": Claim("CEN-3 CEN-4 T-37", "A claimed span is still in the list of its claim."),
    "take-listed": Claim(
        "CEN-3 SWP-6", "A span that is taken from the nonempty list unclaimed is swept."
    ),
    "check-room": Claim(
        "CEN-4 CEN-6 T-46", "A span claimed from the nonempty list has a free slot after its sweep."
    ),
    "grow": Claim("HEAP-22 SWP-7 T-32", "A descriptor from the page heap is in no list or stack."),
    "use": Claim("HEAP-22 SWP-3", "A span looks swept to everybody from its first moment in use."),
    "list-grown": Claim("CEN-7 T-39", "A fresh span is in no list before it enters one."),
    "install": Claim("MC-4 MC-5 SWP-3 T-53", "A span enters one cache slot, with a free slot."),
    "allocate": Claim("SWP-6 MAL-10", "No object is ever allocated from an unswept span."),
    "retire": Claim("MC-4 SWP-3 T-51", "Refill always finds its cached span at sg+3."),
    "uncache": Claim(
        "CEN-12 CEN-13 SWP-3 SWP-37",
        "A stale span is swept by a thread of its own P; nobody else ever touches one.",
    ),
    "move-uncached": Claim("CEN-12 T-37", "An uncached span is still in the empty list."),
    "flush": Claim("MC-7 MC-13 I-35", "A P whose slots are all empty may count as flushed."),
    "start-cycle": Claim(
        "SWP-2 SWP-4 SWP-37 I-24 I-26",
        "When a cycle starts, all is swept: every span in use is at sg or sg+3, and was swept or "
        "taken into use exactly once since the last start.",
    ),
}
"""The claim of each step, by name."""


Changes = Callable[[Proof, Step, Sharing, Sharing, dict[str, Value]], None]
"""What claims what a step does to an arbitrary span, from the systems before and after it."""


def prove_step(step: Step, claim: Claim, order: Order, show_changes: Changes) -> None:
    """Register the obligation that a step keeps the invariant, and changes spans legally."""

    def build(p: Proof) -> None:
        state = any_system(p)
        chosen = {name: p.fresh(kind, name) for name, kind in step.chosen.items()}
        p.assume(p.holds(step.may, state, *chosen.values()))
        after = p.call(step.take, state, *chosen.values())
        assert isinstance(after, Sharing)
        show_invariant(p, after)
        show_changes(p, step, state, after, chosen)
        show_order(p, order, state, after, chosen)
        show_what_is_told(p, step.name, state, after, chosen)
        if step.take is not start_cycle:
            p.possible("at the wrap-around", state.sweepgen == 0)
        p.possible("before the wrap-around", state.sweepgen == LAST)
        for situation in SITUATIONS.get(step.name, ()):
            p.possible(in_words(situation), p.holds(situation, state, *chosen.values()))

    build.__doc__ = claim.says
    assumes = STOPPED if step.take is start_cycle else INTERLEAVED
    obligation(f"protocol.{step.name}", claim.rules, WORDS, assumes=assumes)(build)


def changes_in_a_cycle(
    p: Proof, step: Step, before: Sharing, after: Sharing, chosen: dict[str, Value]
) -> None:
    """Claim what a step within a cycle may do to an arbitrary span."""
    span = p.fresh(SpanId, "any_span")
    p.show("legal transitions only", p.holds(changes_legally, before, after, span))
    p.show("the unswept stack never grows", p.holds(unswept_only_shrinks, before, after, span))
    slot = p.fresh(SlotId, "any_slot")
    stays = z3.Implies(p.holds(is_flushed, before, slot), p.holds(is_flushed, after, slot))
    p.show("a flushed P stays so", stays)
    if step.name == "allocate":
        last = as_bool(chosen["last"])
        same = p.holds(has_room, before, span) == p.holds(has_room, after, span)
        p.show("only the last slot matters", z3.Implies(~last, same))
    if step.name in SMALLER:
        p.show("a measure shrinks", p.holds(SMALLER[step.name], before, after, chosen["span"]))
    if "slot" in chosen and "thread" in chosen:
        own = p.holds(takes_own_stale_span, before, after, chosen["slot"], chosen["thread"], span)
        p.show("a stale span is taken by its P only", own)
    else:
        p.show("a stale span is left alone", p.holds(stale_span_waits, before, after, span))


def changes_of_a_start(
    p: Proof, step: Step, before: Sharing, after: Sharing, chosen: dict[str, Value]
) -> None:
    """Claim what the start of a cycle does to an arbitrary span.

    It is by itself, so that no other step rests on what a start of a cycle asks for.
    """
    span = p.fresh(SpanId, "any_span")
    used = p.holds(is_used, before, span)
    p.show("all is swept", p.holds(everything_is_swept, before))
    p.show("swept in this cycle", z3.Implies(used, p.holds(swept_in_this_cycle, before, span)))
    p.show("due or stale", z3.Implies(used, p.holds(is_due_or_stale, after, span)))
    p.possible("a span in use", used)


def is_used(state: Sharing, span: SpanId) -> bool:
    """A span is in use."""
    return state.spans[span].in_use


def has_room(state: Sharing, span: SpanId) -> bool:
    """A span has a free slot."""
    return state.spans[span].has_free


def is_unswept(state: Sharing, span: SpanId) -> bool:
    """A span needs sweeping and is in no cache."""
    return needs_sweep(state.sweepgen, state.spans[span].sweepgen)


def swept_in_this_cycle(state: Sharing, span: SpanId) -> bool:
    """The epoch in which a span was last swept is this one."""
    return state.spans[span].swept_at == state.sweepgen


def is_due_or_stale(state: Sharing, span: SpanId) -> bool:
    """A span has to be swept in this cycle."""
    it = state.spans[span]
    return needs_sweep(state.sweepgen, it.sweepgen) or is_stale(state.sweepgen, it.sweepgen)


for _step in STEPS:
    prove_step(
        _step,
        CLAIMS[_step.name],
        order_of(_step.name),
        changes_of_a_start if _step.take is start_cycle else changes_in_a_cycle,
    )
