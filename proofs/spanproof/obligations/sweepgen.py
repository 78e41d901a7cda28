"""The sweepgen protocol, for any number of spans, cache slots and sweepers, across the wrap.

Each transition is the model's own system function; the invariant is assumed for all identities
and shown for arbitrary ones. Stop-the-world and atomic steps are assumptions: a transition is
one step, and `start_sweep_phase` happens only when `all_swept` holds.
"""

from collections.abc import Callable
from itertools import combinations

import z3

from spanproof.assumptions import ATOMICS, LOCK_SECTIONS, NON_PREEMPTION, STOP_THE_WORLD
from spanproof.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.values import Value
from spanspec import ownership
from spanspec.ownership import (
    NO_SPAN,
    Ownership,
    ownership_holds,
    slot_is_owner,
    span_is_owned,
    sweeper_is_owner,
)
from spanspec.sweepgen import (
    claim_for_sweep,
    enter_cache,
    generation_of_new_span,
    is_cached,
    is_legal,
    is_legal_between_cycles,
    is_stale,
    is_sweeping,
    is_swept,
    leave_cache,
    needs_sweep,
    next_cycle,
    publish_swept,
    retire_full,
)
from spanspec.tables import SlotId, SpanId, SweeperId
from spanspec.words import U32

WORDS = Words(32)
STEPS = (ATOMICS, LOCK_SECTIONS)
STOPPED = (*STEPS, STOP_THE_WORLD, NON_PREEMPTION)
LAST = 0xFFFF_FFFE
"""The last even sweepgen: the next cycle begins at 0 again."""


@obligation("sweepgen.states", "SWP-1 SWP-2 SWP-5", WORDS)
def states_exclude_each_other(p: Proof) -> None:
    """The five legal states are distinct at every sg, so that a generation has one meaning."""
    sg, gen = p.number(U32, "sg"), p.number(U32, "gen")
    states = [
        p.holds(rule, sg, gen) for rule in (needs_sweep, is_sweeping, is_swept, is_stale, is_cached)
    ]
    pairs = [z3.Not(z3.And(one, other)) for one, other in combinations(states, 2)]
    p.show("at most one", z3.And(*pairs))
    p.show("one iff legal", p.holds(is_legal, sg, gen) == z3.Or(*states))
    for number, state in enumerate(states):
        p.possible(f"state {number} at the wrap-around", z3.And(state, sg == 0))


@obligation("sweepgen.transitions", "SWP-3 SWP-5 I-22", WORDS)
def every_transition_ends_in_the_state_it_names(p: Proof) -> None:
    """Each legal transition of one span leads to the state that SWP-3 names, at every sg."""
    sg, gen = p.number(U32, "sg"), p.number(U32, "gen")

    def shows(
        step: Callable[[U32, U32], U32],
        before: Callable[[U32, U32], bool],
        after: Callable[[U32, U32], bool],
    ) -> None:
        given = p.holds(before, sg, gen)
        result = p.integer_given(given, step, sg, gen)
        p.show(step.__name__, p.holds(after, sg, result), given)
        p.possible(f"{step.__name__} at the wrap-around", z3.And(given, sg == 0))

    shows(enter_cache, is_swept, is_cached)
    shows(retire_full, is_cached, is_swept)
    shows(leave_cache, is_cached, is_swept)
    shows(leave_cache, is_stale, is_sweeping)
    shows(claim_for_sweep, needs_sweep, is_sweeping)
    shows(publish_swept, is_sweeping, is_swept)
    p.show("new spans are swept", p.holds(is_swept, sg, p.integer(generation_of_new_span, sg)))


@obligation("sweepgen.relabel", "SWP-2 SWP-3 SWP-4 SWP-41", WORDS)
def relabel_turns_swept_into_unswept(p: Proof) -> None:
    """The next cycle turns swept spans into unswept and cached ones into stale, and sg stays
    even, across the wrap-around at 2**32.
    """
    sg, gen = p.number(U32, "sg"), p.number(U32, "gen")
    p.assume(sg & 1 == 0, p.holds(is_legal_between_cycles, sg, gen))
    after = p.integer(next_cycle, sg)
    p.show("even", after & 1 == 0)
    p.show("swept needs sweeping", p.holds(is_swept, sg, gen) == p.holds(needs_sweep, after, gen))
    p.show("cached is stale", p.holds(is_cached, sg, gen) == p.holds(is_stale, after, gen))
    p.possible("the wrap-around", z3.And(sg == LAST, after == 0))


def any_system(p: Proof) -> Ownership:
    """A system in which the invariant holds for all identities."""
    state = p.fresh(Ownership, "heap")
    assert isinstance(state, Ownership)
    p.assume(p.holds(ownership_holds, state))
    return state


def preserved(
    p: Proof,
    state: Ownership,
    guard: z3.BoolRef,
    step: Callable[..., Ownership],
    *chosen: Value,
) -> Ownership:
    """Show that a step keeps the invariant, for an arbitrary span, slot and sweeper."""
    p.assume(guard)
    after = p.call(step, state, *chosen)
    assert isinstance(after, Ownership)
    span, slot = p.fresh(SpanId, "any_span"), p.fresh(SlotId, "any_slot")
    sweeper = p.fresh(SweeperId, "any_sweeper")
    p.show("sweepgen stays even", after.sweepgen & 1 == 0)
    p.show("every span is owned", p.holds(span_is_owned, after, span))
    p.show("every slot is an owner", p.holds(slot_is_owner, after, slot))
    p.show("every sweeper is an owner", p.holds(sweeper_is_owner, after, sweeper))
    p.possible("at the wrap-around", state.sweepgen == 0)
    p.possible("before the wrap-around", state.sweepgen == LAST)
    return after


@obligation("ownership.allocate", "SWP-3 SWP-7 HEAP-22 I-22", WORDS, assumes=STEPS)
def allocating_a_span_keeps_ownership(p: Proof) -> None:
    """A span taken from the page heap is swept and owned by nobody."""
    state, span = any_system(p), p.fresh(SpanId, "span")
    guard = p.holds(ownership.may_allocate, state, span)
    preserved(p, state, guard, ownership.allocate_span, span)


@obligation("ownership.cache", "SWP-3 MC-4 MC-13 I-21", WORDS, assumes=STEPS)
def caching_a_span_keeps_ownership(p: Proof) -> None:
    """A swept span can enter one empty cache slot, and is then in no other."""
    state, slot, span = any_system(p), p.fresh(SlotId, "slot"), p.fresh(SpanId, "span")
    guard = p.holds(ownership.may_cache, state, slot, span)
    preserved(p, state, guard, ownership.cache_span, slot, span)


@obligation("ownership.retire", "SWP-3 MC-4", WORDS, assumes=STEPS)
def retiring_a_span_keeps_ownership(p: Proof) -> None:
    """Refill always finds its cached span at sg+3 (T-51 cannot fire) and leaves it swept."""
    state, slot = any_system(p), p.fresh(SlotId, "slot")
    guard = p.holds(ownership.may_retire, state, slot)
    preserved(p, state, guard, ownership.retire_span, slot)


@obligation("ownership.uncache", "SWP-3 CEN-12 SWP-37", WORDS, assumes=STEPS)
def uncaching_a_span_keeps_ownership(p: Proof) -> None:
    """A flushed span is swept, or, if stale, from then on swept by the thread that flushed it."""
    state, slot = any_system(p), p.fresh(SlotId, "slot")
    sweeper = p.fresh(SweeperId, "sweeper")
    guard = p.holds(ownership.may_uncache, state, slot, sweeper)
    after = preserved(p, state, guard, ownership.uncache_span, slot, sweeper)
    busy = z3.Not(p.holds(is_idle, after, sweeper))
    p.possible("a stale span", busy)
    p.possible("a span of this cycle", z3.Not(busy))


def is_idle(state: Ownership, sweeper: SweeperId) -> bool:
    """Tell whether a sweeper has nothing to sweep."""
    return state.sweepers[sweeper].span == NO_SPAN


@obligation("ownership.flush", "MC-7 MC-13 I-35", WORDS, assumes=STEPS)
def flushing_a_slot_keeps_ownership(p: Proof) -> None:
    """An emptied cache slot may be marked as flushed."""
    state, slot = any_system(p), p.fresh(SlotId, "slot")
    guard = p.holds(ownership.may_flush, state, slot)
    preserved(p, state, guard, ownership.flush_slot, slot)


@obligation("ownership.claim", "SWP-3 SWP-15 CONC-5", WORDS, assumes=STEPS)
def claiming_a_span_keeps_ownership(p: Proof) -> None:
    """A span is swept by one sweeper: whoever wins its compare-and-swap is the only owner."""
    state, span = any_system(p), p.fresh(SpanId, "span")
    sweeper = p.fresh(SweeperId, "sweeper")
    guard = p.holds(ownership.may_claim, state, span, sweeper)
    preserved(p, state, guard, ownership.claim_span, span, sweeper)


@obligation("ownership.publish", "SWP-3 SWP-24 SWP-26", WORDS, assumes=STEPS)
def publishing_a_sweep_keeps_ownership(p: Proof) -> None:
    """The end of a sweep always finds the span at sg-1 (T-60 cannot fire), and frees its owner."""
    state, sweeper = any_system(p), p.fresh(SweeperId, "sweeper")
    dead = p.fresh(bool, "dead")
    guard = p.holds(ownership.may_publish, state, sweeper)
    preserved(p, state, guard, ownership.publish_span, sweeper, dead)


@obligation("ownership.cycle", "SWP-2 SWP-4 MC-12 SWP-37 I-24", WORDS, assumes=STOPPED)
def starting_a_cycle_keeps_ownership(p: Proof) -> None:
    """When all is swept the next cycle may begin: all in-use spans then are unswept or stale."""
    state = any_system(p)
    guard = p.holds(ownership.all_swept, state)
    preserved(p, state, guard, ownership.start_sweep_phase)
    p.possible("with a span in use", p.holds(some_span_in_use, state, p.fresh(SpanId, "used")))


def some_span_in_use(state: Ownership, span: SpanId) -> bool:
    """Tell whether a span is in use."""
    return state.spans[span].in_use


@obligation("ownership.exclusive", "SWP-1 SWP-6 CONC-5 I-21", WORDS, assumes=STEPS)
def no_span_has_two_owners(p: Proof) -> None:
    """No span is in two cache slots, nor swept by two sweepers, nor cached while it is swept."""
    state = any_system(p)
    slots = p.fresh(SlotId, "slot"), p.fresh(SlotId, "other_slot")
    sweepers = p.fresh(SweeperId, "sweeper"), p.fresh(SweeperId, "other_sweeper")
    p.show("two slots", z3.Not(p.holds(in_two_slots, state, *slots)))
    p.show("two sweepers", z3.Not(p.holds(swept_twice, state, *sweepers)))
    p.show("cached and swept", z3.Not(p.holds(cached_and_swept, state, slots[0], sweepers[0])))
    p.possible("a busy slot", p.holds(ownership.may_retire, state, slots[0]))
    p.possible("a busy sweeper", p.holds(ownership.may_publish, state, sweepers[0]))


def in_two_slots(state: Ownership, one: SlotId, other: SlotId) -> bool:
    """Two different slots hold one span."""
    span = state.slots[one].span
    return one != other and span != NO_SPAN and span == state.slots[other].span


def swept_twice(state: Ownership, one: SweeperId, other: SweeperId) -> bool:
    """Two different sweepers have one span."""
    span = state.sweepers[one].span
    return one != other and span != NO_SPAN and span == state.sweepers[other].span


def cached_and_swept(state: Ownership, slot: SlotId, sweeper: SweeperId) -> bool:
    """A cached span is being swept."""
    span = state.slots[slot].span
    return span != NO_SPAN and span == state.sweepers[sweeper].span
