"""Mutants of the searches of the treap."""

from spanproof.patch.mutant import Variant, variants_of

DESCENT_MUTANTS = (
    *variants_of(
        "spanspec.pages.freeset.descents.first_fit",
        Variant(
            "fit-looked-for-on-the-left-alone",
            "return first_fit(node.right, npages) if turn == RIGHT else None",
            "return None",
            "treap.find",
            "a run that fits is not found where it lies to the right",
        ),
        Variant(
            "fit-here-before-left",
            "most(node.left), node.run.npages, most(node.right)",
            "0, node.run.npages, most(node.right)",
            "treap.find",
            "a run is found although there is a lower one that fits",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.descents.find_minimal",
        Variant(
            "minimal-goes-left-blindly",
            "if left is not None and left.types & wanted != 0:",
            "if left is not None:",
            "treap.ends",
            "the search is lost to the left, where no run passes",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.descents.find_maximal",
        Variant(
            "maximal-is-the-root",
            "    right = node.right\n",
            "    right = None if passes(node.run, wanted) else node.right\n",
            "treap.ends",
            "a run passes, and so does a higher one",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.descents.highest_below",
        Variant(
            "below-or-at",
            "if node.run.base < base:",
            "if node.run.base <= base:",
            "treap.neighbours",
            "the run at an address is taken for one below it",
        ),
        Variant(
            "left-of-what-is-passed-forgotten",
            "        if passes(node.run, wanted):\n            return node\n",
            "        return node if passes(node.run, wanted) else None\n",
            "treap.neighbours",
            "where a run below does not pass, those lower than it are not looked at",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.descents.lowest_above",
        Variant(
            "nearer-run-passed-by",
            "        found = lowest_above(node.left, base, wanted)\n",
            "        found = lowest_above(node.right, base, wanted)\n",
            "treap.neighbours",
            "a run above is found that is not the next one",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.freeruns.passes",
        Variant(
            "passes-by-its-number",
            "(wanted >> type_of(run)) & 1 == 1",
            "wanted & type_of(run) != 0",
            "treap.types",
            "the type of a run is taken for a bit of a filter",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.freeruns.type_of",
        Variant(
            "types-confused",
            "(HUGE_BIT if run.huge else 0)",
            "(HUGE_BIT if run.scavenged else 0)",
            "treap.types",
            "a run counts as huge where it is scavenged",
        ),
    ),
)
