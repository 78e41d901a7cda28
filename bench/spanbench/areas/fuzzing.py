"""The fuzzer's engine against a plain Hypothesis state machine, on the same operations."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from unittest.mock import patch

from spanbench.measuring.figure import Goal, Measured, SamplePair, Settings, figure
from spanbench.measuring.pairing import seconds
from spanbench.others.plainmachine import by_state_machine
from spanproof.fuzz.engine.guidance import Source
from spanproof.fuzz.lockstep.heaplockstep import run_heap_program_quickly
from spanproof.fuzz.programs.heapgrammar import heap_program
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.sides.spanallocheap import installed
from spanproof.simulate.programs import stepjudges
from spanproof.simulate.programs.simulation import Simulation
from spanspec.heap.state.state import HeapState
from spanspec.invariants import INVARIANTS, Violation, violations

RUNS: Final = 12
"""Runs of the state machine for a sample."""

ROUNDS: Final = 3


def by_engine(programs: list[HeapProgram], number: int) -> int:
    """Draw as many programs as there are; run those that there are, as a campaign does.

    Return how many operations they have done.
    """
    source, calls = Source(heap_program, number), 0
    for program in programs:
        source.next()
        outcome = run_heap_program_quickly(program, installed)
        if outcome.divergence is not None:
            raise RuntimeError(outcome.divergence.render())
        source.observed(program, outcome.features, outcome.exercised["calls"])
        calls += outcome.exercised["calls"]
    return calls


@contextmanager
def frozen() -> Iterator[None]:
    """Let Python's collector pass over what there is, as it does where a campaign's programs run.

    Their processes are forked from one in which all is loaded (`isolation.supervising`). So it is
    for both sides: what a benchmark has loaded says nothing of either.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@figure(
    "fuzz.lockstep",
    "operations of model and spanalloc in lockstep, in the engine of spanspec fuzz",
    "the same operations in a plain Hypothesis RuleBasedStateMachine",
    reads="speed",
    goal=Goal("at least", 20),
)
def lockstep(settings: Settings) -> Measured:
    """Measure the processor time of an operation; both sides compare after each one."""
    pairs: list[SamplePair] = []
    calls = 0
    # One pair ahead of all is not counted: then both sides have run their code, as in a campaign
    # or a suite of tests, which go on for long.
    for number in (ROUNDS, *range(1 if settings.quick else ROUNDS)):
        programs: list[HeapProgram] = []
        done = {"plain": 0, "engine": 0}

        def plain(
            number: int = number,
            programs: list[HeapProgram] = programs,
            done: dict[str, int] = done,
        ) -> None:
            drawn, done["plain"] = by_state_machine(number, 2 if settings.quick else RUNS)
            programs += drawn

        def engine(
            number: int = number,
            programs: list[HeapProgram] = programs,
            done: dict[str, int] = done,
        ) -> None:
            done["engine"] = by_engine(programs, number)

        with frozen():
            theirs, ours = seconds(plain), seconds(engine)
        if done["engine"] != done["plain"]:
            raise RuntimeError(f"{done['engine']} operations here, {done['plain']} there")
        if number == ROUNDS:
            continue
        calls += done["engine"]
        pairs.append(SamplePair(ours / done["engine"], theirs / done["plain"]))
    note = f"{calls} operations, {calls * len(pairs) / sum(p.ours for p in pairs) / calls:.0f}/s"
    return Measured(tuple(pairs), note=note)


SIMULATED: Final = 2000
"""Steps of a simulation for a sample; by default a program has 5000."""


def one_by_one(state: HeapState) -> Iterator[Violation]:
    """Yield what violates the invariants, each of which goes through the state by itself.

    So simulations asked after each step when the goal was set: to ask them together, which they do
    by now, is part of what is measured.
    """
    for invariant in INVARIANTS.values():
        for what in invariant.check(state):
            yield Violation(invariant.id, what)


def simulated(seed: int, steps: int, thorough: bool) -> float:
    """Return the seconds that a step of a simulation takes."""
    simulation = Simulation(seed, thorough=thorough)

    def run() -> None:
        failure = simulation.run(steps).failure
        if failure is not None:
            raise RuntimeError(failure.what)

    asked = one_by_one if thorough else violations
    with patch.object(stepjudges, "violations", asked):
        return seconds(run) / steps


@figure(
    "fuzz.simulate",
    "a step of spanspec simulate, judged by what it can have broken, and all at checkpoints",
    "the same step, after which everything is judged, each invariant by itself",
    reads="speed",
    goal=Goal("at least", 10),
)
def simulate(settings: Settings) -> Measured:
    """Measure both on the same programs."""
    steps = SIMULATED // 3 if settings.quick else SIMULATED
    pairs = [
        SamplePair(simulated(seed, steps, False), simulated(seed, steps, True))
        for seed in range(1 if settings.quick else ROUNDS)
    ]
    rate = len(pairs) / sum(pair.ours for pair in pairs)
    return Measured(tuple(pairs), note=f"{rate:.0f} steps a second")
