"""The machine is another than the runtime is made for, or has no memory."""

from typing import Final

from spanproof.theorems.courses.limits.fatal.checks import Checks
from spanspec.heap.heap import Heap
from spanspec.pages.memory import mallocinit
from spanspec.pages.memory.arena import GrantingOs, Hint
from spanspec.pages.memory.osmemory import check_release
from spanspec.pages.memory.persistent import (
    ARENA_MAP_BYTES,
    FIRST_ALLSPANS,
    GC_BITS_CHUNK,
    HEAP_ARENA_METADATA,
    PERSISTENT_CHUNK,
    Metadata,
    check_request,
)
from spanspec.pages.tables.runs import AMD64, PhysicalPages

# --- the machine, and what the operating system answers -----------------------------------------


def tiny_class_of_another_size() -> None:
    mallocinit.check_build(24, mallocinit.HEAP_ARENA_BITMAP_BYTES)


def bitmap_of_an_odd_size() -> None:
    mallocinit.check_build(16, 3 << 20)


def no_page_size() -> None:
    Heap(phys=PhysicalPages(0, 0))


def small_physical_pages() -> None:
    Heap(phys=PhysicalPages(2048, 0))


def odd_physical_pages() -> None:
    Heap(phys=PhysicalPages(12288, 0))


def odd_huge_pages() -> None:
    Heap(phys=PhysicalPages(4096, 3 << 20))


class NoHints(GrantingOs):
    """Grants no hint, and answers with one place to everything else."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place

    def reserve(self, address: int, size: int) -> int:
        """Grant no hint, and the place otherwise."""
        return 0 if address != 0 else self.place


def a_region_beyond_the_address_space() -> None:
    Heap(os=NoHints(1 << 48)).malloc(8)


def a_region_that_is_not_aligned() -> None:
    heap = Heap()
    heap.state.pages.set_hints((Hint(0x7F00_0000_1000, False),), 0)
    heap.malloc(8)


class Refusing(GrantingOs):
    """Refuses memory of some size for the runtime itself, once it has granted some."""

    def __init__(self, refused: int, granted: int = 0) -> None:
        super().__init__()
        self.refused = refused
        self.granted = granted

    def alloc(self, size: int) -> int:
        """Refuse the size, once it was granted often enough."""
        if size == self.refused:
            self.granted -= 1
        return 0 if self.granted < 0 else super().alloc(size)


def no_memory_for_the_arena_map() -> None:
    Heap(os=Refusing(ARENA_MAP_BYTES)).malloc(8)


def the_same_arena_twice() -> None:
    heap = Heap(os=NoHints(0x7F00_0000_0000))
    for _ in range(4):
        heap.malloc(40 << 20)


def no_memory_for_the_metadata_of_an_arena() -> None:
    Heap(os=Refusing(HEAP_ARENA_METADATA)).malloc(8)


def no_memory_for_the_table_of_arenas() -> None:
    # With pages of 512 KiB the first table is large enough to be asked for directly.
    Heap(os=Refusing(512 << 10), phys=PhysicalPages(512 << 10, 0)).malloc(8)


def no_memory_for_a_persistent_chunk() -> None:
    Heap(os=Refusing(PERSISTENT_CHUNK))


def no_memory_for_the_table_of_spans() -> None:
    Heap(os=Refusing(FIRST_ALLSPANS * 8)).malloc(8)


def no_memory_for_mark_bits() -> None:
    # The table of all spans is as large as a chunk of bits, and is made first.
    Heap(os=Refusing(GC_BITS_CHUNK, granted=1)).malloc(8)


class Unmapping(GrantingOs):
    """Maps memory somewhere else, or not at all."""

    def __init__(self, mapped_at: int) -> None:
        super().__init__()
        self.mapped_at = mapped_at

    def map(self, address: int, size: int) -> int:
        """Map the memory at the other place."""
        return self.mapped_at


def memory_that_cannot_be_mapped() -> None:
    Heap(os=Unmapping(0)).malloc(8)


def memory_that_is_mapped_elsewhere() -> None:
    Heap(os=Unmapping(0x7000_0000_0000)).malloc(8)


def nothing_of_persistent_memory() -> None:
    check_request(0, 8)


def persistent_memory_at_odd_addresses() -> None:
    check_request(8, 24)


def persistent_memory_at_wide_addresses() -> None:
    Metadata(GrantingOs()).persistent(8, 16384, "other_sys", 0)


def a_release_of_half_a_page() -> None:
    check_release(AMD64, 0xC000000000, 6000)


CHECKS: Final[Checks] = (
    ("T-1", tiny_class_of_another_size),
    ("T-2", bitmap_of_an_odd_size),
    ("T-3", no_page_size),
    ("T-4", small_physical_pages),
    ("T-5", odd_physical_pages),
    ("T-6", odd_huge_pages),
    ("T-8", a_region_beyond_the_address_space),
    ("T-9", a_region_that_is_not_aligned),
    ("T-10", no_memory_for_the_arena_map),
    ("T-11", the_same_arena_twice),
    ("T-12", no_memory_for_the_metadata_of_an_arena),
    ("T-13", no_memory_for_the_table_of_arenas),
    ("T-26", no_memory_for_a_persistent_chunk),
    ("T-28", no_memory_for_the_table_of_spans),
    ("T-45", no_memory_for_mark_bits),
    ("T-79", memory_that_cannot_be_mapped),
    ("T-80", memory_that_is_mapped_elsewhere),
    ("T-23", nothing_of_persistent_memory),
    ("T-24", persistent_memory_at_odd_addresses),
    ("T-25", persistent_memory_at_wide_addresses),
    ("T-78", a_release_of_half_a_page),
)
"""Each fatal check, and what runs into it."""
