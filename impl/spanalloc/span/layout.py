"""The shape of a span: where its pages lie and how they are cut into slots."""

from typing import Final

from mypy_extensions import i64

from spanalloc.base.errors import SpanError
from spanalloc.base.sizeclass import (
    CLASS_OBJECTS,
    CLASS_PAGES,
    CLASS_RECIPROCALS,
    CLASS_SIZES,
    NUM_SPAN_CLASSES,
    PAGE_SIZE,
)
from spanalloc.span.kernels import obj_index

ADDRESS_SPACE: Final = 1 << 48
"""Bytes in the address space of linux/amd64 (CONST-2)."""


class SpanLayout:
    """The fields of a span that stay the same for as long as it is in use (SPAN-1, SPAN-5).

    `base` is its address, a multiple of 8192 in 0..2^48 - 1; `spanclass` its span class, 0..133;
    `npages` its length in pages. Span classes 0 and 1 make a large span: one slot that fills the
    pages, whatever their number. For any other the number must be the one of its size class.

    Raises:
        SpanError: an argument is outside its range.

    """

    def __init__(self, base: int, spanclass: int, npages: int) -> None:
        if not 0 <= base < ADDRESS_SPACE or base % PAGE_SIZE != 0:
            raise SpanError(f"base {base:#x} is not a multiple of {PAGE_SIZE} in 0..2^48 - 1")
        if not 0 <= spanclass < NUM_SPAN_CLASSES:
            raise SpanError(f"span {base:#x}: span class {spanclass} is not in 0..133")
        if not 1 <= npages <= ADDRESS_SPACE // PAGE_SIZE:
            raise SpanError(f"span {base:#x}: {npages} pages, expected 1..2^35")
        sizeclass = spanclass >> 1
        if sizeclass != 0 and npages != CLASS_PAGES[sizeclass]:
            raise SpanError(
                f"span {base:#x}: {npages} pages, but spans of size class {sizeclass} "
                f"have {CLASS_PAGES[sizeclass]}"
            )
        self.base: i64 = base
        self.npages: i64 = npages
        self.spanclass: i64 = spanclass
        self.elemsize: i64 = npages * PAGE_SIZE if sizeclass == 0 else CLASS_SIZES[sizeclass]
        self.nelems: i64 = 1 if sizeclass == 0 else CLASS_OBJECTS[sizeclass]
        self.magic: i64 = CLASS_RECIPROCALS[sizeclass]

    def shape(self, spanclass: i64) -> None:
        """Take the shape of a span class, 0..133, for the pages that there are."""
        sizeclass = spanclass >> 1
        self.spanclass = spanclass
        if sizeclass == 0:
            self.elemsize = self.npages * PAGE_SIZE
            self.nelems = 1
            self.magic = 0
        else:
            self.elemsize = CLASS_SIZES[sizeclass]
            self.nelems = CLASS_OBJECTS[sizeclass]
            self.magic = CLASS_RECIPROCALS[sizeclass]

    def address(self, slot: int) -> i64:
        """Return the address of the first byte of `slot`, 0..nelems - 1 (SPAN-12 step 4).

        Raises:
            SpanError: there is no such slot.

        """
        return self.base + self.checked(slot) * self.elemsize

    def index_of(self, address: int) -> i64:
        """Return the slot that the byte at `address` lies in (SPAN-18).

        The tail beyond the last slot counts as slot nelems.

        Raises:
            SpanError: the address is outside the span.

        """
        start: int = self.base
        length: int = self.npages * PAGE_SIZE
        offset = address - start
        if not 0 <= offset < length:
            raise self.error(f"address {address:#x} is not among its {length} bytes")
        return obj_index(offset, self.magic)

    def checked(self, slot: int) -> i64:
        """Return `slot`, having made sure that the span has it; raises SpanError if not."""
        nelems: int = self.nelems
        if not 0 <= slot < nelems:
            raise self.error(f"there is no slot {slot}, expected 0..{nelems - 1}")
        return slot

    def error(self, problem: str) -> SpanError:
        """Return the error that says `problem` of this span."""
        return SpanError(f"span {int(self.base):#x}: {problem}")
