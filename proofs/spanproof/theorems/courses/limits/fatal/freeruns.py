"""The free runs, in a sorted set and in a treap, are asked for what they refuse."""

from typing import Final

from spanproof.theorems.courses.limits.fatal.checks import Checks
from spanspec.base.constants import PAGE_SIZE
from spanspec.pages.freeset.descents import find_maximal, find_minimal
from spanspec.pages.freeset.freeruns import FreeSpan, SortedFreeSpans
from spanspec.pages.freeset.treap import Treap, check_treap
from spanspec.pages.freeset.treapnode import Node


def run(page: int) -> FreeSpan:
    """Return a free run of a page."""
    return FreeSpan(page * PAGE_SIZE, 1, page, False, False)


def a_run_that_is_in_the_sorted_set_already() -> None:
    free = SortedFreeSpans()
    free.insert(run(1))
    free.insert(run(1))


def a_run_that_is_not_in_the_sorted_set() -> None:
    runs = SortedFreeSpans()
    runs.remove(PAGE_SIZE)


# --- the treap -----------------------------------------------------------------------------------


def tree(*pages: int) -> Node:
    """Return the root of a treap with a run at each page."""
    treap = Treap()
    for page in pages:
        treap.insert(run(page))
    assert treap.root is not None
    return treap.root


def types_that_promise_a_lower_match() -> None:
    node = Node(run(3), 1)
    node.types = 15
    find_minimal(node, 2)


def types_that_promise_a_higher_match() -> None:
    node = Node(run(3), 1)
    node.types = 15
    find_maximal(node, 2)


def types_that_promise_a_match_on_the_right() -> None:
    """Types that promise a match, and a run on the right that is none."""
    node = Node(run(3), 1)
    node.right, node.types = Node(run(5), 2), 15
    find_minimal(node, 2)


def types_that_promise_a_match_on_the_left() -> None:
    """Types that promise a match, and a run on the left that is none."""
    node = Node(run(3), 1)
    node.left, node.types = Node(run(1), 2), 15
    find_maximal(node, 2)


def parent_of(side: str, page: int, priority: int = 2) -> Node:
    """Return a node of page 5, of priority 1, with a child on one side."""
    node, child = Node(run(5), 1), Node(run(page), priority)
    if side == "left":
        node.left = child
    else:
        node.right = child
    return node


def a_left_child_with_the_same_base() -> None:
    check_treap(parent_of("left", 5))


def a_right_child_with_the_same_base() -> None:
    check_treap(parent_of("right", 5))


def a_left_child_with_a_greater_base() -> None:
    check_treap(parent_of("left", 9))


def a_right_child_with_a_lesser_base() -> None:
    check_treap(parent_of("right", 1))


def a_sum_of_pages_that_is_stale() -> None:
    node = tree(1, 2, 3)
    node.max_pages = 7
    check_treap(node)


def a_sum_of_types_that_is_stale() -> None:
    node = tree(1, 2, 3)
    node.types = 15
    check_treap(node)


def a_base_that_is_there_already() -> None:
    treap = Treap()
    treap.insert(run(1))
    treap.insert(run(1))


def removing_what_is_not_there() -> None:
    runs = Treap()
    runs.remove(8192)


def changing_what_is_not_there() -> None:
    Treap().mutate(8192, run(1))


def rotating_without_a_right_child() -> None:
    Node(run(1), 1).rotate_left()


def rotating_without_a_left_child() -> None:
    Node(run(1), 1).rotate_right()


def a_left_child_of_lower_priority() -> None:
    check_treap(parent_of("left", 1, 0))


def a_right_child_of_lower_priority() -> None:
    check_treap(parent_of("right", 9, 0))


def a_run_below_the_root_on_the_wrong_side_of_it() -> None:
    """A run on the right side of its parent, and on the wrong side of the root."""
    root, child = Node(run(5), 1), Node(run(3), 2)
    child.hang_right(Node(run(7), 3))
    root.hang_left(child)
    check_treap(root)


CHECKS: Final[Checks] = (
    ("T-70", a_run_that_is_in_the_sorted_set_already),
    ("T-73", a_run_that_is_not_in_the_sorted_set),
    ("T-62", types_that_promise_a_lower_match),
    ("T-63", types_that_promise_a_higher_match),
    ("T-62", types_that_promise_a_match_on_the_right),
    ("T-63", types_that_promise_a_match_on_the_left),
    ("T-66", a_left_child_with_the_same_base),
    ("T-67", a_right_child_with_the_same_base),
    ("T-66", a_left_child_with_a_greater_base),
    ("T-67", a_right_child_with_a_lesser_base),
    ("T-68", a_sum_of_pages_that_is_stale),
    ("T-69", a_sum_of_types_that_is_stale),
    ("T-70", a_base_that_is_there_already),
    ("T-73", removing_what_is_not_there),
    ("T-73", changing_what_is_not_there),
    ("T-75", rotating_without_a_right_child),
    ("T-76", rotating_without_a_left_child),
    ("TREAP-1", a_left_child_of_lower_priority),
    ("TREAP-1", a_right_child_of_lower_priority),
    ("TREAP-1", a_run_below_the_root_on_the_wrong_side_of_it),
)
"""Each fatal check, and what runs into it."""
