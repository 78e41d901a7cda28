"""Several threads at once: the model's own operations, step by step, in a random order.

Each P has a thread. The scheduler picks one that can go on, and lets it take one step: what holds a
lock keeps others from what the lock protects, and all else may come in any order. A recorder may
note a lock-free step late, and a store may be seen early or late, as the trace format says of real
recordings. The replay has to accept every log that comes of this, and nothing in it is told which
order was real. It has to be a run of the proved protocol, too, which agrees with the heap whenever
the world is stopped.
"""

from collections import Counter
from collections.abc import Callable
from functools import cached_property
from random import Random
from typing import Final

from spanproof.replay.format.schema import KIND_OF, Header
from spanproof.simulate.judging import Failure, ReplayJudge, Simulated, header_for
from spanproof.simulate.program import SimulatedSchedule
from spanproof.simulate.schedules.threads import (
    Chance,
    Ending,
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
from spanspec.heap.courses.cycle import gc_mark_done, gc_start
from spanspec.heap.courses.malloc import mallocgc, span_class_for
from spanspec.heap.courses.mcache import needs_flush, prepare_for_sweep
from spanspec.heap.courses.procs import boot, procresize
from spanspec.heap.courses.publishing import is_publishing, see_published
from spanspec.heap.courses.sweeping import finish_sweeping, sweepone
from spanspec.heap.machine import Machine
from spanspec.heap.operations import OPERATIONS
from spanspec.heap.program import FreeManual, Input, TakeManual
from spanspec.heap.state.allp import NO_P
from spanspec.heap.state.collector import CONCURRENT, MARK, OFF, STOPPED_TO_SWEEP
from spanspec.invariants import When, violations
from spanspec.pages.courses.pagealloc import allocate
from spanspec.pages.courses.scavenge import scavenge_all
from spanspec.pages.pageheap import Actor
from spanspec.pages.tables.runs import AMD64
from spanspec.span.mspan import is_allocated, set_marked

SIZES: Final = (8, 48, 48, 48, 1024, 1024, 8192)
"""Sizes of small objects: few classes, so that threads meet in the lists."""

LARGE_SIZES: Final = (40_000, 100_000, 700_000)

POPPERS: Final = ("bg", "GC", "prop", "gcstart")
"""Those who sweep what they pop; others claim spans that they meet elsewhere."""

LOCK_FREE: Final = (ev.BufferPop, ev.SweepDrops, ev.BufferPush, ev.SweepClaim)
"""Steps that a recorder notes without a lock, and so perhaps late."""


class Interleaved:
    """So many Ps, each with a thread, whose operations take turns step by step at random."""

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

    # --- what a P does next -----------------------------------------------------------------------

    def _begin(self, worker: ProcThread) -> None:
        actor, draw = worker.actor, self.rng.random()
        if self._unflushed(worker):
            self._start(
                worker, "flush", prepare_for_sweep(self.state, actor, self.state.mcache_of[actor.p])
            )
        elif draw < 0.03 and self._collector is None and self.state.phase in (OFF, MARK):
            self._collect(worker)
        elif draw < 0.2 and self.state.sweepers:
            self._finish_sweeping(worker)
        elif draw < 0.3 and not self.state.sweepdone:
            self._start(worker, "sweep", sweepone(self.state, actor, "bg"))
        elif draw < 0.315:
            self._allocate(worker, self.rng.choice(LARGE_SIZES))
        elif draw < 0.325:
            self._manual_span(worker)
        elif draw < 0.328 and self._heap_holder is None:
            self.steps["scavenge"] += 1
            self._heap_holder, worker.section = worker, scavenge_all(self.state.pages, actor)
        else:
            for _ in range(self.rng.choice((1, 1, 5, 40))):
                noscan = self.rng.random() < 0.3
                if not self._allocate(worker, self.rng.choice(SIZES), noscan):
                    break

    def _finish_sweeping(self, worker: ProcThread) -> None:
        """Do what runtime.GC does at its end, after which nobody sweeps what was popped."""

        def check(_: int | bool | None) -> None:
            for one in self._workers:
                assert one.popped == NOBODY, f"SWP-38: span {one.popped} is being swept still"

        course = finish_sweeping(self.state, worker.actor)
        self._start(worker, "finish sweeping", course, check)

    def _start(
        self, worker: ProcThread, what: str, course: Course[object], ending: Ending | None = None
    ) -> None:
        self.steps[what] += 1
        worker.course, worker.ending, worker.last = course, ending, None

    def _allocate(self, worker: ProcThread, size: int, noscan: bool = False) -> bool:
        """Allocate an object; return whether that took one step only."""
        self._start(worker, "allocate", mallocgc(self.state, worker.actor, size, noscan))
        worker.refills = span_class_for(size, noscan)
        while worker.course is not None and self._can_go(worker):
            self._in_course(worker, worker.course)
            if worker.last is not None or worker.wants is not None:
                return False
        return worker.course is None

    def _manual_span(self, worker: ProcThread) -> None:
        """Take a manual span, or give one back unless somebody marks."""
        if self._heap_holder is not None:
            return
        p = worker.actor.p
        if self._manual and self.state.phase == OFF and self.rng.random() < 0.5:
            self._heap_holder = worker
            self._operate(worker, "manual", FreeManual(p, self._manual.pop()))
            return

        def keep(span: int | bool | None) -> None:
            assert span is not None, "HEAP-24: an allocation of pages gives a span"
            self._manual.append(int(span))

        self._operate(worker, "manual", TakeManual(p), keep)

    def _operate(
        self, worker: ProcThread, what: str, request: Input, ending: Ending | None = None
    ) -> None:
        """Begin an operation that a heap can be asked for."""
        operation = OPERATIONS[type(request)]
        self._start(worker, what, operation(self.state, worker.actor, request), ending)

    # --- the world stops --------------------------------------------------------------------------

    def _collect(self, worker: ProcThread) -> None:
        """Begin a cycle, or end marking."""
        state, actor = self.state, worker.actor
        starts = state.phase == OFF
        course = gc_start(state, actor, self.mode) if starts else gc_mark_done(state, actor)
        self._collector = worker
        self._start(worker, "collect", course)

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

    def _mark(self) -> None:
        """Mark some of the allocated objects of each span: none, half, or all."""
        for span, found in self.state.spans.items():
            record, share = found, self.rng.choice((0.0, 0.5, 1.0))
            for slot in range(record.nelems):
                if is_allocated(record, slot) and self.rng.random() < share:
                    record = set_marked(record, slot)
            self.state.spans[span] = record


class Racing(Interleaved):
    """One random schedule of so many Ps, which the replay judges."""

    @cached_property
    def _judge(self) -> ReplayJudge:
        return ReplayJudge(self.header(0))

    def header(self, events: int) -> Header:
        """Return the header of a recording of so many events."""
        return header_for(AMD64, self.procs, events, f"schedule {self.seed}")

    def run(self, steps: int, on_step: Callable[[int], None] | None = None) -> Simulated:
        """Let threads take so many steps in all, up to the first failure."""
        failure = None
        for number in range(1, steps + 1):
            what = self.step(number)
            if what is not None:
                failure = Failure(number, what, SimulatedSchedule(self.seed, self.procs, number))
                break
            if on_step is not None:
                on_step(number)
        return Simulated(self.seed, self.steps, self.events, failure)

    def step(self, number: int) -> str | None:
        """Let one thread take a step; return what went wrong, if anything did."""
        try:
            self.act()
            if number % 16 == 0:
                for problem in violations(self.state, now=self._how_quiet()):
                    return f"{problem.invariant}: {problem.what}"
        except Exception as problem:
            return f"the model raises {type(problem).__name__}: {problem}"
        fresh, self._fresh = self._fresh, []
        wrong = self._judge.run(fresh)
        if wrong is None and self._is_quiet():
            wrong = self._judge.at_rest(self.state)
        if wrong is None and number % 32 == 0:
            wrong = self._judge.finish()
        return wrong
