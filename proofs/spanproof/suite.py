"""Running obligations and mutants side by side in worker processes."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed

from spanproof.jobs import Job, Outcome
from spanproof.mutants import MUTANTS
from spanproof.obligations import all_obligations
from spanproof.patches import DoesNotApply, place_of
from spanproof.processes import pool
from spanproof.prover import decide
from spanproof.solvers.secondopinion import decider
from spanproof.verdict import Verdict

MUTANT_TABLES = "spanproof.mutants"
"""The package in which mutants are written down."""


def run_job(job: Job) -> Outcome:
    """Decide one job in this process; a mutant that does not apply is told as such."""
    try:
        sources = MUTANTS[job.mutant].sources() if job.mutant is not None else None
    except DoesNotApply as problem:
        where = place_of(job.mutant or "", MUTANT_TABLES)
        detail = f"{where}: {problem}"
        return Outcome(job, Verdict(job.obligation, "inapplicable", 0, 0.0, 0.0, "", detail))
    claim = all_obligations()[job.obligation]
    return Outcome(job, decide(claim, sources, job.timeout, decider(job.solver)))


def run(jobs: Sequence[Job], workers: int | None = None) -> Iterator[Outcome]:
    """Yield outcomes as they are reached; one worker runs everything in this process.

    On an interrupt the running jobs are abandoned and the interrupt is passed on.
    """
    workers = workers or os.cpu_count() or 1
    if workers == 1 or len(jobs) == 1:
        yield from map(run_job, jobs)
        return
    with pool(min(workers, len(jobs)), preload=["spanproof.suite"]) as processes:
        futures = [processes.submit(run_job, job) for job in jobs]
        for future in as_completed(futures):
            yield future.result()
