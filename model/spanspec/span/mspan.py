"""The span record, and what its fields mean (rules SPAN-1 to SPAN-10 and SPAN-17 to SPAN-21)."""

from typing import Final, Literal

from msgspec.structs import replace

from spanspec.base.bitmap import NO_BITS, Bitmap, Bits
from spanspec.base.constants import PAGE_SIZE, size_class_of
from spanspec.base.records import Record
from spanspec.base.sizeclass import CLASS_TO_MAGIC, CLASS_TO_SIZE, divide_by_size
from spanspec.base.words import M64, U8, U16, U32, U64

SpanState = Literal[0, 1, 2, 3]

DEAD: Final[SpanState] = 0
IN_USE: Final[SpanState] = 1
MANUAL: Final[SpanState] = 2
FREE: Final[SpanState] = 3
"""Span states (SPAN-2)."""


class Mspan(Record, frozen=True):
    """A run of pages and the state of its slots; the fields are the runtime's (SPAN-1).

    `alloc_cache` is the complement of the `alloc_bits` word that holds `freeindex`, shifted so
    that bit 0 belongs to slot `freeindex`. Its sweepgen is what threads share of it: see
    `spanspec.sharing`.
    """

    base: U64
    npages: U32
    spanclass: U8
    state: U8
    elemsize: U64
    limit: U64
    nelems: U16
    freeindex: U16
    alloc_count: U16
    alloc_cache: U64
    alloc_bits: Bitmap
    gcmark_bits: Bitmap
    needzero: U8


class Layout(Record, frozen=True):
    """Slot size in bytes, number of slots, and bytes of the whole span (SPAN-5)."""

    size: U64
    objects: U64
    total: U64


def layout(npages: U32, elemsize: U64) -> Layout:
    """Return how a span of `npages` pages is cut into slots of `elemsize` bytes.

    Rules: SPAN-5.
    """
    total = npages * PAGE_SIZE
    return Layout(elemsize, total // elemsize if elemsize > 0 else 0, total)


def elemsize_of(spanclass: U8, npages: U32) -> U64:
    """Return the slot size in bytes: the class size, or all pages for a large object.

    Rules: SPAN-1 HEAP-22.
    """
    size_class = size_class_of(spanclass)
    return CLASS_TO_SIZE[size_class] if size_class != 0 else npages * PAGE_SIZE


def init_span(base: U64, npages: U32, spanclass: U8, limit: U64) -> Mspan:
    """Return a span fresh from the page heap, in use, with every slot free.

    `limit` is the end of object data: for a small span the end of its last slot, for a large
    one the base plus the bytes requested.

    Rules: SPAN-3 SPAN-4 SPAN-6.
    """
    elemsize = elemsize_of(spanclass, npages)
    return Mspan(
        base=base,
        npages=npages,
        spanclass=spanclass,
        state=IN_USE,
        elemsize=elemsize,
        limit=limit,
        nelems=layout(npages, elemsize).objects,
        freeindex=0,
        alloc_count=0,
        # All 64 slots ahead are free: the complement of no bits, without reading them.
        alloc_cache=M64,
        alloc_bits=NO_BITS,
        gcmark_bits=NO_BITS,
        needzero=0,
    )


def with_small_limit(span: Mspan) -> Mspan:
    """Return a span whose object data end with its last slot, as no large object is in it.

    Rules: SPAN-4 HEAP-22.
    """
    return replace(span, limit=span.base + span.nelems * span.elemsize)


def has_room(span: Mspan) -> bool:
    """Tell whether some slot is free.

    Rules: SPAN-9 CEN-16.
    """
    return span.alloc_count < span.nelems


def is_allocated(span: Mspan, slot: U16) -> bool:
    """Tell whether slot 0..nelems-1 is allocated: below freeindex, or kept by the last sweep.

    Rules: SPAN-8.
    """
    return slot < span.freeindex or span.alloc_bits.bit(slot)


def is_free(span: Mspan, slot: U16) -> bool:
    """Tell whether slot 0..nelems-1 is free.

    Rules: SPAN-17.
    """
    if slot < span.freeindex:
        return False
    return not span.alloc_bits.bit(slot)


def allocated_below(span: Mspan, end: U16) -> U16:
    """Return how many of the slots 0..end-1 are allocated.

    Rules: SPAN-8 SPAN-9.
    """
    if end <= span.freeindex:
        return end
    # Below freeindex all slots are allocated, whatever their bits say: a bit tells what the last
    # sweep has left, and allocation does not set it.
    return span.freeindex + span.alloc_bits.count(end) - span.alloc_bits.count(span.freeindex)


def count_is_exact(span: Mspan) -> bool:
    """Tell whether allocCount is the number of allocated slots.

    Rules: SPAN-9 I-2.
    """
    return span.alloc_count == allocated_below(span, span.nelems)


def bounds_hold(span: Mspan) -> bool:
    """Tell whether freeindex and allocCount lie within 0..nelems, and nelems within 1..1024.

    Rules: I-1 CONST-1.
    """
    return (
        1 <= span.nelems <= 1024
        and span.freeindex <= span.nelems
        and span.alloc_count <= span.nelems
    )


def count_alloc(span: Mspan) -> U16:
    """Return the number of marked slots.

    Rules: SPAN-20.
    """
    return span.gcmark_bits.count(span.nelems)


def marked_and_free(span: Mspan) -> list[int]:
    """Return the slots that are marked though they are not allocated, in order.

    Rules: SPAN-8 I-4.
    """
    marks, kept = span.gcmark_bits, span.alloc_bits
    # All words at once: most spans have many, and nothing that would have to be told.
    assert isinstance(marks, Bits), "only bits that are known can be looked through"
    assert isinstance(kept, Bits), "only bits that are known can be looked through"
    # What was allocated since the last sweep has no bit in alloc_bits, but lies below freeindex:
    # those slots may be marked, so they are cut off.
    marked = (marks.value & ~kept.value) >> span.freeindex << span.freeindex
    found: list[int] = []
    while marked:
        slot = (marked & -marked).bit_length() - 1
        if slot < span.nelems:
            found.append(slot)
        marked &= marked - 1
    return found


def set_marked(span: Mspan, slot: U16) -> Mspan:
    """Return the span with one more slot marked; only an allocated slot may be.

    Rules: SPAN-21 I-4.
    """
    assert slot < span.nelems, "I-4: a slot beyond the span was marked"
    assert is_allocated(span, slot), "I-4: a free slot was marked"
    return replace(span, gcmark_bits=span.gcmark_bits.with_bit(slot))


def slot_address(span: Mspan, slot: U16) -> int:
    """Return the address of a slot's first byte; for no slot of the span it may be no address.

    Rules: SPAN-12 MAL-22.
    """
    return span.base + slot * span.elemsize


def obj_index(span: Mspan, address: U64) -> U16:
    """Return the slot that holds an address inside the span; 0 for a large span.

    Rules: SPAN-18.
    """
    assert address >= span.base, "SPAN-18: the address lies below the span"
    # The magic numbers of class 0 are all 0, so that every address in a large span leads to slot 0.
    return divide_by_size(CLASS_TO_MAGIC[size_class_of(span.spanclass)], address - span.base)


class FoundObject(Record, frozen=True):
    """The object that an address points into: its base, 0 if there is none, and its slot."""

    base: int
    slot: U16


NO_OBJECT: Final = FoundObject(0, 0)


def find_object(span: Mspan, address: U64) -> FoundObject:
    """Return the object of a span that an interior pointer points into.

    An address outside base..limit, or into a span that is not in use, points to no object. The
    tail behind the last slot lies beyond the limit.

    Rules: SPAN-19.
    """
    if span.state != IN_USE or address < span.base or address >= span.limit:
        return NO_OBJECT
    # Whether the slot is allocated is not asked: no sound program points into a free one.
    slot = obj_index(span, address)
    return FoundObject(slot_address(span, slot), slot)
