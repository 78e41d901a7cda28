"""Mutants of what a sweep does to the slots of a span."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

SWEEP_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.span.sweep.sweep",
        Variant(
            "sweep-keeps-old-bits",
            "alloc_bits=span.gcmark_bits",
            "alloc_bits=span.alloc_bits",
            "span.sweep.keeps-marked",
            "the old allocation bits survive the sweep",
        ),
        Variant(
            "sweep-keeps-freeindex",
            "freeindex=0",
            "freeindex=span.freeindex",
            "span.sweep.keeps-marked",
            "the search does not restart, freed slots below freeindex stay taken",
        ),
        Variant(
            "sweep-cache-of-old-bits",
            "alloc_cache=refill_alloc_cache(span.gcmark_bits, 0)",
            "alloc_cache=refill_alloc_cache(span.alloc_bits, 0)",
            "span.sweep.keeps-marked",
            "the cache is refilled from the bits of the last cycle",
        ),
        Variant(
            "sweep-counts-free-slots",
            "nfreed = span.alloc_count - nalloc",
            "nfreed = span.nelems - nalloc",
            "span.sweep.keeps-marked",
            "all free slots are counted as freed, not the newly freed ones",
        ),
        Variant(
            "39432-page-mark-trusted",
            "nalloc = count_alloc(span)",
            "nalloc = 0",
            "span.sweep.keeps-marked",
            "the marks of a span are not counted: it is taken for dead, and its objects for freed",
        ),
        Variant(
            "sweep-wasempty-inverted",
            "next_free_index(span).slot == span.nelems",
            "next_free_index(span).slot != span.nelems",
            "span.sweep.keeps-marked",
            "a span with free slots is taken for a full one",
        ),
        Variant(
            "sweep-needzero-forgotten",
            "small and nfreed > 0",
            "small and nfreed > 1",
            "span.sweep.needzero",
            "after freeing a single object the span counts as zeroed",
        ),
    ),
    *variants_of(
        "spanspec.span.listing.sweep_returns_span",
        Variant(
            "preserve-ignored",
            " and not preserve",
            "",
            "span.sweep.needzero",
            "a span that its sweeper wants to use goes back to the heap",
        ),
    ),
)
