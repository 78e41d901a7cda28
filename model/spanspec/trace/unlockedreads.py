"""What a descriptor may have looked like to a thread that reads it without a lock.

A step takes its line when it is logged, and others may have read what it changes before or after
that line. So for each descriptor this keeps until which line each earlier value may have been
seen, and which values a step that is under way is about to store.
"""

from typing import Final

from spanspec.base.ids import NOBODY
from spanspec.base.words import M32, U32
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase, ThreadEvent
from spanspec.heap.state import HeapState
from spanspec.span.mspan import DEAD, FREE, IN_USE, MANUAL, SpanState
from spanspec.span.sweepgen import is_cached, is_swept, needs_sweep

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
        self._before = [
            (span, state.pages.runs[span].state, state.generation(span))
            for span in spans_of(event)
            if span in state.pages.runs
        ]

    def after(self, state: HeapState, line: int, event: ThreadEvent) -> None:
        """Note what an event has changed, and what its thread is going to change."""
        for span, old_state, old in self._before:
            if state.pages.runs[span].state != old_state:
                self._states.setdefault(span, {})[old_state] = line
            if state.generation(span) != old:
                self._generations.setdefault(span, {})[old] = line
        stored = self._storing.pop(event.thread, None)
        if stored is not None:
            self._generations.setdefault(stored[0], {})[stored[1]] = line
        replaced = replaced_generation(event)
        if replaced is not None:
            self._storing[event.thread] = replaced
        if isinstance(event, ev.SweepResult):
            self._swept.add(event.span)
        elif isinstance(event, ev.CentralFreesSpan | ev.BufferPush):
            self._swept.discard(event.span)
        elif isinstance(event, ev.CentralTakes | ev.CentralGrows):
            self._taken.add(event.span)
        elif isinstance(event, ev.RefillEnds) or (
            isinstance(event, ev.CentralChecksRoom) and not event.room
        ):
            self._taken.discard(event.span)
        elif isinstance(event, hev.HeapAllocates):
            self._allocating.add(event.span)
        elif isinstance(event, hev.SpanInUse | hev.SpanManual):
            self._allocating.discard(event.span)
        if isinstance(event, HEAP_CHANGES):
            self._heap_changed = line

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


def replaced_generation(event: EventBase) -> tuple[int, U32] | None:
    """Return the span and the sweepgen that an event's thread replaces some time before its next.

    An `un` announces its store. That of a refill or of `mcentral.freeSpan` may come just before
    its event or just after it.
    """
    match event:
        case ev.Uncache():
            return event.span, event.sweepgen_before
        case ev.CentralFreesSpan():
            return event.span, (event.sweepgen - 1) & M32
        case ev.RefillBegins():
            return event.span, (event.sweepgen + 3) & M32
        case ev.RefillEnds():
            return event.span, (event.sweepgen - 3) & M32
    return None


def is_full(state: HeapState, span: int) -> bool:
    """Tell whether every slot of a span in use is allocated, so that a refill lets go of it."""
    record = state.spans.get(span)
    return record is not None and record.alloc_count == record.nelems


HEAP_CHANGES: Final = (
    hev.HeapAllocates,
    hev.SpanInUse,
    hev.SpanManual,
    hev.HeapFrees,
    hev.Coalesces,
    hev.ScavengesSpan,
    hev.GrowAddsSpan,
)
"""Events that tell of a descriptor whose state has changed under the lock of the page heap."""


def spans_of(event: EventBase) -> set[int]:
    """Return the descriptors that an event names."""
    names = ("span", "chosen", "below", "above")
    return {getattr(event, name, NOBODY) for name in names} - {NOBODY}
