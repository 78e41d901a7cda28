"""The abstract layer of a span: which slots are allocated, and nothing else.

This is what an allocator must do, said without freeindex or cache: *the next free slot is the
lowest free one*. The windowed layer (`alloccache`) is proved to do exactly this.
"""

from spanspec.base.bitmap import Bitmap
from spanspec.base.records import Record
from spanspec.base.words import U16
from spanspec.span.mspan import Mspan, is_allocated, is_free


class SlotSet(Record, frozen=True):
    """The slots 0..nelems-1 of a span, and which of them are allocated."""

    nelems: U16
    allocated: Bitmap


class Taken(Record, frozen=True):
    """A slot handed out (nelems if there was none) and the slots afterwards."""

    slot: U16
    slots: SlotSet


def lowest_free(slots: SlotSet) -> U16:
    """Return the lowest slot that is not allocated, or nelems if all are.

    Rules: SPAN-15.
    """
    slot = 0
    while slot < slots.nelems and slots.allocated.bit(slot):
        slot = slot + 1
    return slot


def allocate(slots: SlotSet) -> Taken:
    """Hand out the lowest free slot; nothing changes if there is none.

    Rules: SPAN-8 SPAN-15.
    """
    slot = lowest_free(slots)
    if slot == slots.nelems:
        return Taken(slot, slots)
    return Taken(slot, SlotSet(slots.nelems, slots.allocated.with_bit(slot)))


def collect(slots: SlotSet, marked: Bitmap) -> SlotSet:
    """Keep exactly the marked slots: what a sweep means.

    Rules: SWP-28 I-27.
    """
    return SlotSet(slots.nelems, marked)


def ends_search(span: Mspan, slot: U16) -> bool:
    """Tell whether a search may end at `slot`: it is free, or the end of the span.

    Rules: SPAN-15.
    """
    return span.freeindex <= slot <= span.nelems and (slot == span.nelems or is_free(span, slot))


def is_passed_over(span: Mspan, slot: U16, below: U16) -> bool:
    """Tell whether a search that ends at `slot` is right to pass over the slot `below`.

    Rules: SPAN-15.
    """
    return not span.freeindex <= below < slot or is_allocated(span, below)


def is_lowest_free(span: Mspan, slot: U16) -> bool:
    """Tell whether `slot` is the lowest free slot of the span, or nelems with none free.

    Slots below freeindex are allocated by definition, so the search starts there.

    Rules: SPAN-8 SPAN-15.
    """
    return ends_search(span, slot) and all(
        is_passed_over(span, slot, below) for below in range(span.freeindex, slot)
    )
