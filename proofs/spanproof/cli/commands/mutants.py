"""`spanspec mutants`: every named wrong variant, what must object to it, and what did."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape

from spanproof.cli.cluster import Scheduler, on_cluster
from spanproof.cli.commands.prove import decide_all, refuse_unmatched, save_failures
from spanproof.cli.output import Unusable, err, out, print_json, progress, status_of
from spanproof.cli.showing.generated import campaign
from spanproof.cli.showing.proofreport import print_saved, with_cost
from spanproof.decide.cache import Cache, NoCache
from spanproof.decide.catalogue import Catalogue, book_for
from spanproof.decide.jobs import Outcome, summarize
from spanproof.decide.schedule import matching, mutant_jobs
from spanproof.decide.verdict import DEFAULT_TIMEOUT
from spanproof.mutation.knownbugs import BUGS, FoundBy, KnownBug
from spanproof.mutation.knownbugs.finding import find_all
from spanproof.support.files import savedfile
from spanspec.base.wording import counted

if TYPE_CHECKING:
    from spanproof.mutation.drawing.fates import Judges

MANY: Final = 100
"""Mutants of spanalloc that are drawn unless a number is given."""


def mutants(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATTERN]...",
            help="Parts of mutants' names or obligations' ids, or * patterns.",
        ),
    ] = None,
    known: Annotated[
        bool, typer.Option(help="Also the known bugs, found by traces and random programs.")
    ] = True,
    generated: Annotated[
        bool, typer.Option("--generated", help="Judge mutants that nobody chose; takes hours.")
    ] = False,
    random: Annotated[
        int, typer.Option(metavar="N", min=0, help="Draw N mutants of all that cites a rule.")
    ] = 0,
    of: Annotated[
        str,
        typer.Option(metavar="WHAT", help="Draw them of the model, spanalloc, or its structures."),
    ] = "model",
    judge: Annotated[
        str, typer.Option(metavar="WHO", help="Judges of drawn ones: proofs, or all.")
    ] = "proofs",
    sample: Annotated[
        int, typer.Option(min=0, help="How many of the generated ones; 0 for all.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Determines which, and their order.")] = 0,
    save_to: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="Save each counterexample there.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Worker processes; 0 for one a core.")] = 0,
    timeout: Annotated[
        float, typer.Option(min=0.001, help="Seconds of an idle machine a query.")
    ] = DEFAULT_TIMEOUT,
    cache: Annotated[bool, typer.Option(help="Take over answers of earlier runs.")] = True,
    scheduler: Scheduler = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Show for each mutant which obligation kills it, and by which counterexample."""
    savedfile.check_folder(save_to)
    store = Cache() if cache else NoCache()
    chosen = tuple(patterns or ("*",))
    if judge not in ("proofs", "all"):
        raise Unusable(f"no judge {judge!r}; there are proofs, and all")
    if of not in ("model", "spanalloc", "structures"):
        raise Unusable(f"no mutants of {of!r}; there are those of model, spanalloc and structures")
    if judge != "proofs" and not random:
        raise Unusable("--judge says who judges what --random draws; there is no --random N")
    if sample and not (generated or of != "model"):
        raise Unusable("--sample says how many of --generated, or of --of spanalloc, to judge")
    if of == "spanalloc":
        from spanproof.cli.showing.implmutants import mutants_of_spanalloc

        with on_cluster(scheduler):
            return mutants_of_spanalloc(chosen, random or sample or MANY, seed, jobs, store, json)
    book = book_for(store)
    if of == "structures":
        from spanproof.cli.showing.drawn import mutants_of_structures

        return mutants_of_structures(chosen, random or sample or MANY, seed, store, book, json)
    if random:
        from spanproof.cli.showing.drawn import random_mutants

        judges: Judges = "all" if judge == "all" else "proofs"
        return random_mutants(chosen, random, seed, judges, store, book, json)
    if generated:
        with on_cluster(scheduler):
            return campaign(chosen, sample, seed, jobs, store, book, json)
    listed = {bug.name: bug for bug in BUGS} if known else {}
    names = [*book.mutants, *listed, *book.claims]
    refuse_unmatched(chosen, names, "mutant", "spanspec mutants shows all")
    work = mutant_jobs(book, *chosen, timeout=timeout)
    bugs = [listed[name] for name in matching(listed, *chosen)]
    if not work and not bugs:
        raise Unusable(f"no mutant matches {' or '.join(chosen)}; spanspec mutants shows all")
    started = time.perf_counter()
    with on_cluster(scheduler):
        outcomes, interrupted = decide_all(work, book, store, jobs, "mutants")
    found: list[tuple[KnownBug, FoundBy]] = []
    if not interrupted:
        interrupted = hunt_all(bugs, book, store, jobs, found)
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


def hunt_all(
    bugs: Sequence[KnownBug],
    book: Catalogue,
    store: Cache,
    jobs: int,
    found: list[tuple[KnownBug, FoundBy]],
) -> bool:
    """Look for each known bug, collecting what found it; return whether it was interrupted."""
    with progress("known bugs") as display:
        task = display.add_task("hunting", total=len(bugs))
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
