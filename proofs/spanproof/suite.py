"""Running obligations and mutants side by side in worker processes."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from spanproof.jobs import Job, Outcome
from spanproof.mutants import MUTANTS
from spanproof.obligations import all_obligations
from spanproof.prover import decide
from spanproof.solvers.secondopinion import decider


def run_job(job: Job) -> Outcome:
    """Decide one job in this process."""
    sources = MUTANTS[job.mutant].sources() if job.mutant is not None else None
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
