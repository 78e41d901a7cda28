"""Mutants of special records in a sweep, and of tiny blocks that are given up."""

from spanproof.patch.mutant import Variant, variants_of

SPECIAL_MUTANTS = (
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
        "spanspec.span.specials.fates_of",
        Variant(
            "finalizer-of-one-address-alone",
            "slot in finalized",
            "special.kind == FINALIZER",
            "specials.sweep",
            "the profile records of an object that is saved are freed",
        ),
    ),
    *variants_of(
        "spanspec.span.specials.remove_special",
        Variant(
            "wrong-record-removed",
            "special != Special(offset, kind)",
            "special.offset != offset",
            "specials.sweep",
            "with a finalizer its object's profile record goes",
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
