"""What the rules leave open, and courses ask for: a trace tells it, or a heap decides by itself."""

from typing import Protocol

from spanspec.base.bitmap import Bits
from spanspec.base.ids import ThreadId
from spanspec.base.words import U32, U64
from spanspec.heap.state.pacing import Debt, SweepPace
from spanspec.sharing.tables.records import SharedSpan
from spanspec.span.mspan import SpanState


class Inputs(Protocol):
    """What the rules leave open: the marker, pacing, and what a thread sees of another's steps."""

    def procs(self) -> int:
        """Return the number of Ps with which the world starts again (MC-14)."""
        ...

    def bytes_marked(self) -> U64 | None:
        """Return the bytes that marking has found alive; None if nobody counts them (SWP-34)."""
        ...

    def sweep_pace(self) -> SweepPace:
        """Return how fast the sweeping that now begins has to be (SWP-20)."""
        ...

    def retained_goal(self) -> U64:
        """Return the scavenger's goal in bytes (SCAV-3)."""
        ...

    def large_span_class(self, spanclass: int) -> int:
        """Return the span class, 0 or 1, of the large object that a span is for."""
        ...

    def marks(self, span: int) -> Bits:
        """Return the mark bits that the sweep of a span finds."""
        ...

    def debt(self, span_bytes: U64, caller_pages: U64, owed: Debt | None) -> Debt | None:
        """Return what is to be swept before a span of so many bytes is taken (SWP-19).

        `owed` is what the acting thread was told before its last sweep, None at first.
        """
        ...

    def seen_state(self, span: int) -> SpanState:
        """Return a descriptor's state as the acting thread reads it without a lock."""
        ...

    def seen_base(self, span: int) -> U64:
        """Return a descriptor's base as the acting thread reads it without a lock."""
        ...

    def seen_generation(self, span: int) -> U32:
        """Return a span's sweepgen as the acting thread reads it without a lock."""
        ...

    def seen_popped(self, thread: ThreadId, span: int) -> SharedSpan | None:
        """Return a span as a thread that has popped it reads it without a lock.

        None: it reads that the span is claimed, and by whom, nobody knows yet.
        """
        ...

    def stand_in(self, thread: ThreadId) -> ThreadId:
        """Return who acts for a thread, of which another operation may not be over yet."""
        ...

    def sweep_is_done(self) -> bool:
        """Return sweepdone as the acting thread reads it without a lock."""
        ...

    def seen_sweepers(self) -> frozenset[int]:
        """Return who sweeps still, as the acting thread reads their number without a lock."""
        ...

    def reclaim_is_over(self) -> bool:
        """Return whether the acting thread reads a reclaim index past all arenas."""
        ...

    def reclaim_credit(self) -> U64:
        """Return the reclaim credit as the acting thread reads it without a lock."""
        ...

    def reclaim_index(self) -> U64:
        """Return the place of the reclaimer that the acting thread has taken."""
        ...

    def reclaim_candidate(self, first: U64, end: U64) -> int | None:
        """Return the lowest unmarked, unswept span whose base lies in first..end, if any."""
        ...

    def place_to_push(self, buffer: int) -> int:
        """Return the place in a sweep buffer that the acting thread has reserved."""
        ...

    def place_to_pop(self, buffer: int) -> int:
        """Return the place in a sweep buffer that the acting thread has taken; -1 for none."""
        ...

    def not_before(self) -> int:
        """Return the line before which the coming step cannot have happened."""
        ...
