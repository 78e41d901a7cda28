"""The treap of free runs, as the runtime keeps it (rules TREAP-1 to TREAP-9).

A search tree by address, a heap by random priority. Each node sums up its subtree: the most pages
of any run in it, and the types of the runs in it.
"""

from collections.abc import Iterator
from random import Random
from typing import Final, Literal

from spanspec.base.words import U8, U32, U64
from spanspec.pages.freeset.freeruns import FreeSpan, passes, type_of


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


def insert_below(node: Node | None, leaf: Node) -> Node:
    """Add a leaf to a subtree; return the node that is above then.

    Rules: TREAP-4 T-70.
    """
    if node is None:
        return leaf
    assert node.run.base != leaf.run.base, "T-70: inserting span already in treap"
    side = node.left if belongs_left(leaf.run, node.run) else node.right
    return node.adopt(insert_below(side, leaf))


def without(node: Node | None, base: U64) -> Node | None:
    """Take the run at an address out of a subtree; return the node that is above then.

    The runtime rotates the node down to a leaf; the tree that results is the same.

    Rules: TREAP-5 T-73.
    """
    # For given priorities there is just one treap of a set of runs, so how one is taken out
    # cannot be seen.
    assert node is not None, "T-73: span and treap node base addresses do not match"
    if base == node.run.base:
        return merge(node.left, node.right)
    if base < node.run.base:
        node.hang_left(without(node.left, base))
    else:
        node.hang_right(without(node.right, base))
    return node


def change(node: Node | None, base: U64, run: FreeSpan) -> None:
    """Change the run at an address of a subtree in place, and the sums above it.

    Rules: TREAP-6 T-73.
    """
    assert node is not None, "T-73: span and treap node base addresses do not match"
    if base == node.run.base:
        node.run = run
    elif base < node.run.base:
        change(node.left, base, run)
    else:
        change(node.right, base, run)
    node.update()


def first_fit(node: Node | None, npages: U64) -> Node | None:
    """Return the node of the lowest run of a subtree with at least so many pages.

    Rules: TREAP-2 TREAP-3 I-40.
    """
    if node is None:
        return None
    turn = descend(most(node.left), node.run.npages, most(node.right), npages)
    if turn == HERE:
        return node
    if turn == LEFT:
        return first_fit(node.left, npages)
    return first_fit(node.right, npages) if turn == RIGHT else None


def find_minimal(node: Node | None, wanted: U8) -> Node | None:
    """Return the node of the lowest run of a subtree that passes a filter.

    Rules: TREAP-8 T-62.
    """
    if node is None or node.types & wanted == 0:
        return None
    left = node.left
    if left is not None and left.types & wanted != 0:
        return find_minimal(left, wanted)
    if passes(node.run, wanted):
        return node
    right = node.right
    assert right is not None, "T-62: failed to find minimal node matching filter"
    assert right.types & wanted != 0, "T-62: failed to find minimal node matching filter"
    return find_minimal(right, wanted)


def find_maximal(node: Node | None, wanted: U8) -> Node | None:
    """Return the node of the highest run of a subtree that passes a filter.

    Rules: TREAP-8 T-63.
    """
    if node is None or node.types & wanted == 0:
        return None
    right = node.right
    if right is not None and right.types & wanted != 0:
        return find_maximal(right, wanted)
    if passes(node.run, wanted):
        return node
    left = node.left
    # The runtime says "minimal" here, too.
    assert left is not None, "T-63: failed to find minimal node matching filter"
    assert left.types & wanted != 0, "T-63: failed to find minimal node matching filter"
    return find_maximal(left, wanted)


def highest_below(node: Node | None, base: U64, wanted: U8) -> Node | None:
    """Return the node of the highest run of a subtree below an address that passes a filter.

    Rules: TREAP-8.
    """
    if node is None or node.types & wanted == 0:
        return None
    if node.run.base < base:
        found = highest_below(node.right, base, wanted)
        if found is not None:
            return found
        if passes(node.run, wanted):
            return node
    # Either all that is to the right is too high, or nothing there passes.
    return highest_below(node.left, base, wanted)


def lowest_above(node: Node | None, base: U64, wanted: U8) -> Node | None:
    """Return the node of the lowest run of a subtree above an address that passes a filter.

    Rules: TREAP-8.
    """
    if node is None or node.types & wanted == 0:
        return None
    if base < node.run.base:
        found = lowest_above(node.left, base, wanted)
        if found is not None:
            return found
        if passes(node.run, wanted):
            return node
    # Either all that is to the left is too low, or nothing there passes.
    return lowest_above(node.right, base, wanted)


def run_of(node: Node | None) -> FreeSpan | None:
    """Return the run of a node, or none."""
    return None if node is None else node.run


class Treap:
    """The set of free runs; `seed` fixes the priorities, which nothing observable depends on."""

    def __init__(self, seed: int = 0) -> None:
        self.root: Node | None = None
        self._priorities = Random(seed)

    def find(self, npages: U64) -> FreeSpan | None:
        """Return the lowest run with at least so many pages, by one descent.

        Rules: TREAP-2 TREAP-3.
        """
        return run_of(first_fit(self.root, npages))

    def last(self, wanted: U8) -> FreeSpan | None:
        """Return the highest run that passes a filter.

        Rules: TREAP-8.
        """
        return run_of(find_maximal(self.root, wanted))

    def before(self, base: U64, wanted: U8) -> FreeSpan | None:
        """Return the highest run below an address that passes a filter.

        Rules: TREAP-8.
        """
        return run_of(highest_below(self.root, base, wanted))

    def first(self, wanted: U8) -> FreeSpan | None:
        """Return the lowest run that passes a filter.

        Rules: TREAP-8.
        """
        return run_of(find_minimal(self.root, wanted))

    def after(self, base: U64, wanted: U8) -> FreeSpan | None:
        """Return the lowest run above an address that passes a filter.

        Rules: TREAP-8.
        """
        return run_of(lowest_above(self.root, base, wanted))

    def insert(self, run: FreeSpan) -> None:
        """Add a run as a leaf, then rotate it up while its parent's priority is greater.

        Rules: TREAP-4.
        """
        leaf = Node(run, self._priorities.getrandbits(32))
        self.root = insert_below(self.root, leaf)

    def remove(self, base: U64) -> None:
        """Take out the run at an address: its subtrees close up over it.

        Rules: TREAP-5.
        """
        self.root = without(self.root, base)

    def mutate(self, base: U64, run: FreeSpan) -> None:
        """Change the run at an address in place; its order among the others must not change.

        Rules: TREAP-6.
        """
        change(self.root, base, run)

    def in_order(self) -> list[FreeSpan]:
        """Return all runs by address."""
        return [node.run for node in nodes(self.root)]


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
