"""The invariants I-1 to I-40, each a named predicate on a whole state.

A predicate yields a line for each place where it is violated, and nothing if it holds.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from spanspec.heap.state import HeapState
from spanspec.invariants import accounting, objects, pages, spans, sweeping
from spanspec.invariants.registry import INVARIANTS, Invariant, When

__all__ = ["INVARIANTS", "Invariant", "Violation", "When", "violations"]

_AREAS = (spans, pages, sweeping, accounting, objects)
"""Importing an area enters its invariants."""


_ORDER = tuple(When)


class Violation(NamedTuple):
    """An invariant that does not hold, and where."""

    invariant: str
    what: str


def violations(
    state: HeapState, ids: Sequence[str] | None = None, now: When = When.AT_REST
) -> Iterator[Violation]:
    """Yield what violates some invariants, or all of them.

    `now` says how quiet the heap is: only those invariants are checked that hold at such a time.
    """
    for identifier, invariant in INVARIANTS.items():
        wanted = identifier in ids if ids is not None else True
        if wanted and _ORDER.index(invariant.when) <= _ORDER.index(now):
            for what in invariant.check(state):
                yield Violation(identifier, what)
