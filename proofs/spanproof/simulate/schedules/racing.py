"""Several threads at once: the model's own operations, step by step, in a random order.

The replay has to accept every log that comes of this, and nothing in it is told which order was
real. It has to be a run of the proved protocol, too, which agrees with the heap whenever the world
is stopped.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Final

from spanproof.replay.format.schema import Header
from spanproof.simulate.judging import Failure, ReplayJudge, Simulated, header_for
from spanproof.simulate.program import SimulatedSchedule
from spanproof.simulate.schedules.threads import Ending, ProcThread
from spanproof.simulate.schedules.turns import Turns
from spanspec.base.ids import NOBODY
from spanspec.heap.courses.course import Course
from spanspec.heap.courses.cycle import gc_mark_done, gc_start
from spanspec.heap.courses.malloc import mallocgc, span_class_for
from spanspec.heap.courses.mcache import prepare_for_sweep
from spanspec.heap.courses.sweeping import finish_sweeping, sweepone
from spanspec.heap.operations import OPERATIONS
from spanspec.heap.program import FreeManual, Input, TakeManual
from spanspec.heap.state.collector import MARK, OFF
from spanspec.invariants import violations
from spanspec.pages.courses.scavenge import scavenge_all
from spanspec.pages.tables.runs import AMD64
from spanspec.span.mspan import is_allocated, set_marked

SIZES: Final = (8, 48, 48, 48, 1024, 1024, 8192)
"""Sizes of small objects: few classes, so that threads meet in the lists."""

LARGE_SIZES: Final = (40_000, 100_000, 700_000)


class Interleaved(Turns):
    """Threads that begin operations at random: each allocates, sweeps, or collects."""

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

    def _collect(self, worker: ProcThread) -> None:
        """Begin a cycle, or end marking."""
        state, actor = self.state, worker.actor
        starts = state.phase == OFF
        course = gc_start(state, actor, self.mode) if starts else gc_mark_done(state, actor)
        self._collector = worker
        self._start(worker, "collect", course)

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
