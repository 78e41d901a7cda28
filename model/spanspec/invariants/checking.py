"""What of a state violates invariants: all of them, or those that a step can have broken."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from spanspec.heap.state.state import HeapState
from spanspec.invariants import accounting, objects, pages, spans, sweeping
from spanspec.invariants.registry import INVARIANTS, When

_AREAS = (spans, pages, sweeping, accounting, objects)
"""Importing an area enters its invariants."""


_ORDER: Final = tuple(When)


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


def violations_at(
    state: HeapState, spans: Iterable[int], runs: Iterable[int]
) -> Iterator[Violation]:
    """Yield what violates the invariants that are about one span, or one run, of some of them.

    With nobody in an operation this is what a step can have broken that has changed these alone.
    What an invariant says of the whole heap is not looked at.
    """
    for span in spans:
        record = state.spans.get(span)
        if record is not None:
            for identifier, of_span in _OF_SPANS:
                what = of_span(state, span, record)
                if what is not None:
                    yield Violation(identifier, what)
    for span in runs:
        run = state.pages.runs[span]
        for identifier, of_run in _OF_RUNS:
            what = of_run(state, span, run)
            if what is not None:
                yield Violation(identifier, what)


_OF_SPANS: Final = [(one.id, one.of_span) for one in INVARIANTS.values() if one.of_span is not None]
_OF_RUNS: Final = [(one.id, one.of_run) for one in INVARIANTS.values() if one.of_run is not None]
