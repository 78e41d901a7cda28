"""The collector's cycle and sweeping, as they are asked for (rules SWP-32 to SWP-37)."""

from typing import Final

from spanspec.base.ids import NOBODY
from spanspec.heap.courses import cycle
from spanspec.heap.courses.course import Course
from spanspec.heap.courses.malloc import ZERO_BASE
from spanspec.heap.courses.mcache import prepare_for_sweep
from spanspec.heap.courses.sweeping import NOTHING_LEFT, ensure_swept, finish_sweeping, sweepone
from spanspec.heap.decisions import Decisions
from spanspec.heap.operations.refusals import require
from spanspec.heap.program import EnsureSwept, FinishCycle, Input, MarkObject, SetGcPercent
from spanspec.heap.state.addresses import pointer_is_bad, span_at
from spanspec.heap.state.advancing import advance
from spanspec.heap.state.collector import MARK, OFF
from spanspec.heap.state.pacing import SET_PACE
from spanspec.heap.state.state import HeapState
from spanspec.pages.pageheap import Actor
from spanspec.span.mspan import find_object, is_allocated

LONGEST_NS: Final = 1 << 50
"""Nanoseconds, some 13 days, below which what a cycle takes can be reckoned with for every P."""


def start_cycle(state: HeapState, actor: Actor, request: Input) -> Course[None]:
    """Sweep what is left, stop the world, and begin to mark.

    Rules: SWP-32 SWP-33 MC-12 MAL-24.
    """
    require(state.phase == OFF, "a cycle is under way")
    yield from cycle.gc_start(state, actor)


def mark(state: HeapState, actor: Actor, request: Input) -> Course[None]:
    """Mark an object, and its span's first page.

    An object of no bytes lies outside the heap, and has no mark.

    Raises: Refused for an address that no program has; a free slot is named.

    Rules: SPAN-18 SPAN-19 SPAN-21 MAL-15 T-85.
    """
    assert isinstance(request, MarkObject)
    require(state.phase == MARK, "no cycle is marking")
    address = request.address
    if address == ZERO_BASE:
        return
    bad = pointer_is_bad(state, address)
    require(not bad, f"T-85: found bad pointer in Go heap: {address:#x}")
    span = span_at(state, address)
    require(span != NOBODY, f"{address:#x} is in no object")
    record = state.spans[span]
    found = find_object(record, address)
    free = f"{address:#x} is in a free slot: slot {found.slot} of the span at {record.base:#x}"
    require(is_allocated(record, found.slot), free)
    cycle.grey_object(state, address)
    yield from ()


def finish_cycle(state: HeapState, actor: Actor, request: Input) -> Course[None]:
    """Stop the world, raise the sweepgen, and flush the mcache of every P.

    The runtime would divide by the bytes that the cycle before has found alive, and stop at a
    trigger that is no number (T-90), if a cycle that began by itself had no such bytes.

    Raises: Refused for an effort then, for one of more than 2^50 ns, and outside of a cycle.

    Rules: SWP-34 SWP-35 SWP-36 SWP-37 SWP-20 MC-7 T-90.
    """
    assert isinstance(request, FinishCycle)
    require(state.phase == MARK, "no cycle is marking")
    effort, decisions = request.effort, state.inputs
    if effort is not None:
        assert isinstance(decisions, Decisions), "SWP-20: a recording does not tell of efforts"
        sound = 0 <= effort.duration < LONGEST_NS and 0 <= effort.assists < LONGEST_NS
        require(sound, f"{effort} is no effort of a cycle")
        require(decisions.marked > 0, "T-90: gc_trigger underflow: nothing was alive before")
    yield from cycle.gc_mark_done(state, actor, effort)
    # Each P flushes when it next runs; a heap on its own lets all run at once.
    for number in range(state.procs):
        owner = Actor(number, number)
        yield from prepare_for_sweep(state, owner, state.mcache_of[number])


def sweep_one(state: HeapState, actor: Actor, request: Input) -> Course[int | None]:
    """Sweep one span; return the pages that it gave back, None if nothing is left to sweep.

    Rules: SWP-17.
    """
    pages = yield from sweepone(state, actor, "bg")
    return None if pages == NOTHING_LEFT else pages


def finish(state: HeapState, actor: Actor, request: Input) -> Course[int]:
    """Sweep all that is left, and wait for those who sweep; return the pages given back.

    Rules: SWP-38.
    """
    return (yield from finish_sweeping(state, actor))


def have_swept(state: HeapState, actor: Actor, request: Input) -> Course[None]:
    """Have the span that holds an address swept, if nobody has yet."""
    assert isinstance(request, EnsureSwept)
    span = span_at(state, request.address)
    require(span != NOBODY, f"{request.address:#x} lies in no span in use")
    yield from ensure_swept(state, actor, span)


def set_gc_percent(state: HeapState, actor: Actor, request: Input) -> Course[int]:
    """Set GOGC, and pace collection, sweeping and scavenging by it; return what it was.

    Raises: Refused for more than an int32 holds, and for off while a cycle is marking, since the
        runtime then waits for its end.

    Rules: SCAV-5 SWP-20.
    """
    assert isinstance(request, SetGcPercent)
    decisions, percent = state.inputs, request.percent
    assert isinstance(decisions, Decisions), "SCAV-5: a recording does not tell of GOGC"
    require(-(1 << 31) <= percent < 1 << 31, f"{percent} percent are no int32")
    require(percent >= 0 or state.phase == OFF, "GOGC off waits for the end of the cycle")
    before, decisions.gc_percent = decisions.gc_percent, max(percent, -1)
    advance(state, SET_PACE, decisions.paced_anew(), state.collector)
    yield from ()
    return before
