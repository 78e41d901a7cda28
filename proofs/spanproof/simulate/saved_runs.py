"""Running what a simulation has saved again, and making a program that fails smaller."""

import time
from collections.abc import Sequence
from itertools import product
from typing import Final

from msgspec.structs import replace

from spanproof.simulate.judging import Failure, Simulated
from spanproof.simulate.program import Saved, SimulatedProgram, SimulatedSchedule, shrunk
from spanproof.simulate.programs.simulation import Simulation
from spanproof.simulate.schedules.racing import Racing
from spanspec.events.fields import EventBase
from spanspec.heap.program import AnyInput
from spanspec.rules.book import cited

SHRINKING: Final = 30.0
"""Seconds after which a program is not made smaller any more."""

SEEDS: Final = 50
"""Seeds among which a shorter schedule is looked for."""


def again(saved: Saved) -> Simulated:
    """Run a saved program or schedule again, with all judges."""
    if isinstance(saved, SimulatedProgram):
        return Simulation(saved.seed, saved=saved).run(len(saved.inputs))
    return Racing(saved.seed, saved.threads).run(saved.steps)


def smaller(failure: Failure, seconds: float = SHRINKING) -> Failure:
    """Return a failure of the same kind, of a program with as few inputs as were found in time."""
    program = failure.program
    deadline = time.monotonic() + seconds
    if isinstance(program, SimulatedSchedule):
        return _shorter(failure, program, deadline)
    best, kind = failure, kind_of(failure.what)

    def fails(inputs: Sequence[AnyInput]) -> bool:
        nonlocal best
        if time.monotonic() > deadline:
            return False
        found = again(replace(program, inputs=tuple(inputs))).failure
        if found is None or kind_of(found.what) != kind:
            return False
        best = found
        return True

    if fails(program.inputs):
        shrunk(program.inputs, fails)
    return best


def _shorter(failure: Failure, schedule: SimulatedSchedule, deadline: float) -> Failure:
    """Return a failure of the same kind, of another schedule with fewer steps, if one is found.

    A schedule is determined by its seed as a whole: no step of it can be left out.
    """
    best, kind = failure, kind_of(failure.what)
    threads = range(min(2, schedule.threads), schedule.threads + 1)
    for seed, several in product(range(schedule.seed, schedule.seed + SEEDS), threads):
        if best.step == 1 or time.monotonic() > deadline:
            break
        found = Racing(seed, several).run(best.step - 1).failure
        if found is not None and kind_of(found.what) == kind:
            best = found
    return best


def events_of(schedule: SimulatedSchedule) -> list[EventBase]:
    """Return what a schedule shows a recorder, up to its last step."""
    told: list[EventBase] = []
    Racing(schedule.seed, schedule.threads, told.append).run(schedule.steps)
    return told


def kind_of(what: str) -> str:
    """Return by what two failures are of one kind: the rule that is named first, or the words."""
    rules = cited(what)
    return rules[0] if rules else what.partition(":")[0]
