"""The world of a trace: who has stopped it, who holds the page heap's lock, and the cycle."""

from collections.abc import Iterable, Sequence
from typing import Final, cast

from spanproof.replay.following.kinds import Kind
from spanproof.replay.following.threads import RecordedThread
from spanproof.replay.following.verdict import Diverged, expect
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase, ThreadEvent
from spanspec.heap.state.allp import NO_P
from spanspec.heap.state.collector import MARK
from spanspec.heap.state.state import HeapState
from spanspec.invariants import INVARIANTS, When, violations
from spanspec.pages.pageheap import Actor

FREE_LOCK: Final = -1

OF_SWEPT: Final = ("I-24", "I-35")
"""The invariants that say that nothing is left to sweep, and that all caches were flushed."""

BESIDES: Final = tuple(name for name in INVARIANTS if name not in OF_SWEPT)
"""All others."""


class World:
    """What all threads share besides the heap: locks, Ps, and whether the world is stopped.

    `_walking` has the thread that holds the lock of the lists of a span class, for its walk;
    `_busy` the thread that is in the middle of an operation on a P. `_resizer` is who changes the
    number of Ps, and `_to_make` how often it may still allocate before it makes an mcache, or goes
    on. `guarded` tells that some P cannot run its program just now.
    """

    def __init__(self, state: HeapState) -> None:
        self._state = state
        self._stopper: Actor | None = None
        self._cycle_event: type[EventBase] | None = None
        self._lock = FREE_LOCK
        self._lock_ends: tuple[type[EventBase], ...] = ()
        self._nested = False
        self._walking: dict[int, int] = {}
        self._busy: dict[int, int] = {}
        self._resizer: RecordedThread | None = None
        self._to_make = 0
        self.guarded = False

    @property
    def locked(self) -> bool:
        """Whether a thread holds the lock of the page heap."""
        return self._lock != FREE_LOCK

    def admit(self, about: Kind, p: int, thread: RecordedThread) -> None:
        """Require that an event's P exists, may run now, and does not need a lock that is held.

        Rules: MC-14 CONC-1 CONC-9.

        Raises: Diverged if it may not.
        """
        number = thread.number
        if p not in self._state.mcache_of and not about.is_mcache:
            raise Diverged("MC-14", f"P {p}", "one that exists", "none")
        if self._stopper is not None and p != NO_P and p != self._stopper.p:
            raise Diverged("CONC-9", "P while the world is stopped", self._stopper.p, p)
        if self._resizer is not None and thread is not self._resizer:
            one = f"thread {self._resizer.number}"
            raise Diverged(
                "MC-14", "who acts while Ps are made or dropped", one, f"thread {number}"
            )
        if self._lock == number:
            if not about.may_hold_lock:
                raise Diverged("CONC-1", f"mheap.lock of thread {number}", "given back", "held")
        elif self._lock != FREE_LOCK and about.under_lock:
            holder = f"thread {self._lock}"
            raise Diverged("CONC-1", "holder of mheap.lock", holder, f"thread {number}")
        if thread.busy and thread.p != p:
            what = f"P of thread {number} in the middle of an operation"
            raise Diverged("CONC-9", what, thread.p, p)
        # Threads without a P are any number, and each is in an operation of its own.
        if p != NO_P and self._busy:
            worker = self._busy.get(p)
            if worker is not None and worker != number:
                what = f"thread in the middle of an operation on P {p}"
                raise Diverged("CONC-9", what, worker, number)
        if about.is_resize:
            self._expect_nobody_busy()

    def admit_to_lists(self, event: ev.ClassedSpanEvent) -> None:
        """Require that nobody else holds the lock of the lists that an event is about.

        A walk holds it from the first span that it passes over, or claims, to the one it takes.

        Rules: CONC-1 CEN-2.

        Raises: Diverged if somebody does.
        """
        holder = self._walking.get(event.spanclass, event.thread)
        if holder != event.thread:
            what = f"holder of mcentral.lock of span class {event.spanclass}"
            raise Diverged("CONC-1", what, f"thread {holder}", f"thread {event.thread}")
        if type(event) is ev.CentralSkips or type(event) is ev.SweepClaim:
            self._walking[event.spanclass] = event.thread
        elif self._walking:
            self._walking.pop(event.spanclass, None)

    def expect_running(self, p: int) -> None:
        """Require that the code of a P's goroutine can run.

        Nor does that of the P for which the world is stopped: it is in the collector, which does
        not allocate. What a change of the number of Ps allocates comes after its event.

        Rules: CONC-9.
        """
        if p in self._busy:
            under_way = f"under way in thread {self._busy[p]}"
            raise Diverged("CONC-9", f"operation of P {p}", "at its end", under_way)
        if self._stopper is not None:
            what = f"program of P {p} while P {self._stopper.p} has stopped the world"
            raise Diverged("CONC-9", what, "at rest", "running")
        if self._resizer is not None:
            self._make(p, self._resizer)

    def _make(self, p: int, resizer: RecordedThread) -> None:
        """Note that who changes the number of Ps allocates: a list of Ps, or one of them.

        The list comes before the first P, and each P before its mcache.

        Rules: MC-14.
        """
        expect("MC-14", "P that allocates while Ps are made or dropped", resizer.p, p)
        what = "allocations while Ps are made or dropped, up to the next mcache"
        expect("MC-14", what, "no more", "no more" if self._to_make > 0 else "one more")
        self._to_make -= 1

    def note(self, event: ThreadEvent, about: Kind, p: int, thread: RecordedThread) -> None:
        """Note what an event changes: who holds the page heap's lock, and what each P is doing.

        Rules: CONC-1 CONC-9.
        """
        section_ends, number, was_busy = False, thread.number, thread.busy
        if self._lock == FREE_LOCK:
            if about.begins_section:
                self._take_lock(event, thread)
            elif about.is_resize:
                self._starts(cast(ev.ProcResize, event))
        elif number == self._lock and about.event in self._lock_ends:
            section_ends = self._nested and not about.is_in_use
            self._lock = FREE_LOCK
        thread.goes_on(event, about, p, section_ends)
        if about.changes_ps:
            self._change_ps(event, thread)
        if self._lock == number:
            thread.midway = True
        busy = thread.busy
        # A thread that was busy is noted already, on this P. Those without one share an entry.
        if busy != was_busy or p == NO_P:
            if busy:
                self._busy[p] = number
            else:
                self._busy.pop(p, None)
        stopped = self._stopper is not None or self._resizer is not None
        self.guarded = stopped or bool(self._busy)

    def _change_ps(self, event: ThreadEvent, thread: RecordedThread) -> None:
        """Note how far a change of the number of Ps has come: the world is stopped meanwhile.

        Rules: MC-14.
        """
        if type(event) is ev.ProcResize:
            self._to_make = 2 if event.procs > event.old else 0
        else:
            self._to_make = 1 if type(event) is ev.ProcGetsMcache else 0
        ps = self._state.allp
        self._resizer = thread if ps.given != ps.count else None

    def _take_lock(self, event: ThreadEvent, thread: RecordedThread) -> None:
        """Give the page heap's lock to a thread, up to one of some kinds of events.

        What the thread was doing before goes on afterwards, unless it gives a span in use back.
        """
        self._lock, self._nested = thread.number, True
        if type(event) is hev.HeapFrees:
            self._nested, self._lock_ends = event.state == 2, (hev.Coalesces,)
        elif type(event) is hev.ScavengeBegins:
            self._lock_ends = (hev.ScavengeEnds,)
        else:
            self._lock_ends = (hev.SpanManual, hev.SpanInUse)
        thread.was_midway = thread.midway

    def _expect_nobody_busy(self) -> None:
        """Require that no P is in the middle of an operation, as the world is stopped.

        Rules: CONC-9.
        """
        for p, number in self._busy.items():
            what = f"thread {number} on P {p} while the world is stopped"
            raise Diverged("CONC-9", what, "at rest", "in an operation")

    def admit_cycle(self, event: ThreadEvent, threads: Iterable[RecordedThread]) -> None:
        """Require that the world may stop, or is stopped, for a step of the cycle.

        Rules: SWP-13 SWP-32 SWP-33 SWP-34 SWP-35 CONC-9.

        Raises: Diverged if it may not.
        """
        actor, state = Actor(event.p, event.thread), self._state
        if self._stopper is not None:
            expect("CONC-9", "P and thread that stopped the world", self._stopper, actor)
        elif not isinstance(event, ev.CycleStarts) and state.phase != MARK:
            raise Diverged("SWP-32", "world at this event", "stopped", "running")
        if event.p not in state.mcache_of:
            raise Diverged("MC-14", f"P {event.p}", "one that exists", "none")
        expect("CONC-9", "holder of mheap.lock", FREE_LOCK, self._lock)
        self._expect_nobody_busy()
        self._stopper, self._cycle_event = actor, type(event)
        self.guarded = True
        if isinstance(event, ev.CycleStarts):
            expect("SWP-32", "phase before a cycle", 0, state.phase)
        elif isinstance(event, ev.SweepPhaseStarts):
            self._check_all_swept(threads, event.thread)
            check_invariants(state, When.AT_REST, BESIDES)
        elif isinstance(event, ev.PhaseChanges) and event.phase == MARK:
            self._check_all_swept(threads, event.thread)

    def _starts(self, event: ev.ProcResize) -> None:
        """Note that the world goes on; it does so after marking has begun, or after the relabel.

        A change of the number of Ps stops the world for itself, once no cycle is marking.

        Rules: SWP-32 SWP-34 SWP-35 MC-14.
        """
        if self._stopper is not None or self._state.phase == MARK:
            expect("MC-14", "number of Ps, in a cycle as before", event.old, event.procs)
        begun = self._cycle_event in (None, ev.SweepPhaseStarts) or self._state.phase == MARK
        expect("SWP-32", "world may start again", True, begun)
        self._stopper = None

    def _check_all_swept(self, threads: Iterable[RecordedThread], number: int) -> None:
        """Require that nothing is left to sweep, whether or not all caches are in use.

        The world is stopped by the thread of that number.
        """
        for thread in threads:
            thread.come_to_rest(stops=thread.number == number)
        expect("SWP-13", "entries of the unswept buffer", 0, self._state.unswept.stack.filled)
        check_invariants(self._state, When.AT_REST, OF_SWEPT)


def check_invariants(state: HeapState, now: When, ids: Sequence[str] | None = None) -> None:
    """Require all invariants of a state that hold at such a time, or some of them.

    Raises: Diverged at the first that is violated.
    """
    for problem in violations(state, ids, now):
        raise Diverged(problem.invariant, problem.what, "holds", "violated")
