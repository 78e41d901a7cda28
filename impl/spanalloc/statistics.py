"""Figures of a heap, in bytes where nothing else is said, which must balance (HEAP-36, HEAP-38)."""

from typing import NamedTuple


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
