"""Mutants of the two searches for a free slot."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

FAST = "spanspec.span.alloccache.next_free_fast"
SLOW = "spanspec.span.alloccache.next_free_index"

SEARCH_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.span.alloccache.room_found",
        Variant(
            "room-is-lost",
            "replace(found.span, freeindex=found.slot)",
            "found.span",
            "span.room-found",
            "the slot that a central list has found free is passed over for good",
        ),
    ),
    *variants_of(
        FAST,
        Variant(
            "fast-ignores-word-end",
            "freeindex % WORD_BITS != 0 or freeindex == span.nelems",
            "freeindex <= span.nelems",
            "span.fast.takes-lowest",
            "the fast path takes the last slot of a word and leaves a used-up cache",
        ),
        Variant(
            "fast-freeindex-stays",
            "freeindex=freeindex",
            "freeindex=slot",
            "span.fast.takes-lowest",
            "freeindex is not advanced, the slot is handed out again",
        ),
        Variant(
            "fast-shift-one-short",
            ">> (ahead + 1)",
            ">> ahead",
            "span.fast.takes-lowest",
            "the cache is shifted one bit too little",
        ),
        Variant(
            "fast-beyond-the-end",
            "slot < span.nelems",
            "slot <= span.nelems",
            "span.fast.takes-lowest",
            "padding bits behind the last slot are handed out",
        ),
        Variant(
            "fast-not-counted",
            "span.alloc_count + 1",
            "span.alloc_count",
            "span.fast.takes-lowest",
            "the allocation is not counted",
        ),
        Variant(
            "fast-gives-up",
            "ahead < WORD_BITS",
            "ahead < 32",
            "span.fast.fails-only-if",
            "the fast path ignores the upper half of its window",
        ),
    ),
    *variants_of(
        SLOW,
        Variant(
            "slow-not-rounded",
            "(index + WORD_BITS) & ~63",
            "index + WORD_BITS",
            "span.slow.takes-lowest",
            "the search goes 64 slots on instead of to the next word",
        ),
        Variant(
            "slow-skips-a-word",
            "index + WORD_BITS",
            "index + 2 * WORD_BITS",
            "span.slow.takes-lowest",
            "the search skips every other word",
        ),
        Variant(
            "slow-no-refill",
            "index % WORD_BITS == 0",
            "index % WORD_BITS == 1",
            "span.slow.takes-lowest",
            "the cache is not refilled when the search ends at a word's end",
        ),
        Variant(
            "slow-freeindex-stays",
            "index = slot + 1",
            "index = slot",
            "span.slow.takes-lowest",
            "freeindex is not advanced past the slot found",
        ),
        Variant(
            "slow-padding-handed-out",
            "slot >= span.nelems",
            "slot > span.nelems",
            "span.slow.takes-lowest",
            "the first padding bit is taken for a slot",
        ),
        Variant(
            "slow-shift-one-short",
            ">> (ahead + 1)",
            ">> ahead",
            "span.slow.takes-lowest",
            "the slow search shifts the cache one bit too little",
        ),
    ),
)
