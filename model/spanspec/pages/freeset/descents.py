"""Searches of the treap: each goes down from a node, and the sums tell where (TREAP-2, TREAP-8)."""

from typing import Final, Literal

from spanspec.base.words import U8, U64
from spanspec.pages.freeset.freeruns import passes
from spanspec.pages.freeset.treapnode import Node

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


def most(node: Node | None) -> U64:
    """Return the most pages of a run in a subtree, 0 if it is empty."""
    return 0 if node is None else node.max_pages


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
