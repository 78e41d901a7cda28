"""Replay: lets the model follow a trace, event by event, and compares what both observe."""

from collections import deque
from collections.abc import Sequence
from typing import Final, cast

from spanproof.replay.following.kinds import KINDS, MALLOC, OF_CYCLE, OF_THREAD, TINY_HIT, Kind
from spanproof.replay.following.recordedos import RecordedOs
from spanproof.replay.following.replay_objects import ReplayedObjects
from spanproof.replay.following.threads import (
    CENTRAL,
    NO_SPAN,
    RecordedThread,
    begin_course,
    begin_section,
    is_claim_in_walk,
)
from spanproof.replay.following.verdict import (
    AFTER,
    ALLOWED,
    BEFORE,
    DURING,
    INPUT,
    PREDICTED,
    Diverged,
    EventVerdict,
    Tally,
    TraceDivergence,
    broken_off,
    expect,
)
from spanproof.replay.following.witness import TraceWitness
from spanproof.replay.following.world import World, check_invariants
from spanproof.replay.format.fieldrules import OF_KIND, rule_of
from spanproof.replay.format.inputs import is_input
from spanproof.replay.format.schema import KIND_OF, Header
from spanproof.replay.telling.history import as_text, past_of, surroundings
from spanproof.replay.telling.phrases import in_full, term, value
from spanspec.base.ids import NOBODY
from spanspec.base.steps import NotAStep
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase, ThreadEvent
from spanspec.heap.courses.course import Course, NeedPages, StopsWorld, Waits
from spanspec.heap.state.state import HeapState
from spanspec.invariants import When
from spanspec.pages.courses.pagealloc import make_manual
from spanspec.pages.pageheap import Actor, PageHeap
from spanspec.pages.tables.runs import PhysicalPages
from spanspec.sharing.invariant.invariant import sharing_holds

REMEMBERED: Final = 100
"""Batches of events kept, so that a divergence can show what touched the same span before."""


class Replay:
    """The model, following a trace event by event.

    `line` is the place of the event at hand, counted from 1; `past` has the last
    batches of events, each with the line of its first. With `proves`, the invariant that is proved
    of what threads share is held against the state, once in a cycle and at the end.
    """

    def __init__(self, header: Header, proves: bool = False) -> None:
        self.header = header
        self.proves = proves
        self.line = 0
        self.past: deque[tuple[int, Sequence[EventBase]]] = deque(maxlen=REMEMBERED)
        self.tally = Tally()
        self.witness = TraceWitness(header.phys_page_size)
        phys = PhysicalPages(header.phys_page_size, header.huge_page_size)
        system = RecordedOs(self.witness)
        self.state = HeapState(self.witness, PageHeap(self.witness, system, phys))
        self.witness.state = self.state
        self.world = World(self.state)
        self.objects = ReplayedObjects(self.state, self.world)
        self.threads: dict[int, RecordedThread] = {}
        self._moment = BEFORE

    def run(self, events: Sequence[EventBase]) -> TraceDivergence | None:
        """Replay the next events, up to the first that the model excludes."""
        self.past.append((self.line + 1, events))
        counts_of = self.tally.of
        for event in events:
            self.line += 1
            about = KINDS[type(event)]
            try:
                verdict = self._replay(event, about)
            except Diverged as divergence:
                return self._divergence(event, divergence)
            except NotAStep as problem:
                step, possible = "step of the model", "one that is possible"
                no = Diverged(about.rule, step, possible, str(problem), DURING)
                return self._divergence(event, no)
            except AssertionError as fatal:
                return self._divergence(event, broken_off(fatal))
            # What a damaged trace names need not exist. That is a finding about the trace, and no
            # fault of ours.
            except (LookupError, RuntimeError) as unknown:
                what = f"{type(unknown).__name__} {unknown}"
                known = "something known"
                lost = Diverged(about.rule, "what it refers to", known, what, DURING)
                return self._divergence(event, lost)
            # Counted here, as a call for each event would be felt.
            counts = counts_of[about.number]
            if verdict is PREDICTED:
                counts.predicted += 1
            elif verdict is ALLOWED:
                counts.allowed += 1
            else:
                counts.inputs += 1
        return None

    def _replay(self, event: EventBase, about: Kind) -> EventVerdict:
        """Let the model take the step that an event tells of; return how that stands to the model.

        Raises: Diverged if the model excludes it.
        """
        replayed_as = about.replayed_as
        if replayed_as == MALLOC:
            return self.objects.malloc(cast(ev.Malloc, event))
        if replayed_as == TINY_HIT:
            return self.objects.tiny_hit(cast(ev.TinyHit, event))
        if replayed_as == OF_THREAD:
            return self._of_thread(cast(ThreadEvent, event), about)
        return self._of_cycle(event, about) if replayed_as == OF_CYCLE else self._note(event)

    def finish(self) -> TraceDivergence | None:
        """Check the whole state at the end, as far as nobody is in the middle of something."""
        try:
            check_invariants(self.state, When.ALWAYS if self.world.locked else When.UNLOCKED)
            if self.proves:
                self._check_sharing()
        except Diverged as problem:
            return self._divergence(self.witness.event, problem)
        return None

    def _check_sharing(self) -> None:
        """Require the invariant that is proved of the steps, of everything that is shared.

        Raises: Diverged if it does not hold: then the steps are not those that were proved.
        """
        expect("SWP-5", "invariant of what is shared", True, sharing_holds(self.state.sharing))

    # --- events of a thread ----------------------------------------------------------------------

    def _thread(self, number: int) -> RecordedThread:
        thread = self.threads.get(number)
        if thread is None:
            thread = self.threads[number] = RecordedThread(number)
        return thread

    def _of_thread(self, event: ThreadEvent, about: Kind) -> EventVerdict:
        witness, world = self.witness, self.world
        witness.at(self.line, event)
        self._moment = BEFORE
        p, thread = event.p, self._thread(event.thread)
        world.admit(about, p, thread)
        if about.under_list_lock or (about.is_claim and is_claim_in_walk(event)):
            world.admit_to_lists(cast(ev.ClassedSpanEvent, event))
        told = NOBODY
        if about.bounded:
            told = cast(ev.Bounded, event).not_before
            self._check_not_before(thread, event, told)
        concurrent = witness.concurrent
        # With one P nobody can have looked at anything in between, so what was seen is what is
        # there.
        if concurrent:
            witness.low = told if told > 0 else thread.last_line
            witness.heap_locked = world.locked
            witness.unlocked_reads.before(self.state, event, about)
            if about.changes_state:
                witness.late_reads.before(self.state, cast(ev.SpanEvent, event))
        self._moment = DURING
        observed = self._advance(thread, event, about)
        self._moment = AFTER
        if observed != event:
            raise self._mismatch(thread, observed, event)
        world.note(event, about, p, thread)
        if concurrent:
            witness.unlocked_reads.after(self.state, self.line, event, about, thread)
            if about.change_is_made or about.is_pop:
                witness.late_reads.after(self.state, event, about)
        if about.is_claim:
            witness.claimed(cast(ev.SweepClaim, event))
            thread.claimed_after = told
        elif about.is_initialized:
            fresh = cast(hev.SpanInitialized, event)
            if fresh.spanclass < 2:
                self.objects.expect_large(p, fresh.span)
        if not about.shares_bound:
            thread.last_line = self.line
        if witness.racing:
            return ALLOWED
        if witness.informed or (about.may_be_input and is_input(event)):
            return INPUT
        return PREDICTED

    def _advance(self, thread: RecordedThread, event: ThreadEvent, about: Kind) -> EventBase:
        """Let the model take the thread's next step; return what it observes."""
        if about.begins_section and thread.section is None and thread.hand == NO_SPAN:
            thread.section = begin_section(self.state, thread, event)
        if thread.section is not None:
            observed = next(thread.section, None)
            if observed is not None:
                return observed
            thread.section = None
            # The section ended before this event, which then belongs to what the thread was at.
            return self._advance(thread, event, about)
        if about.is_manual:
            if thread.hand < 0:
                raise Diverged("HEAP-24", "span for stacks or work buffers", "one in hand", "none")
            span, thread.hand = thread.hand, NO_SPAN
            actor = Actor(event.p, event.thread)
            manual = cast(hev.SpanManual, event)
            self._check_purpose(manual)
            return make_manual(self.state.pages, actor, span, manual.purpose)
        return self._advance_course(thread, event, about)

    def _advance_course(self, thread: RecordedThread, event: ThreadEvent, about: Kind) -> EventBase:
        begun = False
        while True:
            if thread.courses and (begun or not self._is_nested(thread, event, about)):
                # That a course is over shows only when it is asked to go on. The event then belongs
                # to the one around it, or begins another.
                observed = self._resume(thread, thread.courses[-1], event)
                if observed is not None:
                    return observed
                thread.courses.pop()
                if not begun:
                    continue
            course = None if begun else begin_course(self.state, thread, event)
            if course is None:
                raise Diverged(about.rule, "operation that this event can begin", "one", "none")
            thread.courses.append(course)
            self._expect_ready(event, about)
            begun = True

    def _resume(
        self, thread: RecordedThread, course: Course[object], event: ThreadEvent
    ) -> EventBase | None:
        """Let a course go on to its next observation; give it the span in hand if it asks.

        None: the course is over.
        """
        step = next(course, None)
        if type(step) is NeedPages:
            if thread.hand == NO_SPAN:
                wanted = f"{step.npages} pages from the page heap"
                raise Diverged("HEAP-22", "what comes next", wanted, as_text(event))
            span, thread.hand = thread.hand, NO_SPAN
            try:
                step = course.send(span)
            except StopIteration:
                return None
        kind = type(step)
        assert kind is not NeedPages, "HEAP-22: pages are asked for twice"
        waits = kind is Waits or kind is StopsWorld
        assert not waits, "CONC-9: what was done was not waited for"
        return cast("EventBase | None", step)

    def _is_nested(self, thread: RecordedThread, event: ThreadEvent, about: Kind) -> bool:
        """Tell whether an allocation begins in the middle of a change of the number of Ps."""
        if thread.courses[-1] is not thread.resizing or not thread.creating:
            return False
        if type(event) is ev.BufferPush:
            return thread.hand != NO_SPAN
        if type(event) is ev.SweepClaim:
            return event.by in CENTRAL
        return about.opens_allocation

    def _expect_ready(self, event: ThreadEvent, about: Kind) -> None:
        if not self.objects.large_ready:
            return
        waiting = self.objects.large_ready.get(event.p)
        if waiting is not None and not about.is_pop:
            raise Diverged("MAL-12", "large object of the P", f"in span {waiting}", "none yet")

    def _check_purpose(self, event: hev.SpanManual) -> None:
        """Require a size that spans of that purpose have.

        The collector's may be of work buffers, which have 4 pages, or of the bitmap that a GC
        program makes of a large variable on a stack, which has as many as it needs.

        Rules: HEAP-25.
        """
        if event.purpose == "stack":
            power = event.npages >= 4 and event.npages & (event.npages - 1) == 0
            expect("HEAP-25", "pages of a stack are a power of two from 4 on", True, power)

    def _check_not_before(self, thread: RecordedThread, event: ThreadEvent, told: int) -> None:
        """Require that a lower bound lies after the thread's last step, and not after its line.

        A span that was claimed is taken by the same step, and a stale one is claimed by the store
        that was announced. With one P, nobody can come between a step and its line.
        """
        low, line = thread.last_line + 1, self.line
        if type(event) is ev.CentralTakes and event.source != 0:
            low = line = thread.claimed_after
        elif type(event) is ev.SweepClaim and event.by == "uncache":
            line = line if self.witness.concurrent else low
        elif not self.witness.concurrent:
            low = line
        if not low <= told <= line:
            raise Diverged("CONC-4", "lo", low if low == line else f"{low}..{line}", told)

    def _mismatch(self, thread: RecordedThread, observed: EventBase, event: EventBase) -> Diverged:
        """Say in which figure an event differs from what the model observes."""
        if type(observed) is not type(event):
            what = f"next event of thread {thread.number}"
            rule = OF_KIND[type(observed)]
            return Diverged(rule, what, in_full(observed), in_full(event), AFTER)
        for name in event.__struct_fields__:
            ours: object = getattr(observed, name)
            theirs: object = getattr(event, name)
            if ours != theirs:
                rule, what = rule_of(type(event), name), term(name)
                return Diverged(rule, what, value(name, ours), value(name, theirs), AFTER)
        raise AssertionError("HEAP-1: events differ in no figure")

    # --- notes of the program, and the cycle -----------------------------------------------------

    def _note(self, event: EventBase) -> EventVerdict:
        """Replay a note of the traced program, which runs when the allocator does not."""
        assert type(event) is ev.Mark
        self._thread(event.thread).come_to_rest(stops=True)
        return self.objects.note(event)

    def _of_cycle(self, event: EventBase, about: Kind) -> EventVerdict:
        assert isinstance(event, ThreadEvent)
        self.witness.at(self.line, event)
        self._moment = BEFORE
        if self.proves and isinstance(event, ev.SweepPhaseStarts):
            self._check_sharing()
        thread = self._thread(event.thread)
        self.world.admit_cycle(event, self.threads.values())
        observed = self._advance(thread, event, about)
        if observed != event:
            raise self._mismatch(thread, observed, event)
        return PREDICTED

    # --- divergences -----------------------------------------------------------------------------

    def _divergence(self, event: EventBase, problem: Diverged) -> TraceDivergence:
        kind = type(event)
        own = BEFORE if kind in (ev.Malloc, ev.TinyHit, ev.Mark) else self._moment
        return TraceDivergence(
            line=self.line,
            kind=KIND_OF[kind],
            event=as_text(event),
            rule=problem.rule,
            what=problem.what,
            expected=problem.expected,
            seen=problem.seen,
            told=in_full(event),
            history=past_of(event, self.line, self.past),
            state=tuple(surroundings(self.state, event)),
            moment=problem.moment or own,
        )
