"""Manual spans and the scavenger, as they are asked for."""

from spanspec.events.heap_events import ScavengeEnds
from spanspec.heap.courses import cycle
from spanspec.heap.courses.course import Course, NeedPages
from spanspec.heap.decisions import Decisions
from spanspec.heap.operations.refusals import OutOfMemory, require
from spanspec.heap.program import FreeManual, Input, ScavengeLater, TakeManual
from spanspec.heap.state.state import HeapState
from spanspec.pages.courses.bgscavenge import after_turn, may_sleep, wake
from spanspec.pages.courses.pagealloc import NO_MEMORY, free_manual, make_manual
from spanspec.pages.courses.scavenge import scavenge_all, scavenge_in_background
from spanspec.pages.courses.scavengeline import background_work
from spanspec.pages.pageheap import Actor
from spanspec.pages.tables.statistics import retained


def take_manual(state: HeapState, actor: Actor, request: Input) -> Course[int]:
    """Take a manual span; return it.

    The collector's may be of work buffers, which have 4 pages, or of the bitmap that a GC program
    makes of a large variable on a stack, which has as many as it needs.

    Raises: Refused for a size that its purpose does not have; OutOfMemory, where whoever wants a
        stack or work buffers has the runtime stop.

    Rules: HEAP-24 HEAP-25 T-106.
    """
    assert isinstance(request, TakeManual)
    n = request.npages
    require(n >= 1, f"a manual span of {n} pages")
    if request.purpose == "stack":
        require(n >= 4 and n & (n - 1) == 0, f"stacks have 4, 8, 16... pages, not {n}")
    span = yield NeedPages(n)
    assert span is not None, "a driver answers a request for pages with a span"
    if span == NO_MEMORY:
        raise OutOfMemory(f"T-106: out of memory: no memory for {n} pages")
    yield make_manual(state.pages, actor, span, request.purpose)
    return span


def give_back_manual(state: HeapState, actor: Actor, request: Input) -> Course[None]:
    """Give a manual span back; one of stacks waits until nobody marks.

    Work buffers are given back by the background sweeper once nothing is left to sweep; that it
    comes to it then, and parks afterwards, is the scheduler's, and so an input. The bitmap that a
    GC program makes of a variable is freed as soon as that was scanned.

    Raises: Refused for stacks while marking, and for a span that is not manual: there the runtime
        stops, for a stack of the pool (T-104) as for a large one.

    Rules: HEAP-27 HEAP-32 I-25 SWP-17 T-104 T-105.
    """
    assert isinstance(request, FreeManual)
    heap = state.pages
    purpose = heap.purposes.get(request.span)
    manual = purpose is not None
    require(manual, f"T-105: bad span state: span {request.span} is not manual")
    waits = purpose == "stack" and not cycle.may_free(state)
    require(not waits, "stacks are not freed while marking")
    yield from free_manual(heap, actor, request.span, state.generation(request.span))


def scavenge_everything(state: HeapState, actor: Actor, request: Input) -> Course[None]:
    """Release all that is free.

    Rules: SCAV-13.
    """
    yield from scavenge_all(state.pages, actor)


def scavenge_later(state: HeapState, actor: Actor, request: Input) -> Course[None]:
    """Let time pass, and the background scavenger take its turns.

    Another thread may set a new line while it releases; then the next turn follows at once.

    Rules: SCAV-17 SCAV-18 SCAV-19.
    """
    assert isinstance(request, ScavengeLater)
    heap, decisions = state.pages, state.inputs
    assert isinstance(decisions, Decisions), "SCAV-17: in a recording, time passes by itself"
    deadline = decisions.time_ns + request.nanoseconds
    # Turn by turn: what one turn releases decides how long it sleeps, and so when the next is.
    while not decisions.scavenger.parked and decisions.scavenger.wake_at <= deadline:
        decisions.time_ns = now = max(decisions.time_ns, decisions.scavenger.wake_at)
        decisions.scavenger = wake(decisions.scavenger, now)
        line, released = decisions.line, 0
        wanted = background_work(line, retained(heap.stats), now)
        if wanted:
            for event in scavenge_in_background(heap, actor, wanted):
                # Of this turn alone: others may take what is released, or release more, meanwhile.
                if isinstance(event, ScavengeEnds):
                    released = event.released
                yield event
        turned = after_turn(decisions.scavenger, line, now, wanted, released)
        # Who parks does not look whether there is a new line by now; who sleeps does.
        rests = turned.parked or may_sleep(turned, decisions.line)
        decisions.scavenger = turned if rests else wake(turned, now)
    decisions.time_ns = deadline
