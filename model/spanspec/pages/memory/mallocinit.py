"""What the allocator requires of the machine before anything is allocated (AR-1, T-1 to T-6)."""

from typing import Final

from spanspec.base.constants import MIN_PHYS_PAGE_SIZE, TINY_SIZE, TINY_SIZE_CLASS
from spanspec.base.records import Record
from spanspec.base.sizeclass import CLASS_TO_SIZE
from spanspec.base.words import U64
from spanspec.pages.tables.runs import PhysicalPages, round_up

HEAP_ARENA_BITMAP_BYTES: Final = 2 << 20
"""Bytes of the bitmap that tells pointers from scalars, for each arena (CONST-2)."""


def is_power_of_two(value: U64) -> bool:
    """Tell whether a number is 1, 2, 4, 8 and so on."""
    return value > 0 and value & (value - 1) == 0


def check_build(tiny_class_size: U64, bitmap_bytes: U64) -> None:
    """Require what the constants of a build have to fulfil.

    Rules: AR-1 T-1 T-2.
    """
    assert tiny_class_size == TINY_SIZE, "T-1: bad TinySizeClass"
    assert is_power_of_two(bitmap_bytes), "T-2: heapArenaBitmapBytes not a power of 2"


def check_machine(phys: PhysicalPages) -> None:
    """Require page sizes that the allocator can work with.

    Rules: AR-1 CONST-3 T-3 T-4 T-5 T-6.
    """
    assert phys.size != 0, "T-3: failed to get system page size"
    assert phys.size >= MIN_PHYS_PAGE_SIZE, "T-4: bad system page size"
    assert is_power_of_two(phys.size), "T-5: bad system page size"
    assert phys.huge == 0 or is_power_of_two(phys.huge), "T-6: bad system huge page size"


def mallocinit(phys: PhysicalPages) -> None:
    """Check the build and the machine; afterwards the heap can be made.

    Rules: AR-1 T-1 T-2 T-3 T-4 T-5 T-6.
    """
    check_build(CLASS_TO_SIZE[TINY_SIZE_CLASS], HEAP_ARENA_BITMAP_BYTES)
    check_machine(phys)


class LinearAlloc(Record, frozen=True):
    """Reserved memory that is handed out from its low end: next..end, mapped up to `mapped`.

    On 64-bit machines there is none: all three are 0, and every request fails (AR-2).
    """

    next: U64 = 0
    mapped: U64 = 0
    end: U64 = 0


class Placed(Record, frozen=True):
    """Where a piece of memory was placed, 0 if it was not; the allocator afterwards."""

    address: U64
    after: LinearAlloc


def linear_alloc(linear: LinearAlloc, size: U64, align: U64, phys_page: U64) -> Placed:
    """Take a piece from the low end; what is not mapped yet is then mapped, in whole pages.

    Rules: AR-2 AR-3.
    """
    address = round_up(linear.next, align)
    if address + size > linear.end:
        return Placed(0, linear)
    end = round_up(address + size - 1, phys_page)
    return Placed(address, LinearAlloc(address + size, max(linear.mapped, end), linear.end))
