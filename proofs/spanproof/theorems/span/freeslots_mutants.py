"""Mutants of which slots are free, of the abstract search, and of what ties Go's span to it."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

FREESLOT_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.span.mspan.is_allocated",
        Variant(
            "allocated-one-more",
            "slot < span.freeindex",
            "slot <= span.freeindex",
            "span.free-or-allocated",
            "the slot at freeindex counts as allocated",
        ),
        Variant(
            "allocated-one-less",
            "slot < span.freeindex",
            "slot + 1 < span.freeindex",
            "span.once",
            "the last slot handed out counts as free",
        ),
        Variant(
            "allocated-needs-both",
            " or ",
            " and ",
            "span.free-or-allocated",
            "slots below freeindex count as free unless their bit is set",
        ),
        Variant(
            "allocated-forgets-freeindex",
            "slot < span.freeindex or ",
            "",
            "span.refines-abstract",
            "only the bits of the last sweep are looked at",
        ),
    ),
    *variants_of(
        "spanspec.span.freeslots.is_lowest_free",
        Variant(
            "lowest-or-anything",
            "ends_search(span, slot) and all(",
            "ends_search(span, slot) or all(",
            "span.lowest-is-unique",
            "any free slot counts as the lowest",
        ),
    ),
    *variants_of(
        "spanspec.span.freeslots.lowest_free",
        Variant(
            "abstract-skips",
            "slot = slot + 1",
            "slot = slot + 2",
            "span.refines-abstract",
            "the abstract search skips every other slot",
        ),
    ),
    *variants_of(
        "spanspec.span.freeslots.allocate",
        Variant(
            "abstract-forgets",
            "slots.allocated.with_bit(slot)",
            "slots.allocated",
            "span.refines-abstract",
            "the abstract span forgets what it handed out",
        ),
    ),
)
