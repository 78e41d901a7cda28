"""Watching one span or page through a trace: every event that touched it, and what it became.

An event touches a span if it names it, or changes what can be seen of it; a page, if it does so to
the span that the page belongs to. Slots taken one after the other are told together.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from spanproof.replay.following.replay import Replay
from spanproof.replay.following.verdict import TraceDivergence
from spanproof.replay.format.schema import KIND_OF, spans_of
from spanproof.replay.telling.history import as_text
from spanproof.replay.telling.phrases import STATES, phrase, slots
from spanproof.replay.watched import NEVER_SEEN, History, HistoryEntry, View, WatchedThing
from spanspec.base.ids import NOBODY
from spanspec.base.words import U64
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase
from spanspec.heap.picture import relative
from spanspec.heap.state.state import HeapState
from spanspec.pages.freeset.freeruns import ALL
from spanspec.pages.pageheap import page_address, page_number
from spanspec.pages.tables.runs import PageRun, end_of
from spanspec.span.listing import EMPTY, NONEMPTY
from spanspec.span.mspan import DEAD, IN_USE, MANUAL, Mspan

LISTS: Final[dict[int, str]] = {NONEMPTY: "nonempty", EMPTY: "empty"}
"""The names of the lists of a span class."""


class _Sight(NamedTuple):
    """What a view is made of: as long as this stays equal, so does the view."""

    span: int = NOBODY
    run: PageRun | None = None
    record: Mspan | None = None
    sweepgen: str = ""
    list: str | None = None
    cached_by: int | None = None
    purpose: str | None = None

    def holds(self, event: ev.Malloc | ev.TinyHit) -> bool:
        """Tell whether an object was allocated from this span."""
        return self.record is not None and page_number(self.record.base) == event.base_page

    def view(self) -> View:
        """Return it in the terms of the field."""
        run, record = self.run, self.record
        if run is None:
            return View(NEVER_SEEN)
        first = page_number(run.base)
        seen = View(
            state=STATES[run.state],
            span=self.span,
            pages=f"{first}..{first + run.npages - 1}",
            scavenged=run.scavenged,
            needzero=run.needzero,
            purpose=self.purpose,
        )
        if record is None:
            return seen
        return seen._replace(
            needzero=record.needzero,
            spanclass=record.spanclass,
            sweepgen=self.sweepgen,
            freeindex=record.freeindex,
            alloc_count=record.alloc_count,
            nelems=record.nelems,
            list=self.list,
            cached_by=self.cached_by,
        )


class _Slots:
    """Allocations from one span, one after the other, that are still being collected."""

    def __init__(self, line: int, before: _Sight) -> None:
        self.line = self.last = line
        self.before = before
        self.taken: dict[ev.Path, list[int]] = {}
        self.tiny: list[int] = []
        self.events = 0

    def add(self, line: int, event: ev.Malloc | ev.TinyHit) -> None:
        """Collect one more."""
        self.last = line
        self.events += 1
        if isinstance(event, ev.Malloc):
            self.taken.setdefault(event.path, []).append(event.slot)
        else:
            self.tiny.append(event.slot)

    def entry(self, after: _Sight) -> HistoryEntry:
        """Return all of them as one line of a life."""
        words = slots(self.taken, self.tiny)
        views = self.before.view(), after.view()
        return HistoryEntry(self.line, self.last, self.events, "m", words, *views)


class Watch:
    """Follows one subject from event to event."""

    def __init__(self, subject: WatchedThing, state: HeapState) -> None:
        self.subject = subject
        self._state = state
        self._entries: list[HistoryEntry] = []
        self._slots: _Slots | None = None
        self._sight = _Sight()
        self._sight = self._look(set())

    def history(self) -> History:
        """Return what was seen so far."""
        self._end_slots()
        return History(self.subject, tuple(self._entries))

    def seen(self) -> View:
        """Return what can be seen of it now."""
        return self._sight.view()

    def note(self, line: int, event: EventBase) -> None:
        """Note an event that has just been replayed, if it touched the subject."""
        named = spans_of(event)
        before, now = self._sight, self._look(named)
        if isinstance(event, ev.Malloc | ev.TinyHit) and now.holds(event):
            if self._slots is None:
                self._slots = _Slots(line, before)
            self._slots.add(line, event)
            self._sight = now
            return
        touched = before.span in named or now.span in named
        if not touched and (now == before or now.view() == before.view()):
            self._sight = now
            return
        self._end_slots()
        self._sight = now
        views = before.view(), now.view()
        self._entries.append(
            HistoryEntry(line, line, 1, KIND_OF[type(event)], phrase(event), *views)
        )

    def note_divergence(self, line: int, event: EventBase) -> None:
        """Note the event that the model excludes, if it names the subject."""
        page = getattr(event, "base_page", NOBODY)
        run = self._sight.run
        if self._sight.span in spans_of(event) or (run and page == page_number(run.base)):
            self._end_slots()
            view = self._sight.view()
            what = f"the trace diverges: {as_text(event)}"
            self._entries.append(
                HistoryEntry(line, line, 1, KIND_OF[type(event)], what, view, view)
            )

    def _end_slots(self) -> None:
        if self._slots is not None:
            self._entries.append(self._slots.entry(self._sight))
            self._slots = None

    def _look(self, named: set[int]) -> _Sight:
        state = self._state
        span = self._owner(named)
        run = state.pages.runs.records.get(span)
        if run is None:
            return _Sight()
        record = state.spans.get(span)
        if record is None:
            purpose = state.pages.purposes.get(span) if run.state == MANUAL else None
            return _Sight(span, run, purpose=purpose)
        it = state.shared(span)
        cache = self._cached_by(span, record.spanclass)
        distance = relative(state.sweepgen, it.sweepgen)
        return _Sight(span, run, record, distance, LISTS.get(it.place), cache)

    def _cached_by(self, span: int, spanclass: int) -> int | None:
        state = self._state
        owners = (
            p for p, mcache in state.mcache_of.items() if state.cached(mcache, spanclass) == span
        )
        return max(owners, default=None)

    def _owner(self, named: set[int]) -> int:
        """Return the span to look at; for a page, the one that has it now, or NOBODY.

        The span map may lead from an inner page of a free run to any span, and a run that is on
        its way from or to the free set is not in it: then it is one that the event names.
        """
        if self.subject.thing == "span":
            return self.subject.number
        heap, last = self._state.pages, self._sight
        if (
            last.run is not None
            and last.run.state != DEAD
            and heap.runs.records.get(last.span) is last.run
        ):
            return last.span
        address = page_address(self.subject.number)
        mapped = heap.map.span_of(address)
        run = heap.runs.records.get(mapped)
        if run is not None and run.state in (IN_USE, MANUAL) and has(run, address):
            return mapped
        below = heap.free.before(address + 1, ALL)
        candidates = [] if below is None else [below.span]
        for span in (*candidates, *sorted(named), last.span):
            run = heap.runs.records.get(span)
            if run is not None and has(run, address):
                return span
        return NOBODY


def has(run: PageRun, address: U64) -> bool:
    """Tell whether an address lies in a run."""
    return run.base <= address < end_of(run)


class Watching:
    """A replay with some subjects watched: `run` is what the replay's own does, and notes."""

    def __init__(self, replay: Replay, subjects: Sequence[WatchedThing]) -> None:
        self._replay = replay
        self._watches = [Watch(one, replay.state) for one in subjects]

    def histories(self) -> tuple[History, ...]:
        """Return the life of each subject, as far as it was seen."""
        return tuple(watch.history() for watch in self._watches)

    def run(self, events: Sequence[EventBase]) -> TraceDivergence | None:
        """Replay the next events one by one, up to the first that the model excludes."""
        replay = self._replay
        past = replay.past
        past.append((replay.line + 1, events))
        for event in events:
            divergence = replay.run((event,))
            past.pop()  # the whole batch is there already
            for watch in self._watches:
                if divergence is None:
                    watch.note(replay.line, event)
                else:
                    watch.note_divergence(replay.line, event)
            if divergence is not None:
                return divergence
        return None
