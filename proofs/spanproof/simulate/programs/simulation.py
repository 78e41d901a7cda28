"""The model on its own, under random programs: what a step can have broken is checked after it.

All invariants are checked at checkpoints. A program that fails at one is run again, with all of
them after each step, so that the step is named which has broken something.

A program is drawn step by step from a seed, by workloads that stress one part each. Apart from the
invariants, five judges watch: objects in use never overlap and stay allocated, the replay accepts
what a recorder would have observed, which is a run of the proved protocol, no fatal check of the
runtime fails, and books kept apart agree on what was reclaimed, searched and paced.
"""

import random
from collections import Counter
from collections.abc import Callable
from typing import Final

from spanproof.fuzz.programs.heapprogram import Answer, PhysicalPage
from spanproof.replay.format.schema import KIND_OF, Header
from spanproof.simulate.judging import Failure, Simulated, header_for
from spanproof.simulate.program import SimulatedProgram
from spanproof.simulate.programs.drawing import Drawing
from spanproof.simulate.programs.programbooks import ProgramBooks
from spanproof.simulate.programs.scattered import Scattered
from spanproof.simulate.programs.stepjudges import StepJudges
from spanspec.events.fields import EventBase
from spanspec.heap.heap import Heap, OutOfMemory, Refused
from spanspec.heap.program import AnyInput, RunFinalizers
from spanspec.pages.memory.arena import GrantingOs, Os
from spanspec.pages.memory.osmemory import FollowedOs
from spanspec.pages.tables.runs import PhysicalPages

PHYS_PAGES: Final = (4096, 4096, 4096, 16384, 65536)
"""Physical page sizes to choose from: where they exceed 8 KiB, neighbours share one (HEAP-32)."""

PHYSICAL: Final[dict[int, PhysicalPage]] = {
    4096: 4096,
    16384: 16384,
    65536: 65536,
}


class Simulation:
    """One random program and the heap that it runs on.

    `on_event` is told every event that a recorder would have observed: up to the first failure of
    an allocation, which ends a real process. With `saved` the program is that one instead, in which
    a refused input is left out. With `thorough`, everything is judged after each step.
    """

    def __init__(
        self,
        seed: int,
        on_event: Callable[[EventBase], None] | None = None,
        saved: SimulatedProgram | None = None,
        *,
        thorough: bool = False,
    ) -> None:
        self._thorough = thorough or saved is not None
        self.rng = random.Random(seed)
        self.seed = seed
        self.phys = PhysicalPages(self.rng.choice(PHYS_PAGES), 2 << 20)
        self.procs = self.rng.choice((1, 1, 2, 4))
        plain = seed % 2 == 0
        self._answers: list[Answer] = []
        system: Os = GrantingOs()
        if saved is not None:
            self.phys, self.procs = PhysicalPages(saved.physical, 2 << 20), saved.procs
        script = None if saved is None else saved.answers
        if not plain if saved is None else saved.answers:
            scattered = Scattered(self.rng, self.rng.randrange(4, 16), script)
            system, self._answers = scattered, scattered.answers
        self._left = None if saved is None else list(reversed(saved.inputs))
        self.events: Counter[str] = Counter()
        self.steps: Counter[str] = Counter()
        self.program: list[AnyInput] = []
        self._on_event = on_event
        os = FollowedOs(system)
        header = header_for(self.phys, self.procs, 0, "simulation")
        self._judges = StepJudges(self.rng, header, os, thorough=self._thorough)
        self.heap = Heap(self.procs, os, self.phys, self._observe)
        self._books = ProgramBooks(self.rng, self.heap, os)
        self._judges.follow(self.heap, self._books)
        workload = "small" if plain else "huge"
        self._drawing = Drawing(self.rng, self.heap.state, self._books, workload)

    def header(self, events: int) -> Header:
        """Return the header of a recording of so many events."""
        return header_for(self.phys, self.procs, events, f"simulation {self.seed}")

    def _observe(self, event: EventBase) -> None:
        self.events[KIND_OF[type(event)]] += 1
        self._judges.hear(event)
        if self._on_event is not None and self._judges.alive:
            self._on_event(event)

    def run(self, steps: int, on_step: Callable[[int], None] | None = None) -> Simulated:
        """Take so many steps, up to the first failure; of a saved program, those that there are."""
        failure = None
        if self._left is not None:
            steps = min(steps, len(self._left))
        for number in range(1, steps + 1):
            what = self.step() or (self._judges.judge_whole() if number == steps else None)
            if what is not None:
                failure = self._first_failure(number) or Failure(number, what, self.saved())
                break
            if on_step is not None:
                on_step(number)
        return Simulated(self.seed, self.steps, self.events, failure)

    def _first_failure(self, number: int) -> Failure | None:
        """Return how this program fails first, with everything judged after each step."""
        if self._thorough:
            return None
        return Simulation(self.seed, thorough=True).run(number).failure

    def saved(self) -> SimulatedProgram:
        """Return the program so far, to be run again."""
        physical, answers = PHYSICAL[self.phys.size], tuple(self._answers)
        program = tuple(self.program)
        return SimulatedProgram(self.seed, self.procs, physical, answers, program)

    def step(self) -> str | None:
        """Take one step; return what went wrong, if anything did."""
        self._judges.step_begins()
        request = self._drawing.next() if self._left is None else self._left.pop()
        self.program.append(request)
        self.steps[str(type(request).__struct_config__.tag)] += 1
        if isinstance(request, RunFinalizers):
            wrong = self._books.check_finalizers()
            if wrong is not None:
                return wrong
        result = None
        try:
            result = self.heap.step(request).result
        except OutOfMemory:
            self.steps["out of memory"] += 1
            wrong = self._judges.out_of_memory()
            if wrong is not None:
                return wrong
        except Refused as problem:
            # What a stray address leads to, or an input of a program from which others are left
            # out, may be refused.
            if self._drawing.stray or self._left is not None:
                return self._judges.judge()
            return f"the model refuses what it has to do: {problem}"
        except Exception as problem:
            return f"the model raises {type(problem).__name__}: {problem}"
        try:
            self._judges.step_ends(request)
            return self._books.note(request, result) or self._judges.judge()
        except Exception as problem:  # a broken state refers to what is not there
            return f"the model's state is broken, {type(problem).__name__}: {problem}"
