"""Figures of a heap, in bytes where nothing else is said, which must balance (HEAP-36, HEAP-38)."""

from typing import NamedTuple

from spanalloc.base.sizeclass import CLASS_SIZES
from spanalloc.central.state import HeapState
from spanalloc.span.mcache import EMPTY_SPAN, Mcache


class HeapStatistics(NamedTuple):
    """A heap at one moment.

    heap_sys = heap_inuse + heap_idle; manual spans are in `stacks_inuse` and `gc_manual` only.
    `heap_released` is the part of `heap_idle` that the operating system has back. `mallocs` and
    `frees` count objects, with every tiny object in both (HEAP-40); `total_alloc` and `total_free`
    their slots' bytes. `heap_live` overestimates what is marked or allocated since (CEN-10).
    """

    heap_sys: int
    heap_idle: int
    heap_inuse: int
    heap_released: int
    stacks_inuse: int
    gc_manual: int
    pages_in_use: int
    mallocs: int
    frees: int
    tinyallocs: int
    total_alloc: int
    total_free: int
    heap_live: int
    next_gc: int
    cycles: int
    free_spans: int
    unscavenged_huge_pages: int

    @property
    def live_objects(self) -> int:
        """Objects allocated and not yet found dead."""
        return self.mallocs - self.frees

    @property
    def live_bytes(self) -> int:
        """Bytes of the slots of those objects."""
        return self.total_alloc - self.total_free

    @property
    def heap_retained(self) -> int:
        """Bytes that the operating system has not got back (SCAV-2)."""
        return self.heap_sys - self.heap_released


def statistics_of(state: HeapState, everybody: list[Mcache]) -> HeapStatistics:
    """Add up the figures of a heap with the caches of these Ps and workers (MC-11)."""
    free = state.pages.free
    mallocs: int = state.pages.nlargealloc
    total_alloc: int = state.pages.largealloc
    frees: int = 0
    total_free: int = 0
    tinyallocs: int = 0
    for central in state.central:
        mallocs += central.nmalloc
        total_alloc += central.nmalloc * CLASS_SIZES[central.spanclass >> 1]
    for cache in everybody:
        tinyallocs += cache.tinyallocs
        frees += cache.nlargefree
        total_free += cache.largefree
        for sizeclass, count in enumerate(cache.nsmallfree):
            frees += count
            total_free += count * CLASS_SIZES[sizeclass]
        for span in cache.alloc:
            if span is not EMPTY_SPAN:
                unused = span.nelems - span.alloc_count
                mallocs -= unused
                total_alloc -= unused * span.elemsize
    return HeapStatistics(
        heap_sys=free.heap_sys,
        heap_idle=free.heap_idle,
        heap_inuse=free.heap_inuse,
        heap_released=free.heap_released,
        stacks_inuse=free.stacks_inuse,
        gc_manual=free.gc_manual,
        pages_in_use=state.pages.pages_in_use,
        mallocs=mallocs + tinyallocs,
        frees=frees + tinyallocs,
        tinyallocs=tinyallocs,
        total_alloc=total_alloc,
        total_free=total_free,
        heap_live=state.pacing.heap_live,
        next_gc=state.pacing.next_gc,
        cycles=state.cycles,
        free_spans=free.runs.count,
        unscavenged_huge_pages=free.runs.huge_pages,
    )
