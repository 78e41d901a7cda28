"""What a course is: an operation of one thread, and what it asks of who drives it."""

from collections.abc import Callable, Generator
from typing import TypeVar

from spanspec.base.records import Record
from spanspec.base.words import U64
from spanspec.events.fields import EventBase

Result = TypeVar("Result")


class NeedPages(Record, frozen=True):
    """A course asks its driver for a span of so many pages; it goes on with the span's identity."""

    npages: U64


class Waits:
    """A course cannot go on before another thread has done something, so that `until` holds.

    Its driver asks before it goes on; a course that was driven on too early waits anew.
    """

    def __init__(self, until: Callable[[], bool]) -> None:
        self.until = until


class StopsWorld(Record, frozen=True):
    """A course stops the world: it goes on when no other thread is in the middle of an operation.

    Nobody else goes on before the course has told that the Ps were set, by which the world starts.
    """


Course = Generator[EventBase | NeedPages | Waits | StopsWorld, int | None, Result]
"""An operation of one thread, step by step: observations, and what it asks of its driver."""
