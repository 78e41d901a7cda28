"""Containers are asked for what they refuse: the sorted set, the treap, the lists, the buffers."""

from typing import Final

from spanproof.theorems.courses.fatal.checks import Checks
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import SpanId
from spanspec.pages.freeruns import FreeSpan, SortedFreeSpans
from spanspec.pages.treap import Node, check_treap
from spanspec.sharing.spanlist import NO_CLASS, SpanList, no_lists, remove
from spanspec.sharing.sweepbuf import SweepBuffer
from spanspec.span.listing import EMPTY, NONEMPTY


def run(page: int) -> FreeSpan:
    """Return a free run of a page."""
    return FreeSpan(page * PAGE_SIZE, 1, page, False, False)


def a_run_that_is_in_the_sorted_set_already() -> None:
    """A run that is in the sorted set already."""
    free = SortedFreeSpans()
    free.insert(run(1))
    free.insert(run(1))


def a_run_that_is_not_in_the_sorted_set() -> None:
    """A run that is not in the sorted set."""
    runs = SortedFreeSpans()
    runs.remove(PAGE_SIZE)


def parent_of(side: str, page: int) -> Node:
    """Return a node of page 5 with a child on one side, whose priority is lower than its own."""
    node = Node(run(5), 9)
    if side == "left":
        node.left = Node(run(page), 1)
    else:
        node.right = Node(run(page), 1)
    return node


def a_left_child_of_lower_priority() -> None:
    """A left child of lower priority."""
    check_treap(parent_of("left", 1))


def a_right_child_of_lower_priority() -> None:
    """A right child of lower priority."""
    check_treap(parent_of("right", 9))


def a_run_below_the_root_on_the_wrong_side_of_it() -> None:
    """A run on the right side of its parent, and on the wrong side of the root."""
    root, child = Node(run(5), 1), Node(run(3), 2)
    child.hang_right(Node(run(7), 3))
    root.hang_left(child)
    check_treap(root)


def a_span_is_put_into_a_list_twice() -> None:
    """A span is put into a list twice."""
    found = SpanList()
    found.insert(1)
    found.insert(1)


def a_span_is_put_at_the_back_of_a_list_twice() -> None:
    """A span is put at the back of a list twice."""
    found = SpanList()
    found.insert_back(1)
    found.insert_back(1)


def a_span_is_taken_out_of_a_list_that_it_is_not_in() -> None:
    """A span is taken out of a list that it is not in."""
    spans = SpanList()
    spans.remove(1)


def a_span_is_taken_out_of_no_list() -> None:
    """A span that is in no list at all is taken out of it."""
    remove(no_lists(), SpanId(1))


def a_span_is_taken_out_of_another_list() -> None:
    """A span in the empty list of a class is taken out of the nonempty one."""
    lists = no_lists()
    empty, nonempty = SpanList(lists, NO_CLASS, EMPTY), SpanList(lists, NO_CLASS, NONEMPTY)
    empty.insert(1)
    nonempty.remove(1)


def a_place_is_filled_twice() -> None:
    """A place of a sweep buffer is filled twice."""
    buffer = SweepBuffer()
    buffer.push(1, 0)
    buffer.push(2, 0)


def an_empty_place_is_read() -> None:
    """An empty place of a sweep buffer is read."""
    SweepBuffer().at(3)


def an_empty_place_is_emptied() -> None:
    """An empty place of a sweep buffer is emptied."""
    buffer = SweepBuffer()
    buffer.pop(0)


def another_span_is_taken_out() -> None:
    """A span is popped, and another one is at its place."""
    buffer = SweepBuffer()
    buffer.push(1, 0)
    buffer.follow(SpanId(5), 0, was_in=True, is_in=False)


def a_block_below_the_buffer() -> None:
    """A block below the buffer."""
    SweepBuffer().block(-1)


CHECKS: Final[Checks] = (
    ("T-70", a_run_that_is_in_the_sorted_set_already),
    ("T-73", a_run_that_is_not_in_the_sorted_set),
    ("TREAP-1", a_left_child_of_lower_priority),
    ("TREAP-1", a_right_child_of_lower_priority),
    ("TREAP-1", a_run_below_the_root_on_the_wrong_side_of_it),
    ("SPAN-28", a_span_is_put_into_a_list_twice),
    ("SPAN-28", a_span_is_put_at_the_back_of_a_list_twice),
    ("SPAN-28", a_span_is_taken_out_of_a_list_that_it_is_not_in),
    ("SPAN-28", a_span_is_taken_out_of_no_list),
    ("SPAN-28", a_span_is_taken_out_of_another_list),
    ("SWP-10", a_place_is_filled_twice),
    ("SWP-11", an_empty_place_is_read),
    ("SWP-11", an_empty_place_is_emptied),
    ("SWP-11", another_span_is_taken_out),
    ("T-61", a_block_below_the_buffer),
)
"""Each fatal check, and what runs into it."""
