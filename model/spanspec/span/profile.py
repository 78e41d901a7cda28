"""What versions of Go lay down differently: the profile that rules about a span's shape take.

The geometry of a span is the same idea in every version: pages are cut into slots of the class's
size. What changed are the table of classes (VER-6), and what the runtime keeps inside the span
itself (VER-7): pointer bits of small slots, and mark bits.
"""

from typing import Final

from spanspec.base.constants import (
    MAX_SMALL_SIZE,
    PAGE_SIZE,
    is_noscan,
    make_span_class,
    size_class_of,
)
from spanspec.base.records import Record
from spanspec.base.sizeclass import CLASS_TO_PAGES, CLASS_TO_SIZE
from spanspec.base.words import U8, U16, U32, U64
from spanspec.span.mspan import Mspan, layout

MOST_WITH_BITS: Final = 512
"""Largest slot in bytes whose pointer or mark bits may lie inside the span (VER-7)."""

LEAST_WITH_MARKS: Final = 16
"""Smallest slot in bytes whose mark bits may lie inside the span (VER-7)."""

ALIGNED_TO_8: Final = 24
"""The one slot size above 16 bytes that is no multiple of 16; it came with Go 1.16 (VER-6)."""

BYTES_FOR_MARKS: Final = 128
"""Bytes at the end of a span that hold its mark bits and what goes with them (VER-7)."""

BYTES_PER_POINTER_BIT: Final = 64
"""Bytes of a span for each byte of pointer bits: a bit for each word (VER-7)."""


class Profile(Record, frozen=True):
    """A version's tables of classes, and what it keeps inside spans.

    `heap_bits_in_span`: pointer bits of slots up to 512 bytes lie at the span's end, and larger
    objects with pointers have a header of 8 bytes. `inline_marks`: so do mark bits of slots of 16
    to 512 bytes. `limit_ignores_bits`: the limit is computed as if neither were there.
    """

    class_to_size: tuple[U64, ...]
    class_to_pages: tuple[U32, ...]
    heap_bits_in_span: bool
    inline_marks: bool
    limit_ignores_bits: bool


GO_1_13: Final = Profile(
    class_to_size=CLASS_TO_SIZE,
    class_to_pages=CLASS_TO_PAGES,
    heap_bits_in_span=False,
    inline_marks=False,
    limit_ignores_bits=False,
)
"""The version that the model is of."""


def reserved_bytes(profile: Profile, spanclass: U8, npages: U32, elemsize: U64) -> U64:
    """Return the bytes at a small span's end that are not for slots.

    Rules: SPAN-5 VER-7.
    """
    pointers = 0
    if profile.heap_bits_in_span and not is_noscan(spanclass) and elemsize <= MOST_WITH_BITS:
        pointers = npages * PAGE_SIZE // BYTES_PER_POINTER_BIT
    if profile.inline_marks and LEAST_WITH_MARKS <= elemsize <= MOST_WITH_BITS:
        return pointers + BYTES_FOR_MARKS
    return pointers


def slots_of(profile: Profile, spanclass: U8, npages: U32, elemsize: U64) -> U16:
    """Return how many slots of `elemsize` bytes a small span of `npages` pages has.

    Rules: SPAN-5 VER-7.
    """
    reserved = reserved_bytes(profile, spanclass, npages, elemsize)
    if elemsize == 0 or reserved == 0:
        return layout(npages, elemsize).objects
    return (npages * PAGE_SIZE - reserved) // elemsize


def smallest_large(profile: Profile) -> U64:
    """Return the smallest size in bytes that no class serves: a header counts.

    Rules: SC-10 VER-7.
    """
    return MAX_SMALL_SIZE + 1 - (8 if profile.heap_bits_in_span else 0)


def class_for(profile: Profile, size: U64, noscan: bool) -> U8:
    """Return the span class that serves a request of 1 byte or more: the smallest that holds it.

    Where pointer bits lie inside spans, an object with pointers above 512 bytes has a header of 8.

    Rules: SC-9 SC-10 CONST-5 VER-7.
    """
    header = 8 if profile.heap_bits_in_span and not noscan and size > MOST_WITH_BITS else 0
    for number, slot_size in enumerate(profile.class_to_size):
        if number > 0 and slot_size >= size + header:
            return make_span_class(number, noscan)
    raise AssertionError("SC-10: a request beyond the largest class has no size class")


def limit_holds(profile: Profile, span: Mspan) -> bool:
    """Tell whether the limit of a span ends its last slot, or a large object's bytes.

    Rules: I-6.
    """
    size = span.limit - span.base
    if size_class_of(span.spanclass) == 0:
        return smallest_large(profile) <= size <= span.elemsize
    slots = span.nelems
    if profile.limit_ignores_bits:
        slots = layout(span.npages, span.elemsize).objects
    return size == slots * span.elemsize


def slots_hold(profile: Profile, span: Mspan) -> bool:
    """Tell whether a span has as many slots as fit it; a large one has one.

    Rules: I-6 SPAN-5.
    """
    if size_class_of(span.spanclass) == 0:
        return span.nelems == 1
    return span.nelems == slots_of(profile, span.spanclass, span.npages, span.elemsize)


def class_exists(profile: Profile, span: Mspan) -> bool:
    """Tell whether the span class is one of the version's.

    Rules: I-11 CONST-5.
    """
    return size_class_of(span.spanclass) < len(profile.class_to_size)


def class_holds(profile: Profile, span: Mspan) -> bool:
    """Tell whether slot size and pages agree with the tables, or a large span is one slot.

    Rules: I-11.
    """
    size_class = size_class_of(span.spanclass)
    if size_class == 0:
        return span.elemsize == span.npages * PAGE_SIZE
    return (
        span.elemsize == profile.class_to_size[size_class]
        and span.npages == profile.class_to_pages[size_class]
    )


def is_aligned(profile: Profile, span: Mspan) -> bool:
    """Tell whether slots of 16 bytes or more are aligned to 16, all others to 8.

    The class of 24 bytes, which not every version has, is aligned to 8.

    Rules: I-39 MAL-22 VER-6.
    """
    if span.base % PAGE_SIZE != 0 or span.elemsize % 8 != 0:
        return False
    if span.elemsize < LEAST_WITH_MARKS or span.elemsize % LEAST_WITH_MARKS == 0:
        return True
    return span.elemsize == ALIGNED_TO_8 and ALIGNED_TO_8 in profile.class_to_size
