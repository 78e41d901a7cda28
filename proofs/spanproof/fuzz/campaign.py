"""A campaign: many programs in lockstep, until one diverges or the time is up."""

import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Generic, NamedTuple, cast

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from spanproof.fuzz.divergence import Divergence, ProgramT, Run, shorter
from spanproof.fuzz.heaplockstep import run_heap_program
from spanproof.fuzz.heapprogram import HeapProgram
from spanproof.fuzz.heapsides import SideFactory
from spanproof.fuzz.heapstrategies import heap_programs
from spanproof.fuzz.lockstep import run_program
from spanproof.fuzz.program import Program
from spanproof.fuzz.schedules import scheduled_programs
from spanproof.fuzz.strategies import programs
from spanproof.fuzz.subjects import SubjectFactory

MUST_EXERCISE = (
    "fast allocations",
    "slow allocations",
    "full allocations",
    "sweeps",
    "freed slots",
)
"""What a campaign must have met at least once; otherwise it says nothing."""

SCHEDULE_MUST_EXERCISE = ("m", "ro", "po", "sc", "se", "ct", "hf", "switches")
"""The same for several Ps at once; switches are made in the middle of an operation."""

HEAP_MUST_EXERCISE = ("m", "t", "rn", "ha", "se", "sg", "refusals")
"""The same for whole heaps: kinds of events, by their names in a trace, and refusals."""


BATCH = 200
HEAP_BATCH = 25
"""Programs that Hypothesis generates before the clock is looked at; those of heaps take longer."""


class Target(NamedTuple, Generic[ProgramT]):
    """What a campaign is about: its programs, how one is run, and what must be exercised.

    `batch` programs are generated at a time. Hypothesis `shrinks` what diverges, before each step
    that is not needed is left out; where a program takes long, that alone has to do.
    """

    programs: SearchStrategy[ProgramT]
    attempt: Callable[[ProgramT], Run]
    must_exercise: tuple[str, ...]
    batch: int = BATCH
    shrinks: bool = True


def of_span(factory: SubjectFactory) -> Target[Program]:
    """Return the target that one span is."""
    return Target(programs(), partial(run_program, factory=factory), MUST_EXERCISE)


def of_heap(factory: SideFactory) -> Target[HeapProgram]:
    """Return the target that a whole heap is."""
    attempt = partial(run_heap_program, factory=factory)
    return Target(heap_programs(), attempt, HEAP_MUST_EXERCISE, HEAP_BATCH)


def of_schedules(factory: SideFactory) -> Target[HeapProgram]:
    """Return the target that a heap is on which several Ps act at once."""
    attempt = partial(run_heap_program, factory=factory)
    return Target(scheduled_programs(), attempt, SCHEDULE_MUST_EXERCISE, HEAP_BATCH, False)


class CampaignResult(NamedTuple):
    """What a campaign did: programs and steps run, and the shrunk divergence, if there was one."""

    programs: int
    seconds: float
    exercised: Counter[str]
    divergence: Divergence | None
    interrupted: bool
    must_exercise: tuple[str, ...] = MUST_EXERCISE

    @property
    def missing(self) -> tuple[str, ...]:
        """What was never exercised although it must be."""
        return tuple(name for name in self.must_exercise if not self.exercised[name])

    @property
    def good(self) -> bool:
        """Whether nothing diverged and enough was exercised."""
        return self.divergence is None and not self.missing


class _Found(Exception):
    """A program on which the two sides part."""

    def __init__(self, divergence: Divergence) -> None:
        super().__init__(divergence.what)
        self.divergence = divergence


def run(
    factory: SubjectFactory,
    *,
    start: int = 0,
    examples: int | None = None,
    seconds: float | None = None,
    on_progress: Callable[[int, float], None] | None = None,
) -> CampaignResult:
    """Run a campaign on one span, as `run_target` does."""
    return run_target(
        of_span(factory),
        start=start,
        examples=examples,
        seconds=seconds,
        on_progress=on_progress,
    )


def run_target(
    target: Target[ProgramT],
    *,
    start: int = 0,
    examples: int | None = None,
    seconds: float | None = None,
    on_progress: Callable[[int, float], None] | None = None,
) -> CampaignResult:
    """Run programs, all determined by the seed `start`, up to a number or a time.

    A diverging program is shrunk before it is returned. An interrupt returns what was done so far.

    Raises: ValueError unless exactly one of `examples` and `seconds` is given.
    """
    if (examples is None) == (seconds is None):
        raise ValueError("a campaign ends by examples or by seconds")
    began = time.perf_counter()
    done, exercised, divergence, interrupted = 0, Counter[str](), None, False
    try:
        while divergence is None:
            spent = time.perf_counter() - began
            left = target.batch if examples is None else min(target.batch, examples - done)
            if left <= 0 or (seconds is not None and spent >= seconds):
                break
            divergence = _batch(target, start + done, left, exercised)
            done = exercised["programs"]
            if on_progress is not None:
                on_progress(done, time.perf_counter() - began)
    except KeyboardInterrupt:
        interrupted = True
    seconds_spent = time.perf_counter() - began
    return CampaignResult(
        exercised["programs"],
        seconds_spent,
        exercised,
        divergence,
        interrupted,
        target.must_exercise,
    )


def _batch(
    target: Target[ProgramT], start: int, number: int, exercised: Counter[str]
) -> Divergence | None:
    """Run one batch of programs, counting them; return the shrunk divergence, if there is one."""

    @seed(start)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if target.shrinks else [Phase.generate],
        print_blob=False,
    )
    @given(target.programs)
    def attempt(program: ProgramT) -> None:
        exercised["programs"] += 1
        outcome = target.attempt(program)
        if outcome.divergence is not None:
            raise _Found(outcome.divergence)
        exercised.update(outcome.exercised)

    try:
        attempt()
    except _Found as found:
        return without_idle_steps(found.divergence, target)
    return None


def without_idle_steps(divergence: Divergence, target: Target[ProgramT]) -> Divergence:
    """Drop each step without which the program still diverges.

    Hypothesis shrinks the parts that a program was drawn from, and some parts are runs of steps.
    """
    smaller = True
    while smaller:
        smaller = False
        for program in shorter(cast(ProgramT, divergence.program)):
            found = target.attempt(program).divergence
            if found is not None:
                divergence, smaller = found, True
                break
    return divergence
