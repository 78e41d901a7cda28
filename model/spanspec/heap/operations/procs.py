"""The number of Ps, and the flush of their mcaches, as they are asked for."""

from spanspec.heap.courses.course import Course, StopsWorld
from spanspec.heap.courses.cycle import start_the_world
from spanspec.heap.courses.mcache import flush_all_mcaches
from spanspec.heap.courses.procs import procresize
from spanspec.heap.operations.refusals import require
from spanspec.heap.program import Input, SetProcs
from spanspec.heap.state.collector import OFF
from spanspec.heap.state.state import HeapState
from spanspec.pages.pageheap import Actor


def set_procs(state: HeapState, actor: Actor, request: Input) -> Course[None]:
    """Set the number of Ps, with the world stopped.

    Rules: MC-14.
    """
    assert isinstance(request, SetProcs)
    require(request.procs >= 1, f"{request.procs} Ps; a heap has at least 1")
    require(state.phase == OFF, "the number of Ps is not changed during a cycle")
    yield StopsWorld()
    yield from procresize(state, actor, request.procs)


def flush_mcaches(state: HeapState, actor: Actor, request: Input) -> Course[None]:
    """Stop the world and flush every mcache; what it had counts as allocated no longer.

    Rules: MC-9 HEAP-38.
    """
    require(state.phase == OFF, "statistics are not read during a cycle")
    yield StopsWorld()
    yield from flush_all_mcaches(state, actor)
    yield from start_the_world(state, actor)
