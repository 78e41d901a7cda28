"""Blocks, and the memory that they live in. Addresses and sizes are in bytes."""

from typing import Final

from spanspec.base.ids import NOBODY, Address
from spanspec.base.records import Record
from spanspec.base.tables import AddressMap, Table
from spanspec.base.words import U64, Count

NOTHING: Final = Address(NOBODY)
"""What an address belongs to in which nothing lives."""


class Block(Record, frozen=True):
    """What lives and dies as a whole: one object, or several tiny ones side by side.

    Its last object ends at `used` bytes of its `size`, 0 where no block begins. `kept` is the last
    cycle that it is known to live through, -1 for none.
    """

    size: U64
    used: U64
    noscan: bool
    kept: int
    finalizer: bool


NO_BLOCK: Final = Block(0, 0, False, 0, False)


class Objects(Record, frozen=True):
    """A heap as programs see it; a block is known by its first address.

    `cycle` counts the ends of marking, `marking` tells that it is under way. An address lies in a
    block (`block_at`), is usable (`mapped`), and may hold something other than zero (`written`).
    """

    cycle: Count
    marking: bool
    blocks: Table[Address, Block]
    block_at: AddressMap[Address]
    mapped: AddressMap[bool]
    written: AddressMap[bool]


def lives(heap: Objects, block: Address) -> bool:
    """Tell whether a block begins at an address."""
    return heap.blocks[block].size != 0


def is_condemned(heap: Objects, block: Address) -> bool:
    """Tell whether the last marking left a block out: the program cannot reach it any more."""
    return lives(heap, block) and heap.blocks[block].kept < heap.cycle


def newest(heap: Objects) -> Count:
    """Return the cycle that a new block, or a marked one, lives through."""
    return heap.cycle + 1 if heap.marking else heap.cycle


def alignment_for(size: U64) -> U64:
    """Return what the address of an object is a multiple of: 16 from 16 bytes on.

    Below, it is the largest of 8, 4, 2 and 1 that divides the size (MAL-5, MAL-22).
    """
    if size >= 16:
        return 16
    if size % 8 == 0:
        return 8
    if size % 4 == 0:
        return 4
    return 2 if size % 2 == 0 else 1


def is_aligned(address: Address, size: U64) -> bool:
    """Tell whether an object of so many bytes may begin at an address."""
    unit = alignment_for(size)
    return (
        (unit < 16 or address % 16 == 0)
        and (unit < 8 or address % 8 == 0)
        and (unit < 4 or address % 4 == 0)
        and (unit < 2 or address % 2 == 0)
    )
