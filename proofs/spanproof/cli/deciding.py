"""What the commands share that decide: a display of progress, and what becomes of what fails."""

import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from spanproof.cli.output import Unusable, complain, progress
from spanproof.counterexamples.saved import save
from spanproof.decide.cache import Cache
from spanproof.decide.catalogue import Catalogue
from spanproof.decide.jobs import Job, Outcome
from spanproof.decide.rewritten import remember
from spanproof.decide.schedule import founded, run, unmatched
from spanproof.support.files.savedfile import write_bytes


def refuse_unmatched(
    patterns: Sequence[str], names: Collection[str], what: str, otherwise: str
) -> None:
    """Refuse patterns that match nothing.

    Raises: Unusable, naming each and what it may have been meant for.
    """
    for pattern, close in unmatched(names, patterns):
        meant = f"did you mean {' or '.join(close)}? " if close else ""
        raise Unusable(f"no {what} matches {pattern!r}; {meant}{otherwise}")


def decide_all(
    work: list[Job],
    book: Catalogue,
    store: Cache,
    jobs: int,
    what: str = "obligations",
    *,
    keep_going: bool = False,
) -> tuple[list[Outcome], bool]:
    """Decide jobs with a progress display; return the outcomes and whether it was interrupted.

    With `keep_going` all are asked in full, whatever fails.
    """
    outcomes: list[Outcome] = []
    with progress(what) as display:
        task = display.add_task("proving", total=len(work))
        try:
            for outcome in run(work, book, store, jobs or None, keep_going=keep_going):
                outcomes.append(outcome)
                display.advance(task)
        except KeyboardInterrupt:
            return founded(outcomes, book), True
    order = {job: place for place, job in enumerate(work)}
    outcomes.sort(key=lambda outcome: order[outcome.job])
    judged = founded(outcomes, book)
    good = {one.job.obligation for one in judged if one.job.mutant is None and one.good}
    if good >= book.claims.keys():
        remember(store, book.world)
    return judged, False


def save_failures(outcomes: Sequence[Outcome], folder: Path | None) -> dict[Job, Path]:
    """Save the counterexamples, and what other solvers than Z3 failed to answer as needed.

    The files go into the folder, or, without one, into a new temporary one. What cannot be written
    is a line more: what was found has been printed.
    """
    shown = [
        outcome
        for outcome in outcomes
        if outcome.verdict.counterexample is not None or outcome.verdict.script
        if outcome.job.mutant is not None or not outcome.good
    ]
    if not shown:
        return {}
    files: dict[Job, Path] = {}
    try:
        place = folder if folder is not None else Path(tempfile.mkdtemp(prefix="spanspec-"))
        place.mkdir(parents=True, exist_ok=True)
        for job, verdict, _ in shown:
            stem = job.mutant or job.obligation
            if verdict.counterexample is not None:
                path = place / f"{stem}.json"
                save(msgspec.structs.replace(verdict.counterexample, mutant=job.mutant), path)
            else:
                path = place / f"{stem}.{job.solver}.smt2"
                write_bytes(verdict.script.encode(), path)
            files[job] = path
    except OSError as problem:
        where = problem.filename or folder
        complain(f"not saved: {where}: {problem.strerror or problem}")
    return files
