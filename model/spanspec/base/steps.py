"""What a step is: the only way in which what a heap consists of becomes something else."""

from collections.abc import Callable
from typing import Generic, TypeVar

from spanspec.base.records import Record

PartT = TypeVar("PartT")
PartT_co = TypeVar("PartT_co", covariant=True)


class NotAStep(Exception):
    """What was to happen is no step; the message says what, and why."""


class Step(Record, Generic[PartT_co], frozen=True):
    """A step: its guard and its effect, both functions of a part of the heap and what was chosen.

    `part` is the name of the field that holds the part. `chosen` has the parameters after it, and
    the type of each: a compiled function no longer tells.
    """

    part: str
    name: str
    may: Callable[..., bool]
    take: Callable[..., PartT_co]
    chosen: dict[str, object]


def step_of(
    part: str, may: Callable[..., bool], take: Callable[..., PartT], **chosen: object
) -> Step[PartT]:
    """Return a step that is named after its effect."""
    return Step(part, take.__name__.replace("_", "-"), may, take, chosen)
