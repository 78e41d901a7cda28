"""Running a program on the model's heap and on another, and comparing all after every step."""

from collections import Counter

from spanproof.fuzz.divergence import Run, run_steps
from spanproof.fuzz.heapcalls import Calls, Holdings, outcome_of
from spanproof.fuzz.heapprogram import HeapProgram, Step, Together, describe_step
from spanproof.fuzz.heapsides import Schedulable, Side, SideFactory
from spanproof.fuzz.modelheap import ModelHeap
from spanproof.fuzz.parted import Parted, compare_events, compare_states, shown_address
from spanproof.fuzz.together import InTurns
from spanspec.invariants import violations


class Lockstep:
    """The model's heap and another, that take every step together."""

    def __init__(self, program: HeapProgram, factory: SideFactory) -> None:
        self.model = ModelHeap(program)
        self.other: Side = factory(program)
        self.holdings = Holdings(self.model)
        self.exercised: Counter[str] = Counter()
        self.model.events()
        self.other.events()

    def take(self, step: Step) -> None:
        """Take one step on both sides and compare.

        Raises: Parted if they differ.
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
            expected, seen = outcome_of(self.model, call), outcome_of(self.other, call)
            if expected != seen:
                raise Parted("the result", shown_address(expected), shown_address(seen))
            told = self.model.events()
            compare_events(told, self.other.events())
            self.exercised.update(kind for kind, _ in told)
            answer = expected if isinstance(expected, int) else None
            if isinstance(expected, str):
                self.exercised[expected] += 1

    def compare(self) -> None:
        """Compare the whole state, and check the model's own invariants.

        Raises: Parted at the first difference.
        """
        compare_states("", self.model.state(), self.other.state())
        for problem in violations(self.model.heap.state):
            raise Parted(f"the model's own invariant {problem.invariant}", "holds", problem.what)


def run_heap_program(program: HeapProgram, factory: SideFactory) -> Run:
    """Run a program in lockstep, up to the first divergence.

    Whatever the other side raises is a divergence: a crash is an observation.
    """
    return run_steps(program, program.steps, lambda: Lockstep(program, factory), describe_step)
