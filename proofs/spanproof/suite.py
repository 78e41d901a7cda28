"""Running obligations and mutants side by side in worker processes."""

import fnmatch
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import NamedTuple

from spanproof.mutants import MUTANTS
from spanproof.obligations import all_obligations
from spanproof.prover import DEFAULT_TIMEOUT, Verdict, decide


class Job(NamedTuple):
    """One obligation to decide; with a mutant's name, on that mutant's sources."""

    obligation: str
    mutant: str | None
    timeout: float


class Outcome(NamedTuple):
    """What became of a job."""

    job: Job
    verdict: Verdict

    @property
    def good(self) -> bool:
        """An obligation is good when proved, a mutant when refuted."""
        if self.job.mutant is None:
            return self.verdict.proved
        return self.verdict.answer == "refuted"


def run_job(job: Job) -> Outcome:
    """Decide one job in this process."""
    sources = MUTANTS[job.mutant].sources() if job.mutant is not None else None
    return Outcome(job, decide(all_obligations()[job.obligation], sources, job.timeout))


def plan(
    pattern: str = "*", *, mutants: bool = True, timeout: float = DEFAULT_TIMEOUT
) -> list[Job]:
    """Return the jobs for all obligations whose id matches a shell pattern or contains it.

    The slowest areas come first, so that workers end together.
    """
    chosen = [
        name for name in all_obligations() if fnmatch.fnmatchcase(name, pattern) or pattern in name
    ]
    jobs = [Job(name, None, timeout) for name in chosen]
    if mutants:
        jobs += [
            Job(mutant.killed_by, mutant.name, timeout)
            for mutant in MUTANTS.values()
            if mutant.killed_by in chosen
        ]
    return jobs


def run(jobs: Sequence[Job], workers: int | None = None) -> Iterator[Outcome]:
    """Yield outcomes as they are reached; one worker runs everything in this process.

    On an interrupt the running jobs are abandoned and the interrupt is passed on.
    """
    workers = workers or os.cpu_count() or 1
    if workers == 1 or len(jobs) == 1:
        yield from map(run_job, jobs)
        return
    context = get_context("forkserver")
    context.set_forkserver_preload(["spanproof.suite"])
    with ProcessPoolExecutor(
        min(workers, len(jobs)), mp_context=context, initializer=_ignore_interrupts
    ) as pool:
        futures: list[Future[Outcome]] = [pool.submit(run_job, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            running = multiprocessing.active_children()
            pool.shutdown(wait=False, cancel_futures=True)
            for process in running:
                process.terminate()
            raise


def _ignore_interrupts() -> None:
    """Leave an interrupt from the terminal to the parent, which ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Summary(NamedTuple):
    """Figures of a run of the prover."""

    obligations: int
    proved: int
    mutants: int
    killed: int
    queries: int
    solver_seconds: float
    build_seconds: float

    @property
    def good(self) -> bool:
        """Whether every obligation is proved and every mutant killed."""
        return self.proved == self.obligations and self.killed == self.mutants


def summarize(outcomes: Sequence[Outcome]) -> Summary:
    """Add up outcomes."""
    originals = [outcome for outcome in outcomes if outcome.job.mutant is None]
    mutants = [outcome for outcome in outcomes if outcome.job.mutant is not None]

    return Summary(
        len(originals),
        _good(originals),
        len(mutants),
        _good(mutants),
        sum(outcome.verdict.queries for outcome in originals),
        sum(outcome.verdict.solver_seconds for outcome in outcomes),
        sum(outcome.verdict.build_seconds for outcome in outcomes),
    )


def _good(outcomes: Sequence[Outcome]) -> int:
    return sum(outcome.good for outcome in outcomes)
