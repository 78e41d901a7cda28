"""The Ps: how a cache is refilled and flushed, and how many there are."""

from mypy_extensions import i64

from spanalloc.base.errors import HeapError, OutOfMemory
from spanalloc.base.recorder import page_number
from spanalloc.base.sizeclass import NUM_SPAN_CLASSES
from spanalloc.central.mcentral import cache_span, uncache_span
from spanalloc.central.slotzero import clear_free_slots
from spanalloc.central.state import HeapState
from spanalloc.span.mcache import EMPTY_SPAN, NO_P, Mcache
from spanalloc.span.span import UINT32, Span


def refill(state: HeapState, who: Mcache, spanclass: i64) -> Span:
    """Replace the full span of a class by one with a free slot (MC-4).

    Raises: OutOfMemory, MmapFailed, MadviseFailed; then no span of the class is cached.
    """
    full = who.alloc[spanclass]
    if full is not EMPTY_SPAN:
        full.retire(state.sg)
        who.alloc[spanclass] = EMPTY_SPAN
        if state.trace is not None:
            tell_refill(state, who, full, "ro")
        state.step_ends()
    span = cache_span(state, who, spanclass)
    if span is None:
        raise OutOfMemory(f"no memory for a span of class {spanclass}")
    span.cache(state.sg)
    if span.dirty:
        clear_free_slots(state, span)
    who.alloc[spanclass] = span
    if state.trace is not None:
        tell_refill(state, who, span, "rn")
    state.step_ends()
    return span


def tell_refill(state: HeapState, who: Mcache, span: Span, kind: str) -> None:
    """Record that a span leaves a cache full, or enters one."""
    assert state.trace is not None
    state.trace.event(
        kind,
        who.p,
        who.thread,
        {
            "c": span.spanclass,
            "s": span.ident,
            "b": page_number(span.base),
            "g": span.sweepgen,
            "fi": span.freeindex,
            "ac": span.alloc_count,
            "ne": span.nelems,
        },
    )


def release_all(state: HeapState, who: Mcache, owner: Mcache) -> None:
    """Let go of all spans of a cache, and of its tiny block (MC-6)."""
    if state.trace is not None:
        state.trace.event("ra", who.p, who.thread, {"beg": 1, "ca": owner.ident})
    state.step_ends()
    for spanclass in range(NUM_SPAN_CLASSES):
        span = owner.alloc[spanclass]
        if span is not EMPTY_SPAN:
            owner.alloc[spanclass] = EMPTY_SPAN
            uncache_span(state, who, span)
    owner.tiny = 0
    owner.tinyoffset = 0
    if state.trace is not None:
        state.trace.event("ra", who.p, who.thread, {"beg": 0, "ca": owner.ident})
    state.step_ends()


def prepare_for_sweep(state: HeapState, owner: Mcache) -> None:
    """Flush a cache for a new cycle, unless that was done (MC-7).

    Raises: HeapError if it missed a cycle (T-54).
    """
    if owner.flush_gen == state.sg:
        return
    if owner.flush_gen != (state.sg - 2) & UINT32:
        raise HeapError(f"T-54: flushGen {owner.flush_gen} in generation {state.sg}")
    tell_flush(state, owner, 1)
    state.step_ends()
    release_all(state, owner, owner)
    owner.flush_gen = state.sg
    tell_flush(state, owner, 0)


def tell_flush(state: HeapState, owner: Mcache, begins: i64) -> None:
    """Record that the flush of a cache begins, or has ended."""
    if state.trace is not None:
        state.trace.event(
            "pf",
            owner.p,
            owner.thread,
            {"beg": begins, "ca": owner.ident, "fg": owner.flush_gen, "g": state.sg},
        )


def boot(state: HeapState, procs: i64) -> None:
    """Make the first Ps; P 0 gets the cache that the first thread had before there was a P."""
    nobody = Mcache(0, NO_P, 0, state.sg)
    tell_mcache(state, nobody, 1, 0)
    resize(state, nobody, procs)


def resize(state: HeapState, who: Mcache, procs: i64) -> None:
    """Set the number of Ps, with the world stopped; the P that acts is flushed then (MC-8, MC-10).

    The counters of a P that goes live on in those of P 0.
    """
    old: i64 = len(state.mcaches)
    if state.trace is not None:
        state.trace.event("np", who.p, who.thread, {"n": procs, "old": old})
    for number in range(old, procs):
        ident: i64 = 0
        if old > 0 or number > 0:
            if state.free_mcaches:
                ident = state.free_mcaches.pop()
            else:
                ident = state.next_mcache
                state.next_mcache += 1
            tell_mcache(state, who, 1, ident)
        state.mcaches.append(Mcache(ident, number, number, state.sg))
        tell_proc(state, who, "pi", number, ident)
    first = state.mcaches[0]
    thread = first.thread
    if who.p >= procs:
        # Whoever acts loses the P that it acted on, and goes on with the first: the same thread.
        first.thread = who.thread
        who = first
    if who.p != NO_P:
        prepare_for_sweep(state, who)
    for number in range(procs, old):
        gone = state.mcaches[number]
        tell_proc(state, who, "pd", number, gone.ident)
        release_all(state, who, gone)
        tell_mcache(state, who, 0, gone.ident)
        state.free_mcaches.append(gone.ident)
        first.inherit(gone)
    first.thread = thread
    del state.mcaches[int(procs) :]


def tell_mcache(state: HeapState, who: Mcache, new: i64, ident: i64) -> None:
    """Record that an mcache was created or freed."""
    if state.trace is not None:
        state.trace.event("mc", who.p, who.thread, {"new": new, "ca": ident})


def tell_proc(state: HeapState, who: Mcache, kind: str, number: i64, ident: i64) -> None:
    """Record that a P gets its mcache, or goes."""
    if state.trace is not None:
        state.trace.event(kind, who.p, who.thread, {"id": number, "ca": ident})
