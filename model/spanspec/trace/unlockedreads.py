"""What a descriptor may have looked like to a thread that reads it without a lock.

A step takes its line when it is logged, and others may have read what it changes before or after
that line. So for each descriptor this keeps until which line each earlier value may have been
seen, and which values a step that is under way is about to store.
"""

from bisect import bisect_right
from operator import itemgetter
from typing import Final, cast

from spanspec.base.words import M32, U32
from spanspec.events import span_events as ev
from spanspec.events.fields import ThreadEvent
from spanspec.heap.state import HeapState
from spanspec.pages.runs import PageRun
from spanspec.sharing.records import SharedSpan
from spanspec.span.mspan import DEAD, FREE, IN_USE, MANUAL, SpanState
from spanspec.span.sweepgen import is_cached, is_swept, needs_sweep
from spanspec.trace.kinds import ALLOCATING, NEITHER, SWEPT, TAKEN, Kind

NEVER: Final = -1


class UnlockedReads:
    """Values of state and sweepgen by descriptor, each with the last line at which it held."""

    def __init__(self) -> None:
        self._generations: dict[int, dict[U32, int]] = {}
        self._states: dict[int, dict[SpanState, int]] = {}
        self._before: list[tuple[int, PageRun, SharedSpan]] = []
        self._storing: dict[int, tuple[int, U32]] = {}
        self._under_way: tuple[set[int], set[int], set[int]] = (set(), set(), set())
        self._heap_changed = NEVER
        self._swept: list[tuple[int, int]] = []

    def before(self, state: HeapState, event: ThreadEvent, about: Kind) -> None:
        """Note how the descriptors of an event look before it."""
        noted = self._before
        if noted:
            noted.clear()
        if about.leaves_alike:
            return
        runs = state.pages.runs.records
        for name in about.descriptors:
            span: int = getattr(event, name)
            run = runs.get(span)
            if run is not None:
                noted.append((span, run, state.shared(span)))

    def after(self, state: HeapState, line: int, event: ThreadEvent, about: Kind) -> None:
        """Note what an event has changed, and what its thread is going to change."""
        runs = state.pages.runs.records
        for span, old_run, old in self._before:
            # A record that is still the same object has not changed.
            run, it = runs[span], state.shared(span)
            if run is not old_run and run.state != old_run.state:
                self._states.setdefault(span, {})[old_run.state] = line
            if it is not old and it.sweepgen != old.sweepgen:
                self._generations.setdefault(span, {})[old.sweepgen] = line
        if self._storing and event.thread in self._storing:
            stored, value = self._storing.pop(event.thread)
            self._generations.setdefault(stored, {})[value] = line
        if about.replaces:
            told = cast(ev.SpanEvent, event)
            self._storing[event.thread] = told.span, replaced(told)
        if about.begins != NEITHER:
            self._under_way[about.begins].add(cast(ev.SpanEvent, event).span)
            if about.begins == SWEPT:
                self._swept.append((line, state.progress.pages_swept))
        elif about.ends != NEITHER and not (type(event) is ev.CentralChecksRoom and event.room):
            self._under_way[about.ends].discard(cast(ev.SpanEvent, event).span)
        if about.heap_changes:
            self._heap_changed = line

    def swept_by(self, line: int) -> int:
        """Return the pages that were counted as swept, in this sweep phase, by a line."""
        later = bisect_right(self._swept, line, key=itemgetter(0))
        return self._swept[later - 1][1] if later > 0 else 0

    def forget_swept(self) -> None:
        """Begin to count anew, as a sweep phase does."""
        self._swept.clear()

    def states(self, state: HeapState, span: int, low: int, locked: bool) -> set[SpanState]:
        """Return the states that a descriptor may have been seen in since a line."""
        actual = state.pages.runs[span].state
        seen = {actual}
        seen |= {old for old, line in self._states.get(span, {}).items() if line >= low}
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
        seen |= {old for old, line in self._generations.get(span, {}).items() if line >= low}
        seen |= {old for one, old in self._storing.values() if one == span}
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
