"""What is said of counts, and used by others: the lemmas of allocCount and of the marks."""

from msgspec.structs import replace

from spanproof.prove.lemmas import Lemma
from spanspec.base.bitmap import Bitmap
from spanspec.base.words import U16
from spanspec.span.freeslots import is_passed_over
from spanspec.span.mspan import (
    Mspan,
    bounds_hold,
    count_alloc,
    count_is_exact,
    is_allocated,
    is_free,
)


def counts_exactly(span: Mspan) -> bool:
    """A span within bounds whose allocCount is the number of its allocated slots."""
    return bounds_hold(span) and count_is_exact(span)


def is_free_slot(span: Mspan, free: U16) -> bool:
    """A slot of the span, and free."""
    return free < span.nelems and is_free(span, free)


def has_room(span: Mspan) -> bool:
    """Not all slots are counted."""
    return span.alloc_count < span.nelems


def is_not_free(span: Mspan, slot: U16) -> bool:
    """A slot of the span is not free."""
    return slot >= span.nelems or not is_free(span, slot)


def has_no_room(span: Mspan) -> bool:
    """All slots are counted."""
    return span.alloc_count == span.nelems


def marks_allocated(span: Mspan, slot: U16) -> bool:
    """Only allocated slots are marked."""
    return slot >= span.nelems or not span.gcmark_bits.bit(slot) or is_allocated(span, slot)


def marks_are_among_the_counted(span: Mspan) -> bool:
    """No more slots are marked than are allocated."""
    return count_alloc(span) <= span.alloc_count


def dies(span: Mspan, dead: U16) -> bool:
    """A slot is allocated, and not marked."""
    return dead < span.nelems and is_allocated(span, dead) and not span.gcmark_bits.bit(dead)


def frees_some(span: Mspan) -> bool:
    """Fewer slots are marked than are allocated."""
    return count_alloc(span) < span.alloc_count


def count_is_between(bits: Bitmap, low: U16, high: U16) -> bool:
    """A stretch of slots has no more bits set than slots. This is so of every bitmap."""
    return low > high or (
        bits.count(low) <= low
        and bits.count(high) <= high
        and bits.count(low) <= bits.count(high)
        and bits.count(high) - bits.count(low) <= high - low
    )


BETWEEN = Lemma("count.between", count_is_between)


def is_counted_when_taken(span: Mspan, slot: U16) -> bool:
    """With one more counted, and the search begun behind the slot, the count is exact again."""
    return count_is_exact(replace(span, freeindex=slot + 1, alloc_count=span.alloc_count + 1))


TAKEN = Lemma(
    "count.taken",
    is_counted_when_taken,
    given=(counts_exactly, is_free_slot),
    every=(is_passed_over,),
)


def is_handed_out(span: Mspan, slot: U16, other: U16) -> bool:
    """Another slot of the span was handed out, and is allocated."""
    return other < span.nelems and is_allocated(span, other)


def is_not_handed_out(span: Mspan, slot: U16, other: U16) -> bool:
    """A slot is not that other one."""
    return slot != other


NOT_AGAIN = Lemma("span.once", is_not_handed_out, given=(is_free_slot, is_handed_out))
ROOM = Lemma("count.room", has_room, given=(counts_exactly, is_free_slot))
FULL = Lemma("count.full", has_no_room, given=(counts_exactly,), every=(is_not_free,))
MARKS = Lemma(
    "count.marks", marks_are_among_the_counted, given=(counts_exactly,), every=(marks_allocated,)
)
FREED = Lemma("count.freed", frees_some, given=(counts_exactly, dies), every=(marks_allocated,))
