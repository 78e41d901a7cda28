"""A whole heap as plain records, to be compared, checked and printed."""

from typing import NamedTuple

from spanalloc.mcache import EMPTY_SPAN
from spanalloc.pacing import RECLAIM_OVER
from spanalloc.snapshot import joined, unsigned
from spanalloc.span import DEAD, IN_USE, Span
from spanalloc.specials import Special
from spanalloc.state import HeapState


class RunShot(NamedTuple):
    """A run of pages in any use (SPAN-2); `ident` numbers its descriptor."""

    ident: int
    base: int
    npages: int
    state: int
    scavenged: bool
    needzero: int


class SlotsShot(NamedTuple):
    """A span in use for objects; bit i of a bitmap is slot i.

    `alloc_cache` is None where it has no meaning: the span is full, or not cached. `specials` are
    pairs of how far above its base a special record's address is, and its kind.
    """

    ident: int
    base: int
    npages: int
    spanclass: int
    elemsize: int
    nelems: int
    limit: int
    freeindex: int
    alloc_count: int
    alloc_cache: int | None
    alloc_bits: int
    mark_bits: int
    sweepgen: int
    needzero: int
    listed: int
    specials: tuple[tuple[int, int], ...]


class CacheShot(NamedTuple):
    """The cache of a P: pairs of a span class and a descriptor, and the tiny block."""

    ident: int
    p: int
    flush_gen: int
    alloc: tuple[tuple[int, int], ...]
    tiny: int
    tinyoffset: int


class CentralShot(NamedTuple):
    """The lists of a span class, from the front, as numbers of descriptors."""

    spanclass: int
    nonempty: tuple[int, ...]
    empty: tuple[int, ...]


class HeapShot(NamedTuple):
    """A whole heap at a moment when nobody was in an operation.

    `buffers` are the two sweep buffers from the bottom, `free` the free spans in address order,
    `arenas` in the order in which they were mapped. `reclaim_index` is -1 past the arenas.
    """

    sweepgen: int
    phase: int
    cycles: int
    procs: int
    sweepdone: bool
    heap_live: int
    reclaim_index: int
    reclaim_credit: int
    runs: tuple[RunShot, ...]
    spans: tuple[SlotsShot, ...]
    caches: tuple[CacheShot, ...]
    central: tuple[CentralShot, ...]
    buffers: tuple[tuple[int, ...], ...]
    free: tuple[int, ...]
    free_descriptors: tuple[int, ...]
    arenas: tuple[int, ...]
    current: tuple[int, int]
    heap_sys: int
    heap_idle: int
    heap_inuse: int
    heap_released: int
    stacks_inuse: int
    gc_manual: int
    pages_in_use: int
    pages_swept: int
    finalizers_due: tuple[int, ...]
    unscavenged_huge_pages: int
    broken: str = ""


def shot_of(state: HeapState) -> HeapShot:
    """Return the state of a heap, in which nobody must be in an operation, as records."""
    free = state.pages.free
    pacing = state.pacing
    used = [span for span in free.allspans if span.state != DEAD]
    cached = {
        span.ident for cache in state.mcaches for span in cache.alloc if span is not EMPTY_SPAN
    }
    lists = [
        CentralShot(
            central.spanclass,
            tuple([span.ident for span in central.nonempty.in_order()]),
            tuple([span.ident for span in central.empty.in_order()]),
        )
        for central in state.central
        if central.nonempty.first is not None or central.empty.first is not None
    ]
    return HeapShot(
        sweepgen=state.sg,
        phase=state.phase,
        cycles=state.cycles,
        procs=len(state.mcaches),
        sweepdone=state.sweepdone,
        heap_live=pacing.heap_live,
        reclaim_index=-1 if pacing.reclaim_index >= RECLAIM_OVER else pacing.reclaim_index,
        reclaim_credit=pacing.reclaim_credit,
        runs=tuple(
            [
                RunShot(
                    span.ident, span.base, span.npages, span.state, span.scavenged, span.needzero
                )
                for span in used
            ]
        ),
        spans=tuple(
            [
                slots_of(span, span.ident in cached, state.specials.of_span.get(span.ident, []))
                for span in used
                if span.state == IN_USE
            ]
        ),
        caches=tuple(
            [
                CacheShot(
                    cache.ident,
                    cache.p,
                    cache.flush_gen,
                    tuple(
                        [
                            (spanclass, span.ident)
                            for spanclass, span in enumerate(cache.alloc)
                            if span is not EMPTY_SPAN
                        ]
                    ),
                    cache.tiny,
                    cache.tinyoffset,
                )
                for cache in state.mcaches
            ]
        ),
        central=tuple(lists),
        buffers=tuple([tuple([span.ident for span in buffer.spans]) for buffer in state.buffers]),
        free=tuple([span.ident for span in free.runs.in_order()]),
        free_descriptors=tuple([span.ident for span in free.descriptors]),
        arenas=tuple([arena.base for arena in free.pages.all]),
        current=(state.pages.arena_base, state.pages.arena_end),
        heap_sys=free.heap_sys,
        heap_idle=free.heap_idle,
        heap_inuse=free.heap_inuse,
        heap_released=free.heap_released,
        stacks_inuse=free.stacks_inuse,
        gc_manual=free.gc_manual,
        pages_in_use=state.pages.pages_in_use,
        pages_swept=pacing.pages_swept,
        finalizers_due=tuple([address for address, _ in state.specials.due]),
        unscavenged_huge_pages=free.runs.huge_pages,
        broken=state.broken,
    )


def slots_of(span: Span, cached: bool, specials: list[Special]) -> SlotsShot:
    """Return a span in use as a record."""
    known = cached and span.freeindex < span.nelems
    nelems: int = span.nelems
    return SlotsShot(
        ident=span.ident,
        base=span.base,
        npages=span.npages,
        spanclass=span.spanclass,
        elemsize=span.elemsize,
        nelems=nelems,
        limit=span.limit,
        freeindex=span.freeindex,
        alloc_count=span.alloc_count,
        alloc_cache=unsigned(span.alloc_cache) if known else None,
        alloc_bits=joined(span.alloc_bits, nelems),
        mark_bits=joined(span.gcmark_bits, nelems),
        sweepgen=span.sweepgen,
        needzero=span.needzero,
        listed=span.listed,
        specials=tuple([(int(one.offset), int(one.kind)) for one in specials]),
    )
