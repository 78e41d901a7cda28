"""Mutants of special records, one by one, and of tiny blocks that are given up."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

SPECIAL_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.span.specials.fate_of",
        Variant(
            "finalizer-of-living-object-queued",
            "kind == FINALIZER and not marked",
            "kind == FINALIZER",
            "specials.fate",
            "a finalizer is due although its object is alive",
        ),
        Variant(
            "finalizer-never-due",
            "QUEUED if kind == FINALIZER and not marked else KEPT",
            "KEPT",
            "specials.fate",
            "an object with a finalizer is saved again and again",
        ),
    ),
    *variants_of(
        "spanspec.span.specials.survives",
        Variant(
            "finalizer-saves-nothing",
            "marked or finalized",
            "marked",
            "specials.fate",
            "an object dies, and its finalizer with it",
        ),
    ),
    *variants_of(
        "spanspec.span.tiny.tiny_fits",
        Variant(
            "object-in-no-block",
            "block.address != 0 and ",
            "",
            "tiny.dropped",
            "a tiny object goes to an address near 0 where there is no block",
        ),
    ),
    *variants_of(
        "spanspec.span.tiny.drop_tiny_block",
        Variant(
            "block-outlives-flush",
            "replace(block, address=0, offset=0)",
            "block",
            "tiny.dropped",
            "tiny objects go on into a block whose span has left the mcache",
        ),
    ),
)
