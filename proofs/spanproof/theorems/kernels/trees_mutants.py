"""Mutants of the tree of largest weights."""

from spanproof.patch.mutant import Variant, variants_of

TREE_MUTANTS = (
    *variants_of(
        "spanalloc.base.maxtree.MaxTree.store",
        Variant(
            "tree-node-keeps-its-weight",
            "weights[above] = weight",
            "weights[above] = largest",
            "trees.store",
            "a node keeps its weight when the largest below it has changed",
        ),
        Variant(
            "tree-group-of-fifteen",
            "range(first + 1, first + FANOUT)",
            "range(first + 1, first + FANOUT - 1)",
            "trees.store",
            "the last of sixteen is not looked at when the largest went down",
        ),
    ),
    *variants_of(
        "spanalloc.base.maxtree.MaxTree.lowest",
        Variant(
            "tree-more-than-asked",
            "weights[at] < weight",
            "weights[at] <= weight",
            "trees.lowest",
            "a place with just enough is passed over",
        ),
    ),
    *variants_of(
        "spanalloc.base.maxtree.MaxTree.largest",
        Variant(
            "tree-smallest",
            "self.weights[at] > best",
            "self.weights[at] < best",
            "trees.largest",
            "the largest weight is never found",
        ),
    ),
    *variants_of(
        "spanalloc.base.maxtree.MaxTree.move",
        Variant(
            "tree-left-behind",
            "self.weights[place] = 0",
            "self.weights[place] = weight",
            "trees.move",
            "a weight stays where it was moved from",
        ),
    ),
)
