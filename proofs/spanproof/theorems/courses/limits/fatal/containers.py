"""Lists of spans and sweep buffers are asked for what they refuse."""

from typing import Final

from spanproof.theorems.courses.limits.fatal.checks import Checks
from spanspec.base.ids import SpanId
from spanspec.sharing.containers.spanlist import NO_CLASS, SpanList, no_lists, remove
from spanspec.sharing.containers.sweepbuf import SweepBuffer
from spanspec.span.listing import EMPTY, NONEMPTY


def a_span_is_put_into_a_list_twice() -> None:
    found = SpanList()
    found.insert(1)
    found.insert(1)


def a_span_is_put_at_the_back_of_a_list_twice() -> None:
    found = SpanList()
    found.insert_back(1)
    found.insert_back(1)


def a_span_is_taken_out_of_a_list_that_it_is_not_in() -> None:
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
    SweepBuffer().block(-1)


CHECKS: Final[Checks] = (
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
