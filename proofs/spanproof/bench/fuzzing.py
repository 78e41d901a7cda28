"""The fuzzer's engine against a plain Hypothesis state machine, on the same operations."""

from typing import ClassVar, Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from msgspec.structs import replace

from spanproof.bench.figure import Goal, Measured, Pair, Settings, figure
from spanproof.bench.pairing import seconds
from spanproof.fuzz.divergence import Run
from spanproof.fuzz.guidance import Source
from spanproof.fuzz.heapgrammar import heap_program
from spanproof.fuzz.heaplockstep import run_heap_program_quickly
from spanproof.fuzz.heapprogram import HeapProgram
from spanproof.fuzz.heapsides import Side
from spanproof.fuzz.spanallocheap import installed
from spanproof.fuzz.statemachine import HeapMachine

STEPS: Final = 50
"""Rules of one run of the state machine, as Hypothesis has it by default."""

RUNS: Final = 8
"""Runs of the state machine for a sample."""

ROUNDS: Final = 3


class Plain(HeapMachine):
    """The plain state machine: the whole state, and every invariant, after each operation."""

    thorough = True
    done: ClassVar[list[HeapProgram]] = []

    def make_heap(self, program: HeapProgram) -> Side:
        """Return a heap of the installed spanalloc."""
        return installed(program)

    def teardown(self) -> None:
        """Keep what was done, so that it can be done again."""
        if self.pair is not None:
            self.done.append(replace(self.begun, steps=tuple(self.steps)))


def by_state_machine(number: int, runs: int) -> list[HeapProgram]:
    """Let Hypothesis draw and take so many runs; return what each has done."""
    Plain.done.clear()
    run_state_machine_as_test(
        seed(number)(Plain),
        settings=settings(
            max_examples=runs,
            stateful_step_count=STEPS,
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
        source.heard(program, outcome.features)
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
