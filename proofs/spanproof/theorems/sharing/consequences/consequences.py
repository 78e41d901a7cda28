"""What follows of the invariant of the sweepgen protocol: nobody is stuck, no span has two owners.

It holds at first, and what is not swept prevents a cycle.
"""

from typing import Final

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.values import Value
from spanproof.theorems.sharing.steps.protocol import (
    INTERLEAVED,
    LAST,
    STOPPED,
    WORDS,
    any_system,
    is_unswept,
    is_used,
    show_invariant,
)
from spanspec.base.ids import SlotId, SpanId, ThreadId
from spanspec.sharing.invariant.invariant import is_initial
from spanspec.sharing.steps import sweeping
from spanspec.sharing.steps.cycle import may_start_cycle
from spanspec.sharing.steps.steps import STEPS
from spanspec.sharing.tables.records import CREATING, IDLE, NO_SPAN, PUSHING, TAKING, Sharing
from spanspec.span.sweepgen import is_stale, is_swept


@obligation("protocol.start", "SWP-2 SWP-39 MC-2", WORDS)
def nothing_in_use_satisfies_the_invariant(p: Proof) -> None:
    """The protocol's invariant holds before the first step, at any even sweepgen."""
    state = p.fresh(Sharing, "state")
    assert isinstance(state, Sharing)
    p.assume(p.holds(is_initial, state))
    show_invariant(p, state)
    p.possible("at 0", state.sweepgen == 0)
    p.possible("just before the wrap-around", state.sweepgen == LAST)


@obligation("protocol.progress", "MC-4 MC-5 CEN-4 SWP-15 SWP-24 SWP-29", WORDS, assumes=INTERLEAVED)
def nobody_is_stuck(p: Proof) -> None:
    """In every state, a thread in the middle of an operation has a step that it may take next."""
    state = any_system(p)
    thread = p.fresh(ThreadId, "thread")
    p.show(
        "a next step",
        z3.Implies(p.holds(is_busy_thread, state, thread), may_go_on(p, state, thread)),
    )
    for step in OWN_STEPS:
        p.possible(step.name, p.holds(step.may, state, thread))
    p.possible("a sweep", p.holds(sweeping.may_examine, state, thread, False, False))


def is_busy_thread(state: Sharing, thread: ThreadId) -> bool:
    """A thread is in the middle of an operation."""
    return state.threads[thread].task != IDLE and state.threads[thread].task <= CREATING


def may_go_on(p: Proof, state: Sharing, thread: Value) -> z3.BoolRef:
    """Some step of the thread is possible."""
    own = [p.holds(step.may, state, thread) for step in OWN_STEPS]
    return z3.Or(p.holds(sweeping.may_examine, state, thread, False, False), *own)


OWN_STEPS: Final = tuple(step for step in STEPS if list(step.chosen) == ["thread"])
"""The steps of which nothing is chosen but who takes them."""


@obligation("protocol.exclusive", "SWP-1 SWP-6 CONC-5 I-21", WORDS, assumes=INTERLEAVED)
def no_span_has_two_owners(p: Proof) -> None:
    """No span has two sweepers, two slots or two holders, nor any two of these at once."""
    state = any_system(p)
    slots = p.fresh(SlotId, "slot"), p.fresh(SlotId, "other_slot")
    threads = p.fresh(ThreadId, "thread"), p.fresh(ThreadId, "other_thread")
    p.show("two slots", z3.Not(p.holds(in_two_slots, state, *slots)))
    p.show("two threads", z3.Not(p.holds(owned_twice, state, *threads)))
    p.show("a thread and a slot", z3.Not(p.holds(cached_and_owned, state, slots[0], threads[0])))
    p.possible("a busy slot", p.holds(is_busy, state, slots[0]))
    p.possible("a busy thread", p.holds(at_owning_task, state, threads[0]))


def in_two_slots(state: Sharing, one: SlotId, other: SlotId) -> bool:
    """Two different slots hold one span."""
    span = state.slots[one].span
    return one != other and span != NO_SPAN and span == state.slots[other].span


def is_busy(state: Sharing, slot: SlotId) -> bool:
    """A slot holds a span."""
    return state.slots[slot].span != NO_SPAN


def owned_twice(state: Sharing, one: ThreadId, other: ThreadId) -> bool:
    """Two different threads are at a task that owns one span."""
    span = state.threads[one].span
    return (
        one != other
        and span == state.threads[other].span
        and at_owning_task(state, one)
        and at_owning_task(state, other)
    )


def at_owning_task(state: Sharing, thread: ThreadId) -> bool:
    """A thread is at a task that nobody else may be at with its span."""
    worker = state.threads[thread]
    return TAKING <= worker.task <= CREATING and (worker.task != PUSHING or worker.preserve)


def cached_and_owned(state: Sharing, slot: SlotId, thread: ThreadId) -> bool:
    """A thread owns a span that is in a slot."""
    span = state.slots[slot].span
    return span != NO_SPAN and span == state.threads[thread].span and at_owning_task(state, thread)


@obligation("protocol.cycle-waits", "SWP-4 SWP-33 MC-12 I-24", WORDS, assumes=STOPPED)
def what_is_not_swept_prevents_a_cycle(p: Proof) -> None:
    """A span that is unswept, or stale in some cache, prevents the start of a cycle."""
    state = any_system(p)
    span = p.fresh(SpanId, "span")
    may = p.holds(may_start_cycle, state)
    due = z3.And(p.holds(is_used, state, span), p.holds(is_unswept, state, span))
    stale = z3.And(p.holds(is_used, state, span), p.holds(is_stale_span, state, span))
    p.show("an unswept span prevents it", z3.Implies(due, z3.Not(may)))
    p.show("a stale span prevents it", z3.Implies(stale, z3.Not(may)))
    p.possible("with a swept span in use", z3.And(may, p.holds(is_used_and_swept, state, span)))


def is_stale_span(state: Sharing, span: SpanId) -> bool:
    """A span is stale."""
    return is_stale(state.sweepgen, state.spans[span].sweepgen)


def is_used_and_swept(state: Sharing, span: SpanId) -> bool:
    """A span is in use and swept."""
    return state.spans[span].in_use and is_swept(state.sweepgen, state.spans[span].sweepgen)
