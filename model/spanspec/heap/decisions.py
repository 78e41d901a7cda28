"""What a heap that runs on its own decides by its own state, where a trace would have to tell.

Whoever acts sees everything that was done before, since one operation is finished before the next
begins. Pacing follows the runtime's formulas; how long a cycle took is an input.
"""

from msgspec.structs import replace

from spanspec.base.bitmap import Bits
from spanspec.base.ids import ThreadId
from spanspec.base.words import U32, U64
from spanspec.heap.lines import Lines
from spanspec.heap.state.advancing import advance
from spanspec.heap.state.collector import OFF
from spanspec.heap.state.marking import may_reclaim
from spanspec.heap.state.pacing import (
    FIRST_MARKED,
    SET_TRIGGER,
    Debt,
    Effort,
    SweepPace,
    debt,
    left_of,
    ratio_after,
    sweep_pace,
    trigger_for,
)
from spanspec.heap.state.progress import NO_MORE_RECLAIM
from spanspec.heap.state.state import HeapState
from spanspec.pages.courses.bgscavenge import Scavenger, wake
from spanspec.pages.courses.scavengeline import Line, goal_for, pace
from spanspec.pages.tables.statistics import retained
from spanspec.sharing.tables.records import SharedSpan
from spanspec.span.mspan import SpanState


class Decisions:
    """The inputs of a heap on its own: pacing, and no races.

    `gc_percent` is GOGC, -1 for off; `marked` has the bytes that the last cycle found alive. What
    it leaves to the scavenger is in `last_next_gc` and `last_heap_inuse`, at first 0.
    """

    state: HeapState

    def __init__(self) -> None:
        self.line = Line()
        self.scavenger = Scavenger()
        self.time_ns = 0
        self.telling = Lines()
        self.gc_percent = 100
        self.marked: U64 = FIRST_MARKED
        self.last_next_gc: U64 = 0
        self.last_heap_inuse: U64 = 0

    # --- the cycle -------------------------------------------------------------------------------

    def procs(self) -> int:
        """Return the number of Ps that there are."""
        return self.state.procs

    def bytes_marked(self) -> U64:
        """Return the bytes of what is marked, with all that was allocated since marking began.

        An object that was looked through for its finalizer counts for that as well: once if it is
        dead, twice if it is alive.

        Rules: SWP-34 CEN-18.
        """
        # Counted from the marks and not from the objects: what was born while marking is marked,
        # too.
        marked = (
            span.gcmark_bits.count(span.nelems) * span.elemsize
            for span in self.state.spans.values()
        )
        return sum(marked) + self.state.collector.scanned

    def sweep_pace(self) -> SweepPace:
        """Return the pace of sweeping; set the trigger, and the scavenger's line, which wakes up.

        Rules: SWP-34 SCAV-5.
        """
        state = self.state
        self.marked, self.last_next_gc = state.accounts.live_at_mark, state.trigger.goal
        self.last_heap_inuse = state.pages.stats.heap_inuse
        return self.paced_anew()

    def paced_anew(self) -> SweepPace:
        """Return the pace of sweeping; set the trigger, and the scavenger's line, which wakes up.

        Rules: SWP-20 SCAV-3 SCAV-4 SCAV-5.
        """
        state, heap = self.state, self.state.pages
        live, done, ratio = state.accounts.heap_live, state.sweepdone, state.trigger.ratio
        trigger = trigger_for(ratio, self.marked, live, self.gc_percent, done)
        advance(state, SET_TRIGGER, trigger, state.collector)
        last, now = self.last_next_gc, retained(heap.stats)
        # Before a cycle was completed nothing is known of what the next one will use.
        if last == 0:
            self.line = replace(self.line, rate=0.0)
        else:
            goal = goal_for(self.last_heap_inuse, state.trigger.goal, last, heap.phys.size)
            self.line = pace(self.line, heap.phys, goal, now, heap.unscavenged_huge, self.time_ns)
        self.scavenger = wake(self.scavenger, self.time_ns)
        in_use, swept = heap.stats.pages_in_use, state.progress.pages_swept
        return sweep_pace(state.pace, state.trigger.heap, live, in_use, swept, done)

    def ratio_after(self, effort: Effort) -> float:
        """Return the share of the marked heap by which it may grow before the next cycle starts.

        Rules: SWP-20.
        """
        state = self.state
        live = state.accounts.heap_live
        return ratio_after(state.trigger, self.marked, live, effort, state.procs)

    def cycle_is_due(self) -> bool:
        """Tell whether the heap has grown to its trigger: the next slow path starts a cycle.

        Rules: MAL-18.
        """
        return self.state.phase == OFF and self.state.accounts.heap_live >= self.state.trigger.heap

    # --- what the courses ask --------------------------------------------------------------------

    def retained_goal(self) -> U64:
        """Return the scavenger's goal; before the first cycle there is none, and it is 0."""
        return self.line.goal

    def large_span_class(self, spanclass: int) -> int:
        """Return the span class that was asked for."""
        return spanclass

    def marks(self, span: int) -> Bits:
        """Return the marks that the span has."""
        marks = self.state.spans[span].gcmark_bits
        assert isinstance(marks, Bits)
        return marks

    def debt(self, span_bytes: U64, caller_pages: U64, owed: Debt | None) -> Debt | None:
        """Return the debt by the pace of sweeping.

        There may be one although all is swept: whoever finds nothing to sweep sets the pace to 0.

        Rules: SWP-19.
        """
        state = self.state
        if owed is not None:
            return left_of(owed, state.pace, state.progress.pages_swept)
        return debt(
            state.pace,
            state.accounts.heap_live,
            state.progress.pages_swept,
            span_bytes,
            caller_pages,
        )

    def seen_state(self, span: int) -> SpanState:
        """Return the span's state: nobody has changed it since it was popped."""
        return self.state.pages.runs[span].state

    def seen_base(self, span: int) -> U64:
        """Return the span's first address: it is the same span still."""
        return self.state.pages.runs[span].base

    def seen_generation(self, span: int) -> U32:
        """Return the span's sweepgen."""
        return self.state.generation(span)

    def seen_popped(self, thread: ThreadId, span: int) -> SharedSpan | None:
        """Return what threads share of the span: nobody has changed it since it was popped."""
        return self.state.shared(span)

    def stand_in(self, thread: ThreadId) -> ThreadId:
        """Return the thread itself."""
        return thread

    def sweep_is_done(self) -> bool:
        """Return sweepdone."""
        return self.state.sweepdone

    def seen_sweepers(self) -> frozenset[int]:
        """Return who sweeps."""
        return self.state.sweepers

    def reclaim_is_over(self) -> bool:
        """Return whether the reclaimer has passed all arenas."""
        return self.state.progress.reclaim_index >= NO_MORE_RECLAIM

    def reclaim_credit(self) -> U64:
        """Return the pages that sweeping has freed, and nobody has counted as reclaimed yet."""
        return self.state.progress.reclaim_credit

    def reclaim_index(self) -> U64:
        """Return the reclaimer's place."""
        return self.state.progress.reclaim_index

    def reclaim_candidate(self, first: U64, end: U64) -> int | None:
        """Return the lowest span of a chunk that is unswept, and whose page has no mark.

        Rules: SWP-22 MAL-15.
        """
        state, lowest = self.state, None
        # Asked by intervals of the map, since many pages of a chunk belong to one span.
        for span in state.pages.map.values(first, end):
            record = state.spans.get(span)
            # What the pages of a free run say may be stale, and the span elsewhere.
            if record is None or not first <= record.base < end:
                continue
            epoch, generation = state.collector.epoch, state.generation(span)
            clear = may_reclaim(state.marked_span(span), epoch, state.sweepgen, generation)
            if clear and (lowest is None or record.base < state.spans[lowest].base):
                lowest = int(span)
        return lowest

    def place_to_push(self, buffer: int) -> int:
        """Return the end of the buffer."""
        return self.state.buffers[buffer].index

    def place_to_pop(self, buffer: int) -> int:
        """Return the last place of the buffer, -1 if it is empty."""
        return self.state.buffers[buffer].index - 1

    def not_before(self) -> int:
        """Return the first line at which the coming step can have happened.

        A step that was announced by the one before has happened just after that one.
        """
        return self.telling.bound
