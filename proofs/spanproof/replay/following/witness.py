"""The trace as a witness: it answers what the rules leave open, as far as they leave it open.

Where the order of two threads' steps is not fixed by the trace, a thread may have seen the state
before or after a step of another. The witness then takes what the event says, provided that it is
one of those, and notes that the event was `allowed`, not predicted.
"""

from spanproof.replay.following.latereads import LateReads
from spanproof.replay.following.unlockedreads import UnlockedReads
from spanproof.replay.following.verdict import Diverged, expect
from spanspec.base.bitmap import Bits
from spanspec.base.ids import NOBODY, ThreadId
from spanspec.base.words import M32, U32, U64
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase
from spanspec.heap.courses.publishing import see_published
from spanspec.heap.state.pacing import Debt, SweepPace
from spanspec.heap.state.progress import NO_MORE_RECLAIM, is_beyond
from spanspec.heap.state.state import HeapState
from spanspec.pages.pageheap import page_address
from spanspec.sharing.tables.records import SharedSpan
from spanspec.span.mspan import IN_USE, SpanState
from spanspec.span.sweepgen import is_sweeping, needs_sweep


class TraceWitness:
    """Answers from the event at hand.

    `concurrent` tells whether several threads may act at once; `claims_unseen` has the spans of
    which a claim was seen before it was told, with the line.
    """

    state: HeapState

    def __init__(self, phys_page: U64) -> None:
        self.event: EventBase = ev.ProcResize(p=-1, thread=0, procs=0, old=0)
        self.line = 0
        self.racing = False
        self.informed = False
        self._phys_page = phys_page
        self._goal: U64 = 0
        self._swept_basis = 0
        self._least_basis = 0
        self._swept_at_debt = 0
        self._owed: dict[int, ev.SweepDebt] = {}
        self.claims_unseen: dict[int, int] = {}
        self.unlocked_reads = UnlockedReads()
        self.late_reads = LateReads()
        self.low = 0
        self.heap_locked = False
        self.concurrent = False

    def at(self, line: int, event: EventBase) -> None:
        """Go on to an event."""
        self.line, self.event = line, event
        self.racing = self.informed = False
        self.concurrent = self.state.procs > 1

    @property
    def thread(self) -> int:
        """The thread of the event at hand."""
        return getattr(self.event, "thread", -1)

    def _race(self, possible: bool) -> bool:
        """Note that the event rests on a race, if there can be one."""
        if self.concurrent and possible:
            self.racing = True
            return True
        return False

    # --- pacing and marks: inputs ---------------------------------------------------------------

    def retained_goal(self) -> U64:
        """Return the scavenger's goal: what the trace says, a multiple of the physical page."""
        event = self.event
        if type(event) is hev.ScavengeIfNeeded or (
            type(event) is hev.ScavengeBegins and event.by != "grow"
        ):
            if event.goal != self._goal:
                expect("SCAV-3", "remainder of the goal", 0, event.goal % self._phys_page)
                if self.state.sweepgen == 0:
                    raise Diverged("SCAV-15", "goal before the first cycle", self._goal, event.goal)
                self.informed = True
            self._goal = event.goal
        return self._goal

    def marks(self, span: int) -> Bits:
        """Return the mark bits that the trace tells of, one for each slot."""
        event = self.event
        record = self.state.spans[span]
        if type(event) is not ev.SweepResult:
            return Bits(0)
        size = len(event.alloc_bits) // 2
        expect("SPAN-22", "bytes of mark bits", (record.nelems + 7) // 8, size)
        return Bits.from_hex(event.alloc_bits)

    def large_span_class(self, spanclass: int) -> int:
        """Return the span class of a large object, which is first told when its span is in use."""
        event = self.event
        if type(event) is hev.SpanInUse and event.spanclass in (0, 1):
            return event.spanclass
        return spanclass

    def debt(self, span_bytes: U64, caller_pages: U64, owed: Debt | None) -> Debt | None:
        """Return the debt that the trace tells of; without one, there must be none left."""
        event, state = self.event, self.state
        before = self._owed.pop(self.thread, None)
        swept = state.progress.pages_swept - self._swept_basis
        if type(event) is not ev.SweepDebt:
            done = state.sweepdone or before is None or swept >= before.target
            if before is not None and not done and not self._race(True):
                raise Diverged("SWP-19", "pages still to be swept", before.target - swept, "none")
            return None
        least = most = state.progress.pages_swept
        if self.concurrent:
            least = self.unlocked_reads.swept_by(self.low)
            # To look for these takes as long as there are spans, and hardly ever matters.
            if event.swept > most - self._least_basis:
                most += self._pages_being_swept()
        if not 0 <= event.swept <= most - self._least_basis:
            expected = f"0..{most - self._least_basis}"
            raise Diverged("SWP-19", "pages swept", expected, event.swept)
        if event.swept != swept:
            if not self.concurrent:
                self._change_basis(event.swept, midway=before is not None)
            self.racing = True
        # They are counted from 0, or from where the pace was changed since; and so never from less.
        self._least_basis = max(self._least_basis, least - event.swept)
        self._swept_at_debt = 0 if self.concurrent else most
        if event.target <= event.swept:
            raise Diverged("SWP-19", "pages to be swept", f"above {event.swept}", event.target)
        if before is not None and before.target != event.target and not self._race(True):
            expect("SWP-19", "pages to be swept, as before", before.target, event.target)
        self._owed[self.thread] = event
        return Debt(event.target, event.swept)

    def _change_basis(self, swept: int, midway: bool) -> None:
        """Note that the pace was changed since the last debt, and pages are counted from then on.

        It is the program that does so, between two allocations, and never `midway` in one.

        Raises: Diverged if it cannot have.
        """
        pages = self.state.progress.pages_swept
        if midway or swept > pages - self._swept_at_debt:
            raise Diverged("SWP-19", "pages swept", pages - self._swept_basis, swept)
        self._swept_basis = pages - swept

    def _pages_being_swept(self) -> int:
        """Return the pages of the spans that are claimed, which may or may not be counted yet."""
        sg = self.state.sweepgen
        return sum(
            record.npages
            for span, record in self.state.spans.items()
            if is_sweeping(sg, self.state.generation(span))
        )

    def procs(self) -> int:
        """Return the number of Ps that the trace tells of where the world starts again.

        Raises: Diverged if there would be none.
        """
        event = self.event
        if type(event) is not ev.ProcResize:
            return self.state.procs
        if event.procs < 1:
            raise Diverged("MC-14", "number of Ps", "at least 1", event.procs)
        return event.procs

    def bytes_marked(self) -> U64 | None:
        """Return None: what is marked, each sweep tells of its span."""
        return None

    def sweep_pace(self) -> SweepPace:
        """Return no pace, as each debt is told; forget those of the last sweep phase.

        All claims of that phase have been told.

        Raises: Diverged if one that was seen was not.
        """
        expect("SWP-3", "spans of which a claim was seen, and never told", {}, self.claims_unseen)
        self._swept_basis = self._least_basis = self._swept_at_debt = 0
        self.unlocked_reads.forget_swept()
        self._owed.clear()
        return SweepPace()

    # --- what is read without a lock --------------------------------------------------------------

    def sweep_is_done(self) -> bool:
        """Return sweepdone as the acting thread reads it."""
        event, done = self.event, self.state.sweepdone
        if type(event) is ev.BufferPop or type(event) is hev.ReclaimBegins:
            return done and not self._race(True)
        idle = self.state.unswept.index == 0
        if not done and idle and self._race(True):
            return True
        return done

    def seen_sweepers(self) -> frozenset[int]:
        """Return who sweeps: no event tells what a thread that waits for them has read."""
        return self.state.sweepers

    def reclaim_is_over(self) -> bool:
        """Return whether the reclaim index is past all arenas, as the acting thread reads it."""
        progress = self.state.progress
        over = progress.reclaim_index >= NO_MORE_RECLAIM
        if type(self.event) is hev.ReclaimBegins:
            return over and not self._race(True)
        past = is_beyond(progress.reclaim_index, progress.sweep_arenas)
        return over or (past and self._race(True))

    def reclaim_credit(self) -> U64:
        """Return the reclaim credit as the acting thread reads it."""
        event, credit = self.event, self.state.progress.reclaim_credit
        told = 0
        if type(event) is hev.ReclaimBegins or type(event) is hev.ReclaimTakesCredit:
            told = event.credit
        return told if told != credit and self._race(True) else credit

    def reclaim_index(self) -> U64:
        """Return the reclaimer's place as the acting thread takes it."""
        event, index = self.event, self.state.progress.reclaim_index
        if (
            type(event) is hev.ReclaimBegins or type(event) is hev.ReclaimChunk
        ) and event.index != index:
            chunk = event.index % 512 == 0 or event.index >= NO_MORE_RECLAIM
            if self._race(chunk):
                return event.index
        return index

    def reclaim_candidate(self, first: U64, end: U64) -> int | None:
        """Return the span that the trace says was claimed, if it is an unswept one of the chunk."""
        event = self.event
        if type(event) is not ev.SweepClaim or event.by != "reclaim":
            return None
        record = self.state.spans.get(event.span)
        if record is None or not first <= record.base < end:
            return None
        return (
            event.span
            if needs_sweep(self.state.sweepgen, self.state.generation(event.span))
            else None
        )

    def seen_state(self, span: int) -> SpanState:
        """Return a descriptor's state as the acting thread reads it."""
        event, actual = self.event, self.state.pages.runs[span].state
        if not self.concurrent or type(event) is not ev.SweepDrops or event.span != span:
            return actual
        told = event.state
        if told == actual or told not in self.unlocked_reads.states(
            self.state, span, self.low, self.heap_locked
        ):
            return actual
        self.racing = True
        return told

    def seen_base(self, span: int) -> U64:
        """Return a descriptor's base as the acting thread reads it: what is not in use moves."""
        event, actual = self.event, self.state.pages.runs[span].base
        if not (type(event) is ev.BufferPop or type(event) is ev.SweepDrops) or event.span != span:
            return actual
        told = page_address(event.base_page)
        states = self.unlocked_reads.states(self.state, span, self.low, self.heap_locked)
        if told != actual and self._race(states != {IN_USE}):
            return told
        return actual

    def seen_generation(self, span: int) -> U32:
        """Return a span's sweepgen as the acting thread reads it."""
        actual = self.state.generation(span)
        if not self.concurrent:
            return actual
        told = self._told_generation(span, actual)
        if told is None or told == actual or told not in self._generations(span):
            return actual
        self.racing = True
        if told == self.state.sweepgen:
            see_published(self.state, span)
        if needs_sweep(self.state.sweepgen, actual):
            self.claims_unseen.setdefault(span, self.line)
        return told

    def seen_popped(self, thread: ThreadId, span: int) -> SharedSpan | None:
        """Return a span as a thread that has popped it reads it.

        Raises: Diverged if it never was as the event tells.
        """
        event, now = self.event, self.state.shared(span)
        if not self.concurrent or type(event) is not ev.SweepDrops or event.span != span:
            return now
        told = event.state == IN_USE
        if told != now.in_use:
            past = self.late_reads.past(thread, told)
            if past is None:
                was = "in use" if told else "not in use"
                raise Diverged("SWP-14", f"span {span}", f"at some time {was}", "never")
            return past
        due = told and needs_sweep(self.state.sweepgen, now.sweepgen)
        if due and self.seen_generation(span) != now.sweepgen:
            self.late_reads.wait(thread, span)
            return None
        return now

    def stand_in(self, thread: ThreadId) -> ThreadId:
        """Return who acts for a thread, of which a read may be told late."""
        return self.late_reads.stand_in(thread)

    def _told_generation(self, span: int, actual: U32) -> U32 | None:
        """Return what the event at hand says of a span's sweepgen, if it says something."""
        event, sg = self.event, self.state.sweepgen
        if getattr(event, "span", NOBODY) != span:
            return None
        if type(event) is ev.CentralSkips:
            return (sg - 1) & M32
        if type(event) is ev.SweepDrops:
            return event.sweepgen
        if type(event) is ev.CentralTakes and event.source == 0:
            return sg
        if type(event) is ev.CentralMisses and not stops(sg, actual):
            return next((one for one in self._generations(span) if stops(sg, one)), None)
        return None

    def _generations(self, span: int) -> set[U32]:
        """Return the generations that a span may have had in the window of the event."""
        return self.unlocked_reads.generations(self.state, span, self.low)

    def claimed(self, event: ev.SweepClaim) -> None:
        """Hold a claim against what was seen of it before its line."""
        self.late_reads.claimed(self.state, event.span)
        seen = self.claims_unseen.pop(event.span, None)
        if seen is not None and event.not_before > seen:
            raise Diverged(
                "SWP-3", "the claim, not before line", f"at most {seen}", event.not_before
            )

    def place_to_push(self, buffer: int) -> int:
        """Return the place of a push: the index, or one that other threads have left."""
        stack, event = self.state.buffers[buffer], self.event
        if type(event) is ev.BufferPush and event.place != stack.index:
            free = not stack.is_filled(event.place)
            ahead = event.place - stack.index < 1 + len(self._others())
            if self._race(free and ahead):
                return event.place
        return stack.index

    def place_to_pop(self, buffer: int) -> int:
        """Return the place of a pop: below the index, or one that other threads have left."""
        stack, event = self.state.buffers[buffer], self.event
        if type(event) is ev.BufferPop and event.place != stack.index - 1:
            there = stack.is_filled(event.place)
            behind = stack.index - event.place <= 1 + len(self._others())
            if self._race((there or event.place < 0) and behind):
                return event.place
        return stack.index - 1

    def _others(self) -> range:
        """Return as many as can act at once with the thread at hand."""
        return range(self.state.procs + 1)

    def not_before(self) -> int:
        """Return the lower bound that the event tells; the driver holds it against the order."""
        told: int | None = getattr(self.event, "not_before", None)
        return 0 if told is None else told


def stops(sg: U32, gen: U32) -> bool:
    """Tell whether the walk of an empty list stops at a span of that generation."""
    return not needs_sweep(sg, gen) and not is_sweeping(sg, gen)
