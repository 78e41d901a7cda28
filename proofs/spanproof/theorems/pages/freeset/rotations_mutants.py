"""Mutants of how the treap takes in what has become of a subtree."""

from spanproof.patch.mutant import Variant, variants_of

TREAP_MUTANTS = (
    *variants_of(
        "spanspec.pages.freeset.treapnode.Node.adopt",
        Variant(
            "high-priority-lifted",
            """        if belongs_left(below.run, self.run):
            self.hang_left(below)
            if self.priority > below.priority:""",
            """        if belongs_left(below.run, self.run):
            self.hang_left(below)
            if self.priority < below.priority:""",
            "treap.insert",
            "a run that is inserted rises above those of lower priority",
        ),
        Variant(
            "lifted-over-nothing",
            "return self.rotate_left()",
            "return below",
            "treap.insert",
            "where a run is lifted, what was above it is lost",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.treapnode.Node.hang_left",
        Variant(
            "removal-forgets-sums",
            "        self.update()\n",
            "",
            "treap.remove",
            "the sums above a run that was taken out stay what they were",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.treapnode.Node.hang_right",
        Variant(
            "subtree-lost",
            "self.right = below",
            "self.right = None",
            "treap.remove",
            "with a run its subtrees are taken out",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.treap.merge",
        Variant(
            "higher-priority-above",
            "if left.priority < right.priority:",
            "if left.priority > right.priority:",
            "treap.merge",
            "what is joined is a search tree, and no heap",
        ),
        Variant(
            "joined-out-of-order",
            "merge(left, right.left)",
            "merge(right.left, left)",
            "treap.merge",
            "runs of the left tree come behind some of the right one",
        ),
        Variant(
            "joined-on-the-wrong-side",
            "left.hang_right(merge(left.right, right))",
            "left.hang_left(merge(left.right, right))",
            "treap.merge",
            "what comes behind a run hangs before it, and what was there is lost",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.treapnode.Node.rotate_left",
        Variant(
            "middle-subtree-lost",
            "self.right = child.left",
            "self.right = None",
            "treap.rotations",
            "the runs between two nodes that rotate are in the tree no more",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.treapnode.Node.sums",
        Variant(
            "right-subtree-not-summed",
            "right_most, right_types = right.max_pages, right.types",
            "right_types = right.types",
            "treap.rotations",
            "a node does not know how long the runs to its right are",
        ),
    ),
)
