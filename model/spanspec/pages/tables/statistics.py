"""The statistics that must balance (rules HEAP-36 and HEAP-37); all but the counts are in bytes."""

from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.records import Record
from spanspec.base.words import U64
from spanspec.pages.tables.records import Arena
from spanspec.pages.tables.runs import LISTED, LOOSE, PageRun, PhysicalPages, released
from spanspec.span.mspan import IN_USE, MANUAL


class HeapStatistics(Record, frozen=True):
    """What the page heap counts; manual spans are in `stacks_inuse` and `gc_manual` only."""

    heap_sys: U64 = 0
    heap_idle: U64 = 0
    heap_inuse: U64 = 0
    heap_released: U64 = 0
    stacks_inuse: U64 = 0
    gc_manual: U64 = 0
    pages_in_use: U64 = 0


def retained(stats: HeapStatistics) -> U64:
    """Return the bytes that the heap has not given back to the operating system.

    Rules: SCAV-2.
    """
    return stats.heap_sys - stats.heap_released


def idle_bytes(run: PageRun) -> U64:
    """Return the bytes of a free run.

    Rules: HEAP-36.
    """
    return run.npages * PAGE_SIZE if run.role == LISTED or run.role == LOOSE else 0


def released_bytes(phys: PhysicalPages, run: PageRun) -> U64:
    """Return the bytes of a free run that the operating system has back.

    Rules: HEAP-11 HEAP-36.
    """
    return released(phys, run) if run.role == LISTED or run.role == LOOSE else 0


def pages_used(run: PageRun) -> U64:
    """Return the pages of a run that is a span of the collected heap.

    Rules: HEAP-36.
    """
    return run.npages if run.state == IN_USE else 0


def manual_bytes(run: PageRun) -> U64:
    """Return the bytes of a run that is a manual span; they do not count as heap.

    Rules: HEAP-36.
    """
    return run.npages * PAGE_SIZE if run.state == MANUAL else 0


def after_change(
    stats: HeapStatistics, phys: PhysicalPages, old: PageRun, new: PageRun, stack: bool
) -> HeapStatistics:
    """Count a descriptor for what it stands for now, and no longer for what it stood for before.

    `stack` tells what it is for if it is, or was, manual.

    Rules: HEAP-13 HEAP-22 HEAP-24 HEAP-27 HEAP-28 HEAP-37 SCAV-6 SCAV-11.
    """
    manual = manual_bytes(new) - manual_bytes(old)
    pages = pages_used(new) - pages_used(old)
    return HeapStatistics(
        stats.heap_sys - manual,
        stats.heap_idle + idle_bytes(new) - idle_bytes(old),
        stats.heap_inuse + pages * PAGE_SIZE,
        stats.heap_released + released_bytes(phys, new) - released_bytes(phys, old),
        stats.stacks_inuse + (manual if stack else 0),
        stats.gc_manual + (0 if stack else manual),
        stats.pages_in_use + pages,
    )


def after_growth(stats: HeapStatistics, mapped: U64, old: Arena, new: Arena) -> HeapStatistics:
    """Count `mapped` bytes of new arenas, and what the current arena holds: idle, and released.

    Rules: HEAP-17 HEAP-18 HEAP-37.
    """
    more = (new.end - new.base) - (old.end - old.base)
    return replace(
        stats,
        heap_sys=stats.heap_sys + mapped,
        heap_idle=stats.heap_idle + more,
        heap_released=stats.heap_released + more,
    )


class ByteSums(Record, frozen=True):
    """What the statistics must agree with: bytes of all runs by state, and of the current arena.

    `released` has the bytes of scavenged free runs, `arena` those that no span has had yet. `hand`
    has the rest of what is mapped: taken and not in use yet, or not in the current arena yet.
    """

    in_use: int
    free: int
    stacks: int
    gc_manual: int
    released: int
    arena: int
    hand: int
    mapped: int


def balances(stats: HeapStatistics, sums: ByteSums) -> bool:
    """Tell whether the statistics agree with what the runs add up to.

    Rules: HEAP-36 I-29.
    """
    return (
        stats.heap_inuse == sums.in_use
        and stats.heap_idle == sums.free + sums.arena
        and stats.heap_sys == stats.heap_inuse + stats.heap_idle + sums.hand
        and stats.heap_released == sums.released + sums.arena
        and stats.heap_sys + stats.stacks_inuse + stats.gc_manual == sums.mapped
        and stats.stacks_inuse == sums.stacks
        and stats.gc_manual == sums.gc_manual
        and stats.pages_in_use * PAGE_SIZE == sums.in_use
    )
