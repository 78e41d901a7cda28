"""What of a heap has changed since somebody has looked last.

Records are never changed, but replaced. So what has changed is what is another record now.
"""

from typing import Generic, TypeVar

from spanspec.base.ids import SpanId
from spanspec.heap.parts import Wanted
from spanspec.heap.state.state import HeapState
from spanspec.pages.tables.runs import PageRun
from spanspec.sharing.tables.records import SharedSpan
from spanspec.span.mspan import Mspan
from spanspec.span.specials import Specials

# Not bound to `int`, which they all are: compiled, a key is then looked up as it is.
KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class Followed(Generic[KeyT, ValueT]):
    """The values that a table had at the last look, by key, in the order of the table.

    A key that goes on having its value stays where it is in the order. So to look whether anything
    has changed is to go through both at once; only where keys have gone they are looked up.
    """

    def __init__(self) -> None:
        self._keys: list[KeyT] = []
        self._values: list[ValueT] = []

    def look(self, now: dict[KeyT, ValueT]) -> dict[KeyT, ValueT | None]:
        """Return which keys have another value than at the last look, or none now.

        Each has the value that it had, None if it had none.
        """
        keys, values = self._keys, self._values
        known, at = len(keys), 0
        changed: list[int] = []
        added: list[KeyT] = []
        for key, value in now.items():
            if at >= known:
                added.append(key)
            elif keys[at] is not key:
                return self._anew(now)
            elif values[at] is not value:
                changed.append(at)
            at += 1
        if at < known:
            return self._anew(now)
        found: dict[KeyT, ValueT | None] = {}
        for at in changed:
            key = keys[at]
            found[key] = values[at]
            values[at] = now[key]
        for key in added:
            found[key] = None
            keys.append(key)
            values.append(now[key])
        return found

    def _anew(self, now: dict[KeyT, ValueT]) -> dict[KeyT, ValueT | None]:
        """Return what `look` does, where keys have gone."""
        before = dict(zip(self._keys, self._values, strict=True))
        found: dict[KeyT, ValueT | None] = {}
        for key, value in now.items():
            earlier = before.get(key)
            if earlier is not value:
                found[key] = earlier
        for key, value in before.items():
            if key not in now:
                found[key] = value
        self._keys, self._values = list(now), list(now.values())
        return found


class Changes:
    """Which descriptors of a heap have other records than at the last look."""

    def __init__(self, state: HeapState) -> None:
        self._state = state
        self._spans: Followed[int, Mspan] = Followed()
        self._shared: Followed[SpanId, SharedSpan] = Followed()
        self._runs: Followed[int, PageRun] = Followed()
        self._specials: Followed[int, Specials] = Followed()
        self._phase: tuple[object, ...] = ()

    def look(self, shape: bool) -> Wanted:
        """Return what has changed since the last look; without `shape`, of the slots alone."""
        state = self._state
        spans = self._spans.look(state.spans)
        given = self._specials.look(state.specials)
        if not shape:
            return Wanted([*spans, *[span for span in given if span not in spans]], [], False)
        classes = {before.spanclass for before in spans.values() if before is not None}
        changed = {*spans, *given, *self._runs.look(state.pages.runs.records)}
        for identity in self._shared.look(state.tables.spans.records):
            if identity > 0:
                changed.add(identity - 1)
        for span in changed:
            record = state.spans.get(span)
            if record is not None:
                classes.add(record.spanclass)
        return Wanted(sorted(changed), sorted(classes), True)

    def phase_has_changed(self) -> bool:
        """Tell whether anything has changed on which the state of each span depends."""
        state, before = self._state, self._phase
        self._phase = (state.sweepgen, state.phase, state.sweepdone, state.collector.marked)
        return before != self._phase
