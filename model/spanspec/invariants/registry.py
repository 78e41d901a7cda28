"""Where invariants are entered by name."""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Final, NamedTuple

from spanspec.heap.state.state import HeapState
from spanspec.pages.tables.runs import PageRun
from spanspec.span.mspan import DEAD, Mspan

Check = Callable[[HeapState], Iterable[str]]
# Of one span, or one run, there is one line or none: a generator for each would cost more than what
# is asked.
SpanCheck = Callable[[HeapState, int, Mspan], str | None]
RunCheck = Callable[[HeapState, int, PageRun], str | None]
# Told, if it is known, the order of the runs: see `pages.pieces_by_page`.
OrderedCheck = Callable[[HeapState, list[int] | None], Iterable[str]]


class When(Enum):
    """When an invariant has to hold."""

    ALWAYS = "between any two steps"
    UNLOCKED = "between any two steps, while nobody holds the lock of the page heap"
    AT_REST = "with nobody in the middle of an operation"


class Each(Enum):
    """What an invariant is asked of, one by one."""

    SPAN = "each span in use"
    RUN = "each run of pages"
    LIVE_RUN = "each run of pages that is not dead"


class Invariant(NamedTuple):
    """A named predicate: its id, when it holds, and the check.

    One that is about each span in use by itself, or about each run of pages, has that check as
    `of_span` or `of_run`, too: a step can break it only for what it has changed. `of_each` tells
    that it says nothing more than that of each, or of each that is not dead. `in_order` is the same
    check for who has put the runs in order already. `follows` names another about each span: where
    that holds of a span, so does this.
    """

    id: str
    when: When
    check: Check
    of_span: SpanCheck | None = None
    of_run: RunCheck | None = None
    of_each: Each | None = None
    in_order: OrderedCheck | None = None
    follows: str | None = None


INVARIANTS: Final[dict[str, Invariant]] = {}
"""Every invariant, by id."""


def invariant(
    identifier: str,
    when: When = When.AT_REST,
    *,
    of_span: SpanCheck | None = None,
    of_run: RunCheck | None = None,
) -> Callable[[Check], Check]:
    """Enter a predicate as the invariant of that id; `of_span` and `of_run` have a part of it."""

    def entered(check: Check) -> Check:
        enter(Invariant(identifier, when, check, of_span, of_run))
        return check

    return entered


def ordered_invariant(
    identifier: str, when: When = When.AT_REST, *, of_run: RunCheck | None = None
) -> Callable[[OrderedCheck], OrderedCheck]:
    """Enter a predicate on the runs by address as the invariant of that id."""

    def entered(check: OrderedCheck) -> OrderedCheck:
        def of_all(state: HeapState) -> Iterable[str]:
            return check(state, None)

        enter(Invariant(identifier, when, of_all, of_run=of_run, in_order=check))
        return check

    return entered


def span_invariant(
    identifier: str, when: When = When.AT_REST, *, follows: str | None = None
) -> Callable[[SpanCheck], SpanCheck]:
    """Enter a predicate on a span in use, by descriptor and record, as the invariant of that id."""

    def entered(check: SpanCheck) -> SpanCheck:
        def of_all(state: HeapState) -> Iterator[str]:
            for span, record in state.spans.items():
                what = check(state, span, record)
                if what is not None:
                    yield what

        each = Each.SPAN
        enter(Invariant(identifier, when, of_all, check, None, each, None, follows))
        return check

    return entered


def run_invariant(
    identifier: str, when: When = When.AT_REST, *, of_dead: bool = True
) -> Callable[[RunCheck], RunCheck]:
    """Enter a predicate on a run of pages, by descriptor, as the invariant of that id.

    Without `of_dead` it says nothing of a dead run, and is asked about none: most are dead.
    """

    def entered(check: RunCheck) -> RunCheck:
        def of_all(state: HeapState) -> Iterator[str]:
            for span, run in state.pages.runs.records.items():
                if of_dead or run.state != DEAD:
                    what = check(state, span, run)
                    if what is not None:
                        yield what

        each = Each.RUN if of_dead else Each.LIVE_RUN
        enter(Invariant(identifier, when, of_all, of_run=check, of_each=each))
        return check

    return entered


def enter(one: Invariant) -> None:
    """Enter an invariant."""
    assert one.id not in INVARIANTS, f"{one.id} is entered twice"
    INVARIANTS[one.id] = one
