"""Running obligations and mutants side by side in worker processes."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from spanproof.decide.copies import try_out_changed
from spanproof.decide.enough import Given, in_rounds
from spanproof.decide.jobs import Job, Outcome
from spanproof.decide.prover import decide
from spanproof.decide.resting import DECIDING
from spanproof.decide.trying import BRIEF_SECONDS, MOST_SECONDS, try_out
from spanproof.decide.verdict import Answer, Verdict
from spanproof.patch.patches import DoesNotApply, place_of
from spanproof.solvers.engines.inprocess import Z3, FewFirst
from spanproof.solvers.secondopinion import decider
from spanproof.support.processes.sidebyside import KILLED, each_result_of
from spanproof.theorems import all_explorations, all_obligations
from spanproof.theorems.mutants import MUTANTS

MUTANT_TABLES: Final = "spanproof.theorems"
"""The package in which mutants are written down."""

READS_NOTHING: Final = "it reads no function of the model, nor of spanalloc: it is about neither"

UNASKED: Final = "others fail"

PRELOAD: Final = (DECIDING,)

Decide = Callable[[Job], Outcome]


def run_job(job: Job) -> Outcome:
    """Decide one job in this process; a mutant that does not apply is told as such."""
    if job.effort == "none":
        return _undecided(job, "unasked", UNASKED)
    if job.obligation in all_explorations():
        return _run_by_running(job)
    try:
        sources = MUTANTS[job.mutant].sources() if job.mutant is not None else None
    except DoesNotApply as problem:
        where = place_of(job.mutant or "", MUTANT_TABLES)
        return _undecided(job, "inapplicable", f"{where}: {problem}")
    claim = all_obligations()[job.obligation]
    by = decider(job.solver)
    if job.effort != "full":
        by = FewFirst(briefly=True) if job.effort == "doubtful" else Z3(briefly=True)
    verdict = decide(claim, sources, job.timeout, by, briefly=job.effort != "full")
    if verdict.proved and not verdict.reads:
        verdict = verdict._replace(answer="vacuous", failed="nothing is read", detail=READS_NOTHING)
    return Outcome(job, verdict)


def _run_by_running(job: Job) -> Outcome:
    """Decide a job whose obligation is decided by running; other solvers have nothing to say."""
    if job.solver != "z3":
        return _undecided(job, "outside", "nothing is asked of a solver")
    if job.mutant is None:
        seconds = MOST_SECONDS if job.effort == "full" else BRIEF_SECONDS
        return Outcome(job, try_out(all_explorations()[job.obligation], seconds))
    mutant = MUTANTS[job.mutant]
    try:
        text = mutant.text()
    except DoesNotApply as problem:
        where = place_of(mutant.name, MUTANT_TABLES)
        return _undecided(job, "inapplicable", f"{where}: {problem}")
    return Outcome(job, try_out_changed((job.obligation,), mutant.module, text))


def run(
    jobs: Sequence[Job],
    workers: int | None = None,
    decide_one: Decide | None = None,
    *,
    keep_going: bool = False,
) -> Iterator[Outcome]:
    """Yield outcomes as they are reached; one worker runs everything in this process, with Z3.

    If a worker is killed, what was being decided is tried again, each alone; what has its worker
    killed then, too, is `unknown`, and the rest goes on. On an interrupt the running jobs are
    abandoned and the interrupt is passed on. What is not decided soon waits; see `enough`. With
    `keep_going` everything is asked for as long as it takes, whatever fails.
    """
    workers = workers or os.cpu_count() or 1
    decide_one = decide_one or run_job
    # Other solvers keep Python's lock while they compute, so that no signal would be heard of.
    interruptible = all(job.solver == "z3" for job in jobs)

    def ask(some: Sequence[Job], given: Given) -> Iterator[Outcome]:
        if interruptible and (workers == 1 or len(jobs) == 1):
            return (decide_one(given(job)) for job in some)
        return each_result_of(some, workers, PRELOAD, decide_one, _killed, given)

    yield from ask(jobs, lambda job: job) if keep_going else in_rounds(jobs, ask)


def _killed(job: Job) -> Outcome:
    return _undecided(job, "unknown", KILLED)


def _undecided(job: Job, answer: Answer, detail: str) -> Outcome:
    return Outcome(job, Verdict(job.obligation, answer, 0, 0.0, 0.0, "", detail))
