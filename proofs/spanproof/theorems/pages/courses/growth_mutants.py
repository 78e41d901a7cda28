"""Mutants of how far a request reaches, and of which arena an address is in.

Names that begin with an issue or a commit of Go reintroduce that bug.
"""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

GROWTH_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.pages.tables.pagemap.arena_index",
        Variant(
            "arenas-overlap",
            "// HEAP_ARENA_BYTES",
            "// (2 * HEAP_ARENA_BYTES)",
            "pages.arenas",
            "two arenas have one number",
        ),
    ),
    *variants_of(
        "spanspec.pages.courses.growth.fits_address_space",
        Variant(
            "14ae846f54-request-wraps",
            "npages <= (M64 - base - unit) // PAGE_SIZE",
            "npages <= M64 // PAGE_SIZE",
            "pages.request",
            "the end of a request for 2^64 - 8192 bytes overflows",
        ),
    ),
)
