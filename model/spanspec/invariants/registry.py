"""Where invariants are entered by name."""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final, NamedTuple

from spanspec.heap.state import HeapState

Check = Callable[[HeapState], Iterator[str]]


class When(Enum):
    """When an invariant has to hold."""

    ALWAYS = "between any two steps"
    UNLOCKED = "between any two steps, while nobody holds the lock of the page heap"
    AT_REST = "with nobody in the middle of an operation"


class Invariant(NamedTuple):
    """A named predicate: its id, when it holds, and the check."""

    id: str
    when: When
    check: Check


INVARIANTS: Final[dict[str, Invariant]] = {}
"""Every invariant, by id."""


def invariant(identifier: str, when: When = When.AT_REST) -> Callable[[Check], Check]:
    """Enter a predicate as the invariant of that id."""

    def enter(check: Check) -> Check:
        assert identifier not in INVARIANTS, f"{identifier} is entered twice"
        INVARIANTS[identifier] = Invariant(identifier, when, check)
        return check

    return enter
