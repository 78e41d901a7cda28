"""Replay of caches: refill, release, flush, and which P has which mcache."""

from spanspec.alloccache import next_free_fast, next_free_slow, reload_cache
from spanspec.mspan import Mspan
from spanspec.sweepgen import enter_cache, is_stale, leave_cache, retire_full
from spanspec.tiny import NO_TINY_BLOCK
from spanspec.trace import events as ev
from spanspec.trace.state import Mcache, ReplayState, page_address
from spanspec.trace.verdict import Diverged, Verdict, expect


def expect_geometry(span: Mspan, event: ev.ClassedSpanEvent) -> None:
    """Require the page and the span class that the span has.

    Raises: Diverged if the event tells others.
    """
    expect("SPAN-1", "address of the span", hex(span.base), hex(page_address(event.base_page)))
    expect("CONST-5", "span class", span.spanclass, event.spanclass)


def expect_slots(span: Mspan, event: ev.RefillBegins | ev.RefillEnds | ev.Uncache) -> None:
    """Require the freeindex, allocCount and nelems that the span has.

    Raises: Diverged if the event tells others.
    """
    expect("SPAN-5", "nelems", span.nelems, event.nelems)
    expect("SPAN-15", "freeindex", span.freeindex, event.freeindex)
    expect("SPAN-9", "allocCount", span.alloc_count, event.alloc_count)


def refill_begins(state: ReplayState, event: ev.RefillBegins) -> Verdict:
    """Replay that refill lets go of a span, which must be full.

    Rules: MC-4 MAL-19 SWP-3.
    """
    mcache = state.mcache(event.p)
    span = state.span(event.span, event)
    expect("MC-4", "span of the cache", mcache.alloc.get(event.spanclass), event.span)
    expect_geometry(span, event)
    if next_free_fast(span).slot != span.nelems:
        raise Diverged("MAL-19", "why refill is called", "a full span", "a span with room")
    found = next_free_slow(span)
    expect("MC-4", "free slot of the span let go", span.nelems, found.slot)
    full = found.span
    expect_slots(full, event)
    generation = retire_full(state.sweepgen, full.sweepgen)
    expect("SWP-3", "sweepgen", generation, event.sweepgen)
    state.spans[event.span] = full._replace(sweepgen=generation)
    del mcache.alloc[event.spanclass]
    return Verdict.PREDICTED


def refill_ends(state: ReplayState, event: ev.RefillEnds) -> Verdict:
    """Replay that refill installs the span that this thread took from its central list.

    Rules: MC-4 CEN-8 CEN-9 SWP-3.
    """
    mcache = state.mcache(event.p)
    span = state.span(event.span, event)
    expect("MC-4", "span taken by this thread", state.taken.pop(event.thread, None), event.span)
    expect("MC-4", "span in the cache before", None, mcache.alloc.get(event.spanclass))
    expect_geometry(span, event)
    span = reload_cache(span)
    expect_slots(span, event)
    generation = enter_cache(state.sweepgen, span.sweepgen)
    expect("SWP-3", "sweepgen", generation, event.sweepgen)
    state.spans[event.span] = span._replace(sweepgen=generation)
    mcache.alloc[event.spanclass] = event.span
    mcache.refilled.add(event.spanclass)
    return Verdict.PREDICTED


def release_all(state: ReplayState, event: ev.ReleaseAll) -> Verdict:
    """Replay the beginning or the end of the release of an mcache.

    Rules: MC-6.
    """
    mcache = _known(state, event.mcache)
    if event.begins:
        expect("MC-6", "release under way in this thread", None, state.releasing.get(event.thread))
        state.releasing[event.thread] = event.mcache
        return Verdict.PREDICTED
    expect("MC-6", "mcache released", state.releasing.pop(event.thread, None), event.mcache)
    expect("MC-6", "spans left in the mcache", {}, mcache.alloc)
    _expect_moved(state, event.thread)
    mcache.tiny = NO_TINY_BLOCK
    return Verdict.PREDICTED


def uncache(state: ReplayState, event: ev.Uncache) -> Verdict:
    """Replay that a span leaves an mcache: swept, or stale and from now on being swept.

    Rules: CEN-12 SWP-3 MC-6.
    """
    releasing = state.releasing.get(event.thread)
    if releasing is None:
        raise Diverged("MC-6", "release under way in this thread", "one", "none")
    _expect_moved(state, event.thread)
    mcache = state.mcaches[releasing]
    span = state.span(event.span, event)
    expect(
        "MC-6", "next span class to be released", min(mcache.alloc, default=None), event.spanclass
    )
    expect("MC-6", "span of the cache", mcache.alloc[event.spanclass], event.span)
    expect_geometry(span, event)
    if span.alloc_count == 0:
        raise Diverged("T-47", "allocCount of an uncached span", "at least 1", 0)
    expect_slots(span, event)
    expect("SWP-2", "the heap's sweepgen", state.sweepgen, event.heap_sweepgen)
    expect("SWP-3", "sweepgen before", span.sweepgen, event.sweepgen_before)
    stale = is_stale(state.sweepgen, span.sweepgen)
    expect("CEN-12", "stale", int(stale), event.stale)
    state.spans[event.span] = span._replace(sweepgen=leave_cache(state.sweepgen, span.sweepgen))
    del mcache.alloc[event.spanclass]
    mcache.refilled.discard(event.spanclass)
    if stale:
        state.stale[event.span] = event.thread
    if span.alloc_count < span.nelems:
        state.moving[event.thread] = event.span
    return Verdict.PREDICTED


def uncache_to_nonempty(state: ReplayState, event: ev.UncacheToNonempty) -> Verdict:
    """Replay the move of an uncached span with a free slot to its nonempty list.

    Rules: CEN-12.
    """
    span = state.span(event.span, event)
    expect("CEN-12", "span that moves", state.moving.pop(event.thread, None), event.span)
    expect_geometry(span, event)
    return Verdict.PREDICTED


def _expect_moved(state: ReplayState, thread: int) -> None:
    waiting = state.moving.get(thread)
    if waiting is not None:
        raise Diverged("CEN-12", f"move of span {waiting} to the nonempty list", "done", "not yet")


def prepare_for_sweep(state: ReplayState, event: ev.PrepareForSweep) -> Verdict:
    """Replay the beginning or the end of an mcache's flush for a new cycle.

    Rules: MC-7.
    """
    mcache = _known(state, event.mcache)
    expect("SWP-2", "the heap's sweepgen", state.sweepgen, event.sweepgen)
    if not event.begins:
        mcache.flush_gen = state.sweepgen
    expect("MC-7", "flushGen", mcache.flush_gen, event.flush_gen)
    if event.begins and mcache.flush_gen != (state.sweepgen - 2) % (1 << 32):
        raise Diverged("T-54", "flushGen at the flush", "sg-2", mcache.flush_gen)
    return Verdict.PREDICTED


def mcache_changes(state: ReplayState, event: ev.McacheChanges) -> Verdict:
    """Take note of a new mcache, or of the end of one, which must be empty.

    Rules: MC-2 MC-10.
    """
    if event.new:
        expect("MC-2", "mcache of that identity", None, state.mcaches.get(event.mcache))
        state.mcaches[event.mcache] = Mcache(state.sweepgen)
    else:
        expect("MC-10", "spans in a freed mcache", {}, _known(state, event.mcache).alloc)
        del state.mcaches[event.mcache]
    return Verdict.INPUT


def proc_gets_mcache(state: ReplayState, event: ev.ProcGetsMcache) -> Verdict:
    """Take note of a P's mcache.

    Rules: MC-14.
    """
    _known(state, event.mcache)
    state.mcache_of[event.id] = event.mcache
    return Verdict.INPUT


def proc_destroyed(state: ReplayState, event: ev.ProcDestroyed) -> Verdict:
    """Take note that a P is gone.

    Rules: MC-10.
    """
    expect("MC-10", "mcache of the P", state.mcache_of.pop(event.id, None), event.mcache)
    return Verdict.INPUT


def _known(state: ReplayState, identity: int) -> Mcache:
    mcache = state.mcaches.get(identity)
    if mcache is None:
        raise Diverged("MC-2", f"mcache {identity}", "one", "none")
    return mcache
