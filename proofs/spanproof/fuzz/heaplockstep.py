"""Running a program on the model's heap and on another, and comparing all after every step."""

from collections import Counter

from spanproof.fuzz.differences import (
    IMPLEMENTATION,
    MODEL,
    Difference,
    compare_events,
    compare_states,
)
from spanproof.fuzz.divergence import Run, StepHeard, run_steps
from spanproof.fuzz.heapcalls import (
    Calls,
    Holdings,
    met,
    outcome_of,
    parted_results,
    same,
)
from spanproof.fuzz.heapprogram import HeapProgram, Step, Together, describe_step
from spanproof.fuzz.heapsides import LooksUp, Schedulable, Side, SideFactory
from spanproof.fuzz.interleaved import InTurns
from spanproof.fuzz.modelheap import ModelHeap
from spanspec.invariants import violations


class Lockstep:
    """The model's heap and another, that take every step together."""

    def __init__(self, program: HeapProgram, factory: SideFactory) -> None:
        with MODEL:
            self.model = ModelHeap(program)
        with IMPLEMENTATION:
            self.other: Side = factory(program)
        self.holdings = Holdings(self.model, isinstance(self.other, LooksUp))
        self.exercised: Counter[str] = Counter()
        self.model.events()
        with IMPLEMENTATION:
            self.other.events()

    def take(self, step: Step) -> None:
        """Take one step on both sides and compare.

        Raises: Difference if they differ.
        """
        if isinstance(step, Together):
            self._take_together(step)
        else:
            self._take_alone(self.holdings.calls(step))
        self.compare()

    def _take_together(self, step: Together) -> None:
        if not isinstance(self.other, Schedulable):
            raise TypeError("this heap cannot be stopped between its steps: it has no `obey`")
        InTurns(self.model, self.other, self.exercised, self.holdings.calls).run(step)

    def _take_alone(self, calls: Calls) -> None:
        """Make each call on both sides, one after the other."""
        answer: int | None = None
        while True:
            try:
                call = calls.send(answer)
            except StopIteration:
                return
            expected = outcome_of(self.model, MODEL, call)
            seen = outcome_of(self.other, IMPLEMENTATION, call)
            if not same(expected, seen):
                raise parted_results(expected, seen)
            told = self.model.events()
            with IMPLEMENTATION:
                compare_events(told, self.other.events())
            self.exercised.update(kind for kind, _ in told)
            answer = expected if isinstance(expected, int) else None
            self.exercised.update(met(expected))

    def compare(self) -> None:
        """Compare the whole state, and check the model's own invariants.

        Raises: Difference at the first difference.
        """
        with MODEL:
            expected = self.model.state()
        with IMPLEMENTATION:
            compare_states(expected, self.other.state())
        with MODEL:
            broken = list(violations(self.model.heap.state))
        for problem in broken:
            raise Difference(
                f"invariant {problem.invariant} of the model's own state",
                f"breaks it: {problem.what}",
                "is in the same state",
                side="model",
                rules=(problem.invariant,),
                after=True,
            )


def run_heap_program(
    program: HeapProgram, factory: SideFactory, on_step: StepHeard | None = None
) -> Run:
    """Run a program in lockstep, up to the first divergence.

    Whatever a side raises is a divergence, and names the side: a crash is an observation.
    """
    return run_steps(
        program, program.steps, lambda: Lockstep(program, factory), describe_step, on_step
    )
