"""The number of Ps: each has its mcache from birth to death (rules MC-8, MC-10, MC-14)."""

from spanspec.events import span_events as ev
from spanspec.heap.courses.course import Course
from spanspec.heap.courses.mcache import (
    free_mcache,
    needs_flush,
    new_mcache,
    prepare_for_sweep,
    release_all,
)
from spanspec.heap.state.advancing import advance
from spanspec.heap.state.allp import BOOT, GIVE, NO_P, RESIZE, TAKE_AWAY
from spanspec.heap.state.collector import NOTE_ALL_SWEPT
from spanspec.heap.state.state import HeapState, Mcache
from spanspec.pages.pageheap import Actor, who


def boot(state: HeapState, actor: Actor) -> Course[None]:
    """Give the first thread, which has no P yet, its mcache.

    Rules: MC-2 MC-14 AR-1.
    """
    event = new_mcache(state, actor)
    advance(state, BOOT, event.mcache)
    yield event


def procresize(state: HeapState, actor: Actor, procs: int) -> Course[None]:
    """Set the number of Ps with the world stopped, as is done at every start of it.

    New Ps get mcaches, P 0 that of the first thread. The thread goes on with its P, or with P 0 if
    it has none or loses it; that one is flushed if a cycle has begun. Then the mcaches of the Ps
    that go are released and freed. Before the first call there was nothing to sweep.

    Rules: MC-8 MC-10 MC-14 SWP-39 T-94.
    """
    old = state.procs
    advance(state, RESIZE, procs)
    # Before anything was allocated there is nothing to sweep, though no sweep has said so.
    if old == 0:
        advance(state, NOTE_ALL_SWEPT)
    going_on = state.mcache_of.get(actor.p if 0 <= actor.p < procs else 0)
    to_flush = going_on is not None and needs_flush(state, going_on)
    yield ev.ProcResize(*who(actor), procs=procs, old=old)
    for number in range(old, procs):
        if number == 0:
            mcache = state.mcache_of.get(NO_P)
            assert mcache is not None, "T-94: missing mcache?"
        else:
            made = new_mcache(state, actor)
            yield made
            mcache = made.mcache
        advance(state, GIVE, mcache)
        yield ev.ProcGetsMcache(*who(actor), id=number, mcache=mcache)
    # The thread has lost its P, and goes on with the first.
    if actor.p >= procs or actor.p == NO_P:
        actor = Actor(0, actor.thread)
    if to_flush and going_on is not None:
        yield from prepare_for_sweep(state, actor, going_on)
    for number in range(procs, old):
        mcache = state.mcache_of[number]
        yield ev.ProcDestroyed(*who(actor), id=number, mcache=mcache)
        yield from release_all(state, actor, mcache)
        advance(state, TAKE_AWAY)
        yield free_mcache(state, actor, mcache)


def mcache_of(state: HeapState, p: int) -> Mcache:
    """Return the mcache of a P, or of the first thread before it has one.

    Rules: MC-1 MC-14.
    """
    mcache = state.mcache_of.get(p)
    assert mcache is not None, f"MC-14: P {p} has no mcache"
    return state.mcaches[mcache]
