"""Mutants of where a span is: the list where it belongs, and who may be in none."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

PLACE_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.sharing.invariant.invariant.span_is_in_its_stack",
        Variant(
            "unswept-span-forgotten",
            "and (not needs_sweep(sg, it.sweepgen) or in_unswept)",
            "",
            "lists.early-stop",
            "an unswept span may be in no stack, and nobody sweeps it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.invariant.invariant.span_is_listed_right",
        Variant(
            "nonempty-may-be-full",
            "it.has_free == (it.place == NONEMPTY)",
            "(it.has_free or it.place != NONEMPTY)",
            "lists.one-place",
            "a span with a free slot may rest in the empty list, where nobody takes it",
        ),
    ),
    *variants_of(
        "spanspec.span.listing.belongs",
        Variant(
            "cached-span-in-nonempty",
            "return NONEMPTY if room and not cached else EMPTY",
            "return NONEMPTY if room else EMPTY",
            "lists.belongs",
            "a cached span with a free slot belongs in the nonempty list",
        ),
    ),
)
