"""What the fuzzer's engine is held against: a plain Hypothesis state machine, as a user writes it.

It has the model and the implementation, and nothing of the engine. Each of its rules is one
operation, or some of one kind, with arguments that Hypothesis draws. After each operation both
results, all events and the two whole states are compared, and every invariant of the model is
checked: once each, since a second comparison of what was compared would be time that no user
spends. Many operations in one draw, as a campaign's grammar has them, are not for a plain machine
either: what Hypothesis takes for each rule is part of what is measured.
"""

from typing import ClassVar, Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test
from msgspec.structs import replace

from spanproof.fuzz.differences.differences import IMPLEMENTATION, MODEL
from spanproof.fuzz.lockstep.heapcalls import Call, Holdings, Outcome, make_each, outcome_of, same
from spanproof.fuzz.programs.heapgrammar import (
    COUNTS,
    LAST_GENERATIONS,
    PHYSICAL,
    SMALL,
    SPAN_FILLERS,
)
from spanproof.fuzz.programs.heapprogram import (
    FinishCycle,
    HeapProgram,
    Malloc,
    MarkEvery,
    PhysicalPage,
    StartCycle,
    Step,
)
from spanproof.fuzz.sides.modelheap import ModelHeap
from spanproof.fuzz.sides.spanallocheap import installed
from spanproof.fuzz.statemachine import HeapMachine, P
from spanspec.invariants import violations

RULES_OF_A_RUN: Final = 50
"""Rules of one run of the machine: what Hypothesis takes if nothing is said."""


class Plain(HeapMachine):
    """The rules of the public state machine, with nothing of the engine behind them.

    Steps are recorded, so that the engine can do the same; which calls a step makes is read from
    the text that the engine reads, too.
    """

    done: ClassVar[list[HeapProgram]] = []
    calls: ClassVar[int] = 0

    @initialize(
        procs=st.sampled_from((1, 1, 2, 4)),
        sweepgen=st.sampled_from((0, 0, *LAST_GENERATIONS)),
        physical=st.sampled_from(PHYSICAL),
    )
    def begin(self, procs: int, sweepgen: int, physical: PhysicalPage) -> None:
        """Make both heaps."""
        self.begun = HeapProgram((), procs, sweepgen, physical)
        self.model, self.other = ModelHeap(self.begun), installed(self.begun)
        self.holdings = Holdings(self.model, self.other)
        self.agree()

    def take(self, step: Step) -> None:
        """Take a step on both heaps, comparing all after each of its operations."""
        self.steps.append(step)
        make_each(self.holdings.calls(step), self.do)

    def do(self, call: Call) -> Outcome:
        """Do an operation on both heaps. Raises: AssertionError where they differ."""
        expected = outcome_of(self.model, MODEL, call)
        assert same(expected, outcome_of(self.other, IMPLEMENTATION, call))
        self.agree()
        Plain.calls += 1
        return expected

    def agree(self) -> None:
        """Compare what was told, and all there is. Raises: AssertionError where they differ."""
        assert self.model.events() == self.other.events()
        assert self.model.state() == self.other.state()
        assert not list(violations(self.model.heap.state))

    @rule(size=st.sampled_from(SMALL + SPAN_FILLERS), count=st.sampled_from(COUNTS), p=P)
    def malloc_many(self, size: int, count: int, p: int) -> None:
        """Allocate objects of one size, a span full of them for example."""
        self.take(Malloc(size, count, p))

    @rule(n=st.integers(1, 4), k=st.integers(0, 3), p=P)
    def collect(self, n: int, k: int, p: int) -> None:
        """Run a cycle in which every n-th object is found alive."""
        for step in (StartCycle(p), MarkEvery(n, k), FinishCycle(p)):
            self.take(step)

    def teardown(self) -> None:
        """Keep what was done, so that it can be done again."""
        if self.steps:
            self.done.append(replace(self.begun, steps=tuple(self.steps)))


def by_state_machine(number: int, runs: int) -> tuple[list[HeapProgram], int]:
    """Let Hypothesis draw and take so many runs; return what was done, and in how many calls."""
    Plain.done.clear()
    Plain.calls = 0
    run_state_machine_as_test(
        seed(number)(Plain),
        settings=settings(
            max_examples=runs,
            stateful_step_count=RULES_OF_A_RUN,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
            print_blob=False,
        ),
    )
    return list(Plain.done), Plain.calls
