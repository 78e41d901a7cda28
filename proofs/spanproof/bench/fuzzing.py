"""The fuzzer's engine against a plain Hypothesis state machine, on the same operations."""

from typing import ClassVar, Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from msgspec.structs import replace

from spanproof.bench.figure import Goal, Measured, Pair, Settings, figure
from spanproof.bench.pairing import seconds
from spanproof.fuzz.choices import strategy_of
from spanproof.fuzz.divergence import Run
from spanproof.fuzz.guidance import Source
from spanproof.fuzz.heapgrammar import PARTS, Steps, beginning, heap_program
from spanproof.fuzz.heaplockstep import Lockstep, run_heap_program_quickly
from spanproof.fuzz.heapprogram import HeapProgram, Step
from spanproof.fuzz.spanallocheap import installed
from spanproof.simulate.simulation import Simulation

PARTS_OF_A_RUN: Final = 20
"""Rules of one run of the state machine: programs of a campaign have up to 24 such parts."""

RUNS: Final = 6
"""Runs of the state machine for a sample."""

ROUNDS: Final = 3


class AfterEachCall(Lockstep):
    """Compares the whole state, and checks every invariant, after each operation."""

    def call_ends(self, kinds: list[str]) -> None:
        """Compare all."""
        self.compare()


class Plain(RuleBasedStateMachine):
    """A plain state machine: each rule does what a part of a campaign's program does."""

    done: ClassVar[list[HeapProgram]] = []

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []

    @initialize(first=strategy_of(beginning))
    def begin(self, first: HeapProgram) -> None:
        """Make both heaps."""
        self.first = first
        self.pair = AfterEachCall(first, installed, thorough=True)

    @rule(part=st.sampled_from(PARTS).flatmap(strategy_of))
    def take(self, part: Steps) -> None:
        """Take the steps of a part, comparing after each operation."""
        for step in part:
            self.steps.append(step)
            self.pair.take(step)

    def teardown(self) -> None:
        """Keep what was done, so that it can be done again."""
        if self.steps:
            self.done.append(replace(self.first, steps=tuple(self.steps)))


def by_state_machine(number: int, runs: int) -> list[HeapProgram]:
    """Let Hypothesis draw and take so many runs; return what each has done."""
    Plain.done.clear()
    run_state_machine_as_test(
        seed(number)(Plain),
        settings=settings(
            max_examples=runs,
            stateful_step_count=PARTS_OF_A_RUN,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
            print_blob=False,
        ),
    )
    return list(Plain.done)


def by_engine(programs: list[HeapProgram], number: int) -> list[Run]:
    """Draw as many programs as there are; run those that there are, as a campaign does."""
    source = Source(heap_program, number)
    runs: list[Run] = []
    for program in programs:
        source.next()
        outcome = run_heap_program_quickly(program, installed)
        if outcome.divergence is not None:
            raise RuntimeError(outcome.divergence.render())
        source.observed(program, outcome.features, outcome.exercised["calls"])
        runs.append(outcome)
    return runs


@figure(
    "fuzz.lockstep",
    "operations of model and spanalloc in lockstep, in the engine of spanspec fuzz",
    "the same operations in a plain Hypothesis RuleBasedStateMachine",
    reads="speed",
    goal=Goal("at least", 20),
)
def lockstep(settings: Settings) -> Measured:
    """Measure the processor time of an operation; both sides compare after each one."""
    pairs: list[Pair] = []
    calls = 0
    for number in range(1 if settings.quick else ROUNDS):
        programs: list[HeapProgram] = []
        runs: list[Run] = []

        def plain(number: int = number, programs: list[HeapProgram] = programs) -> None:
            programs += by_state_machine(number, 2 if settings.quick else RUNS)

        def engine(
            number: int = number,
            programs: list[HeapProgram] = programs,
            runs: list[Run] = runs,
        ) -> None:
            runs += by_engine(programs, number)

        theirs = seconds(plain)
        ours = seconds(engine)
        done = sum(run.exercised["calls"] for run in runs)
        calls += done
        pairs.append(Pair(ours / done, theirs / done))
    note = f"{calls} operations, {calls * len(pairs) / sum(p.ours for p in pairs) / calls:.0f}/s"
    return Measured(tuple(pairs), note=note)


SIMULATED: Final = 2000
"""Steps of a simulation for a sample; by default a program has 5000."""


def simulated(seed: int, steps: int, thorough: bool) -> float:
    """Return the seconds that a step of a simulation takes."""
    simulation = Simulation(seed, thorough=thorough)

    def run() -> None:
        failure = simulation.run(steps).failure
        if failure is not None:
            raise RuntimeError(failure.what)

    return seconds(run) / steps


@figure(
    "fuzz.simulate",
    "a step of spanspec simulate, judged by what it can have broken, and all at checkpoints",
    "the same step, after which everything is judged",
    reads="speed",
    goal=Goal("at least", 10),
)
def simulate(settings: Settings) -> Measured:
    """Measure both on the same programs."""
    steps = SIMULATED // 3 if settings.quick else SIMULATED
    pairs = [
        Pair(simulated(seed, steps, False), simulated(seed, steps, True))
        for seed in range(1 if settings.quick else ROUNDS)
    ]
    rate = len(pairs) / sum(pair.ours for pair in pairs)
    return Measured(tuple(pairs), note=f"{rate:.0f} steps a second")
