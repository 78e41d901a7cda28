"""Mutants of the window at freeindex: which word, which bits, and where it is made anew."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

CACHE_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.base.words.trailing_zeros",
        Variant(
            "zeros-one-high",
            ".bit_length() - 1",
            ".bit_length()",
            "words.trailing-zeros",
            "the count of trailing zeros is one too high",
        ),
    ),
    *variants_of(
        "spanspec.span.alloccache.refill_alloc_cache",
        Variant(
            "cache-not-complemented",
            "~alloc_bits.word(index >> 6) & M64",
            "alloc_bits.word(index >> 6)",
            "span.cache.bitwise",
            "the cache holds allocated instead of free slots",
        ),
        Variant(
            "cache-wrong-word",
            "index >> 6",
            "(index >> 6) + 1",
            "span.cache.bitwise",
            "the cache is filled from the next word",
        ),
    ),
    *variants_of(
        "spanspec.span.alloccache.window_at",
        Variant(
            "window-half-word",
            "freeindex & 63",
            "freeindex & 31",
            "span.cache.bitwise",
            "the window is shifted modulo 32",
        ),
    ),
    *variants_of(
        "spanspec.span.alloccache.reload_cache",
        Variant(
            "reload-not-shifted",
            "window_at(span.alloc_bits, span.freeindex)",
            "refill_alloc_cache(span.alloc_bits, span.freeindex)",
            "span.cache.established",
            "an uncached span's cache is reloaded but not shifted to freeindex",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.init_span",
        Variant(
            "fresh-cache-empty",
            "alloc_cache=M64",
            "alloc_cache=0",
            "span.cache.established",
            "a fresh span looks full to the fast path",
        ),
    ),
)
