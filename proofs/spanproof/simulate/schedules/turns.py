"""Threads that take turns: who can go on, what one step is, and what a recorder notes of it.

Each P has a thread. The scheduler picks one that can go on, and lets it take one step: what holds a
lock keeps others from what the lock protects, and all else may come in any order. A recorder may
note a lock-free step late, and a store may be seen early or late, as the trace format says of real
recordings.
"""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Final

from spanproof.replay.format.schema import KIND_OF
from spanproof.simulate.schedules.threads import (
    Chance,
    ProcThread,
    RacingDecisions,
    Section,
    frees_pages,
    walks,
)
from spanspec.base.ids import NOBODY
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase
from spanspec.heap.courses.course import Course, NeedPages, StopsWorld, Waits
from spanspec.heap.courses.mcache import needs_flush
from spanspec.heap.courses.procs import boot, procresize
from spanspec.heap.courses.publishing import is_publishing, see_published
from spanspec.heap.machine import Machine
from spanspec.heap.state.allp import NO_P
from spanspec.heap.state.collector import CONCURRENT, STOPPED_TO_SWEEP
from spanspec.invariants import When
from spanspec.pages.courses.pagealloc import allocate
from spanspec.pages.pageheap import Actor
from spanspec.pages.tables.runs import AMD64

POPPERS: Final = ("bg", "GC", "prop", "gcstart")
"""Those who sweep what they pop; others claim spans that they meet elsewhere."""

LOCK_FREE: Final = (ev.BufferPop, ev.SweepDrops, ev.BufferPush, ev.SweepClaim)
"""Steps that a recorder notes without a lock, and so perhaps late."""


class Turns:
    """So many Ps, each with a thread, whose operations take turns step by step.

    Who derives from it says what a thread begins that is in no operation, and what the marker
    leaves.
    """

    def __init__(
        self, seed: int, procs: int, on_event: Callable[[EventBase], None] | None = None
    ) -> None:
        self.rng: Chance = Random(seed)
        self.seed = seed
        self.events: Counter[str] = Counter()
        self.steps: Counter[str] = Counter()
        self._on_event = on_event
        self._fresh: list[EventBase] = []
        self._decisions = RacingDecisions(self.rng)
        self._machine = Machine(None, AMD64, self._log, self._decisions)
        self.state = self._machine.state
        self.procs = procs
        # As GODEBUG=gcstoptheworld would have it, for all of a process; mostly unset.
        self.mode = STOPPED_TO_SWEEP if seed % 8 == 7 else CONCURRENT
        self._workers = [ProcThread(number) for number in range(procs)]
        self._heap_holder: ProcThread | None = None
        self._manual: list[int] = []
        self._collector: ProcThread | None = None
        self._stopping = False
        self._decisions.on_marked = self._mark
        nobody = Actor(NO_P, 0)
        self._machine.drive(nobody, boot(self.state, nobody))
        self._machine.drive(nobody, procresize(self.state, nobody, procs))

    @property
    def all_idle(self) -> bool:
        """Whether no thread is in an operation, and all that they did was noted."""
        return all(worker.idle for worker in self._workers)

    def act(self) -> None:
        """Let one thread take a step, or go through all for which it has stopped the world."""
        self._advance(self._next_worker())

    def _is_quiet(self) -> bool:
        """Whether the world is about to stop, and all that happened was noted."""
        collector = self._collector
        if collector is None or not self._stopping or collector.late is not None:
            return False
        return all(one is collector or one.idle for one in self._workers)

    def _how_quiet(self) -> When:
        if self._heap_holder is not None:
            return When.ALWAYS
        return When.AT_REST if self.all_idle else When.UNLOCKED

    # --- the log ----------------------------------------------------------------------------------

    def _log(self, event: EventBase) -> None:
        self._decisions.lines += 1
        self.events[KIND_OF[type(event)]] += 1
        self._fresh.append(event)
        if self._on_event is not None:
            self._on_event(event)

    def _observe(self, worker: ProcThread, event: EventBase) -> None:
        """Note a step, at once or, where no lock orders it, perhaps later."""
        if isinstance(event, ev.Malloc | ev.TinyHit):
            self._log(event)
            return
        worker.last = event
        if isinstance(event, ev.SweepClaim) and event.by in POPPERS:
            worker.popped = event.span
        elif isinstance(event, ev.BufferPush | hev.Coalesces) and event.span == worker.popped:
            worker.popped = NOBODY
        self._decisions.announced = {
            one.last.span: one.last.sweepgen_before
            for one in self._workers
            if isinstance(one.last, ev.Uncache)
        }
        self._follow_locks(worker, event)
        in_list = isinstance(event, ev.SweepClaim) and event.by.startswith("cs-")
        locked = self._heap_holder is worker or in_list
        if isinstance(event, LOCK_FREE) and not locked and self.rng.random() < 0.3:
            worker.late = event
        else:
            self._log(event)

    def _follow_locks(self, worker: ProcThread, event: EventBase) -> None:
        """Note which locks and lists the worker's next step is about."""
        if isinstance(event, hev.Coalesces) and worker.section is None and worker.wants is None:
            self._heap_holder = None  # freeing a span in use ends here
        elif isinstance(event, hev.SpanInUse | hev.SpanManual):
            self._heap_holder = None
        if isinstance(event, ev.SweepClaim):
            worker.claimed_after = event.not_before
        if isinstance(event, ev.SweepResult):
            worker.sweeps = event.spanclass if event.to_central else -1
        elif isinstance(event, ev.Uncache):
            worker.sweeps = event.spanclass
            worker.uncached_after = self._decisions.lines + 2

    # --- who can go on ----------------------------------------------------------------------------

    def _next_worker(self) -> ProcThread:
        """Choose who goes on; in every other schedule, those that sweep what they popped are slow.

        So all may be popped long before all is swept.
        """
        able = [one for one in self._workers if self._can_go(one)]
        others = [one for one in able if one.popped == NOBODY]
        slow = self.seed % 2 == 1 and others and self.rng.random() < 0.98
        return self.rng.choice(others if slow else able)

    def _can_go(self, worker: ProcThread) -> bool:
        if worker.late is not None:
            return True
        if worker is self._collector and self._stopping:
            return all(one is worker or self._may_stop(one) for one in self._workers)
        if worker.waits is not None and not worker.waits.until():
            return False
        if worker.idle:
            return not self._stopping or self._unflushed(worker)
        needs_heap = worker.wants is not None or frees_pages(worker.last)
        if needs_heap and self._heap_holder not in (None, worker):
            return False
        for other in self._workers:
            walked = walks(other.last)
            if other is not worker and walked != -1 and walked in (worker.refills, worker.sweeps):
                return False
        return True

    def _may_stop(self, worker: ProcThread) -> bool:
        """Tell whether the world may stop as far as a worker goes: once its mcache is flushed."""
        return worker.idle and not self._unflushed(worker)

    def _unflushed(self, worker: ProcThread) -> bool:
        return needs_flush(self.state, self.state.mcache_of[worker.actor.p])

    # --- one step ---------------------------------------------------------------------------------

    def _advance(self, worker: ProcThread) -> None:
        late = worker.late
        if late is not None:
            worker.late = None
            self._log(late)
            return
        if worker is self._collector and self._stopping:
            self._with_world_stopped(worker)
            return
        self._publish_early(worker)
        self._decisions.bound = self._bound_of(worker)
        if worker.section is not None:
            self._in_section(worker, worker.section)
        elif worker.wants is not None:
            self._heap_holder = worker
            worker.section = allocate(self.state.pages, worker.actor, worker.wants)
            self._in_section(worker, worker.section)
        elif worker.course is not None:
            if frees_pages(worker.last):
                self._heap_holder = worker
            self._in_course(worker, worker.course)
        else:
            self._begin(worker)

    def _bound_of(self, worker: ProcThread) -> int:
        """Return the lower bound of the next step where it was announced by the one before."""
        last = worker.last
        if isinstance(last, ev.SweepClaim) and last.by.startswith("cs-"):
            return worker.claimed_after
        # What an uncache announces is stored just after it: a stale span is claimed by that.
        return worker.uncached_after if isinstance(last, ev.UncacheToNonempty) else 0

    def _publish_early(self, worker: ProcThread) -> None:
        """Let others see the end of a sweep some time before the step that shows it."""
        for one in self._workers:
            span = one.last.span if isinstance(one.last, ev.SweepResult) else -1
            if one is worker or span == -1 or not is_publishing(self.state, span):
                continue
            if self.rng.random() < 0.1:
                see_published(self.state, span)

    def _in_section(self, worker: ProcThread, section: Section) -> None:
        try:
            self._observe(worker, next(section))
        except StopIteration as end:
            worker.section = None
            if worker.wants is None:
                self._heap_holder = None
            worker.wants = None
            if worker.course is None:
                self._end(worker, end.value)
            else:
                worker.answer = end.value

    def _in_course(self, worker: ProcThread, course: Course[object]) -> None:
        answer, worker.answer = worker.answer, None
        try:
            step = course.send(answer)
        except StopIteration as end:
            worker.course, worker.last = None, None
            worker.refills = worker.sweeps = -1
            self._end(worker, end.value)
            return
        worker.waits = step if isinstance(step, Waits) else None
        if isinstance(step, NeedPages):
            worker.wants = step.npages
        elif isinstance(step, StopsWorld):
            self._stopping = True
        elif not isinstance(step, Waits):
            self._observe(worker, step)

    def _end(self, worker: ProcThread, value: int | bool | None) -> None:
        ending, worker.ending = worker.ending, None
        if ending is not None:
            ending(value)

    def _with_world_stopped(self, worker: ProcThread) -> None:
        """Go on to the next phase of the cycle, with every other thread at rest."""
        self.steps["stop the world"] += 1
        while worker.course is not None:
            self._decisions.bound = self._bound_of(worker)
            if worker.late is not None:
                self._log(worker.late)
                worker.late = None
            self._in_course(worker, worker.course)
        self._collector, self._stopping = None, False

    # --- what others say --------------------------------------------------------------------------

    def _begin(self, worker: ProcThread) -> None:
        """Let a thread that is in no operation begin one."""
        raise NotImplementedError

    def _mark(self) -> None:
        """Mark objects, just before marking ends."""
        raise NotImplementedError
