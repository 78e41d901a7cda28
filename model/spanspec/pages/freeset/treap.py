"""The treap of free runs, as the runtime keeps it (rules TREAP-1 to TREAP-9).

A search tree by address, a heap by random priority. What a node does is in `treapnode`, how a run
is looked for in `descents`; here runs are put in, changed and taken out.
"""

from collections.abc import Iterator
from random import Random

from spanspec.base.words import U8, U64
from spanspec.pages.freeset.descents import (
    find_maximal,
    find_minimal,
    first_fit,
    highest_below,
    lowest_above,
)
from spanspec.pages.freeset.freeruns import FreeSpan
from spanspec.pages.freeset.treapnode import Node, belongs_left


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
