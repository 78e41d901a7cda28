"""Mutants of the search for a free run: where it turns, and the sums that it turns by."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

FIRSTFIT_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.pages.freeset.descents.descend",
        Variant(
            "31616-any-fit",
            "    if left_most >= npages:\n        return LEFT\n    if run_pages >= npages:\n"
            "        return HERE\n",
            "    if run_pages >= npages:\n        return HERE\n    if left_most >= npages:\n"
            "        return LEFT\n",
            "treap.first-fit",
            "the search stops at a run that fits, though a lower one does, too",
        ),
        Variant(
            "last-fit",
            "return RIGHT if right_most >= npages else NO_FIT",
            "return NO_FIT",
            "treap.first-fit",
            "the search never looks at higher addresses",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.treapnode.most_of",
        Variant(
            "sum-forgets-the-right",
            "larger = left_most if left_most >= right_most else right_most",
            "larger = left_most",
            "treap.none-fits",
            "a node's sum leaves its right subtree out",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.treapnode.types_of",
        Variant(
            "types-forget-the-right",
            " | right_types",
            " | (right_types & left_types)",
            "treap.sums",
            "a node's types leave its right subtree out",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.treapnode.belongs_left",
        Variant(
            "28805-by-descriptor",
            "run.base < other.base",
            "run.span < other.span",
            "treap.order",
            "the treap is ordered by descriptor instead of address",
        ),
    ),
)
