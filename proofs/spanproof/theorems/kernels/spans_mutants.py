"""Mutants of the implementation's kernels: the proofs read the implementation's own source."""

from spanproof.patch.mutant import Variant, variants_of

KERNEL_MUTANTS = (
    *variants_of(
        "spanalloc.span.kernels.trailing_zeros",
        Variant(
            "kernel-zeros-half",
            "count += 32",
            "count += 16",
            "kernels.trailing-zeros",
            "an empty lower half counts as 16 bits",
        ),
        Variant(
            "kernel-zeros-of-zero",
            "return 64",
            "return 63",
            "kernels.trailing-zeros",
            "an empty word has its lowest bit at 63",
        ),
    ),
    *variants_of(
        "spanalloc.span.kernels.shift_out",
        Variant(
            "kernel-arithmetic-shift",
            "(cache >> 2) & LOW_62",
            "cache >> 2",
            "kernels.shift-out",
            "the sign is shifted in from above",
        ),
        Variant(
            "kernel-lost-bit",
            "| ((cache >> 1) & 1)",
            "",
            "kernels.shift-out",
            "bit 1 is lost on the way",
        ),
    ),
    *variants_of(
        "spanalloc.span.kernels.bit_of",
        Variant(
            "kernel-bit-two",
            "below + 1",
            "below + 2",
            "kernels.bit",
            "the bits of lower slots are in the word",
        ),
        Variant(
            "kernel-bit-sign",
            "offset < 63",
            "offset <= 63",
            "kernels.bit",
            "the bit of slot 63 overflows",
        ),
    ),
    *variants_of(
        "spanalloc.span.kernels.window",
        Variant(
            "kernel-window-not-complemented",
            "~words[freeindex >> 6]",
            "words[freeindex >> 6]",
            "kernels.window",
            "the window shows allocated slots",
        ),
        Variant(
            "kernel-window-not-shifted",
            "shift_out(cache, offset - 1)",
            "cache",
            "kernels.window",
            "the window starts at the word instead of at freeindex",
        ),
    ),
    *variants_of(
        "spanalloc.span.kernels.next_free_fast",
        Variant(
            "kernel-fast-word-end",
            "following & 63 == 0 and following != nelems",
            "following > nelems",
            "kernels.fast",
            "the fast path takes the last slot of a word",
        ),
        Variant(
            "kernel-fast-padding",
            "slot >= nelems",
            "slot > nelems",
            "kernels.fast",
            "the fast path hands out padding",
        ),
        Variant(
            "kernel-fast-last-slot",
            "and following != nelems",
            "",
            "kernels.fast",
            "the fast path refuses the span's last slot",
        ),
    ),
    *variants_of(
        "spanalloc.span.kernels.next_free_index",
        Variant(
            "kernel-slow-skips",
            "(position | 63) + 1",
            "(position | 127) + 1",
            "kernels.slow",
            "the search skips words",
        ),
        Variant(
            "kernel-slow-no-refill",
            "cache = ~words[following >> 6]",
            "cache = cache",
            "kernels.slow",
            "the cache is not refilled at a word's end",
        ),
        Variant(
            "kernel-slow-not-shifted",
            "cache = shift_out(cache, skipped)",
            "cache = cache",
            "kernels.slow",
            "the cache keeps the slot that was found",
        ),
    ),
    *variants_of(
        "spanalloc.span.kernels.byte_counts",
        Variant(
            "kernel-count-pairs",
            "low -= (low >> 1) & BITS_OF_PAIRS",
            "low -= (low >> 2) & BITS_OF_PAIRS",
            "kernels.byte-counts",
            "pairs of bits are added up wrongly",
        ),
    ),
    *variants_of(
        "spanalloc.span.kernels.popcount",
        Variant(
            "kernel-count-half",
            "total += total >> 16",
            "total += total >> 24",
            "kernels.popcount",
            "one of the four counters is not added",
        ),
    ),
    *variants_of(
        "spanalloc.span.kernels.count_ones",
        Variant(
            "kernel-count-padding",
            "shift_out(-1, 63 - partial)",
            "shift_out(-1, 62 - partial)",
            "kernels.count-ones",
            "a padding bit is counted",
        ),
        Variant(
            "kernel-count-last-word",
            "index < whole",
            "index <= whole",
            "kernels.count-ones",
            "the last word is counted twice",
        ),
    ),
    *variants_of(
        "spanalloc.span.kernels.size_class",
        Variant(
            "kernel-class-rounds-down",
            "(size + 7) >> 3",
            "(size + 6) >> 3",
            "kernels.size-class",
            "a request one byte above a class gets that class",
        ),
    ),
    *variants_of(
        "spanalloc.base.sizeclass.reciprocals",
        Variant(
            "kernel-reciprocal-down",
            "((1 << 32) + size - 1) // size",
            "(1 << 32) // size",
            "kernels.obj-index",
            "the reciprocal is rounded down",
        ),
    ),
    *variants_of(
        "spanalloc.span.kernels.obj_index",
        Variant(
            "kernel-index-overflow",
            "(offset * magic) >> 32",
            "(offset * magic * 4194304) >> 54",
            "kernels.obj-index-in-range",
            "the product does not fit a native integer",
        ),
    ),
)
