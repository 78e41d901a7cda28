"""Manual spans, the number of Ps, and the scavenger, as steps."""

from spanspec.heap import cycle
from spanspec.heap.machine.machine import Machine, OutOfMemory, actor_of, require
from spanspec.heap.procs import procresize
from spanspec.heap.program import FreeManual, Input, ScavengeLater, SetProcs, TakeManual
from spanspec.heap.state import OFF
from spanspec.pages.bgscavenge import after_turn, wake
from spanspec.pages.pagealloc import NO_MEMORY, allocate, free_manual, make_manual
from spanspec.pages.scavenge import background_work, scavenge_all, scavenge_in_background
from spanspec.pages.statistics import retained


def take_manual(machine: Machine, request: Input) -> int:
    """Take a manual span; return it.

    Rules: HEAP-24 HEAP-25.
    """
    assert isinstance(request, TakeManual)
    n = request.npages
    require(n >= 1, f"a manual span of {n} pages")
    if request.purpose == "gc":
        require(n == 4, "work buffers come in spans of 4 pages")
    if request.purpose == "stack":
        require(n >= 4 and n & (n - 1) == 0, f"stacks have 4, 8, 16... pages, not {n}")
    actor, heap = actor_of(request), machine.state.pages
    span = machine.follow(allocate(heap, actor, n))
    if span == NO_MEMORY:
        raise OutOfMemory(f"no memory for {n} pages")
    machine.tell(make_manual(heap, actor, span, request.purpose))
    return span


def give_back_manual(machine: Machine, request: Input) -> None:
    """Give a manual span back, which waits until nobody marks.

    Rules: HEAP-27 I-25.
    """
    assert isinstance(request, FreeManual)
    heap = machine.state.pages
    require(cycle.may_free(machine.state), "manual spans are not freed while marking")
    require(request.span in heap.purposes, f"span {request.span} is not manual")
    machine.follow(free_manual(heap, actor_of(request), request.span))


def set_procs(machine: Machine, request: Input) -> None:
    """Set the number of Ps, with the world stopped.

    Rules: MC-14.
    """
    assert isinstance(request, SetProcs)
    require(request.procs >= 1, f"{request.procs} Ps; a heap has at least 1")
    require(machine.state.phase == OFF, "the number of Ps is not changed during a cycle")
    actor = actor_of(request)
    machine.drive(actor, procresize(machine.state, actor, request.procs))


def scavenge_everything(machine: Machine, request: Input) -> None:
    """Release all that is free.

    Rules: SCAV-13.
    """
    machine.follow(scavenge_all(machine.state.pages, actor_of(request)))


def scavenge_later(machine: Machine, request: Input) -> None:
    """Let time pass, and the background scavenger take its turns.

    Rules: SCAV-17 SCAV-18 SCAV-19.
    """
    assert isinstance(request, ScavengeLater)
    heap, decisions = machine.state.pages, machine.decisions
    deadline = decisions.time_ns + request.nanoseconds
    while not decisions.scavenger.parked and decisions.scavenger.wake_at <= deadline:
        decisions.time_ns = now = max(decisions.time_ns, decisions.scavenger.wake_at)
        decisions.scavenger = wake(decisions.scavenger, now)
        before = heap.stats
        wanted = background_work(decisions.line, retained(before), now)
        if wanted:
            machine.follow(scavenge_in_background(heap, actor_of(request), wanted))
        released = heap.stats.heap_released - before.heap_released
        decisions.scavenger = after_turn(decisions.scavenger, decisions.line, now, wanted, released)
    decisions.time_ns = deadline
