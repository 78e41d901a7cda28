"""`spanspec prove --certify`: which answers have a proof that another program has checked."""

import time
from collections.abc import Iterator
from functools import partial
from os import cpu_count
from typing import TYPE_CHECKING, Final

from spanproof.cli.output import Unusable, err, out, print_json, progress, status_of
from spanproof.decide.jobs import Job
from spanproof.solvers.names import SolverMissing, installed_version
from spanproof.support.processes.sidebyside import each_result

if TYPE_CHECKING:
    from spanproof.decide.certifying import Certified
    from spanproof.solvers.certify import Checker


PRELOAD: Final = ("spanproof.decide.certifying",)


def certify_all(work: list[Job], timeout: float, jobs: int, json: bool) -> int:
    """Certify the questions of obligations, and print how many, and which not.

    Raises: Unusable if cvc5 or the checker is missing, or nothing has a checked proof.
    """
    try:
        installed_version("cvc5")
        from spanproof.solvers.certify import CheckerMissing, installed_checker

        checker = installed_checker()
    except SolverMissing as problem:
        raise Unusable(str(problem)) from None
    except CheckerMissing as problem:
        raise Unusable(str(problem)) from None
    names = list(dict.fromkeys(job.obligation for job in work))
    found: list[Certified] = []
    interrupted, started = False, time.perf_counter()
    with progress("obligations") as display:
        task = display.add_task("certifying", total=len(names))
        try:
            for one in each_certified(names, checker, timeout, jobs or cpu_count() or 1):
                found.append(one)
                display.advance(task)
        except KeyboardInterrupt:
            interrupted = True
    found.sort(key=lambda one: names.index(one.obligation))
    return report(found, len(names), time.perf_counter() - started, interrupted, json)


def each_certified(
    names: list[str], checker: "Checker", timeout: float, workers: int
) -> "Iterator[Certified]":
    """Yield obligations as they are certified, in worker processes: cvc5 hears of no signal.

    One whose worker is killed, tried again on its own, has no certificate.
    """
    from spanproof.decide.certifying import certified, killed

    certify = partial(certified, checker=checker, timeout=timeout)
    yield from each_result(names, workers, PRELOAD, certify, killed)


def report(
    found: "list[Certified]", wanted: int, wall: float, interrupted: bool, json: bool
) -> int:
    """Print what became of the questions, and return the status.

    Raises: Unusable if nothing has a checked proof, and none is wrong.
    """
    questions = sum(one.questions for one in found)
    have = questions - sum(len(one.without) for one in found)
    wrong = [(one.obligation, *said) for one in found for said in one.without if said[2]]
    if json:
        print_json(
            {
                "questions": questions,
                "certified": have,
                "wrong": len(wrong),
                "wall_seconds": wall,
                "interrupted": interrupted,
                "without": [
                    {"obligation": one.obligation, "question": label, "reason": why, "wrong": bad}
                    for one in found
                    for label, why, bad in one.without
                ],
            }
        )
    else:
        for one in found:
            for label, why, bad in one.without:
                kind = "WRONG" if bad else "not certified"
                out.print(f"{kind}: {one.obligation}: {label}: {why}", markup=False)
        out.print(f"{have} of {questions} certified; wall {wall:.1f} s", markup=False)
    if interrupted:
        err.print(f"interrupted: {len(found)} of {wanted} obligations", markup=False)
    if not (have or wrong or interrupted):
        raise Unusable("no question has a checked proof")
    return status_of(bool(wrong), interrupted)
