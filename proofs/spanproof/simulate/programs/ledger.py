"""Books of what a heap does, kept from its events, apart from the model's own figures.

They are about what the model would be at one with itself in: how many pages the reclaimer has
freed, whether a search of the central lists has seen all of them, and pacing, in exact fractions.
"""

from fractions import Fraction
from typing import Final

from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase
from spanspec.heap.decisions import Decisions
from spanspec.heap.state.collector import MARK, MARK_TERMINATION
from spanspec.heap.state.state import HeapState
from spanspec.span.mspan import IN_USE
from spanspec.span.specials import FINALIZER
from spanspec.span.sweepgen import needs_sweep

MIB: Final = 1 << 20

PRECISION: Final = 1 << 50
"""A float is exact to one part in so many, with some operations in between."""

LARGE: Final = 1 << 62
"""Above this, numbers wrap, and nothing is said of them here."""

HEARD: Final = frozenset(
    (hev.ReclaimChunk, hev.HeapFrees, ev.CentralMisses, ev.PhaseChanges, ev.SweepPhaseStarts)
)
"""Kinds of events that are booked: for the others, none of their patterns has to be tried."""


class Ledger:
    """The books of one heap; `wrong` says what did not agree with them first, if anything."""

    def __init__(self, state: HeapState) -> None:
        self._state = state
        self.wrong: str | None = None
        self._reclaimed: dict[int, int] = {}
        self._marked = 0
        self._looked_through = 0
        self._goal_before = 0

    def finalizer_set(self, elemsize: int) -> None:
        """Note that an object in a slot of so many bytes was given a finalizer."""
        if self._state.phase == MARK:
            self._looked_through += elemsize

    def hear(self, event: EventBase) -> None:
        """Note an event, just after what it tells of; look whether it agrees."""
        if type(event) not in HEARD:
            return
        match event:
            case hev.ReclaimChunk():
                self._chunk(event)
            case hev.HeapFrees(thread=thread, state=1, npages=npages):
                if thread in self._reclaimed:
                    self._reclaimed[thread] += npages
            case ev.CentralMisses():
                self._search_ends(event)
            case ev.PhaseChanges(phase=phase):
                self._phase_begins(phase)
            case ev.SweepPhaseStarts():
                self._paced()

    def _object(self, what: str) -> None:
        self.wrong = self.wrong or what

    # --- sweeping --------------------------------------------------------------------------------

    def _chunk(self, event: hev.ReclaimChunk) -> None:
        """Hold the pages that a chunk has brought against those that came back meanwhile."""
        if event.stage == "beg":
            self._reclaimed[event.thread] = 0
        elif event.stage == "end":
            freed = self._reclaimed.pop(event.thread, 0)
            if event.reclaimed != freed:
                self._object(f"SWP-22: {event.reclaimed} pages are told as reclaimed, not {freed}")

    def _search_ends(self, event: ev.CentralMisses) -> None:
        """Require that a search that ends without a span has no unswept one left before its end."""
        state, lists = self._state, self._state.central[event.spanclass]
        for span in lists.nonempty:
            if needs_sweep(state.sweepgen, state.generation(span)):
                self._object(f"CEN-3: a search has passed over span {span}, which has room")
        for span in lists.empty:
            if needs_sweep(state.sweepgen, state.generation(span)):
                self._object(f"CEN-4: a search has ended before span {span}, which is unswept")
            if span == event.span:
                return

    # --- pacing ----------------------------------------------------------------------------------

    def _phase_begins(self, phase: int) -> None:
        """Note what marking begins with, and what it has found."""
        state = self._state
        if phase == MARK:
            self._looked_through = sum(
                state.spans[span].elemsize
                for span, records in state.specials.items()
                for record in records
                if record.kind == FINALIZER
            )
        elif phase == MARK_TERMINATION:
            self._goal_before = state.trigger.goal
            self._marked = sum(
                one.elemsize * one.gcmark_bits.count(one.nelems) for one in state.spans.values()
            )

    def _paced(self) -> None:
        """Hold the heap that counts as live, the trigger, and both paces against exact numbers."""
        state, decisions = self._state, self._state.inputs
        assert isinstance(decisions, Decisions)
        live, found = state.accounts.heap_live, self._marked + self._looked_through
        if live != found:
            self._object(f"SWP-34: heap_live is {live} after marking, which has found {found}")
        if decisions.gc_percent >= 0:
            self._triggered(live, decisions.gc_percent)
            ahead = max(state.trigger.heap - live - MIB, 8192)
        else:
            ahead = 8192
        pages = Fraction(state.pace.pages_per_byte) * ahead
        unswept = sum(
            run.npages for run in state.pages.runs.records.values() if run.state == IN_USE
        )
        if abs(pages - unswept) > Fraction(unswept, PRECISION):
            self._object(f"SWP-20: {float(pages)} pages are to be swept until then, not {unswept}")
        self._retained(decisions)

    def _triggered(self, live: int, percent: int) -> None:
        """Hold the next trigger and its goal against the growth that is allowed."""
        trigger = self._state.trigger
        share = Fraction(trigger.ratio) * live
        least = max(4 * MIB * percent // 100, live + MIB)
        heap = max(live + int(share), least)
        if share > Fraction(95 * percent * live, 10_000) + 1:
            self._object(f"SWP-20: a cycle is due after {float(share)} bytes of {percent} percent")
        if abs(trigger.heap - heap) > 1 + heap // PRECISION:
            self._object(f"SWP-20: a cycle is due at {trigger.heap} bytes, not at {heap}")
        goal = max(live + live * percent // 100, trigger.heap)
        if trigger.goal != goal:
            self._object(f"SWP-20: the goal is {trigger.goal} bytes, not {goal}")

    def _retained(self, decisions: Decisions) -> None:
        """Hold the scavenger's goal against the heap in use, grown as the collector's goal."""
        state = self._state
        in_use = state.pages.stats.heap_inuse
        expected = Fraction(in_use * state.trigger.goal, self._goal_before) * Fraction(11, 10)
        if expected < LARGE:
            slack = state.pages.phys.size + 2 + expected / PRECISION
            if not expected - 2 <= decisions.line.goal + expected / PRECISION <= expected + slack:
                goal = decisions.line.goal
                self._object(f"SCAV-3: {goal} bytes are to be retained, not {float(expected)}")
