"""Pacing of proportional sweeping: how much an allocation has to sweep first (SWP-19, SWP-20)."""

from typing import Final

from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.records import Record
from spanspec.base.words import U64

SWEEP_MIN_HEAP_DISTANCE: Final = 1 << 20
"""Bytes of heap growth that are kept for concurrent sweeping at least (CONST-1)."""


NO_MORE_RECLAIM: Final = 1 << 63
"""The reclaim index once the reclaimer has passed all arenas (SWP-21)."""

CHUNK_PAGES: Final = 512
"""Pages that the reclaimer takes at a time; chunks divide an arena evenly (SWP-22)."""


class SweepPace(Record, frozen=True):
    """Pages to be swept for each byte of growth since `live_basis`, beyond `swept_basis` pages."""

    pages_per_byte: float = 0.0
    live_basis: U64 = 0
    swept_basis: U64 = 0


class Progress(Record, frozen=True):
    """How far a sweep phase has come, in pages: swept so far, and in use when it began.

    `reclaim_index` is the place of the reclaimer; `reclaim_credit` what was swept free, and nobody
    has used yet.
    """

    pages_swept: U64 = 0
    pages_to_sweep: U64 = 0
    reclaim_index: U64 = 0
    reclaim_credit: U64 = 0


def begin_sweeping(pages_in_use: U64) -> Progress:
    """Return the progress of a sweep phase that begins.

    Rules: SWP-23 SWP-35.
    """
    return Progress(0, pages_in_use, 0, 0)


def count_swept(progress: Progress, npages: U64) -> Progress:
    """Count the pages of a span that was swept.

    Rules: SWP-19 SWP-24.
    """
    return replace(progress, pages_swept=progress.pages_swept + npages)


def give_credit(progress: Progress, npages: U64) -> Progress:
    """Leave pages that went back to the page heap to whoever wants some next.

    Rules: SWP-15 SWP-23.
    """
    return replace(progress, reclaim_credit=progress.reclaim_credit + npages)


def credit_taken(found: U64, wanted: U64) -> U64:
    """Return how many of the pages that are free already serve those that are wanted.

    Rules: SWP-21.
    """
    return found if found < wanted else wanted


def credit_left(found: U64, wanted: U64) -> U64:
    """Return how many of the pages that are free already are left for others.

    Rules: SWP-21.
    """
    return found - credit_taken(found, wanted)


def use_credit(progress: Progress, taken: U64) -> Progress:
    """Take pages from the credit; what was read of it may be out of date, and too much.

    Rules: SWP-21.
    """
    return replace(progress, reclaim_credit=credit_left(progress.reclaim_credit, taken))


def next_chunk(index: U64) -> U64:
    """Return the place of the reclaimer after the chunk at a place was taken.

    Rules: SWP-21 SWP-22.
    """
    return index + CHUNK_PAGES


def take_chunk(progress: Progress, index: U64) -> Progress:
    """Go on behind a chunk, unless somebody else has gone on further.

    Rules: SWP-21 SWP-22.
    """
    after = next_chunk(index)
    if progress.reclaim_index >= after:
        return progress
    return replace(progress, reclaim_index=after)


def end_reclaiming(progress: Progress) -> Progress:
    """Let nobody look for chunks any more: the last arena was passed.

    Rules: SWP-21.
    """
    return replace(progress, reclaim_index=NO_MORE_RECLAIM)


class Debt(Record, frozen=True):
    """Pages to have been swept since the pacing basis, and pages swept since then."""

    target: int
    swept: int


def sweep_pace(trigger: U64, heap_live: U64, pages_in_use: U64, pages_swept: U64) -> SweepPace:
    """Return the pace that has everything swept when the heap reaches its trigger.

    Rules: SWP-20.
    """
    pages = pages_in_use - pages_swept
    if pages <= 0:
        return SweepPace(0.0, heap_live, pages_swept)
    distance = max(trigger - heap_live - SWEEP_MIN_HEAP_DISTANCE, PAGE_SIZE)
    return SweepPace(float(pages) / float(distance), heap_live, pages_swept)


def debt(
    pace: SweepPace, heap_live: U64, pages_swept: U64, span_bytes: U64, caller_pages: U64
) -> Debt | None:
    """Return what is to be swept before a span of `span_bytes` is taken; None if nothing.

    Rules: SWP-19.
    """
    if pace.pages_per_byte == 0:
        return None
    live = heap_live - pace.live_basis + span_bytes
    target = int(pace.pages_per_byte * float(live)) - caller_pages
    swept = pages_swept - pace.swept_basis
    return Debt(target, swept) if target > swept else None


def left_of(owed: Debt, pace: SweepPace, pages_swept: U64) -> Debt | None:
    """Return what is left of a debt after a sweep; the target stays what it was at first.

    Rules: SWP-19.
    """
    swept = pages_swept - pace.swept_basis
    return Debt(owed.target, swept) if owed.target > swept else None


def trigger_for(goal: U64, heap_live: U64) -> U64:
    """Return a heap size at which the next cycle starts: seven eighths of the way to the goal.

    The runtime steers this ratio by feedback; to the allocator it is an input. It is never less
    than 1 MiB above the live heap while sweeping is not done (SWP-20).
    """
    return max(heap_live + (goal - heap_live) * 7 // 8, heap_live + SWEEP_MIN_HEAP_DISTANCE)
