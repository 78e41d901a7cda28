"""The counters that several threads add to, and the pace that they set for sweeping."""

from operator import add, mul, sub
from typing import Final, final

from mypy_extensions import i64

from spanalloc.base.errors import HeapError
from spanalloc.base.mutex import Mutex
from spanalloc.span.snapshot import unsigned
from spanalloc.span.span import Span

LEAST_HEAP: Final = 4 << 20
"""Bytes of heap below which there is no point in a cycle, at 100 percent (heapminimum)."""

EARLY: Final = 0.875
"""What part of the growth that 100 percent allow is over when a cycle starts, at first."""

WORKERS_SHARE: Final = 0.25
"""What the background workers of a cycle are taken to have of all Ps (gcBackgroundUtilization)."""

SHARE_WANTED: Final = 0.30
"""What a cycle as a whole should have of all Ps (gcGoalUtilization)."""

ALIVE_AT_FIRST: Final = int(4194304.0 / 1.875)
"""Bytes that count as found alive before the first cycle."""

NEVER: Final = (1 << 64) - 1
"""The trigger and the goal of a heap that is not collected by itself."""

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
        self.scanned: i64 = 0
        self.alive: int = ALIVE_AT_FIRST
        self.percent: int = 100
        self.ratio: float = EARLY
        self.next_gc: int = 0
        self.last_next_gc: int = 0
        self.last_inuse: int = 0
        self.trigger: int = 0
        self.set_trigger(True)

    def grow_live(self, size: i64) -> None:
        """Add to heap_live."""
        with self.lock:
            self.lock.expect()
            self.heap_live += size

    def looked_through(self, size: i64) -> None:
        """Count an object that a cycle looks through, as it has a finalizer (SWP-34)."""
        with self.lock:
            self.lock.expect()
            self.scanned += size

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

        Those that the caller may leave are not counted (SWP-19). Growth is a word, so a heap that
        is smaller than when the pace was set has grown by nearly all that a word holds; what is
        too much for the machine to convert becomes the smallest integer of 64 bits.
        """
        grown = self.heap_live - self.heap_live_basis + span_bytes
        words: int = grown
        if words < 0:
            words = add(words, 1 << 64)
        due = self.pages_per_byte * float(words)
        spared: int = caller_pages
        pages = (int(due) if due < float(1 << 63) else -(1 << 63)) - spared
        wrapped: int = pages if pages >> 63 >= -1 else add(pages, 1 << 64)
        return wrapped

    def cycle_begins(self) -> None:
        """Leave a cycle that begins some room up to its goal (startCycle)."""
        live: int = self.heap_live
        self.next_gc = max(self.next_gc, live + (1 << 20))

    def cycle_took(self, nanoseconds: int, assisting: int, procs: int) -> None:
        """Move the trigger ratio by what a cycle took that nobody had asked for (endCycle).

        `assisting` is what all Ps together spent of these nanoseconds on assists. Had it ended with
        the heap at its goal, at the share of time that is wanted, the ratio would stay. It goes
        half the way to where that would have been so. Bounds are `set_trigger`'s.
        """
        before = float(self.alive)
        share = WORKERS_SHARE
        if nanoseconds > 0:
            share += float(assisting) / float(nanoseconds * procs)
        room = unsigned(sub(self.next_gc, self.alive))
        live: int = self.heap_live
        grown = float(live) / before - 1 - self.ratio
        off = float(room) / before - self.ratio - share / SHARE_WANTED * grown
        self.ratio += 0.5 * off

    def cycle_ends(self, marked: i64, inuse: i64) -> None:
        """Note what a cycle has found: bytes marked, and bytes of spans in use (SWP-34).

        What was looked through for a finalizer counts besides what is marked, and so twice if it is
        alive.
        """
        self.heap_live = marked + self.scanned
        self.alive = self.heap_live
        self.last_next_gc = self.next_gc
        self.last_inuse = inuse

    def set_trigger(self, swept: bool) -> None:
        """Set at which heap the next cycle starts, and its goal (gcSetTriggerRatio, T-90).

        `swept`: nothing is left to sweep. Otherwise sweeping needs some growth first.

        Raises: HeapError if the trigger is no positive int64.
        """
        percent = self.percent
        self.ratio = max(self.ratio, 0.0)
        if percent < 0:
            self.next_gc = self.trigger = NEVER
            return
        self.ratio = min(self.ratio, 0.95 * float(percent) / 100)
        share: i64 = percent
        least: int = share * LEAST_HEAP // 100
        trigger = max(int(float(self.alive) * (1 + self.ratio)), least)
        live: int = self.heap_live
        if not swept:
            trigger = max(trigger, live + SWEEP_MIN_HEAP_DISTANCE)
        if trigger >> 63 != 0:
            raise HeapError("T-90: gc_trigger underflow")
        goal = add(self.alive, unsigned(mul(self.alive, percent)) // 100)
        self.trigger = trigger
        self.next_gc = max(unsigned(goal), trigger)

    def set_pace(self, pages_in_use: i64, swept: bool) -> None:
        """Set the trigger of the next cycle, and the pace of sweeping until then (SWP-20).

        A trigger that is never reached counts as less than no growth: all is swept at once.
        """
        self.set_trigger(swept)
        pages = pages_in_use - self.pages_swept
        if swept or pages <= 0:
            self.pages_per_byte = 0.0
            return
        live: int = self.heap_live
        distance = self.trigger - live - SWEEP_MIN_HEAP_DISTANCE
        if self.trigger == NEVER or distance < 8192:
            distance = 8192
        self.pages_per_byte = float(pages) / float(distance)
        self.heap_live_basis = self.heap_live
        self.pages_swept_basis = self.pages_swept
