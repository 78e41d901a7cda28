"""Mutants of the changes of the treap."""

from spanproof.patch.mutant import Variant, variants_of

CHANGE_MUTANTS = (
    *variants_of(
        "spanspec.pages.treap.change",
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
)
