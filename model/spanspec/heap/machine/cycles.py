"""The collector's cycle and sweeping, as steps (rules SWP-32 to SWP-37)."""

from spanspec.base.ids import NOBODY
from spanspec.heap import cycle
from spanspec.heap.machine.allocation import ZERO_BASE
from spanspec.heap.machine.machine import Machine, actor_of, require
from spanspec.heap.mcache import prepare_for_sweep
from spanspec.heap.procs import procresize
from spanspec.heap.program import EnsureSwept, Input, MarkObject
from spanspec.heap.state import MARK, OFF
from spanspec.heap.sweeping import NOTHING_LEFT, ensure_swept, finish_sweeping, sweepone
from spanspec.pages.pageheap import Actor
from spanspec.span.mspan import find_object, is_allocated, set_marked


def start_cycle(machine: Machine, request: Input) -> None:
    """Sweep what is left, stop the world, and begin to mark.

    Rules: SWP-32 SWP-33 MC-12 MAL-24.
    """
    require(machine.state.phase == OFF, "a cycle is under way")
    state, actor = machine.state, actor_of(request)
    while machine.drive(actor, sweepone(state, actor, "gcstart")) != NOTHING_LEFT:
        pass
    machine.tell(cycle.cycle_starts(state, actor, "cycle", 0, state.heap_live))
    machine.tell(cycle.phase_changes(state, actor))
    machine.decisions.marking_starts()
    machine.drive(actor, procresize(state, actor, state.procs))


def mark(machine: Machine, request: Input) -> None:
    """Mark an object, and its span's first page.

    An object of no bytes lies outside the heap, and has no mark.

    Raises: Refused for an address that no program has; a free slot is named.

    Rules: SPAN-18 SPAN-19 SPAN-21 MAL-15 T-85.
    """
    assert isinstance(request, MarkObject)
    require(machine.state.phase == MARK, "no cycle is marking")
    state, address = machine.state, request.address
    if address == ZERO_BASE:
        return
    bad = cycle.pointer_is_bad(state, address)
    require(not bad, f"T-85: found bad pointer in Go heap: {address:#x}")
    span = cycle.span_at(state, address)
    require(span != NOBODY, f"{address:#x} is in no object")
    record = state.spans[span]
    found = find_object(record, address)
    free = f"{address:#x} is in a free slot: slot {found.slot} of the span at {record.base:#x}"
    require(is_allocated(record, found.slot), free)
    state.spans[span] = set_marked(state.spans[span], found.slot)
    machine.decisions.page_marks.add(span)


def finish_cycle(machine: Machine, request: Input) -> None:
    """Stop the world, raise the sweepgen, and flush the mcache of every P.

    Rules: SWP-34 SWP-35 SWP-36 SWP-37 SWP-20 MC-7.
    """
    require(machine.state.phase == MARK, "no cycle is marking")
    state, actor = machine.state, actor_of(request)
    machine.tell(cycle.phase_changes(state, actor))
    machine.decisions.marking_ends()
    machine.tell(cycle.phase_changes(state, actor))
    machine.tell(cycle.sweep_phase_starts(state, actor, 0))
    machine.decisions.sweeping_starts()
    machine.drive(actor, procresize(state, actor, state.procs))
    for number in range(state.procs):
        owner = Actor(number, number)
        machine.drive(owner, prepare_for_sweep(state, owner, state.mcache_of[number]))


def sweep_one(machine: Machine, request: Input) -> int | None:
    """Sweep one span; return the pages that it gave back, None if nothing is left to sweep.

    Rules: SWP-17.
    """
    actor = actor_of(request)
    pages = machine.drive(actor, sweepone(machine.state, actor, "bg"))
    return None if pages == NOTHING_LEFT else pages


def finish(machine: Machine, request: Input) -> int:
    """Sweep all that is left, and wait for those who sweep; return the pages given back.

    Rules: SWP-38.
    """
    actor = actor_of(request)
    return machine.drive(actor, finish_sweeping(machine.state, actor))


def have_swept(machine: Machine, request: Input) -> None:
    """Have the span that holds an address swept, if nobody has yet."""
    assert isinstance(request, EnsureSwept)
    span, actor = cycle.span_at(machine.state, request.address), actor_of(request)
    require(span != NOBODY, f"{request.address:#x} lies in no span in use")
    machine.drive(actor, ensure_swept(machine.state, actor, span))
