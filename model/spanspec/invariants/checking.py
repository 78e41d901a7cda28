"""What of a state violates invariants: all of them, or those that a step can have broken."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from spanspec.heap.state.state import HeapState
from spanspec.invariants import accounting, objects, pages, spans, sweeping
from spanspec.invariants.registry import INVARIANTS, Each, Invariant, RunCheck, SpanCheck, When
from spanspec.span.mspan import DEAD

_AREAS = (spans, pages, sweeping, accounting, objects)
"""Importing an area enters its invariants."""

_ORDER: Final = tuple(When)

# Not bound to `int`, as it always is: see `sharing.tables.growing`.
KeyT = TypeVar("KeyT")
RecordT = TypeVar("RecordT")


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
    asked = [
        one
        for one in INVARIANTS.values()
        if (ids is None or one.id in ids) and _ORDER.index(one.when) <= _ORDER.index(now)
    ]
    # Nearly always nothing is wrong. So what is asked of each span or run is asked in one pass over
    # them; each by itself is asked again only to tell what is wrong, in the order of the
    # invariants.
    each_is_sound = _each_is_sound(state, asked)
    ordered = any(one.in_order is not None for one in asked)
    order = pages.pieces_by_page(state.pages) if ordered else None
    for invariant in asked:
        if invariant.of_each is None or not each_is_sound:
            in_order = invariant.in_order
            told = invariant.check(state) if in_order is None else in_order(state, order)
            for what in told:
                yield Violation(invariant.id, what)


def _each_is_sound(state: HeapState, asked: Sequence[Invariant]) -> bool:
    """Tell whether no span and no run violates those of some invariants that are about each.

    A state may be so wrong that one of them fails to be asked: it is not sound then, either.
    """
    of_spans: list[SpanCheck] = []
    of_runs: list[RunCheck] = []
    of_live: list[RunCheck] = []
    ids = {one.id for one in asked}
    for one in asked:
        if one.follows in ids:
            continue
        if one.of_each is Each.SPAN and one.of_span is not None:
            of_spans.append(one.of_span)
        elif one.of_each is Each.RUN and one.of_run is not None:
            of_runs.append(one.of_run)
        elif one.of_each is Each.LIVE_RUN and one.of_run is not None:
            of_live.append(one.of_run)
    runs = state.pages.runs.records
    try:
        if not (_all_hold(state, state.spans, of_spans) and _all_hold(state, runs, of_runs)):
            return False
        if not of_live:
            return True
        live = {span: run for span, run in runs.items() if run.state != DEAD}
        return _all_hold(state, live, of_live)
    except Exception:
        return False


def _all_hold(
    state: HeapState,
    records: dict[KeyT, RecordT],
    asked: list[Callable[[HeapState, KeyT, RecordT], str | None]],
) -> bool:
    """Tell whether every record satisfies all that is asked of it."""
    if not asked:
        return True
    for span, record in records.items():
        for check in asked:
            if check(state, span, record) is not None:
                return False
    return True


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
