"""`spanspec mutants`: the named wrong variants and the known bugs, and what objects to each."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from spanproof.cli.deciding import decide_all, refuse_unmatched, save_failures
from spanproof.cli.output import Unusable, err, out, print_json, progress, status_of
from spanproof.cli.showing.proofreport import print_saved, with_cost
from spanproof.decide.cache import Cache
from spanproof.decide.catalogue import Catalogue
from spanproof.decide.jobs import Outcome, summarize
from spanproof.decide.schedule import matching, mutant_jobs
from spanproof.mutation.knownbugs import BUGS, FoundBy, KnownBug
from spanproof.mutation.knownbugs.finding import find_all
from spanspec.base.wording import counted


def named_mutants(
    chosen: Sequence[str],
    known: bool,
    timeout: float,
    save_to: Path | None,
    jobs: int,
    store: Cache,
    book: Catalogue,
    json: bool,
) -> int:
    """Decide what kills each named mutant that is chosen, and find each `known` bug.

    A query may take `timeout` seconds; counterexamples are saved in the folder, if one is given.

    Raises: Unusable if a pattern matches none.
    """
    listed = {bug.name: bug for bug in BUGS} if known else {}
    names = [*book.mutants, *listed, *book.claims]
    refuse_unmatched(chosen, names, "mutant", "spanspec mutants shows all")
    work = mutant_jobs(book, *chosen, timeout=timeout)
    bugs = [listed[name] for name in matching(listed, *chosen)]
    if not work and not bugs:
        raise Unusable(f"no mutant matches {' or '.join(chosen)}; spanspec mutants shows all")
    started = time.perf_counter()
    outcomes, interrupted = decide_all(work, book, store, jobs, "mutants")
    found: list[tuple[KnownBug, FoundBy]] = []
    if not interrupted:
        interrupted = find_known(bugs, book, store, jobs, found)
    wall = time.perf_counter() - started
    if json:
        print_json(as_json(outcomes, found, book, wall, interrupted))
    else:
        show_mutants(outcomes, book)
        show_bugs(found)
        out.print(summary_line(outcomes, found, wall), markup=False)
    if save_to is not None:
        files = save_failures(outcomes, save_to)
        if not json:
            print_saved(outcomes, files)
    if interrupted:
        done, all_ = len(outcomes) + len(found), len(work) + len(bugs)
        err.print(f"interrupted: {done} of {all_} were decided", markup=False)
    good = all(outcome.good for outcome in outcomes) and all(what.by for _, what in found)
    return status_of(not good, interrupted)


def find_known(
    bugs: Sequence[KnownBug],
    book: Catalogue,
    store: Cache,
    jobs: int,
    found: list[tuple[KnownBug, FoundBy]],
) -> bool:
    """Find each known bug, collecting what found it; return whether that was interrupted."""
    with progress("known bugs") as display:
        task = display.add_task("looking", total=len(bugs))
        try:
            for one in find_all(bugs, book, store, jobs or None):
                found.append(one)
                display.advance(task)
        except KeyboardInterrupt:
            return True
    order = [bug.name for bug in bugs]
    found.sort(key=lambda one: order.index(one[0].name))
    return False


def show_mutants(outcomes: Sequence[Outcome], book: Catalogue) -> None:
    """Print each mutant with the obligation that killed it and the counterexample."""
    for outcome in outcomes:
        name, verdict = outcome.job.mutant or "", outcome.verdict
        mutant = book.mutants[name]
        colour = "green" if outcome.good else "red"
        says = "killed by" if outcome.good else f"SURVIVES ({verdict.answer})"
        if verdict.answer == "inapplicable":
            says = "DOES NOT APPLY to"
        out.print(f"[bold]{name}[/]  [{colour}]{says}[/] ", end="")
        out.print(f"{verdict.obligation}: {verdict.failed}", markup=False)
        out.print(f"    {mutant.function}: {mutant.story}", markup=False)
        for line in verdict.detail.splitlines():
            out.print(f"    {line}", markup=False)


def show_bugs(found: Sequence[tuple[KnownBug, FoundBy]]) -> None:
    """Print each known bug with what found it."""
    for bug, what in found:
        says = f"[green]found by[/] {what.by}" if what.by else "[red]NOT FOUND[/]"
        says += f" {escape(what.wrong)}" if what.wrong else ""
        out.print(f"[bold]{bug.name}[/]  {says}")
        out.print(f"    {bug.origin}, spanspec.{bug.module}: {bug.story}", markup=False)
        if what.says:
            out.print(f"    {what.says}", markup=False)


def summary_line(
    outcomes: Sequence[Outcome], found: Sequence[tuple[KnownBug, FoundBy]], wall: float
) -> str:
    """Return the figures of a run in one line."""
    summary = summarize(outcomes)
    parts = []
    if outcomes:
        parts.append(f"{summary.killed} of {counted(summary.mutants, 'mutant')} killed by proofs")
    if found:
        known = sum(bool(what.by) for _, what in found)
        parts.append(f"{known} of {len(found)} known bugs found by running")
    return with_cost(parts, summary, wall)


def as_json(
    outcomes: Sequence[Outcome],
    found: Sequence[tuple[KnownBug, FoundBy]],
    book: Catalogue,
    wall: float,
    interrupted: bool,
) -> dict[str, object]:
    """Return a run as a JSON document."""
    return {
        "mutants": [
            {
                **book.mutants[outcome.job.mutant or ""]._asdict(),
                "killed": outcome.good,
                "answer": outcome.verdict.answer,
                "failed": outcome.verdict.failed,
                "counterexample": outcome.verdict.detail,
                "cached": outcome.cached,
            }
            for outcome in outcomes
        ],
        "known_bugs": [
            {
                "name": bug.name,
                "origin": bug.origin,
                "story": bug.story,
                "found_by": what.by,
                "says": what.says,
                "wrong": what.wrong,
            }
            for bug, what in found
        ],
        "summary": {
            **summarize(outcomes)._asdict(),
            "wall_seconds": wall,
            "interrupted": interrupted,
        },
    }
