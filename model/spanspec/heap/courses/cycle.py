"""The collector's cycle as the allocator sees it (rules SWP-32 to SWP-37, MC-12, MAL-24)."""

from spanspec.base.words import U64
from spanspec.events import span_events as ev
from spanspec.heap.courses.course import Course, StopsWorld
from spanspec.heap.courses.procs import procresize
from spanspec.heap.courses.sweeping import sweep_all
from spanspec.heap.decisions import Decisions
from spanspec.heap.state.accounts import COUNT_MARKED
from spanspec.heap.state.advancing import advance
from spanspec.heap.state.collector import (
    BEGIN_CYCLE,
    BEGIN_MARKING,
    BEGIN_SWEEP_PHASE,
    CONCURRENT,
    END_MARKING,
    OFF,
    STOP_MARKING,
    STOPPED_TO_SWEEP,
)
from spanspec.heap.state.pacing import CORRECT_RATIO, RAISE_GOAL, SET_PACE, Effort
from spanspec.heap.state.progress import BEGIN_SWEEPING
from spanspec.heap.state.state import HeapState
from spanspec.heap.state.taking import grey_in, take
from spanspec.pages.pageheap import Actor, who
from spanspec.sharing.steps.cycle import all_flushed
from spanspec.sharing.steps.steps import FLUSH, START_CYCLE
from spanspec.span.markbits import NEXT_EPOCH
from spanspec.span.specials import FINALIZER
from spanspec.span.sweepgen import is_legal_between_cycles


def check_flushed(state: HeapState) -> None:
    """Require that every mcache was flushed in this cycle, before the next may start.

    Rules: MC-12 I-35 T-86.
    """
    assert all_flushed(state.sharing), "T-86: p mcache not flushed"


def cycle_starts(
    state: HeapState, actor: Actor, trigger: ev.Trigger, mode: int, heap_live: U64
) -> ev.CycleStarts:
    """Stop the world for a new cycle; what is still unswept is then swept.

    Rules: SWP-32 MC-12.
    """
    check_flushed(state)
    event = ev.CycleStarts(
        *who(actor), trigger=trigger, cycle=state.cycle, mode=mode, heap_live=heap_live
    )
    advance(state, BEGIN_CYCLE, mode)
    return event


def gc_start(state: HeapState, actor: Actor, mode: int = CONCURRENT) -> Course[None]:
    """Start a cycle that the program asks for: sweep what is left, stop the world, begin to mark.

    Rules: SWP-32.
    """
    yield from sweep_all(state, actor, "gcstart")
    yield StopsWorld()
    yield from start_marking(state, actor, "cycle", mode, state.accounts.heap_live)


def start_marking(
    state: HeapState, actor: Actor, trigger: ev.Trigger, mode: int, heap_live: U64
) -> Course[None]:
    """With the world stopped, finish sweeping, begin to mark, and let the world start again.

    Who popped a span before the world stopped has swept it by then; what nobody has popped since
    the last look is swept here.

    Rules: SWP-32 SWP-33 MC-12.
    """
    yield cycle_starts(state, actor, trigger, mode, heap_live)
    yield from sweep_all(state, actor, "finish")
    advance(state, RAISE_GOAL, state.accounts.heap_live, state.collector)
    yield marking_begins(state, actor)
    yield from start_the_world(state, actor)


def gc_mark_done(state: HeapState, actor: Actor, effort: Effort | None = None) -> Course[None]:
    """End marking: stop the world, and let a sweep phase begin.

    A cycle that began by itself has an `effort`, which moves the trigger of the next one.

    Rules: SWP-20 SWP-34 SWP-35.
    """
    yield StopsWorld()
    if effort is not None:
        decisions = state.inputs
        assert isinstance(decisions, Decisions), "SWP-20: a recording does not tell of efforts"
        advance(state, CORRECT_RATIO, decisions.ratio_after(effort), state.collector)
    yield from terminate_marking(state, actor)


def terminate_marking(state: HeapState, actor: Actor) -> Course[None]:
    """With the world stopped, end marking, raise the sweepgen, and let the world start again.

    In the mode that stops the world for sweeping, too, all but what is cached is swept before.

    Rules: SWP-34 SWP-35 SWP-20.
    """
    advance(state, STOP_MARKING)
    yield phase_changes(state, actor)
    marked = state.inputs.bytes_marked()
    if marked is not None:
        advance(state, COUNT_MARKED, marked)
    advance(state, END_MARKING)
    yield phase_changes(state, actor)
    event = sweep_phase_starts(state, actor)
    stopped = state.collector.mode == STOPPED_TO_SWEEP
    if stopped:
        yield event
        yield from sweep_all(state, actor, "sync")
    # A pace for what is left to sweep, which is nothing if all was swept just now.
    advance(state, SET_PACE, state.inputs.sweep_pace(), state.collector)
    if not stopped:
        yield event
    yield from start_the_world(state, actor)


def start_the_world(state: HeapState, actor: Actor) -> Course[None]:
    """Let the world start again, with as many Ps as the program wants by now.

    Rules: MC-14 CONC-9.
    """
    yield from procresize(state, actor, state.inputs.procs())


def marking_begins(state: HeapState, actor: Actor) -> ev.PhaseChanges:
    """Begin to mark, with everything swept.

    Mark bits and page marks age, and each P's current tiny block is marked, and each object whose
    finalizer is due. Those that have a finalizer are looked through, so that what they refer to
    outlives them.

    Rules: SWP-32 SWP-33 SPAN-26 MAL-24.
    """
    advance(state, BEGIN_MARKING, bytes_with_finalizers(state))
    advance(state, NEXT_EPOCH, state.collector.epoch)
    # With an unswept span its old marks would be taken for those of this cycle.
    check_roots(state)
    for mcache in state.mcaches.values():
        # Objects are still placed in these blocks while marking; a block that is white then would
        # be freed with them (issue 17503).
        mark_tiny_block(state, mcache.tiny.address)
    mark_finalizers_due(state)
    return phase_changes(state, actor)


def phase_changes(state: HeapState, actor: Actor) -> ev.PhaseChanges:
    """Tell of the phase in which the cycle is now."""
    return ev.PhaseChanges(*who(actor), phase=state.phase)


def check_roots(state: HeapState) -> None:
    """Require that every span that marking will scan has been swept.

    Rules: SWP-40 T-91.
    """
    for span in state.swept.entries.values():
        it = state.shared(span)
        swept = not it.in_use or is_legal_between_cycles(state.sweepgen, it.sweepgen)
        assert swept, "T-91: gc: unswept span"


def mark_tiny_block(state: HeapState, address: U64) -> None:
    """Mark the current tiny block of an mcache, if it has one.

    Rules: MAL-24.
    """
    if address != 0:
        grey_object(state, address)


def grey_object(state: HeapState, address: U64) -> None:
    """Mark the object at an address, and the first page of its span.

    Rules: SPAN-21 MAL-15.
    """
    grey_in(state, state.pages.map.span_of(address), address)


def mark_finalizers_due(state: HeapState) -> None:
    """Mark the objects whose finalizers are due: the queue is a root, as it is in markroot.

    Else the next sweep would free an object before its finalizer has run, which then were given an
    address that is in use again.

    Rules: SWP-24 SWP-32.
    """
    for address in state.finalizers:
        grey_object(state, address)


def bytes_with_finalizers(state: HeapState) -> U64:
    """Return the bytes of the objects with a finalizer, counted once for each that they have.

    Rules: SWP-34.
    """
    return sum(
        state.spans[span].elemsize
        for span, specials in state.specials.items()
        for special in specials
        if special.kind == FINALIZER
    )


def sweep_phase_starts(state: HeapState, actor: Actor) -> ev.SweepPhaseStarts:
    """Raise the heap's sweepgen: what was swept is unswept now, what was cached is stale.

    Mcaches that are gone have nothing to flush, and count as flushed at once.

    Rules: SWP-2 SWP-3 SWP-4 SWP-8 SWP-23 SWP-31 SWP-35 T-87 T-88.
    """
    assert state.phase == OFF, "T-87: gcSweep being done but phase is not GCoff"
    assert state.unswept.index == 0, "T-88: non-empty swept list"
    take(state, START_CYCLE)
    # A P that goes has released its mcache, and comes back with a new one that counts as flushed.
    for proc in state.sharing.procs:
        if proc not in state.mcaches:
            take(state, FLUSH, proc)
    advance(state, BEGIN_SWEEP_PHASE)
    arenas = len(state.pages.all_arenas)
    advance(state, BEGIN_SWEEPING, state.pages.stats.pages_in_use, arenas)
    return ev.SweepPhaseStarts(
        *who(actor),
        sweepgen=state.sweepgen,
        mode=state.collector.mode,
        arenas=arenas,
    )


def may_free(state: HeapState) -> bool:
    """Tell whether spans may leave use, and those of stacks manual use: not while marking.

    Rules: SPAN-2 I-25.
    """
    return state.phase == OFF
