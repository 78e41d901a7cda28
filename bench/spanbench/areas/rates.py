"""The model as a generator, and the fuzzer: their rates, and what compiling is worth to them."""

import resource
import time
from statistics import median
from typing import Final

import spanalloc
from spanbench.areas.serving import NOT_COMPILED
from spanbench.measuring.child import Figures, in_child, sources_only
from spanbench.measuring.figure import Measured, Settings, figure
from spanbench.measuring.pairing import in_turns
from spanproof.fuzz.campaigns.campaign import run
from spanproof.fuzz.sides.spanalloc_subject import installed
from spanproof.simulate.programs.simulation import Simulation
from spanproof.support.tools import Missing

ROUNDS: Final = 5
STEPS: Final = 1_500
PROGRAMS: Final = 1_000


def simulate(steps: str) -> Figures:
    """Simulate a program with all invariants after each step; return seconds a step.

    Raises: RuntimeError if something fails in it.
    """
    simulation, number = Simulation(1), int(steps)
    started = time.process_time()
    done = simulation.run(number)
    spent = time.process_time() - started
    if done.failure is not None:
        raise RuntimeError(f"the simulation fails: {done.failure.what}")
    return {"seconds": spent / number}


def fuzz(programs: str) -> Figures:
    """Run random programs on model and implementation in lockstep; return seconds a program.

    Raises: RuntimeError if the two part.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.process_time()
    done = run(installed, examples=int(programs))
    spent = time.process_time() - started
    # They run in a process of their own, which has ended.
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent += after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    if done.divergence is not None:
        raise RuntimeError(f"model and implementation part: {done.divergence.what}")
    return {"seconds": spent / done.programs}


def against_interpreted(task: str, work: int, unit: str, settings: Settings) -> Measured:
    """Measure a task against the same task without the compiled modules.

    Raises: Missing if there are none.
    """
    if not spanalloc.COMPILED:
        raise Missing(NOT_COMPILED)
    amount = f"{work // 5 if settings.quick else work}"
    with sources_only() as folder:
        pairs = in_turns(
            lambda: in_child(f"{__name__}:{task}", amount)["seconds"],
            lambda: in_child(f"{__name__}:{task}", amount, path=folder)["seconds"],
            1 if settings.quick else ROUNDS,
            warm_up=False,
        )
    rate = 1 / median(pair.ours for pair in pairs)
    return Measured(pairs, note=f"{rate:.0f} {unit} a second")


@figure(
    "rate.simulation",
    "a step of the model as a generator, with every invariant after it",
    "the same with no module compiled",
    reads="speed",
)
def simulation(settings: Settings) -> Measured:
    """Measure `spanspec simulate`."""
    return against_interpreted("simulate", STEPS, "steps", settings)


@figure(
    "rate.fuzzing",
    "a random program on model and spanalloc in lockstep",
    "the same with no module compiled",
    reads="speed",
)
def fuzzing(settings: Settings) -> Measured:
    """Measure `spanspec fuzz`."""
    return against_interpreted("fuzz", PROGRAMS, "programs", settings)
