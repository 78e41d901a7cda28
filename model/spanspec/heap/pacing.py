"""Pacing of proportional sweeping: how much an allocation has to sweep first (SWP-19, SWP-20)."""

from typing import Final

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.records import Record
from spanspec.base.words import U64

SWEEP_MIN_HEAP_DISTANCE: Final = 1 << 20
"""Bytes of heap growth that are kept for concurrent sweeping at least (CONST-1)."""


class SweepPace(Record, frozen=True):
    """Pages to be swept for each byte of growth since `live_basis`, beyond `swept_basis` pages."""

    pages_per_byte: float = 0.0
    live_basis: U64 = 0
    swept_basis: U64 = 0


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
