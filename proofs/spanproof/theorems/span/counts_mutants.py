"""Mutants of what counts the slots of a span."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

COUNT_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.span.sweep.sweep",
        Variant(
            "sweep-keeps-the-count",
            "alloc_count=nalloc,",
            "alloc_count=span.alloc_count,",
            "count.sweep",
            "a sweep leaves allocCount as it was",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.is_free",
        Variant(
            "free-ignores-bits",
            "return not span.alloc_bits.bit(slot)",
            "return True",
            "count.room",
            "every slot from freeindex on counts as free",
        ),
        Variant(
            "free-never",
            "return not span.alloc_bits.bit(slot)",
            "return False",
            "count.full",
            "no slot counts as free",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.allocated_below",
        Variant(
            "count-from-zero",
            " - span.alloc_bits.count(span.freeindex)",
            "",
            "count.taken",
            "bits below freeindex are counted twice",
        ),
        Variant(
            "count-not-below-freeindex",
            "return end",
            "return 0",
            "count.freed",
            "slots below freeindex are not counted",
        ),
        Variant(
            "count-all",
            "return span.freeindex + span.alloc_bits.count(end) - "
            "span.alloc_bits.count(span.freeindex)",
            "return end",
            "count.room",
            "every slot is counted",
        ),
        Variant(
            "count-one-less",
            "return end",
            "return end - 1 if end > 0 else 0",
            "count.kept",
            "the last slot below freeindex is not counted",
        ),
        Variant(
            "count-half",
            "return end",
            "return end // 2",
            "count.marks",
            "every other slot below freeindex is not counted",
        ),
        Variant(
            "count-one-more",
            "return span.freeindex + span.alloc_bits.count(end)",
            "return span.freeindex + 1 + span.alloc_bits.count(end)",
            "count.between",
            "of the slots from freeindex on one too many is counted",
        ),
        Variant(
            "count-doubles",
            "span.freeindex + span.alloc_bits.count(end)",
            "end + span.alloc_bits.count(end)",
            "count.sweep",
            "free slots are counted too",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.count_is_exact",
        Variant(
            "count-at-most",
            "span.alloc_count == allocated_below",
            "span.alloc_count <= allocated_below",
            "count.between",
            "a count that is too low is taken for exact",
        ),
    ),
    *variants_of(
        "spanspec.span.alloccache.next_free_slow",
        Variant(
            "slow-not-counted",
            "alloc_count=found.span.alloc_count + 1",
            "alloc_count=found.span.alloc_count",
            "count.allocate",
            "a slot that the slow search finds is not counted",
        ),
    ),
    *variants_of(
        "spanspec.span.alloccache.searched_full",
        Variant(
            "refill-with-room",
            "searched.slot == span.nelems",
            "searched.slot < span.nelems",
            "count.refill",
            "refill lets go of a span only while it has room",
        ),
    ),
)
