"""The statistics that must balance (rules HEAP-36 and HEAP-37); all but the counts are in bytes."""

from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.records import Record
from spanspec.base.words import U64


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


def mapped(stats: HeapStatistics, size: U64) -> HeapStatistics:
    """Count new arenas; they are not idle yet.

    Rules: HEAP-37.
    """
    return replace(stats, heap_sys=stats.heap_sys + size)


def grown(stats: HeapStatistics, size: U64) -> HeapStatistics:
    """Count new arenas as idle and released.

    Rules: HEAP-17 HEAP-37.
    """
    return replace(
        stats, heap_idle=stats.heap_idle + size, heap_released=stats.heap_released + size
    )


def taken_out(stats: HeapStatistics, size: U64, unreleased: U64) -> HeapStatistics:
    """Count pages that leave the free set, of which `unreleased` bytes had been released.

    Rules: HEAP-13 HEAP-37.
    """
    return replace(
        stats, heap_idle=stats.heap_idle - size, heap_released=stats.heap_released - unreleased
    )


def into_use(stats: HeapStatistics, size: U64, npages: U64) -> HeapStatistics:
    """Count pages of a new in-use span.

    Rules: HEAP-22 HEAP-37.
    """
    return replace(
        stats, heap_inuse=stats.heap_inuse + size, pages_in_use=stats.pages_in_use + npages
    )


def into_manual(stats: HeapStatistics, size: U64, stack: bool) -> HeapStatistics:
    """Count pages of a new manual span, which stop counting as heap.

    Rules: HEAP-24 HEAP-37.
    """
    stats = replace(stats, heap_sys=stats.heap_sys - size)
    if stack:
        return replace(stats, stacks_inuse=stats.stacks_inuse + size)
    return replace(stats, gc_manual=stats.gc_manual + size)


def out_of_use(stats: HeapStatistics, size: U64, npages: U64) -> HeapStatistics:
    """Count the pages of an in-use span that is freed.

    Rules: HEAP-28 HEAP-37.
    """
    return replace(
        stats,
        heap_inuse=stats.heap_inuse - size,
        heap_idle=stats.heap_idle + size,
        pages_in_use=stats.pages_in_use - npages,
    )


def out_of_manual(stats: HeapStatistics, size: U64, stack: bool) -> HeapStatistics:
    """Count the pages of a manual span that is freed; they are heap again.

    Rules: HEAP-27 HEAP-37.
    """
    stats = replace(stats, heap_sys=stats.heap_sys + size, heap_idle=stats.heap_idle + size)
    if stack:
        return replace(stats, stacks_inuse=stats.stacks_inuse - size)
    return replace(stats, gc_manual=stats.gc_manual - size)


def scavenged(stats: HeapStatistics, size: U64) -> HeapStatistics:
    """Count bytes that were given back.

    Rules: SCAV-6 SCAV-11 HEAP-37.
    """
    return replace(stats, heap_released=stats.heap_released + size)


class ByteSums(Record, frozen=True):
    """What the statistics must agree with: bytes of all runs by state, and of the current arena.

    `released` has the bytes of scavenged free runs, `arena` those that no span has had yet.
    """

    in_use: U64
    free: U64
    stacks: U64
    gc_manual: U64
    released: U64
    arena: U64
    mapped: U64


def balances(stats: HeapStatistics, sums: ByteSums) -> bool:
    """Tell whether the statistics agree with what the runs add up to.

    Rules: HEAP-36 I-29.
    """
    return (
        stats.heap_inuse == sums.in_use
        and stats.heap_idle == sums.free + sums.arena
        and stats.heap_sys == stats.heap_inuse + stats.heap_idle
        and stats.heap_released == sums.released + sums.arena
        and stats.heap_sys + stats.stacks_inuse + stats.gc_manual == sums.mapped
        and stats.stacks_inuse == sums.stacks
        and stats.gc_manual == sums.gc_manual
        and stats.pages_in_use * PAGE_SIZE == sums.in_use
    )
