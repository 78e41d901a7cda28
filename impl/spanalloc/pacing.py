"""The counters that several threads add to, and the pace that they set for sweeping."""

from typing import Final, final

from mypy_extensions import i64

from spanalloc.mutex import Mutex
from spanalloc.span import Span

MIN_NEXT_GC: Final = 4 << 20
"""Bytes of heap below which there is no point in a cycle (heapminimum)."""

SWEEP_MIN_HEAP_DISTANCE: Final = 1 << 20
"""Bytes of growth that are left for sweeping, at least (CONST-1)."""

RECLAIM_OVER: Final = 1 << 62
"""A reclaim index that says that all arenas were searched (SWP-21)."""


@final
class Pacing:
    """What changes without any other lock; `lock` makes each change one step (CONC-3).

    Besides counters these are the sweepgen that is claimed, and in interpreted code mark bits.
    """

    def __init__(self, lock: Mutex) -> None:
        self.lock = lock
        self.heap_live: i64 = 0
        self.pages_swept: i64 = 0
        self.pages_swept_basis: i64 = 0
        self.heap_live_basis: i64 = 0
        self.pages_per_byte: float = 0.0
        self.reclaim_index: i64 = 0
        self.reclaim_credit: i64 = 0
        self.sweepers: i64 = 0
        self.next_gc: i64 = MIN_NEXT_GC
        self.last_next_gc: i64 = 0
        self.trigger: i64 = MIN_NEXT_GC

    def grow_live(self, size: i64) -> None:
        """Add to heap_live."""
        with self.lock:
            self.lock.expect()
            self.heap_live += size

    def sweep_begins(self, npages: i64) -> None:
        """Count the pages of a span as swept (SWP-31)."""
        with self.lock:
            self.lock.expect()
            self.pages_swept += npages

    def sweepers_change(self, by: i64) -> None:
        """Count a sweeper more or less."""
        with self.lock:
            self.lock.expect()
            self.sweepers += by

    def add_credit(self, npages: i64) -> None:
        """Add pages that were swept free to the reclaimer's credit (SWP-23)."""
        with self.lock:
            self.lock.expect()
            self.reclaim_credit += npages

    def take_credit(self, npages: i64) -> tuple[i64, i64]:
        """Use up to so many pages of the credit; return what there was, and what was taken."""
        with self.lock:
            self.lock.expect()
            credit = self.reclaim_credit
            taken = min(credit, npages) if credit > 0 else 0
            self.reclaim_credit = credit - taken
            return credit, taken

    def next_chunk(self, npages: i64) -> i64:
        """Return the reclaimer's place, and move it on."""
        with self.lock:
            self.lock.expect()
            index = self.reclaim_index
            self.reclaim_index = index + npages
            return index

    def claims(self, span: Span, sg: i64) -> bool:
        """Claim an unswept span, with the lock held; return whether it was to be had."""
        self.lock.expect()
        return span.claim(sg)

    def marks(self, span: Span, slot: i64) -> None:
        """Mark a slot, with the lock held.

        Raises: SpanError if it is free.
        """
        self.lock.expect()
        span.set_mark(slot)

    def pages_to_sweep(self, span_bytes: i64, caller_pages: i64) -> int:
        """Return the pages that must have been swept before the heap grows by `span_bytes`.

        Those that the caller may leave are not counted (SWP-19).
        """
        live: int = self.heap_live - self.heap_live_basis + span_bytes
        if live < 0:
            live += 1 << 64
        spared: int = caller_pages
        return int(self.pages_per_byte * float(live)) - spared

    def set_pace(self, pages_in_use: i64) -> None:
        """Set the trigger of the next cycle, and the pace of sweeping until then (SWP-20)."""
        goal = max(self.heap_live * 2, MIN_NEXT_GC)
        self.last_next_gc = self.next_gc
        self.next_gc = goal
        early = self.heap_live + (goal - self.heap_live) * 7 // 8
        self.trigger = max(early, self.heap_live + SWEEP_MIN_HEAP_DISTANCE)
        distance = max(self.trigger - self.heap_live - SWEEP_MIN_HEAP_DISTANCE, 8192)
        pages = pages_in_use - self.pages_swept
        if pages <= 0:
            self.pages_per_byte = 0.0
            return
        self.pages_per_byte = float(pages) / float(distance)
        self.heap_live_basis = self.heap_live
        self.pages_swept_basis = self.pages_swept
