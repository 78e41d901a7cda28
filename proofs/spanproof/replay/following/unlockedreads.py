"""What a descriptor may have looked like to a thread that reads it without a lock.

A step takes its line when it is logged, and others may have read what it changes before or after
that line. So for each descriptor this keeps until which line each earlier value may have been
seen, and which values a step that is under way is about to store.
"""

from bisect import bisect_right
from typing import Final, cast

from spanproof.replay.following.kinds import ALLOCATING, KINDS, NEITHER, SWEPT, TAKEN, Kind
from spanproof.replay.following.threads import RecordedThread
from spanspec.base.ids import NOBODY
from spanspec.base.words import M32, U32
from spanspec.events import span_events as ev
from spanspec.events.fields import ThreadEvent
from spanspec.heap.state.state import HeapState
from spanspec.pages.pageheap import UNUSED as UNUSED_RUN
from spanspec.sharing.tables.growing import span_id
from spanspec.sharing.tables.records import UNUSED
from spanspec.span.mspan import DEAD, FREE, IN_USE, MANUAL, SpanState
from spanspec.span.sweepgen import is_cached, is_swept, needs_sweep

NEVER: Final = -1

MOST_DESCRIPTORS: Final = max(len(about.descriptors) for about in KINDS.values())
"""How many descriptors an event may name."""


class NotedSpan:
    """How a descriptor looked before an event."""

    def __init__(self) -> None:
        self.span = NOBODY
        self.run = UNUSED_RUN
        self.shared = UNUSED


class UnlockedReads:
    """Values of state and sweepgen by descriptor, each with the last line at which it held."""

    def __init__(self) -> None:
        self._generations: dict[int, dict[U32, int]] = {}
        self._states: dict[int, dict[SpanState, int]] = {}
        # Filled anew for each event, so that none has to be made for it: the first `_noted` count.
        self._before = [NotedSpan() for _ in range(MOST_DESCRIPTORS)]
        self._noted = 0
        # The threads that have ever replaced a sweepgen; of most that was over long ago.
        self._storing: dict[int, RecordedThread] = {}
        self._under_way: list[set[int]] = [set(), set(), set()]
        self._heap_changed = NEVER
        # Lines, and how many pages were counted as swept by each of them.
        self._swept_lines: list[int] = []
        self._swept_pages: list[int] = []

    def before(self, state: HeapState, event: ThreadEvent, about: Kind) -> None:
        """Note how the descriptors of an event look before it."""
        self._noted = 0
        if about.leaves_alike:
            return
        runs, spans, noted = state.pages.runs.records, state.tables.spans.records, 0
        for name in about.descriptors:
            span: int = getattr(event, name)
            run = runs.get(span)
            if run is not None:
                one = self._before[noted]
                one.span, one.run, one.shared = span, run, spans.get(span_id(span), UNUSED)
                noted += 1
        self._noted = noted

    def after(
        self, state: HeapState, line: int, event: ThreadEvent, about: Kind, thread: RecordedThread
    ) -> None:
        """Note what an event has changed, and what its thread is going to change."""
        runs, spans = state.pages.runs.records, state.tables.spans.records
        for place in range(self._noted):
            one = self._before[place]
            old_run, old = one.run, one.shared
            # A record that is still the same object has not changed.
            run, it = runs[one.span], spans.get(span_id(one.span), UNUSED)
            if run is not old_run and run.state != old_run.state:
                self._states.setdefault(one.span, {})[old_run.state] = line
            if it is not old and it.sweepgen != old.sweepgen:
                self._generations.setdefault(one.span, {})[old.sweepgen] = line
        if thread.storing:
            self._generations.setdefault(thread.stored, {})[thread.stored_over] = line
            thread.storing = False
        if about.replaces:
            told = cast(ev.SpanEvent, event)
            thread.stored, thread.stored_over = told.span, replaced(told)
            thread.storing = True
            if not thread.has_stored:
                thread.has_stored = True
                self._storing[thread.number] = thread
        if about.begins != NEITHER:
            self._under_way[about.begins].add(cast(ev.SpanEvent, event).span)
            if about.begins == SWEPT:
                self._swept_lines.append(line)
                self._swept_pages.append(state.progress.pages_swept)
        elif about.ends != NEITHER and not (type(event) is ev.CentralChecksRoom and event.room):
            self._under_way[about.ends].discard(cast(ev.SpanEvent, event).span)
        if about.heap_changes:
            self._heap_changed = line

    def swept_by(self, line: int) -> int:
        """Return the pages that were counted as swept, in this sweep phase, by a line."""
        later = bisect_right(self._swept_lines, line)
        return self._swept_pages[later - 1] if later > 0 else 0

    def forget_swept(self) -> None:
        """Begin to count anew, as a sweep phase does."""
        self._swept_lines.clear()
        self._swept_pages.clear()

    def states(self, state: HeapState, span: int, low: int, locked: bool) -> set[SpanState]:
        """Return the states that a descriptor may have been seen in since a line."""
        actual = state.pages.runs[span].state
        seen = {actual}
        known = self._states.get(span)
        if known is not None:
            for old, line in known.items():
                if line >= low:
                    seen.add(old)
        if span in self._under_way[ALLOCATING]:
            seen |= {DEAD, IN_USE, MANUAL, FREE}
        if any(one != IN_USE for one in seen) and (locked or self._heap_changed >= low):
            seen |= {DEAD, MANUAL, FREE}
        if actual == IN_USE and span not in state.spans:
            seen.add(FREE)
        return seen

    def generations(self, state: HeapState, span: int, low: int) -> set[U32]:
        """Return the sweepgens that may have been seen in a descriptor since a line."""
        sg, actual = state.sweepgen, state.generation(span)
        seen = {actual}
        known = self._generations.get(span)
        if known is not None:
            for old, line in known.items():
                if line >= low:
                    seen.add(old)
        for thread in self._storing.values():
            if thread.storing and thread.stored == span:
                seen.add(thread.stored_over)
        if needs_sweep(sg, actual):
            seen.add((sg - 1) & M32)
        if span in self._under_way[SWEPT] or span in self._under_way[ALLOCATING]:
            seen.add(sg)
        if is_swept(sg, actual) and span in self._under_way[TAKEN]:
            seen.add((sg + 3) & M32)
        if is_cached(sg, actual) and is_full(state, span):
            seen.add(sg)
        return seen


def replaced(event: ev.SpanEvent) -> U32:
    """Return what sweepgen an event's thread replaces in its span some time before its next event.

    An `un` announces its store. That of a refill or of `mcentral.freeSpan` may come just before its
    event or just after it.
    """
    if type(event) is ev.Uncache:
        return event.sweepgen_before
    if type(event) is ev.CentralFreesSpan:
        return (event.sweepgen - 1) & M32
    if type(event) is ev.RefillBegins:
        return (event.sweepgen + 3) & M32
    assert type(event) is ev.RefillEnds, "no other kind replaces a sweepgen so"
    return (event.sweepgen - 3) & M32


def is_full(state: HeapState, span: int) -> bool:
    """Tell whether every slot of a span in use is allocated, so that a refill lets go of it."""
    record = state.spans.get(span)
    return record is not None and record.alloc_count == record.nelems
