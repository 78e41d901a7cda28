"""The tiny allocator: several pointer-free objects below 16 bytes in one block (MAL-5 to MAL-9)."""

from typing import Final

from msgspec.structs import replace

from spanspec.base.constants import TINY_SIZE, TINY_SPAN_CLASS
from spanspec.base.ids import NOBODY
from spanspec.base.records import Record
from spanspec.base.steps import step_of
from spanspec.base.words import U8, U64, Count
from spanspec.span.mspan import Mspan, is_allocated


class TinyBlock(Record, frozen=True):
    """The current tiny block of an mcache: its address (0: none) and the bytes used of it.

    `allocs` counts the objects that have gone into a block that was there, this one or another.
    """

    address: U64
    offset: U8
    allocs: Count = 0


NO_TINY_BLOCK: Final = TinyBlock(0, 0, 0)


def is_sound(block: TinyBlock) -> bool:
    """Say what always holds: a block lies at a multiple of 16, and some of it is used.

    Rules: I-36.
    """
    if block.address == 0:
        return block.offset == 0
    return block.address % TINY_SIZE == 0 and 1 <= block.offset <= TINY_SIZE


def block_holds(block: TinyBlock, span: Mspan) -> bool:
    """Tell whether a block is an allocated slot of a span of the tiny class, used from 1 to 16.

    Rules: I-36.
    """
    if block.address == 0 or not is_sound(block):
        return False
    if span.spanclass != TINY_SPAN_CLASS or not span.base <= block.address < span.limit:
        return False
    return is_allocated(span, (block.address - span.base) // TINY_SIZE)


def align_tiny(offset: U8, size: U8) -> U8:
    """Round an offset up to the alignment that a tiny object of 1..15 bytes gets.

    Rules: MAL-5.
    """
    # The alignment of the type is not known here. A size that is a multiple of 8 may hold a 64-bit
    # word, which has to lie at a multiple of 8; likewise for 4 and 2.
    if size & 7 == 0:
        return (offset + 7) & ~7
    if size & 3 == 0:
        return (offset + 3) & ~3
    if size & 1 == 0:
        return (offset + 1) & ~1
    return offset


def tiny_fits(block: TinyBlock, size: U8) -> bool:
    """Tell whether the current block has room for an object of 1..15 bytes.

    Rules: MAL-6.
    """
    return block.address != 0 and align_tiny(block.offset, size) + size <= TINY_SIZE


def may_take_tiny(block: TinyBlock, size: U8) -> bool:
    """Guard: the object is tiny, and the block has room for it.

    Rules: MAL-4 MAL-6.
    """
    return 1 <= size < TINY_SIZE and tiny_fits(block, size)


def take_tiny(block: TinyBlock, size: U8) -> TinyBlock:
    """Return the block after an object was placed at `align_tiny(offset, size)`; it counts.

    Rules: MAL-6 HEAP-40.
    """
    return replace(block, offset=align_tiny(block.offset, size) + size, allocs=block.allocs + 1)


def may_drop_tiny_block(block: TinyBlock, span: int) -> bool:
    """Guard: the mcache has no `span` of the tiny class any more: its slot has NOBODY.

    Rules: MC-6 MC-9.
    """
    return span == NOBODY


def drop_tiny_block(block: TinyBlock, span: int) -> TinyBlock:
    """Return the block of an mcache that is flushed: none, since its span may soon be swept.

    Rules: MC-6 MC-9.
    """
    # The span of the block goes to a list, and a sweep may free the block while an mcache would
    # still place objects in it.
    return replace(block, address=0, offset=0)


def may_replace_tiny_block(block: TinyBlock, fresh: U64, size: U8) -> bool:
    """Guard: the object is tiny, and has missed the block; the fresh slot is another.

    Rules: MAL-4 MAL-7.
    """
    return (
        1 <= size < TINY_SIZE
        and not tiny_fits(block, size)
        and fresh != 0
        and fresh % TINY_SIZE == 0
        and fresh != block.address
    )


def replace_tiny_block(block: TinyBlock, fresh: U64, size: U8) -> TinyBlock:
    """Return the current block after a miss: whichever block has more room left stays.

    `fresh` is the address of the new block, which holds the object of `size` bytes at offset 0.

    Rules: MAL-7 MAL-8.
    """
    # The fresh block has 16 - size bytes left, the current one 16 - offset.
    if block.address == 0 or size < block.offset:
        return TinyBlock(fresh, size, block.allocs)
    return block


TAKE_TINY: Final = step_of("tiny", may_take_tiny, take_tiny, size=int)
REPLACE_TINY_BLOCK: Final = step_of(
    "tiny", may_replace_tiny_block, replace_tiny_block, fresh=int, size=int
)
DROP_TINY_BLOCK: Final = step_of("tiny", may_drop_tiny_block, drop_tiny_block, span=int)

TINY_STEPS: Final = (TAKE_TINY, REPLACE_TINY_BLOCK, DROP_TINY_BLOCK)
"""Every step of a tiny block."""
