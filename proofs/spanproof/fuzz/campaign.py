"""A campaign: many programs in lockstep, until one diverges or the time is up."""

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from hypothesis import HealthCheck, Phase, given, seed, settings

from spanproof.fuzz.lockstep import Divergence, run_program
from spanproof.fuzz.program import Program
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

BATCH = 200
"""Programs that Hypothesis generates before the clock is looked at."""


class CampaignResult(NamedTuple):
    """What a campaign did: programs and steps run, and the shrunk divergence, if there was one."""

    programs: int
    seconds: float
    exercised: Counter[str]
    divergence: Divergence | None
    interrupted: bool

    @property
    def missing(self) -> tuple[str, ...]:
        """What was never exercised although it must be."""
        return tuple(name for name in MUST_EXERCISE if not self.exercised[name])

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
            left = BATCH if examples is None else min(BATCH, examples - done)
            if left <= 0 or (seconds is not None and spent >= seconds):
                break
            divergence = _batch(factory, start + done, left, exercised)
            done = exercised["programs"]
            if on_progress is not None:
                on_progress(done, time.perf_counter() - began)
    except KeyboardInterrupt:
        interrupted = True
    seconds_spent = time.perf_counter() - began
    return CampaignResult(exercised["programs"], seconds_spent, exercised, divergence, interrupted)


def _batch(
    factory: SubjectFactory, start: int, number: int, exercised: Counter[str]
) -> Divergence | None:
    """Run one batch of programs, counting them; return the shrunk divergence, if there is one."""

    @seed(start)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        print_blob=False,
    )
    @given(programs())
    def attempt(program: Program) -> None:
        exercised["programs"] += 1
        outcome = run_program(program, factory)
        if outcome.divergence is not None:
            raise _Found(outcome.divergence)
        exercised.update(outcome.exercised)

    try:
        attempt()
    except _Found as found:
        return without_idle_steps(found.divergence, factory)
    return None


def without_idle_steps(divergence: Divergence, factory: SubjectFactory) -> Divergence:
    """Drop each step without which the program still diverges.

    Hypothesis shrinks the parts that a program was drawn from, and some parts are runs of steps.
    """
    smaller = True
    while smaller:
        smaller = False
        program = divergence.program
        for place in reversed(range(len(program.steps))):
            steps = program.steps[:place] + program.steps[place + 1 :]
            shorter = run_program(msgspec.structs.replace(program, steps=steps), factory)
            if shorter.divergence is not None:
                divergence, smaller = shorter.divergence, True
                break
    return divergence
