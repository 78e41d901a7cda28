"""The tiny allocator: several pointer-free objects below 16 bytes in one block (MAL-5 to MAL-9)."""

from typing import Final

from msgspec.structs import replace

from spanspec.base.constants import TINY_SIZE, TINY_SPAN_CLASS
from spanspec.base.records import Record
from spanspec.base.words import U8, U64
from spanspec.span.mspan import Mspan, is_allocated


class TinyBlock(Record, frozen=True):
    """The current tiny block of an mcache: its address (0: none) and the bytes used of it."""

    address: U64
    offset: U8


NO_TINY_BLOCK: Final = TinyBlock(0, 0)


def block_holds(block: TinyBlock, span: Mspan) -> bool:
    """Tell whether a block is an allocated slot of a span of the tiny class, used from 1 to 16.

    Rules: I-36.
    """
    if block.address % TINY_SIZE != 0 or not 1 <= block.offset <= TINY_SIZE:
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


def take_tiny(block: TinyBlock, size: U8) -> TinyBlock:
    """Return the block after an object was placed at `align_tiny(offset, size)`.

    Rules: MAL-6.
    """
    assert tiny_fits(block, size), "MAL-6: the tiny object does not fit the current block"
    return replace(block, offset=align_tiny(block.offset, size) + size)


def drop_tiny_block(block: TinyBlock) -> TinyBlock:
    """Return the block of an mcache that is flushed: none, since its span may soon be swept.

    Rules: MC-6 MC-9.
    """
    # The span of the block goes to a list, and a sweep may free the block while an mcache would
    # still place objects in it.
    return NO_TINY_BLOCK


def replace_tiny_block(block: TinyBlock, fresh: U64, size: U8) -> TinyBlock:
    """Return the current block after a miss: whichever block has more room left stays.

    `fresh` is the address of the new block, which holds the object of `size` bytes at offset 0.

    Rules: MAL-7 MAL-8.
    """
    # The fresh block has 16 - size bytes left, the current one 16 - offset.
    if block.address == 0 or size < block.offset:
        return TinyBlock(fresh, size)
    return block
