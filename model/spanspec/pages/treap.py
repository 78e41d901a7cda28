"""The treap of free runs, as the runtime keeps it (rules TREAP-1 to TREAP-9).

A search tree by address, a heap by random priority. Each node sums up its subtree: the most pages
of any run in it, and the types of the runs in it.
"""

from collections.abc import Iterator
from random import Random
from typing import Final, Literal

from spanspec.base.words import U8, U32, U64
from spanspec.pages.freeruns import FreeSpan, passes, type_of


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


Turn = Literal[0, 1, 2, 3]

LEFT: Final[Turn] = 0
HERE: Final[Turn] = 1
RIGHT: Final[Turn] = 2
NO_FIT: Final[Turn] = 3
"""Where a descent for the lowest run that fits goes on."""


def descend(left_most: U64, run_pages: U64, right_most: U64, npages: U64) -> Turn:
    """Decide at a node where the lowest run with enough pages is.

    `left_most` and `right_most` are the most pages of a run in either subtree, 0 if it is empty.

    Rules: TREAP-2 I-40.
    """
    if left_most >= npages:
        return LEFT
    if run_pages >= npages:
        return HERE
    return RIGHT if right_most >= npages else NO_FIT


def belongs_left(run: FreeSpan, other: FreeSpan) -> bool:
    """Tell whether a run comes before another one in the tree: by address.

    Rules: TREAP-1 TREAP-4.
    """
    return run.base < other.base


def most(node: Node | None) -> U64:
    """Return the most pages of a run in a subtree, 0 if it is empty."""
    return 0 if node is None else node.max_pages


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


def merge(left: Node | None, right: Node | None) -> Node | None:
    """Join two trees, all of the first below all of the second, and keep the heap order."""
    if left is None:
        return right
    if right is None:
        return left
    if left.priority < right.priority:
        left.hang_right(merge(left.right, right))
        return left
    right.hang_left(merge(left, right.left))
    return right


class Treap:
    """The set of free runs; `seed` fixes the priorities, which nothing observable depends on."""

    def __init__(self, seed: int = 0) -> None:
        self.root: Node | None = None
        self._priorities = Random(seed)

    def find(self, npages: U64) -> FreeSpan | None:
        """Return the lowest run with at least so many pages, by one descent.

        Rules: TREAP-2 TREAP-3.
        """
        node = self.root
        while node is not None:
            turn = descend(most(node.left), node.run.npages, most(node.right), npages)
            if turn == HERE:
                return node.run
            node = node.left if turn == LEFT else node.right if turn == RIGHT else None
        return None

    def last(self, wanted: U8) -> FreeSpan | None:
        """Return the highest run that passes a filter.

        Rules: TREAP-8.
        """
        return find_maximal(self.root, wanted)

    def before(self, base: U64, wanted: U8) -> FreeSpan | None:
        """Return the highest run below an address that passes a filter.

        Rules: TREAP-8.
        """
        node, passed = self.root, list[Node]()
        while node is not None:
            # The runs below the address are those passed on the way down, each with its left
            # subtree.
            if base <= node.run.base:
                node = node.left
            else:
                passed.append(node)
                node = node.right
        for candidate in reversed(passed):
            if passes(candidate.run, wanted):
                return candidate.run
            found = find_maximal(candidate.left, wanted)
            if found is not None:
                return found
        return None

    def first(self, wanted: U8) -> FreeSpan | None:
        """Return the lowest run that passes a filter.

        Rules: TREAP-8.
        """
        return find_minimal(self.root, wanted)

    def after(self, base: U64, wanted: U8) -> FreeSpan | None:
        """Return the lowest run above an address that passes a filter.

        Rules: TREAP-8.
        """
        node, passed = self.root, list[Node]()
        while node is not None:
            if base >= node.run.base:
                node = node.right
            else:
                passed.append(node)
                node = node.left
        for candidate in reversed(passed):
            if passes(candidate.run, wanted):
                return candidate.run
            found = find_minimal(candidate.right, wanted)
            if found is not None:
                return found
        return None

    def insert(self, run: FreeSpan) -> None:
        """Add a run as a leaf, then rotate it up while its parent's priority is greater.

        Rules: TREAP-4.
        """
        below = Node(run, self._priorities.getrandbits(32))
        node, path = self.root, list[Node]()
        while node is not None:
            assert node.run.base != run.base, "T-70: inserting span already in treap"
            path.append(node)
            node = node.left if belongs_left(run, node.run) else node.right
        for above in reversed(path):
            below = above.adopt(below)
        self.root = below

    def remove(self, base: U64) -> None:
        """Take out the run at an address: its subtrees close up over it.

        The runtime rotates the node down to a leaf; the tree that results is the same.

        Rules: TREAP-5.
        """
        # For given priorities there is just one treap of a set of runs, so how one is taken out
        # cannot be seen.
        path = self._path_to(base)
        gone = path.pop()
        below = merge(gone.left, gone.right)
        for above in reversed(path):
            if base < above.run.base:
                above.hang_left(below)
            else:
                above.hang_right(below)
            below = above
        self.root = below

    def _path_to(self, base: U64) -> list[Node]:
        """Return the nodes from the root to that of the run at an address."""
        node, path = self.root, list[Node]()
        while True:
            assert node is not None, "T-73: span and treap node base addresses do not match"
            path.append(node)
            if node.run.base == base:
                return path
            node = node.left if base < node.run.base else node.right

    def mutate(self, base: U64, run: FreeSpan) -> None:
        """Change the run at an address in place; its order among the others must not change.

        Rules: TREAP-6.
        """
        path = self._path_to(base)
        path[-1].run = run
        for above in reversed(path):
            above.update()

    def in_order(self) -> list[FreeSpan]:
        """Return all runs by address."""
        return [node.run for node in nodes(self.root)]


def find_minimal(node: Node | None, wanted: U8) -> FreeSpan | None:
    """Return the lowest run of a subtree that passes a filter.

    Rules: TREAP-8 T-62.
    """
    while node is not None and node.types & wanted:
        if node.left is not None and node.left.types & wanted:
            node = node.left
        elif passes(node.run, wanted):
            return node.run
        else:
            node = node.right
            assert node is not None, "T-62: failed to find minimal node matching filter"
            assert node.types & wanted, "T-62: failed to find minimal node matching filter"
    return None


def find_maximal(node: Node | None, wanted: U8) -> FreeSpan | None:
    """Return the highest run of a subtree that passes a filter.

    Rules: TREAP-8.
    """
    while node is not None and node.types & wanted:
        if node.right is not None and node.right.types & wanted:
            node = node.right
        elif passes(node.run, wanted):
            return node.run
        else:
            node = node.left
            # The runtime says "minimal" here, too.
            assert node is not None, "T-63: failed to find minimal node matching filter"
            assert node.types & wanted, "T-63: failed to find minimal node matching filter"
    return None


def nodes(root: Node | None) -> Iterator[Node]:
    """Yield the nodes of a tree in the order of their addresses."""
    above = list[Node]()
    node = root
    while above or node is not None:
        while node is not None:
            above.append(node)
            node = node.left
        node = above.pop()
        yield node
        node = node.right


def check_treap(root: Node | None) -> None:
    """Check every property that a treap must have.

    Rules: TREAP-1 I-18 T-66 T-67 T-68 T-69.
    """
    for node in nodes(root):
        if node.left is not None:
            assert node.left.run.base < node.run.base, "T-66: left child has greater base address"
            assert node.left.priority >= node.priority, "TREAP-1: a child's priority is lower"
        if node.right is not None:
            assert node.right.run.base > node.run.base, "T-67: right child has lesser base address"
            assert node.right.priority >= node.priority, "TREAP-1: a child's priority is lower"
        largest, types = node.sums()
        assert node.max_pages == largest, "T-68: maxPages invariant violated in treap"
        assert node.types == types, "T-69: types invariant violated in treap"
    in_order = [node.run.base for node in nodes(root)]
    assert in_order == sorted(set(in_order)), "TREAP-1: runs are out of order"
