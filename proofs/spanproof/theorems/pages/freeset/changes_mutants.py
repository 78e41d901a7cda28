"""Mutants of the changes of the treap."""

from spanproof.patch.mutant import Variant, variants_of

CHANGE_MUTANTS = (
    *variants_of(
        "spanspec.pages.freeset.treap.change",
        Variant(
            "change-looked-for-on-the-wrong-side",
            "elif base < node.run.base:",
            "elif base > node.run.base:",
            "treap.change-at",
            "the run that is to change is looked for where it is not",
        ),
        Variant(
            "sums-above-a-change-stay",
            "    node.update()\n",
            "",
            "treap.change-at",
            "a run has fewer pages now, and its node says that there are as many as before",
        ),
        Variant(
            "changed-on-the-way",
            "    elif base < node.run.base:\n        change(node.left, base, run)\n",
            "    elif base < node.run.base:\n        node.run = run\n",
            "treap.change-at",
            "another run than the one at the address is changed",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.treap.without",
        Variant(
            "removal-on-the-wrong-side",
            "    if base < node.run.base:\n        node.hang_left(without(node.left, base))\n",
            "    if base < node.run.base:\n        node.hang_left(without(node.right, base))\n",
            "treap.remove-at",
            "the run to take out is looked for on the other side, and what was there is lost",
        ),
        Variant(
            "merge-left-out",
            "return merge(node.left, node.right)",
            "return node.left",
            "treap.remove-at",
            "with a run all those are taken out that are on the right below it",
        ),
        Variant(
            "rest-of-the-left-hung-on-the-right",
            "node.hang_left(without(node.left, base))",
            "node.hang_right(without(node.left, base))",
            "treap.remove-at",
            "what is left of the lower runs comes behind the higher ones, which are lost",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.treap.insert_below",
        Variant(
            "insertion-on-the-wrong-side",
            "side = node.left if belongs_left(leaf.run, node.run) else node.right",
            "side = node.right if belongs_left(leaf.run, node.run) else node.left",
            "treap.insert-at",
            "a run is put among those that are higher although it is lower",
        ),
        Variant(
            "insertion-loses-what-is-above",
            "return node.adopt(insert_below(side, leaf))",
            "return insert_below(side, leaf)",
            "treap.insert-at",
            "of the tree into which a run is put only a subtree is left",
        ),
    ),
)
