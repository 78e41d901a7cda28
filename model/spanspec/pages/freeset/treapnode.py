"""A node of the treap: one free run, and what it sums up of its subtree (TREAP-1, TREAP-9).

The sums are the most pages of any run in the subtree, and the types of the runs in it.
"""

from spanspec.base.words import U8, U32, U64
from spanspec.pages.freeset.freeruns import FreeSpan, type_of


class Node:
    """One free run in the tree, its priority, and the sums over its subtree."""

    def __init__(self, run: FreeSpan, priority: U32) -> None:
        self.run = run
        self.priority = priority
        self.max_pages: U64 = run.npages
        self.types: U8 = 1 << type_of(run)
        self.left: Node | None = None
        self.right: Node | None = None

    def sums(self) -> tuple[U64, U8]:
        """Return the most pages and the types in the subtree, given right sums below it.

        Rules: TREAP-1 TREAP-9.
        """
        left, right = self.left, self.right
        left_most, left_types, right_most, right_types = 0, 0, 0, 0
        if left is not None:
            left_most, left_types = left.max_pages, left.types
        if right is not None:
            right_most, right_types = right.max_pages, right.types
        types = types_of(left_types, type_of(self.run), right_types)
        return most_of(left_most, self.run.npages, right_most), types

    def update(self) -> None:
        """Recompute the sums from the run and the children.

        Rules: TREAP-9.
        """
        most_pages, types = self.sums()
        self.max_pages = most_pages
        self.types = types

    def rotate_right(self) -> "Node":
        """Lift the left child above the node; return it.

        Rules: TREAP-9.
        """
        child = self.left
        assert child is not None, "T-76: large span treap rotateRight"
        self.left = child.right
        child.right = self
        # First the node that is now below, then the one above it: sums are made from the children.
        self.update()
        child.update()
        return child

    def rotate_left(self) -> "Node":
        """Lift the right child above the node; return it.

        Rules: TREAP-9.
        """
        child = self.right
        assert child is not None, "T-75: large span treap rotateLeft"
        self.right = child.left
        child.left = self
        self.update()
        child.update()
        return child

    def hang_left(self, below: "Node | None") -> None:
        """Let another tree be the left subtree.

        Rules: TREAP-5 TREAP-9.
        """
        self.left = below
        self.update()

    def hang_right(self, below: "Node | None") -> None:
        """Let another tree be the right subtree.

        Rules: TREAP-5 TREAP-9.
        """
        self.right = below
        self.update()

    def adopt(self, below: "Node") -> "Node":
        """Take in what the subtree has become into which a run was inserted; return which is above.

        That is the node, unless the other one has the lower priority: then it is lifted.

        Rules: TREAP-4.
        """
        if belongs_left(below.run, self.run):
            self.hang_left(below)
            if self.priority > below.priority:
                return self.rotate_right()
            return self
        self.hang_right(below)
        if self.priority > below.priority:
            return self.rotate_left()
        return self


def belongs_left(run: FreeSpan, other: FreeSpan) -> bool:
    """Tell whether a run comes before another one in the tree: by address.

    Rules: TREAP-1 TREAP-4.
    """
    return run.base < other.base


def most_of(left_most: U64, run_pages: U64, right_most: U64) -> U64:
    """Return the most pages of a run in a subtree, from its root and both children.

    Rules: TREAP-1 TREAP-9.
    """
    larger = left_most if left_most >= right_most else right_most
    return run_pages if run_pages >= larger else larger


def types_of(left_types: U8, kind: U8, right_types: U8) -> U8:
    """Return the types of the runs in a subtree as bits, from its root and both children.

    Rules: TREAP-1 TREAP-7 TREAP-9.
    """
    return left_types | (1 << kind) | right_types
