"""What to decide, and deciding what no earlier run has decided.

This module loads no solver unless there is something left to decide.
"""

import fnmatch
from collections.abc import Iterable, Iterator, Sequence

from spanproof.cache import Cache
from spanproof.catalogue import Catalogue
from spanproof.jobs import Job, Outcome
from spanproof.verdict import DEFAULT_TIMEOUT, Verdict


def matching(names: Iterable[str], pattern: str) -> list[str]:
    """Return the names that match a shell pattern or contain it."""
    return [name for name in names if fnmatch.fnmatchcase(name, pattern) or pattern in name]


def obligation_jobs(
    book: Catalogue,
    pattern: str = "*",
    timeout: float = DEFAULT_TIMEOUT,
    solvers: Sequence[str] = ("z3",),
) -> list[Job]:
    """Return the jobs for all obligations whose id matches a pattern, by each solver."""
    chosen = matching(book.claims, pattern)
    return [Job(name, None, timeout, solver) for solver in solvers for name in chosen]


def mutant_jobs(book: Catalogue, pattern: str = "*", timeout: float = DEFAULT_TIMEOUT) -> list[Job]:
    """Return the jobs for all mutants whose name, or whose obligation's id, matches a pattern."""
    names = matching(book.mutants, pattern)
    killers = matching(book.claims, pattern)
    return [
        Job(mutant.killed_by, mutant.name, timeout)
        for mutant in book.mutants.values()
        if mutant.name in names or mutant.killed_by in killers
    ]


def run(
    jobs: Sequence[Job], book: Catalogue, cache: Cache, workers: int | None = None
) -> Iterator[Outcome]:
    """Yield outcomes: first those of earlier runs, then others as they are reached and kept.

    On an interrupt the running jobs are abandoned and the interrupt is passed on; what was decided
    is kept.
    """
    keys = {job: book.key(job) for job in jobs}
    kept = {job: key for job, key in keys.items() if book.keeps(job)}
    entries, _ = cache.split(kept, Verdict)
    decided = [Outcome(job, verdict, cached=True) for job, verdict in entries]
    decided = [outcome for outcome in decided if outcome.credible]
    known = {outcome.job for outcome in decided}
    undecided = [job for job in jobs if job not in known]
    yield from decided
    if not undecided:
        return
    from spanproof import suite  # this loads a solver

    for outcome in suite.run(undecided, workers):
        if outcome.good and outcome.job in kept:
            cache.put(keys[outcome.job], outcome.verdict)
        yield outcome
