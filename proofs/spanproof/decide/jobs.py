"""What there is to decide, and what became of it. Needs no solver: a report loads quickly."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from spanproof.decide.verdict import DEFAULT_TIMEOUT, Verdict

Effort = Literal["full", "brief", "doubtful", "none"]
"""How an obligation is asked: as long as its time allows, briefly, briefly where an objection is
likely, or not at all.
"""


class Job(NamedTuple):
    """One obligation to decide with a solver; with a mutant's name, on that mutant's sources."""

    obligation: str
    mutant: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    solver: str = "z3"
    effort: Effort = "full"


class Outcome(NamedTuple):
    """What became of a job; `cached` says that it was decided by an earlier run."""

    job: Job
    verdict: Verdict
    cached: bool = False

    @property
    def good(self) -> bool:
        """An obligation is good when proved, a mutant when refuted.

        A solver that lacks the theories of an obligation has nothing to say about it; Z3 has all.
        """
        if self.job.mutant is not None:
            return self.verdict.answer == "refuted"
        return self.verdict.proved or self.verdict.answer == "outside"

    @property
    def credible(self) -> bool:
        """Whether an answer taken over can be one to this job: it names it, and asked something."""
        verdict = self.verdict
        finite = 0 <= verdict.solver_seconds < float("inf") and 0 <= verdict.build_seconds < float(
            "inf"
        )
        return (
            self.good
            and verdict.obligation == self.job.obligation
            and finite
            and verdict.queries > 0
        )


class Summary(NamedTuple):
    """Figures of a run of the prover; `silent` counts obligations that no solver could read."""

    obligations: int
    proved: int
    mutants: int
    killed: int
    outside: int
    queries: int
    cached: int
    solver_seconds: float
    build_seconds: float
    silent: int

    @property
    def decided(self) -> int:
        """How many obligations and mutants some solver had something to say about."""
        return self.obligations - self.silent + self.mutants

    @property
    def undone(self) -> int:
        """How many obligations are not proved and mutants not killed."""
        return self.obligations - self.silent - self.proved + self.mutants - self.killed

    @property
    def good(self) -> bool:
        """Whether every obligation is proved and every mutant killed, and there was one at all."""
        return self.undone == 0 and self.obligations + self.mutants > 0


def summarize(outcomes: Sequence[Outcome]) -> Summary:
    """Add up outcomes; an obligation is proved if every solver that reads it says so.

    Figures of time are those of this run: what was cached took none.
    """
    mutants = [outcome for outcome in outcomes if outcome.job.mutant is not None]
    answers: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.job.mutant is None:
            answers.setdefault(outcome.job.obligation, []).append(outcome)
    fresh = [outcome.verdict for outcome in outcomes if not outcome.cached]
    return Summary(
        obligations=len(answers),
        proved=sum(
            all(one.good for one in given) and any(one.verdict.proved for one in given)
            for given in answers.values()
        ),
        mutants=len(mutants),
        killed=sum(outcome.good for outcome in mutants),
        outside=sum(o.verdict.answer == "outside" for given in answers.values() for o in given),
        queries=sum(max(o.verdict.queries for o in given) for given in answers.values()),
        cached=sum(outcome.cached for outcome in outcomes),
        solver_seconds=sum(verdict.solver_seconds for verdict in fresh),
        build_seconds=sum(verdict.build_seconds for verdict in fresh),
        silent=sum(
            all(one.verdict.answer == "outside" for one in given) for given in answers.values()
        ),
    )
