"""What a descriptor may have looked like to a thread that reads it without a lock.

A step takes its line when it is logged, and others may have read what it changes before or after
that line. So for each descriptor this keeps until which line each earlier value may have been
seen, and which values a step that is under way is about to store.

Nearly every line of several Ps comes by here. So what there is to note is looked up by the kind of
an event: to ask `isinstance` of a msgspec class takes longer than all the rest.
"""

from collections.abc import Callable
from typing import Final, cast

from spanspec.base.words import M32, U32
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase, ThreadEvent
from spanspec.heap.state import HeapState
from spanspec.span.mspan import DEAD, FREE, IN_USE, MANUAL, SpanState
from spanspec.span.sweepgen import is_cached, is_swept, needs_sweep
from spanspec.trace.schema import DESCRIPTORS_OF

NEVER: Final = -1


class UnlockedReads:
    """Values of state and sweepgen by descriptor, each with the last line at which it held."""

    def __init__(self) -> None:
        self._generations: dict[int, dict[U32, int]] = {}
        self._states: dict[int, dict[SpanState, int]] = {}
        self._before: list[tuple[int, SpanState, U32]] = []
        self._storing: dict[int, tuple[int, U32]] = {}
        self._swept: set[int] = set()
        self._taken: set[int] = set()
        self._allocating: set[int] = set()
        self._heap_changed = NEVER

    def before(self, state: HeapState, event: ThreadEvent) -> None:
        """Note how the descriptors of an event look before it."""
        noted, runs = self._before, state.pages.runs
        noted.clear()
        for name in DESCRIPTORS_OF[type(event)]:
            span: int = getattr(event, name)
            if span in runs:
                noted.append((span, runs[span].state, state.generation(span)))

    def after(self, state: HeapState, line: int, event: ThreadEvent) -> None:
        """Note what an event has changed, and what its thread is going to change."""
        for span, old_state, old in self._before:
            if state.pages.runs[span].state != old_state:
                self._states.setdefault(span, {})[old_state] = line
            if state.generation(span) != old:
                self._generations.setdefault(span, {})[old] = line
        kind, thread = type(event), event.thread
        if thread in self._storing:
            stored, value = self._storing.pop(thread)
            self._generations.setdefault(stored, {})[value] = line
        if kind in REPLACED:
            about = cast(ev.SpanEvent, event)
            self._storing[thread] = about.span, REPLACED[kind](about)
        if kind in WITH_SPAN:
            self._note(cast(ev.SpanEvent, event))
        if kind in HEAP_CHANGES:
            self._heap_changed = line

    def _note(self, event: ev.SpanEvent) -> None:
        """Note what an event's thread is doing with its span."""
        kind, span = type(event), event.span
        if kind is ev.SweepResult:
            self._swept.add(span)
        elif kind is ev.CentralFreesSpan or kind is ev.BufferPush:
            self._swept.discard(span)
        elif kind is ev.CentralTakes or kind is ev.CentralGrows:
            self._taken.add(span)
        elif kind is ev.RefillEnds:
            self._taken.discard(span)
        elif kind is ev.CentralChecksRoom:
            if not cast(ev.CentralChecksRoom, event).room:
                self._taken.discard(span)
        elif kind is hev.HeapAllocates:
            self._allocating.add(span)
        else:
            self._allocating.discard(span)

    def states(self, state: HeapState, span: int, low: int, locked: bool) -> set[SpanState]:
        """Return the states that a descriptor may have been seen in since a line."""
        actual = state.pages.runs[span].state
        seen = {actual}
        seen |= {old for old, line in self._states.get(span, {}).items() if line >= low}
        if span in self._allocating:
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
        if span in self._swept or span in self._allocating:
            seen.add(sg)
        if is_swept(sg, actual) and span in self._taken:
            seen.add((sg + 3) & M32)
        if is_cached(sg, actual) and is_full(state, span):
            seen.add(sg)
        return seen


def before_uncaching(event: ev.SpanEvent) -> U32:
    """Return the sweepgen that `un` announces to be replaced."""
    return cast(ev.Uncache, event).sweepgen_before


def before_publishing(event: ev.SpanEvent) -> U32:
    """Return the sweepgen that mcentral.freeSpan replaces."""
    return (cast(ev.CentralFreesSpan, event).sweepgen - 1) & M32


def before_retiring(event: ev.SpanEvent) -> U32:
    """Return the sweepgen that a refill replaces in the span that it lets go of."""
    return (cast(ev.RefillBegins, event).sweepgen + 3) & M32


def before_caching(event: ev.SpanEvent) -> U32:
    """Return the sweepgen that a refill replaces in the span that it caches."""
    return (cast(ev.RefillEnds, event).sweepgen - 3) & M32


REPLACED: Final[dict[type[EventBase], Callable[[ev.SpanEvent], U32]]] = {
    ev.Uncache: before_uncaching,
    ev.CentralFreesSpan: before_publishing,
    ev.RefillBegins: before_retiring,
    ev.RefillEnds: before_caching,
}
"""What sweepgen an event's thread replaces in its span some time before its next event.

An `un` announces its store. That of a refill or of `mcentral.freeSpan` may come just before its
event or just after it.
"""


def is_full(state: HeapState, span: int) -> bool:
    """Tell whether every slot of a span in use is allocated, so that a refill lets go of it."""
    record = state.spans.get(span)
    return record is not None and record.alloc_count == record.nelems


WITH_SPAN: Final = frozenset(
    (
        ev.SweepResult,
        ev.CentralFreesSpan,
        ev.BufferPush,
        ev.CentralTakes,
        ev.CentralGrows,
        ev.RefillEnds,
        ev.CentralChecksRoom,
        hev.HeapAllocates,
        hev.SpanInUse,
        hev.SpanManual,
    )
)
"""Kinds of events from which on, or up to which, a thread is doing something with its span."""

HEAP_CHANGES: Final = frozenset(
    (
        hev.HeapAllocates,
        hev.SpanInUse,
        hev.SpanManual,
        hev.HeapFrees,
        hev.Coalesces,
        hev.ScavengesSpan,
        hev.GrowAddsSpan,
    )
)
"""Kinds of events that tell of a descriptor whose state has changed under the page heap's lock."""
