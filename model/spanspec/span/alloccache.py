"""The windowed layer of a span: freeindex, the 64-bit allocCache, the fast and the slow search.

Rules SPAN-10 to SPAN-16, and MAL-19 which joins the two searches.
"""

from msgspec.structs import replace

from spanspec.base.bitmap import Bitmap
from spanspec.base.records import Record
from spanspec.base.words import M64, U16, U64, WORD_BITS, trailing_zeros
from spanspec.span.mspan import Mspan


class NextFree(Record, frozen=True):
    """What a search found: a slot, or nelems if none; and the span afterwards."""

    slot: U16
    span: Mspan


def refill_alloc_cache(alloc_bits: Bitmap, index: U16) -> U64:
    """Return the complement of the bitmap word that holds bit `index`, unshifted.

    Rules: SPAN-11.
    """
    return ~alloc_bits.word(index >> 6) & M64


def window_at(alloc_bits: Bitmap, freeindex: U16) -> U64:
    """Return the cache that belongs to a freeindex: bit k is 1 iff slot freeindex + k is free.

    Rules: SPAN-10 CEN-9.
    """
    return refill_alloc_cache(alloc_bits, freeindex) >> (freeindex & 63)


def cache_is_exact(span: Mspan) -> bool:
    """Tell whether allocCache is the window at freeindex; unspecified once freeindex is nelems.

    Rules: SPAN-10 I-3.
    """
    return span.freeindex >= span.nelems or span.alloc_cache == window_at(
        span.alloc_bits, span.freeindex
    )


def next_free_fast(span: Mspan) -> NextFree:
    """Take the lowest free slot of the cached window; fail with nelems and nothing changed.

    It also fails on the last slot of a 64-slot word, unless that is the span's last: the slow
    path then reloads the cache for the next word.

    Rules: SPAN-12 SPAN-13 SPAN-14.
    """
    ahead = trailing_zeros(span.alloc_cache)
    if ahead < WORD_BITS:
        slot = span.freeindex + ahead
        if slot < span.nelems:
            freeindex = slot + 1
            # At a word's border the window is used up, and the next word has to be loaded. The
            # runtime leaves that to the slow path, to keep this one small enough to be inlined.
            if freeindex % WORD_BITS != 0 or freeindex == span.nelems:
                return NextFree(
                    slot,
                    replace(
                        span,
                        alloc_cache=span.alloc_cache >> (ahead + 1),
                        freeindex=freeindex,
                        alloc_count=span.alloc_count + 1,
                    ),
                )
    return NextFree(span.nelems, span)


def next_free_index(span: Mspan) -> NextFree:
    """Find the lowest free slot at or above freeindex, word by word, and step past it.

    The slot is not yet counted as allocated. With none left, freeindex becomes nelems.

    Rules: SPAN-15 SPAN-16.
    """
    assert span.freeindex <= span.nelems, "T-81: s.freeindex > s.nelems"
    if span.freeindex == span.nelems:
        return NextFree(span.nelems, span)
    index = span.freeindex
    cache = span.alloc_cache
    while cache == 0:
        # The window may begin in the middle of a word. What follows is the next whole word.
        index = (index + WORD_BITS) & ~63
        if index >= span.nelems:
            return NextFree(span.nelems, replace(span, freeindex=span.nelems, alloc_cache=cache))
        cache = refill_alloc_cache(span.alloc_bits, index)
    ahead = trailing_zeros(cache)
    slot = index + ahead
    # alloc_bits has whole words, and no bit is set behind the last slot: its complement shows free
    # slots there that the span does not have.
    if slot >= span.nelems:
        return NextFree(span.nelems, replace(span, freeindex=span.nelems, alloc_cache=cache))
    cache = cache >> (ahead + 1)
    index = slot + 1
    # Every bit of this word has been shifted out. Without the reload the cache would say that the
    # next 64 slots are allocated. Behind the last slot there may be no word to load.
    if index % WORD_BITS == 0 and index != span.nelems:
        cache = refill_alloc_cache(span.alloc_bits, index)
    return NextFree(slot, replace(span, freeindex=index, alloc_cache=cache))


def room_found(found: NextFree) -> Mspan:
    """Return a span in which a central list has looked for room, as an mcache gets it.

    The search has stepped past the slot that it found, which is not taken; so freeindex goes back.

    Rules: CEN-4 SPAN-15.
    """
    if found.slot == found.span.nelems:
        return found.span
    return replace(found.span, freeindex=found.slot)


def next_free_slow(span: Mspan) -> NextFree:
    """Take the slot that the slow search finds, and count it; nelems if the span is full.

    Rules: MAL-19.
    """
    found = next_free_index(span)
    if found.slot == span.nelems:
        # A search that comes to the end has found every slot allocated, so a count that disagrees
        # is wrong: the runtime dies here, rather than hand out the same slot twice.
        assert span.alloc_count == span.nelems, "T-15: allocCount disagrees with a full span"
        return found
    assert span.alloc_count < span.nelems, "T-17: allocCount above nelems"
    return NextFree(found.slot, replace(found.span, alloc_count=found.span.alloc_count + 1))


def searched_full(span: Mspan) -> Mspan:
    """Return a full span as the last search leaves it, at its end.

    Rules: MAL-19 MC-4 T-50.
    """
    # Refill is only called after both searches have failed. They are repeated here, because the
    # count alone does not show that nothing is left ahead of freeindex.
    room = next_free_fast(span).slot != span.nelems
    assert not room, "T-50: refill of span with free space remaining"
    searched = next_free_slow(span)
    assert searched.slot == span.nelems, "T-50: refill of span with free space remaining"
    return searched.span


def reload_cache(span: Mspan) -> Mspan:
    """Re-establish the cache when an mcache takes the span from its mcentral.

    Rules: CEN-8 CEN-9.
    """
    assert span.alloc_count < span.nelems, "T-46: span has no free objects"
    assert span.freeindex < span.nelems, "T-46: span has no free objects"
    # In a list the cache is not kept: a sweep may have exchanged the bits, and a look for room has
    # moved freeindex without taking the slot.
    return replace(span, alloc_cache=window_at(span.alloc_bits, span.freeindex))
