"""What the slots of a span become: the steps of its record (MAL-10, SWP-24, CEN-8, HEAP-22).

Each goes with the step of what threads share of the span that `BESIDE` names: `taking` takes both
at once. That one's guard asks who may do it, and when; the guard here asks of the record what its
rule needs. A record agrees with what threads share of the span before and after, as `is_told` says.
"""

from typing import Final

from msgspec.structs import replace

from spanspec.base.bitmap import NO_BITS, Bitmap
from spanspec.base.constants import NUM_SPAN_CLASSES, PAGE_SIZE, size_class_of
from spanspec.base.sizeclass import CLASS_TO_PAGES
from spanspec.base.steps import Step, step_of
from spanspec.base.words import U8, U16, U32, U64
from spanspec.heap.state.collector import OFF
from spanspec.sharing.steps import steps
from spanspec.sharing.tables.records import SharedSpan, Sharing
from spanspec.span.alloccache import (
    NextFree,
    next_free_index,
    reload_cache,
    room_found,
    searched_full,
)
from spanspec.span.mspan import (
    DEAD,
    IN_USE,
    Mspan,
    has_room,
    init_span,
    set_marked,
    with_small_limit,
)
from spanspec.span.sweep import Swept, sweep

NO_CONTENTS: Final = Mspan(
    base=0,
    npages=0,
    spanclass=0,
    state=DEAD,
    elemsize=0,
    limit=0,
    nelems=0,
    freeindex=0,
    alloc_count=0,
    alloc_cache=0,
    alloc_bits=NO_BITS,
    gcmark_bits=NO_BITS,
    needzero=0,
)
"""What stands for the record of a span that is not in use."""


def is_told(record: Mspan, it: SharedSpan) -> bool:
    """Say what always holds: threads are told of a span what its record says.

    Whether it is in use, whether it is large, and whether some slot is free. The slot of a large
    span is promised to one object from the first, and counts as taken.

    Rules: CEN-6 CEN-16 MAL-12.
    """
    if not it.in_use or record.state != IN_USE:
        return not it.in_use and record.state == DEAD
    if size_class_of(record.spanclass) == 0:
        return it.large and (not it.has_free or has_room(record))
    return not it.large and it.has_free == has_room(record)


def class_is_told(record: Mspan, it: SharedSpan) -> bool:
    """Say what always holds: a small span in use is of the class that threads take it for.

    Rules: CEN-1.
    """
    return not it.in_use or it.large or it.spanclass == record.spanclass


def is_of(record: Mspan, it: SharedSpan) -> bool:
    """Tell whether a record is that of a span in use, and large if threads know it as such.

    Rules: SPAN-2.
    """
    return (
        it.in_use and record.state == IN_USE and it.large == (size_class_of(record.spanclass) == 0)
    )


# --- into use and out of it -----------------------------------------------------------------------


def may_enter_use(record: Mspan, it: SharedSpan, base: U64, npages: U32, spanclass: U8) -> bool:
    """Guard: the descriptor is not in use, and was made ready for the class; the pages are whole,
    and as many as one of the class has.

    Rules: HEAP-22 SPAN-6.
    """
    size_class = size_class_of(spanclass)
    if record.state != DEAD or it.in_use or spanclass >= NUM_SPAN_CLASSES:
        return False
    if npages < 1 or base < PAGE_SIZE or base % PAGE_SIZE != 0:
        return False
    if size_class == 0:
        return it.large and not it.has_free
    return (
        not it.large
        and it.has_free
        and it.spanclass == spanclass
        and npages == CLASS_TO_PAGES[size_class]
    )


def enter_use(record: Mspan, it: SharedSpan, base: U64, npages: U32, spanclass: U8) -> Mspan:
    """Set up the slots of a span on fresh pages, all of them free.

    Rules: HEAP-22 SPAN-4 SPAN-6.
    """
    return with_small_limit(init_span(base, npages, spanclass, base))


def may_leave_use(record: Mspan, it: SharedSpan) -> bool:
    """Guard: the span is in use, and none of its slots is allocated.

    Rules: SWP-26 HEAP-28.
    """
    return is_of(record, it) and record.alloc_count == 0


def leave_use(record: Mspan, it: SharedSpan) -> Mspan:
    """Forget the slots of a span that goes back to the page heap.

    Rules: SWP-26.
    """
    return NO_CONTENTS


# --- allocation -----------------------------------------------------------------------------------


def allocate_black(span: Mspan, slot: U16, phase: int) -> Mspan:
    """Return a span in which a slot has just been allocated: while marking, it is marked at once.

    Rules: MAL-14.
    """
    # Else it would have to be found by the marker to survive the cycle in which it was made.
    return span if phase == OFF else set_marked(span, slot)


def with_large_object(span: Mspan, size: U64) -> Mspan:
    """Return a large span whose only slot holds an object of so many bytes.

    Rules: MAL-11 MAL-12.
    """
    assert span.alloc_count == 0, "MAL-12: the large span holds an object already"
    return replace(span, freeindex=1, alloc_count=1, limit=span.base + size)


def may_take_slot(record: Mspan, found: NextFree, phase: int) -> bool:
    """Guard: a search of this span has found the slot, and has counted it.

    Rules: MAL-10 SPAN-12 SPAN-15.
    """
    # That the slot is free is not asked of the bits again, for each object: it is what a search is
    # proved to find.
    slot, searched = found.slot, found.span
    return (
        slot < record.nelems
        and searched.freeindex == slot + 1
        and searched.alloc_count == record.alloc_count + 1
    )


def take_slot(record: Mspan, found: NextFree, phase: int) -> Mspan:
    """Allocate the slot that a search of the span has found.

    Rules: MAL-10 MAL-14.
    """
    return allocate_black(found.span, found.slot, phase)


def may_take_large(record: Mspan, it: SharedSpan, size: U64, phase: int) -> bool:
    """Guard: the span was taken for an object that needs just its pages.

    Rules: MAL-11 MAL-12.
    """
    pages = record.npages * PAGE_SIZE
    return is_of(record, it) and it.large and pages - PAGE_SIZE < size <= pages


def take_large(record: Mspan, it: SharedSpan, size: U64, phase: int) -> Mspan:
    """Allocate the only slot of a large span, for an object of so many bytes.

    Rules: MAL-11 MAL-12 MAL-14.
    """
    return allocate_black(with_large_object(record, size), 0, phase)


# --- in and out of an mcache ----------------------------------------------------------------------


def may_search(record: Mspan, it: SharedSpan) -> bool:
    """Guard: the span is one of small objects, in use.

    Rules: CEN-4 MC-4.
    """
    return is_of(record, it) and not it.large


def search_full(record: Mspan, it: SharedSpan) -> Mspan:
    """Search a full span to its end before an mcache lets go of it.

    Rules: MAL-19 MC-4 T-50.
    """
    return searched_full(record)


def look_for_room(record: Mspan, it: SharedSpan) -> Mspan:
    """Look in a span for a free slot, from which its next search begins; at its end if it is full.

    Rules: CEN-4 SPAN-15.
    """
    return room_found(next_free_index(record))


def may_enter_cache(record: Mspan, it: SharedSpan) -> bool:
    """Guard: the span is one of small objects, in use, and known to have a free slot.

    Rules: CEN-8.
    """
    return is_of(record, it) and not it.large and it.has_free


def enter_cache(record: Mspan, it: SharedSpan) -> Mspan:
    """Make the cache of a span that an mcache gets, which has a free slot.

    Rules: CEN-8 CEN-9 T-46.
    """
    return reload_cache(record)


# --- sweeping -------------------------------------------------------------------------------------


def may_sweep_slots(record: Mspan, it: SharedSpan, marks: Bitmap) -> bool:
    """Guard: the span is in use.

    Rules: SWP-24.
    """
    return is_of(record, it)


def sweep_slots(record: Mspan, it: SharedSpan, marks: Bitmap) -> Swept:
    """Make the marks that a sweep finds the slots of its span.

    Rules: SWP-24 SWP-28.
    """
    return sweep(replace(record, gcmark_bits=marks))


PART: Final = "spans"

ENTER_USE: Final = step_of(
    PART, may_enter_use, enter_use, it=SharedSpan, base=int, npages=int, spanclass=int
)
LEAVE_USE: Final = step_of(PART, may_leave_use, leave_use, it=SharedSpan)
TAKE_SLOT: Final = step_of(PART, may_take_slot, take_slot, found=NextFree, phase=int)
TAKE_LARGE: Final = step_of(PART, may_take_large, take_large, it=SharedSpan, size=int, phase=int)
SEARCH_FULL: Final = step_of(PART, may_search, search_full, it=SharedSpan)
LOOK_FOR_ROOM: Final = step_of(PART, may_search, look_for_room, it=SharedSpan)
ENTER_CACHE: Final = step_of(PART, may_enter_cache, enter_cache, it=SharedSpan)
SWEEP_SLOTS: Final = step_of(PART, may_sweep_slots, sweep_slots, it=SharedSpan, marks=Bitmap)

BESIDE: Final[dict[str, Step[Sharing]]] = {
    ENTER_USE.name: steps.USE,
    LEAVE_USE.name: steps.FREE,
    TAKE_SLOT.name: steps.ALLOCATE,
    SEARCH_FULL.name: steps.RETIRE,
    LOOK_FOR_ROOM.name: steps.CHECK_ROOM,
    ENTER_CACHE.name: steps.INSTALL,
    SWEEP_SLOTS.name: steps.EXAMINE,
}
"""With which step of what threads share of a span each step of its slots is taken, but for that of
a large object, of which nobody else knows anything.
"""
