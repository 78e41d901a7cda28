"""Memory for the runtime itself: persistentalloc, descriptors, arena metadata (rule OS-9).

None of it is ever seen by the program, but all of it is counted, and can be refused.
"""

from typing import Final, Literal

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.intervals import Regions
from spanspec.base.records import Record
from spanspec.base.words import U64
from spanspec.pages.memory.arena import Os
from spanspec.pages.tables.runs import round_up

PERSISTENT_CHUNK: Final = 256 << 10
"""Bytes of a chunk that persistentalloc cuts up (CONST-1)."""

MAX_BLOCK: Final = 64 << 10
"""Bytes from which on persistentalloc asks the operating system directly (OS-9)."""

FIXALLOC_CHUNK: Final = 16 << 10
"""Bytes of a chunk that descriptors of one kind are cut from (CONST-1)."""

MSPAN_BYTES: Final = 136
MCACHE_BYTES: Final = 1736
TREAP_NODE_BYTES: Final = 56
ARENA_HINT_BYTES: Final = 24
HEAP_ARENA_METADATA: Final = 2164736
ARENA_MAP_BYTES: Final = 32 << 20
GC_BITS_CHUNK: Final = 64 << 10
SWEEP_BLOCK_BYTES: Final = 4096
SPECIAL_FINALIZER_BYTES: Final = 48
SPECIAL_PROFILE_BYTES: Final = 24
FINALIZER_BLOCK_BYTES: Final = 4096
"""Bytes of the runtime's own objects on amd64 (CONST-4)."""

FINALIZERS_PER_BLOCK: Final = (FINALIZER_BLOCK_BYTES - 24) // 40
"""Finalizers that a block of their queue has room for, at 40 bytes each."""

FIRST_ALLSPANS: Final = MAX_BLOCK // 8
"""Descriptors that the first table of all spans has room for (HEAP-3)."""

Statistic = Literal["mspan_sys", "mcache_sys", "gc_sys", "other_sys"]
"""What memory of the runtime is counted as."""


NO_MEMORY_FOR_OWN: Final = "T-26: runtime: cannot allocate memory"
"""The fatal check of persistentalloc, where the operating system refuses memory."""


class Chunk(Record, frozen=True):
    """What persistentalloc cuts up: the address of a chunk, 0 for none, and the bytes taken."""

    base: U64
    offset: U64


NO_CHUNK: Final = Chunk(0, 0)


def check_request(size: U64, align: U64) -> U64:
    """Return the alignment of a request to persistentalloc: 0 stands for 8.

    Rules: OS-9 T-23 T-24 T-25.
    """
    assert size != 0, "T-23: persistentalloc: size == 0"
    if align == 0:
        return 8
    assert align & (align - 1) == 0, "T-24: persistentalloc: align is not a power of 2"
    assert align <= PAGE_SIZE, "T-25: persistentalloc: align is too large"
    return align


def offset_in(chunk: Chunk, size: U64, align: U64) -> U64 | None:
    """Return where in a chunk a piece of memory goes; None if it needs a new chunk.

    Rules: OS-9.
    """
    offset = round_up(chunk.offset, align)
    return None if chunk.base == 0 or offset + size > PERSISTENT_CHUNK else offset


class Metadata:
    """What the runtime has taken for itself, in bytes, by what it is counted as.

    Each P cuts up a chunk of its own; key -1 is the chunk of whoever has no P.
    """

    def __init__(self, os: Os) -> None:
        self._os = os
        self.counted: dict[Statistic, U64] = {
            "mspan_sys": 0,
            "mcache_sys": 0,
            "gc_sys": 0,
            "other_sys": 0,
        }
        self.chunks: dict[int, Chunk] = {}

    def sys_alloc(self, size: U64, statistic: Statistic | None, otherwise: str) -> U64:
        """Take memory from the operating system; `otherwise` is the fatal check if it refuses.

        With None it counts as nothing.

        Rules: OS-2 OS-8.
        """
        address = self._os.alloc(size)
        assert address != 0, otherwise
        if statistic is not None:
            self.counted[statistic] += size
        return address

    def sys_free(self, address: U64, size: U64, statistic: Statistic) -> None:
        """Give memory back to the operating system.

        Rules: OS-7 OS-8.
        """
        assert self.counted[statistic] >= size, "OS-8: a statistic falls below zero"
        self.counted[statistic] -= size
        self._os.release(address, size)

    def persistent(
        self,
        size: U64,
        align: U64,
        statistic: Statistic | None,
        p: int,
        otherwise: str = NO_MEMORY_FOR_OWN,
    ) -> U64:
        """Take memory that is never given back; return its address.

        Large pieces come from the operating system directly; `otherwise` is the fatal check if it
        refuses one. Others are cut off the chunk of P `p`, or without a P (-1) off that of all who
        have none. Chunks are counted as other_sys, until a piece is taken for something else; a
        `statistic` of None is that what is taken counts as nothing.

        Rules: OS-8 OS-9 T-23 T-24 T-25 T-26.
        """
        align = check_request(size, align)
        if size >= MAX_BLOCK:
            return self.sys_alloc(size, statistic, otherwise)
        chunk = self.chunks.get(p, NO_CHUNK)
        offset = offset_in(chunk, size, align)
        if offset is None:
            base = self.sys_alloc(PERSISTENT_CHUNK, "other_sys", NO_MEMORY_FOR_OWN)
            chunk, offset = Chunk(base, 0), round_up(8, align)
        self.chunks[p] = Chunk(chunk.base, offset + size)
        if statistic != "other_sys":
            self.counted["other_sys"] -= size
        if statistic is not None and statistic != "other_sys":
            self.counted[statistic] += size
        return chunk.base + offset


class AllSpans:
    """The table of all descriptors that were ever made (HEAP-3)."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._address = 0
        self.capacity = 0
        self.length = 0

    def record(self) -> None:
        """Enter a new descriptor; a full table gives way to one half as large again.

        Rules: HEAP-3 T-28.
        """
        if self.length >= self.capacity:
            larger = max(FIRST_ALLSPANS, self.capacity * 3 // 2)
            refused = "T-28: runtime: cannot allocate memory"
            address = self._metadata.sys_alloc(larger * 8, "other_sys", refused)
            if self.capacity != 0:
                self._metadata.sys_free(self._address, self.capacity * 8, "other_sys")
            self._address, self.capacity = address, larger
        self.length += 1


class FinalizerBlocks:
    """The blocks in which finalizers that are due wait, 101 in each; none is ever given back."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self.made = 0

    def make_room(self, due: int, p: int) -> None:
        """Take another block, on P `p`, if those that there are have no room for `due` finalizers.

        Rules: SWP-24 OS-9.
        """
        if due > FINALIZERS_PER_BLOCK * self.made:
            self._metadata.persistent(FINALIZER_BLOCK_BYTES, 0, "gc_sys", p)
            self.made += 1


class AllArenas:
    """The table of all arenas, and the metadata of each (AR-5)."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self.capacity = 0
        self.indices = Regions()

    def add(self, arenas: range, phys_page: U64, p: int) -> None:
        """Take the metadata of arenas, one after the other, on P `p`.

        The table doubles when it is full, the old one is lost.

        Rules: AR-5 AR-7 T-10 T-12 T-13.
        """
        for place in range(len(self.indices), len(self.indices) + len(arenas)):
            self._take_metadata(place, phys_page, p)
        self.indices.add(arenas)

    def _take_metadata(self, place: int, phys_page: U64, p: int) -> None:
        """Take the metadata of the arena that comes to a place of the table.

        The map of all arenas, which the first one brings, is in no statistic.

        Rules: AR-5 OS-8.
        """
        metadata = self._metadata
        if place == 0:
            metadata.persistent(
                ARENA_MAP_BYTES,
                8,
                None,
                p,
                otherwise="T-10: out of memory allocating heap arena map",
            )
        metadata.persistent(
            HEAP_ARENA_METADATA,
            8,
            "gc_sys",
            p,
            otherwise="T-12: out of memory allocating heap arena metadata",
        )
        if place == self.capacity:
            self.capacity = 2 * self.capacity if self.capacity else phys_page // 8
            metadata.persistent(
                self.capacity * 8,
                8,
                "gc_sys",
                p,
                otherwise="T-13: out of memory allocating allArenas",
            )
