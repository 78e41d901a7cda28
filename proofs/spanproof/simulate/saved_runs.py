"""Running what a simulation has saved again, and making a program that fails smaller."""

import time
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from spanproof.simulate.judging import Failure, Simulated
from spanproof.simulate.program import Saved, SimulatedProgram, shrunk
from spanproof.simulate.racing import Racing
from spanproof.simulate.simulation import Simulation
from spanspec.heap.program import AnyInput
from spanspec.rules.book import cited

SHRINKING: Final = 30.0
"""Seconds after which a program is not made smaller any more."""


def again(saved: Saved) -> Simulated:
    """Run a saved program or schedule again, with all judges."""
    if isinstance(saved, SimulatedProgram):
        return Simulation(saved.seed, saved=saved).run(len(saved.inputs))
    return Racing(saved.seed, saved.threads).run(saved.steps)


def smaller(failure: Failure, seconds: float = SHRINKING) -> Failure:
    """Return a failure of the same kind, of a program with as few inputs as were found in time.

    A schedule is determined by its seed as a whole, and cannot be made smaller.
    """
    program = failure.program
    if not isinstance(program, SimulatedProgram):
        return failure
    best, kind = failure, kind_of(failure.what)
    deadline = time.monotonic() + seconds

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


def kind_of(what: str) -> str:
    """Return by what two failures are of one kind: the rule that is named first, or the words."""
    rules = cited(what)
    return rules[0] if rules else what.partition(":")[0]
