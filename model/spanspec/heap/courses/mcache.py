"""The caches of the Ps: refill, release and flush, creation and loss (rules MC-2 to MC-14)."""

from spanspec.base.constants import TINY_SPAN_CLASS
from spanspec.base.ids import NOBODY, ProcId, SlotId
from spanspec.base.words import M32, U32
from spanspec.events import span_events as ev
from spanspec.heap.courses.course import Course
from spanspec.heap.courses.mcentral import cache_span, uncache_span
from spanspec.heap.state.advancing import advance
from spanspec.heap.state.contents import ENTER_CACHE, SEARCH_FULL
from spanspec.heap.state.refilling import NOTE_REFILL
from spanspec.heap.state.state import HeapState, Mcache
from spanspec.heap.state.taking import drop_mcache, make_mcache, take, take_both
from spanspec.pages.pageheap import Actor, about_span, slots_of, who
from spanspec.sharing.steps.steps import FLUSH
from spanspec.span.mspan import Mspan
from spanspec.span.tiny import DROP_TINY_BLOCK


def new_mcache(state: HeapState, actor: Actor) -> ev.McacheChanges:
    """Make an mcache, empty and flushed.

    Rules: MC-2 MC-3.
    """
    identity = state.mcache_ids.take(actor.p)
    make_mcache(state, identity)
    return ev.McacheChanges(*who(actor), new=1, mcache=identity)


def free_mcache(state: HeapState, actor: Actor, identity: int) -> ev.McacheChanges:
    """Drop an mcache, which must have been released; its counts go to the heap's.

    Empty, it counts as flushed.

    Rules: MC-10 MC-11.
    """
    drop_mcache(state, identity)
    state.mcache_ids.give_back(identity)
    return ev.McacheChanges(*who(actor), new=0, mcache=identity)


def let_go(state: HeapState, mcache: Mcache, spanclass: int) -> int:
    """Let go of the cached span of a class, which must be full; return it, or NOBODY.

    Rules: MC-4 MAL-19 T-15 T-50 T-51.
    """
    span = state.cached(mcache.identity, spanclass)
    if span == NOBODY:
        return NOBODY
    take_both(state, span, SEARCH_FULL, SlotId(mcache.first_slot + spanclass))
    return span


def refill(state: HeapState, actor: Actor, mcache: Mcache, spanclass: int) -> Course[bool]:
    """Replace the full cached span of a class by one with a free slot; False without memory.

    Rules: MC-4 MC-5 CEN-8 CEN-9 SWP-3 T-52.
    """
    full = let_go(state, mcache, spanclass)
    if full != NOBODY:
        yield retired(state, actor, full)
    return (yield from install(state, actor, mcache, spanclass))


def install(state: HeapState, actor: Actor, mcache: Mcache, spanclass: int) -> Course[bool]:
    """Put a span with a free slot into the empty place of a class; False without memory.

    Rules: MC-4 CEN-8 CEN-9 SWP-3.
    """
    thread, span = yield from cache_span(state, actor, SlotId(mcache.first_slot + spanclass))
    if span == NOBODY:
        return False
    record = take_both(state, span, ENTER_CACHE, thread)
    # The allocation that asked for the refill takes its slot by the slow search, and a trace tells
    # the two paths apart (MAL-19).
    advance(mcache, NOTE_REFILL, spanclass, span)
    yield ev.RefillEnds(*about_span(actor, span, record), state.generation(span), *slots_of(record))
    return True


def retired(state: HeapState, actor: Actor, span: int) -> ev.RefillBegins:
    """Tell that refill has let go of a span."""
    record: Mspan = state.spans[span]
    return ev.RefillBegins(
        *about_span(actor, span, record), state.generation(span), *slots_of(record)
    )


def release_all(state: HeapState, actor: Actor, identity: int) -> Course[None]:
    """Uncache every span of an mcache, in span class order, and drop the tiny block.

    Rules: MC-6 MC-9.
    """
    yield ev.ReleaseAll(*who(actor), begins=1, mcache=identity)
    mcache = state.mcaches[identity]
    for spanclass in state.cached_spans(identity):
        yield from uncache_span(state, actor, SlotId(mcache.first_slot + spanclass))
    # The block lies in a span that is nobody's cache now. A later sweep may free it, so no object
    # may go there any more.
    advance(mcache, DROP_TINY_BLOCK, state.cached(identity, TINY_SPAN_CLASS))
    yield ev.ReleaseAll(*who(actor), begins=0, mcache=identity)


def flush_all_mcaches(state: HeapState, actor: Actor) -> Course[None]:
    """With the world stopped, flush the mcache of every P; only the free slots are handed back.

    Rules: MC-9.
    """
    for number in range(state.procs):
        yield from release_all(state, actor, state.mcache_of[number])


def needs_flush(state: HeapState, identity: int) -> bool:
    """Tell whether an mcache has still to be flushed in this cycle.

    Rules: MC-7 I-35 T-54.
    """
    return must_flush(state.sweepgen, state.flush_gen(identity))


def must_flush(sg: U32, flush_gen: U32) -> bool:
    """Tell whether a flush generation is that of the cycle before.

    Rules: MC-7 I-35 T-54.
    """
    assert flush_gen == sg or flush_gen == (sg - 2) & M32, "T-54: bad flushGen"
    return flush_gen != sg


def prepare_for_sweep(state: HeapState, actor: Actor, identity: int) -> Course[None]:
    """Flush an mcache, once in a cycle: its spans are stale, and are swept by this.

    Rules: MC-7 MC-8 SWP-37.
    """
    if not needs_flush(state, identity):
        return
    yield flush_event(state, actor, identity, begins=1)
    # The spans are stale, and uncaching sweeps them. The generation is stored last, so that a P
    # that is interrupted has not flushed.
    yield from release_all(state, actor, identity)
    take(state, FLUSH, ProcId(identity))
    yield flush_event(state, actor, identity, begins=0)


def flush_event(state: HeapState, actor: Actor, identity: int, begins: int) -> ev.PrepareForSweep:
    """Tell that the flush of an mcache begins or has ended."""
    return ev.PrepareForSweep(
        *who(actor),
        begins=begins,
        mcache=identity,
        flush_gen=state.flush_gen(identity),
        sweepgen=state.sweepgen,
    )
