"""Progress: what threads begin, they end, if each goes on; and a cycle can begin again.

Fairness is an assumption, and named: a thread in the middle of an operation takes its next step
some time. What is shown is that a next step is possible (`protocol.progress`), that each brings the
end of its operation nearer, whatever others do, and that where nobody has anything left to do, a
cycle may begin. So sweeps, refills and flushes end, and the next cycle starts with all swept.
"""

from typing import Final, cast

import z3

from spanproof.prove.assumptions import FAIRNESS, REALS
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanproof.theorems.sharing.consequences.consequences import OWN_STEPS, is_busy_thread
from spanproof.theorems.sharing.steps.protocol import INTERLEAVED, WORDS, any_system
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import ProcId, SlotId, SpanId, ThreadId
from spanspec.base.words import U8, U64
from spanspec.heap.state.pacing import distance_to, grown_since, owed
from spanspec.sharing.steps.cycle import all_flushed, may_start_cycle, nothing_under_way
from spanspec.sharing.steps.steps import EXAMINE, FLUSH, POP, UNCACHE
from spanspec.sharing.steps.sweeping import may_pop
from spanspec.sharing.tables.records import (
    CHECKING,
    CREATING,
    EXAMINED,
    FREEING,
    GROWN,
    HELD,
    IDLE,
    NO_SPAN,
    POPPED,
    PUSHING,
    RELISTED,
    SAW_UNUSED,
    SAW_USED,
    SWEEPING,
    TAKING,
    UNLISTING,
    Sharing,
)

INTEGERS: Final = Integers()
FAIRLY: Final = (*INTERLEAVED, FAIRNESS)


LONGEST: Final = {
    IDLE: 0,
    POPPED: 8,
    SAW_UNUSED: 1,
    SAW_USED: 7,
    TAKING: 7,
    SWEEPING: 6,
    EXAMINED: 5,
    RELISTED: 4,
    PUSHING: 3,
    FREEING: 1,
    CHECKING: 2,
    GROWN: 2,
    HELD: 1,
    UNLISTING: 7,
    CREATING: 3,
}
"""How many steps an operation may still take at most, by what its thread is about to do."""

STEPS_LEFT: Final = tuple(LONGEST[task] for task in range(CREATING + 1))


def steps_left(task: U8) -> int:
    """How many steps an operation may still take, at a task; 0 between two operations."""
    return STEPS_LEFT[task] if task <= CREATING else 0


def left_of(state: Sharing, thread: ThreadId) -> int:
    """How many steps a thread's operation may still take."""
    return steps_left(state.threads[thread].task)


def is_same_thread(before: Sharing, after: Sharing, thread: ThreadId) -> bool:
    """Nothing about a thread's operation has changed."""
    return (
        after.threads[thread].task == before.threads[thread].task
        and after.threads[thread].span == before.threads[thread].span
    )


@obligation(
    "progress.operation", "SWP-15 SWP-24 SWP-29 CEN-3 CEN-4 CEN-7 MC-5", WORDS, assumes=FAIRLY
)
def every_operation_ends(p: Proof) -> None:
    """Each step of a thread that is in the middle of an operation leaves fewer for it to take, at
    most eight in all; no step of another thread changes how many.
    """
    state = any_system(p)
    thread, other = p.fresh(ThreadId, "thread"), p.fresh(ThreadId, "other")
    freed, dead = (cast(z3.BoolRef, p.fresh(bool, name)) for name in ("freed", "dead"))
    before = p.integer(left_of, state, thread)
    busy = p.holds(is_busy_thread, state, thread)
    p.show("at most eight", z3.And(z3.UGE(before, 0), z3.ULE(before, 8)))
    p.show("some while it is busy", z3.Implies(busy, before != 0))
    for step in (*OWN_STEPS, EXAMINE):
        chosen = (thread, freed, dead) if step.name == EXAMINE.name else (thread,)
        may = p.holds(step.may, state, *chosen)
        after = p.call_given(may, step.take, state, *chosen)
        assert isinstance(after, Sharing)
        p.show(f"{step.name}: fewer", z3.ULT(p.integer(left_of, after, thread), before), may)
        alone = z3.And(may, thread != other)
        p.show(f"{step.name}: its own", p.holds(is_same_thread, state, after, other), alone)
        p.possible(step.name, may)


@obligation("progress.cycle", "SWP-4 SWP-33 SWP-38 MC-7 MC-12", WORDS, assumes=FAIRLY)
def a_cycle_can_begin_again(p: Proof) -> None:
    """Where no thread is in the middle of an operation, a cycle may begin unless some thread has a
    span to pop, or some P has to flush; a P that has given up its spans can, and each span that it
    gives up is one fewer.
    """
    state, thread = any_system(p), p.fresh(ThreadId, "thread")
    span = z3.Const("any", z3.IntSort())
    popped = z3.Exists([span], p.holds(may_pop, state, thread, span))
    quiet = p.holds(nothing_under_way, state)
    flushed = p.holds(all_flushed, state)
    ready = p.holds(may_start_cycle, state)
    p.show("it may, or there is something to do", z3.Or(ready, popped, z3.Not(flushed)), quiet)
    proc, slot, another = (
        p.fresh(ProcId, "proc"),
        p.fresh(SlotId, "slot"),
        p.fresh(SlotId, "another"),
    )
    flushes = p.holds(FLUSH.may, state, proc)
    after = p.call_given(flushes, FLUSH.take, state, proc)
    p.show("a P that flushes is flushed", p.holds(is_flushed_proc, after, proc), flushes)
    gives_up = p.holds(UNCACHE.may, state, thread, slot)
    fewer = p.call_given(gives_up, UNCACHE.take, state, thread, slot)
    p.show("one fewer", p.holds(only_this_is_emptied, state, fewer, slot, another), gives_up)
    p.possible("a cycle may begin", z3.And(quiet, ready))
    p.possible("a P has to flush", z3.And(quiet, z3.Not(flushed)))
    p.possible(
        "a span to pop", z3.And(quiet, p.holds(POP.may, state, thread, p.fresh(SpanId, "span")))
    )


def is_flushed_proc(state: Sharing, proc: ProcId) -> bool:
    """A P has flushed in this cycle."""
    return state.procs[proc].flush_gen == state.sweepgen


def only_this_is_emptied(before: Sharing, after: Sharing, slot: SlotId, another: SlotId) -> bool:
    """A slot that held a span holds none, and any other what it held."""
    emptied = before.slots[slot].span != NO_SPAN and after.slots[slot].span == NO_SPAN
    return emptied and (another == slot or after.slots[another].span == before.slots[another].span)


@obligation("progress.proportional", "SWP-19 SWP-20", INTEGERS, assumes=(REALS,))
def all_is_swept_before_the_next_cycle(p: Proof) -> None:
    """Whoever takes a span first sweeps what the heap's growth has to pay for: so when the heap is
    within 1 MiB of its trigger, all pages that were in use when pacing began are swept, and the
    next cycle finds nothing to sweep.
    """
    pages, live = p.number(U64, "pages_at_pacing"), p.number(U64, "live_at_pacing")
    trigger, now = p.number(U64, "trigger"), p.number(U64, "heap_live")
    size, swept = p.number(U64, "span_bytes"), p.number(U64, "swept_since")
    quotient = p.number(U64, "quotient")
    distance = p.integer(distance_to, trigger, live)
    growth = p.integer(grown_since, live, now, size)
    p.assume(pages >= 1, pages < 1 << 48, trigger < 1 << 48, live < 1 << 48, now < 1 << 48)
    p.assume(now >= live, size < 1 << 48, swept < 1 << 48)
    p.show("some distance", distance >= PAGE_SIZE)
    # The pace is pages / distance, and what is owed the pace times the growth, towards zero.
    p.assume(quotient * distance <= pages * growth, pages * growth < (quotient + 1) * distance)
    p.assume(quotient < 1 << 63)  # it fits an int64; else, what is owed would count as nothing
    p.show("growth counts", growth == now - live + size)
    reached = growth >= distance
    p.lemma("all is owed", z3.Implies(reached, quotient >= pages))
    target = p.integer(owed, quotient, 0)
    p.show(
        "the sweeper goes on until all is swept",
        z3.Implies(z3.And(reached, target <= swept), swept >= pages),
    )
    near = now + size >= trigger - (1 << 20)
    far = trigger >= live + (1 << 20) + PAGE_SIZE
    p.show("within 1 MiB of the trigger", z3.Implies(z3.And(near, far), reached))
    p.possible("not all is swept, early", z3.And(z3.Not(reached), target <= swept, swept < pages))
    p.possible("all of it", z3.And(reached, swept == pages, target <= swept))
