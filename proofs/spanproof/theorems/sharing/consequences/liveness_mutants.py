"""Mutants of the measures by which loops end."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

LIVENESS_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.heap.state.progress.credit_taken",
        Variant(
            "all-credit-taken",
            "found if found < wanted else wanted",
            "found",
            "liveness.reclaim",
            "more pages are taken as credit than are wanted",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.progress.next_chunk",
        Variant(
            "chunk-taken-again",
            "index + CHUNK_PAGES",
            "index",
            "liveness.reclaim",
            "the reclaimer visits the same chunk for ever",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.descents.descend",
        Variant(
            "descends-into-nothing",
            "RIGHT if right_most >= npages else NO_FIT",
            "RIGHT",
            "liveness.descent",
            "the search goes right where there is no child",
        ),
    ),
)
