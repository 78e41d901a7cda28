"""Threads at work: which operation each is in, and who holds the lock of the page heap.

An operation begins with the event that only it can begin with. A stack that grows takes and frees
manual spans in the middle of another operation of the same thread.
"""

from collections.abc import Generator
from typing import cast

from spanproof.replay.following.kinds import BEGINS_WALK, STOPS_WORLD, Kind
from spanproof.replay.following.verdict import Diverged, expect
from spanspec.base.ids import NOBODY
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase, ThreadEvent
from spanspec.heap.courses.course import Course, NeedPages
from spanspec.heap.courses.cycle import start_marking, start_the_world, terminate_marking
from spanspec.heap.courses.mcache import install, prepare_for_sweep, refill, release_all
from spanspec.heap.courses.mcentral import span_bytes
from spanspec.heap.courses.newspan import take_large
from spanspec.heap.courses.procs import boot, mcache_of
from spanspec.heap.courses.sweeping import deduct_sweep_credit, ensure_swept, sweepone
from spanspec.heap.state.allp import NO_P
from spanspec.heap.state.state import HeapState
from spanspec.pages.courses.pagealloc import allocate, free_manual
from spanspec.pages.courses.scavenge import scavenge
from spanspec.pages.pageheap import Actor, page_number

Section = Generator[EventBase, None, None]
"""A course of steps under the lock of the page heap."""

NO_SPAN = -2
"""No span in hand; a failed allocation leaves -1."""


class RecordedThread:
    """What one thread is doing.

    `courses` are its operations, the innermost last: creating a P allocates. `hand` is the span
    that it has from the page heap. `owed` is what it paid for by sweeping before it allocates:
    bytes and pages. `claimed_after` is the lower bound of its last claim.

    `allocating` tells that it is in a refill, or takes a span for a large object; `releasing` how
    many flushes and releases of an mcache it is in; `midway` that its last event cannot be the last
    of an operation, and `was_midway` the same of the event before a section under the heap's lock.
    `p` is the P that it runs on as long as one of these is so. While it is `creating` Ps it may
    allocate. `storing` tells that it replaces a sweepgen before its next event, that of `stored`,
    which is `stored_over`; `has_stored`, that it ever did.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.courses: list[Course[object]] = []
        self.resizing: Course[object] | None = None
        self.section: Section | None = None
        self.hand = NO_SPAN
        self.owed: tuple[int, int] | None = None
        self.last_line = 0
        self.claimed_after = 0
        self.creating = False
        self.storing = self.has_stored = False
        self.stored, self.stored_over = NOBODY, 0
        self.allocating = False
        self.releasing = 0
        self.midway = False
        self.was_midway = False
        self.p = NO_P

    @property
    def busy(self) -> bool:
        """Whether the thread is in the middle of an operation, which keeps it on its P."""
        return self.midway or self.allocating or self.releasing > 0

    def goes_on(self, event: ThreadEvent, about: Kind, p: int, section_ends: bool) -> None:
        """Note whether the thread is still in an operation after an event of it.

        What happens under the heap's lock for stacks, or to scavenge, may be in the middle of
        another operation, which then goes on.

        Rules: CONC-9.
        """
        if about.opens_allocation:
            self.allocating = True
        elif about.changes_operation:
            self._change_operation(event)
        self.midway = self.was_midway if section_ends else not about.may_be_last
        self.p = p

    def _change_operation(self, event: ThreadEvent) -> None:
        """Note that an operation may have begun or ended with an event."""
        if type(event) is ev.SweepClaim:
            self.allocating = self.allocating or is_claim_in_walk(event)
        elif type(event) is ev.RefillEnds:
            self.allocating = False
        elif type(event) is hev.SpanInitialized:
            self.allocating = self.allocating and event.spanclass >= 2
        elif type(event) is ev.ReleaseAll or type(event) is ev.PrepareForSweep:
            self.releasing += 1 if event.begins else -1
            self.creating = False
        else:
            self.creating = type(event) is ev.ProcResize

    def come_to_rest(self, stops: bool) -> None:
        """Let operations that have nothing more to show come to their end.

        What the thread itself `stops` the world for stays: it goes on once the world has started.

        Raises: Diverged if the thread is in the middle of something.
        """
        stays = self.resizing if stops else None
        for course in reversed(self.courses):
            if course is not stays and next(course, None) is not None:
                raise Diverged("CONC-9", f"thread {self.number}", "at rest", "busy")
        self.courses = [one for one in self.courses if one is stays]


def is_claim_in_walk(event: EventBase) -> bool:
    """Tell whether an event claims a span in the walk of a central list, under the list's lock."""
    return type(event) is ev.SweepClaim and event.by in CENTRAL


def begin_section(state: HeapState, thread: RecordedThread, event: EventBase) -> Section | None:
    """Return the course under the heap's lock that an event begins, if it does not belong to one.

    What it takes from the heap, the thread has in hand when it is over.

    How many pages a thread wants, which manual span it frees, and what the background scavenger
    asks for, are inputs.

    Rules: HEAP-24 HEAP-27 HEAP-32 SCAV-13 SCAV-17 I-25.
    """
    heap = state.pages
    if type(event) is hev.HeapGrows or type(event) is hev.HeapAllocates:
        expect("HEAP-13", "pages asked for, at least 1", True, event.npages > 0)
        return into_hand(thread, allocate(heap, Actor(event.p, event.thread), event.npages))
    if type(event) is hev.HeapFrees and event.state == 2:
        if event.span not in heap.purposes:
            raise Diverged("HEAP-28", f"state of span {event.span}", "manual", "not manual")
        # The bitmap that a GC program makes of a variable is freed as soon as that was scanned, or
        # its stack copied. All others wait for the end of the cycle.
        if heap.purposes[event.span] == "stack":
            expect("I-25", "phase in which a span of stacks is freed", 0, state.phase)
        actor, sweepgen = Actor(event.p, event.thread), state.generation(event.span)
        return free_manual(heap, actor, event.span, sweepgen)
    if type(event) is hev.ScavengeBegins and event.by != "grow":
        if event.by == "FreeOSMemory":
            expect("SCAV-13", "bytes that FreeOSMemory asks for", 2**64 - 1, event.wanted)
        else:
            within = 0 < event.wanted <= event.retained and event.goal < event.retained
            expect("SCAV-17", "bytes asked for lie above the line", True, within)
        actor = Actor(event.p, event.thread)
        return scavenge(heap, actor, event.by, event.wanted)
    return None


def into_hand(thread: RecordedThread, course: Generator[EventBase, None, int]) -> Section:
    """Take a span from the heap; the thread has it in hand when the course is over."""
    # Whoever asks for the next event is then told of the end by None. What a course returns comes
    # with an exception, which takes as long as several events.
    thread.hand = yield from course


def begin_course(
    state: HeapState, thread: RecordedThread, event: ThreadEvent
) -> Course[object] | None:
    """Return the operation that an event begins, if there is one.

    Rules: MC-4 MC-6 MC-7 MC-8 MC-14 CEN-2 SWP-15 SWP-18 SWP-19 SWP-21 SWP-33 SWP-35 MAL-11.
    """
    actor = Actor(event.p, event.thread)
    if type(event) is ev.BufferPop:
        # Who owes pages has told so before, and is in the operation that pays for them.
        if event.by == "prop":
            return None
        # Nor does anything begin with what is swept while the world is stopped.
        if event.by == "finish" or event.by == "sync":
            rule = "SWP-33" if event.by == "finish" else "SWP-35"
            what = f"sweeping by {event.by}"
            raise Diverged(rule, what, "with the world stopped for it", "at another time")
        return cast(Course[object], sweepone(state, actor, event.by))
    if type(event) is ev.ReleaseAll:
        _expect_mcache(state, event.mcache)
        return cast(Course[object], release_all(state, actor, event.mcache))
    if type(event) is ev.PrepareForSweep:
        _expect_mcache(state, event.mcache)
        return cast(Course[object], prepare_for_sweep(state, actor, event.mcache))
    if type(event) in STOPS_WORLD:
        _expect_p(state, event, "who stops the world")
        thread.resizing = cast(Course[object], _with_world_stopped(state, actor, event))
        return thread.resizing
    if type(event) is ev.McacheChanges and not state.mcaches and event.p == NO_P:
        return cast(Course[object], boot(state, actor))
    if type(event) is ev.SweepClaim and event.by == "ensure":
        if event.span not in state.spans:
            raise Diverged("SWP-18", f"state of span {event.span}", "in use", "not in use")
        return cast(Course[object], ensure_swept(state, actor, event.span))
    course = _begin_allocation(state, thread, event, actor)
    if course is not None:
        _expect_p(state, event, "an allocation")
    return course


def _with_world_stopped(state: HeapState, actor: Actor, event: ThreadEvent) -> Course[None]:
    """Return the operation for which the world is stopped; with its last step it starts again."""
    if type(event) is ev.CycleStarts:
        return start_marking(state, actor, event.trigger, event.mode, event.heap_live)
    if type(event) is ev.PhaseChanges:
        return terminate_marking(state, actor)
    return start_the_world(state, actor)


def _begin_allocation(
    state: HeapState, thread: RecordedThread, event: ThreadEvent, actor: Actor
) -> Course[object] | None:
    """Return the course of a refill or of a large object that an event begins, if it does."""
    if type(event) is ev.SweepDebt:
        expect("SWP-19", "debts of one allocation", None, thread.owed)
        thread.owed = (event.span_bytes, event.caller_pages)
        course = deduct_sweep_credit(state, actor, event.span_bytes, event.caller_pages)
        return cast(Course[object], course)
    owed, thread.owed = thread.owed, None
    if type(event) is hev.ReclaimBegins or type(event) is ev.BufferPush:
        npages = event.npages if type(event) is hev.ReclaimBegins else _in_hand(state, thread)
        if npages is None:
            return None
        if owed is not None:
            expect("SWP-19", "bytes and pages that were paid for", owed, (npages * 8192, npages))
        _expect_nothing_pending(state, event)
        # Whether it has pointers is told only when the object is: see `Inputs.large_span_class`.
        return cast(Course[object], take_large(state, actor, npages, noscan=False))
    if type(event) is ev.RefillBegins:
        expect("SWP-19", "what was paid for before a refill", None, owed)
        mcache = mcache_of(state, event.p)
        _expect_nothing_pending(state, event)
        expect(
            "MC-4", "span of the cache", state.cached(mcache.identity, event.spanclass), event.span
        )
        return cast(Course[object], refill(state, actor, mcache, event.spanclass))
    if type(event) in BEGINS_WALK or is_claim_in_walk(event):
        mcache, spanclass = mcache_of(state, event.p), cast(ev.ClassedSpanEvent, event).spanclass
        _expect_nothing_pending(state, event)
        expect("MC-4", "span of the cache", NOBODY, state.cached(mcache.identity, spanclass))
        if owed is not None:
            expect("SWP-19", "bytes that were paid for", owed, (span_bytes(spanclass), 0))
        return cast(Course[object], install(state, actor, mcache, spanclass))
    return None


CENTRAL = ("cs-nonempty", "cs-empty")
"""Claims by which the walk of a central list begins."""


def _in_hand(state: HeapState, thread: RecordedThread) -> int | None:
    return state.pages.runs[thread.hand].npages if thread.hand >= 0 else None


def _expect_nothing_pending(state: HeapState, event: EventBase) -> None:
    """Require that the P's last refill has served the allocation that asked for it."""
    mcache = mcache_of(state, event.p)
    if mcache.refilled != -1:
        raise Diverged("MAL-19", "allocation after the refill", f"class {mcache.refilled}", "none")


def _expect_p(state: HeapState, event: EventBase, what: str) -> None:
    """Require that who acts has a P: only the first thread did so without one, up to the first P.

    It makes the others, too, and has none until all are there.

    Rules: MC-14.
    """
    ps = state.allp
    if event.p == NO_P and 0 < ps.count == ps.given:
        raise Diverged("MC-14", f"P of {what}", "one, as the first was there", "none")


def _expect_mcache(state: HeapState, identity: int) -> None:
    if identity not in state.mcaches:
        raise Diverged("MC-2", f"mcache {identity}", "one", "none")


def page_in_hand(state: HeapState, thread: RecordedThread) -> int:
    """Return the page of the span that a thread has from the page heap."""
    return page_number(state.pages.runs[thread.hand].base)


__all__ = [
    "NO_SPAN",
    "NeedPages",
    "RecordedThread",
    "Section",
    "begin_course",
    "begin_section",
    "page_in_hand",
]
