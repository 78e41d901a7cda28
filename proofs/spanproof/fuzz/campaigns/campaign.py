"""A campaign: many programs in lockstep, until one diverges or the time is up.

What is under test runs in a process of its own, and a finding is told before anything else is done.
"""

from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from typing import Final, NamedTuple

from spanproof.fuzz.engine.causes import beside
from spanproof.fuzz.engine.target import Target, of_span
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.isolation.supervised import Again, Supervised
from spanproof.fuzz.isolation.supervisor import Supervisor
from spanproof.fuzz.isolation.worker import Campaign, work
from spanproof.fuzz.levels.contract import LACKS
from spanproof.fuzz.lockstep.divergence import AnyProgram, Divergence, ProgramT
from spanproof.fuzz.subjects import SubjectFactory
from spanproof.support.files.stores import SharedStore

LIMITS: Final = Limits()

OnProgress = Callable[[Counter[str], float], None]
"""Hears what was done so far, and the seconds that it took."""

SHRINK: Final = 20.0
"""Seconds in which a finding is made smaller, and run again."""


class CampaignResult(NamedTuple):
    """What a campaign did: programs and steps run, and the shrunk divergence, if there was one.

    `programs` are those until one diverged. `again` is how often what was found came up in runs of
    its own; None if it was not run again. `stuck` is what was under way at an interrupt, if it had
    been for long. `unkept` says why the corpus has not all that it should. `beside` is what another
    process has found, of another cause, that was not made smaller.
    """

    programs: int
    seconds: float
    exercised: Counter[str]
    divergence: Divergence | None
    interrupted: bool
    must_exercise: tuple[str, ...]
    again: Again | None = None
    stuck: Divergence | None = None
    unkept: str = ""
    beside: Divergence | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """What was never exercised although it must be; what is lacking cannot be."""
        return tuple(name for name in self.had if not self.exercised[name])

    @property
    def had(self) -> tuple[str, ...]:
        """What must be exercised, without what an allocator lacks."""
        return tuple(one for one in self.must_exercise if not self.exercised[f"{LACKS}{one}"])

    @property
    def good(self) -> bool:
        """Whether nothing diverged and enough was exercised."""
        return self.divergence is None and not self.missing


def run(
    factory: SubjectFactory,
    *,
    start: int = 0,
    examples: int | None = None,
    seconds: float | None = None,
    on_progress: OnProgress | None = None,
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
    on_progress: OnProgress | None = None,
    on_found: Callable[[Divergence], None] | None = None,
    limits: Limits = LIMITS,
    shrink: float = SHRINK,
    calls: int | None = None,
    known: Collection[str] = (),
    on_kept: Callable[[AnyProgram], None] | None = None,
    corpus: SharedStore | None = None,
    first: int = 0,
    enough: int = 0,
) -> CampaignResult:
    """Run programs, all determined by the seed `start`, up to a number, a time, or so many calls.

    A program that takes longer than its limit is ended. `on_found` hears of a divergence as it was
    found; then it is shrunk, for `shrink` seconds. What diverges for one of the `known` causes is
    passed over. `on_kept` hears of each program that has shown something new, and the store
    `corpus` keeps them. `first` is the number of the first program. One of `enough` steps or fewer,
    of which none can be left out, is small enough: its numbers stay as they are. An interrupt
    returns what was done so far.

    Raises: ValueError unless exactly one of `examples`, `seconds` and `calls` is given;
        WrongFactory if what is under test cannot be used; OurBug.
    """
    if [examples, seconds, calls].count(None) != 2:
        raise ValueError("a campaign ends by examples or by seconds, or by calls")
    if known:
        target = target._replace(attempt=beside(target.attempt, known))
    interrupted, stuck = False, None
    with Supervisor(partial(work, target)) as supervisor:
        one: Supervised[ProgramT] = Supervised(supervisor, limits, on_progress, on_found, on_kept)
        try:
            place = "" if corpus is None else corpus.place
            one.campaign(Campaign(start, examples, seconds, shrink, calls, place, first, enough))
        except KeyboardInterrupt:
            interrupted, stuck = True, one.stuck()
    return CampaignResult(
        one.exercised["programs"],
        one.spent(),
        one.exercised,
        one.simplest,
        interrupted,
        target.must_exercise,
        one.again,
        stuck,
        one.unkept,
    )


def run_once(
    target: Target[ProgramT], program: ProgramT, limits: Limits = LIMITS
) -> Divergence | None:
    """Run one program in a process of its own, up to the first divergence.

    Raises: WrongFactory if what is under test cannot be used; OurBug.
    """
    with Supervisor(partial(work, target)) as supervisor:
        one: Supervised[ProgramT] = Supervised(supervisor, limits)
        return one.once(program).divergence
