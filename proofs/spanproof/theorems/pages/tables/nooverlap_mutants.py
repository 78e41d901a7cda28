"""Mutants of the invariant of the page heap itself."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

OVERLAP_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.pages.tables.invariant.run_has_its_address",
        Variant(
            "overlap-allowed",
            "tiling.owner[address] == span",
            "tiling.owner[address] != NO_SPAN",
            "pages.no-overlap",
            "two live runs may have a page in common",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.invariant.address_has_its_span",
        Variant(
            "unused-leads-somewhere",
            "tiling.map[address] < 0",
            "tiling.map[address] >= 0",
            "pages.start",
            "the invariant wants an address without a span to lead to one",
        ),
    ),
)
