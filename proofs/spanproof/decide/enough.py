"""How long obligations are asked, where some of them fail.

What holds is decided soon, for that is how the proofs are written; what does not hold may leave a
solver in doubt for as long as it is let. So obligations are asked briefly first. What stays open is
asked again, as long as it takes, if nothing fails: then the answer hangs on it. If something fails
the answer is known, and what is open stays unknown, which is a failure as well. Where many fail, or
one does and a while has passed, the rest is not asked at all: whoever has broken a rule mends it
and asks again, and what was proved meanwhile is kept.

A proof is a proof, asked briefly or not. Mutants are asked by themselves, and as long as it takes.
"""

from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Final

from spanproof.decide.jobs import Job, Outcome

ENOUGH: Final = 8
"""Obligations that fail, after which the others are not asked any more."""

PATIENCE: Final = 1.0
"""Seconds of the clock for which obligations are asked once one fails, since the first was."""

LEFT: Final = "it was asked briefly, for others fail; by itself it is asked for longer"
"""What is told of an obligation that is open where others fail."""

Given = Callable[[Job], Job]
"""What a worker is given for a job, when its turn has come."""

Ask = Callable[[Sequence[Job], Given], Iterator[Outcome]]
"""Decides jobs, and yields what became of each as soon as it is known."""


class _Tally:
    """How many obligations have been decided so far, and have failed."""

    def __init__(self) -> None:
        self._begun = monotonic()
        self._decided = 0
        self._failed = 0

    def note(self, outcome: Outcome) -> Outcome:
        """Count an outcome, and return it."""
        self._decided += 1
        self._failed += not outcome.good and _may_wait(outcome.job)
        return outcome

    def at_first(self, job: Job) -> Job:
        """Return what is asked of a job at first."""
        if not _may_wait(job):
            return job
        late = monotonic() - self._begun > PATIENCE
        if self._failed >= ENOUGH or (self._failed and late):
            return job._replace(effort="none")
        doubtful = self._failed > 0 and 2 * self._failed >= self._decided
        return job._replace(effort="doubtful" if doubtful else "brief")

    def again(self, job: Job) -> Job:
        """Return what is asked of a job that is open."""
        return job._replace(effort="none") if self._failed else job


def _may_wait(job: Job) -> bool:
    return job.mutant is None and job.solver == "z3"


def in_rounds(jobs: Sequence[Job], ask: Ask) -> Iterator[Outcome]:
    """Yield what became of jobs, which are asked briefly, and then for longer if nothing fails."""
    tally = _Tally()
    opened: dict[Job, Outcome] = {}
    for outcome in ask(jobs, tally.at_first):
        job = outcome.job._replace(effort="full")
        if outcome.job.effort != "full" and outcome.verdict.answer == "unknown":
            opened[job] = outcome._replace(job=job)
        else:
            yield tally.note(outcome._replace(job=job))
    for outcome in ask(list(opened), tally.again) if opened else ():
        job = outcome.job._replace(effort="full")
        if outcome.job.effort == "none":
            yield _left(opened[job])
        else:
            yield tally.note(outcome)


def _left(outcome: Outcome) -> Outcome:
    verdict = outcome.verdict
    detail = "\n".join(filter(None, (verdict.detail, LEFT)))
    return outcome._replace(verdict=verdict._replace(detail=detail))
