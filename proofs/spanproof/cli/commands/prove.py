"""`spanspec prove`: decide the obligations, with one solver or with several."""

import time
from pathlib import Path
from typing import Annotated

import typer

from spanproof.cli.cluster import Scheduler, on_cluster
from spanproof.cli.deciding import decide_all, refuse_unmatched, save_failures
from spanproof.cli.options import Jobs, Json, QueryTime
from spanproof.cli.output import (
    FAILS,
    HOLDS,
    INTERRUPTED,
    Unusable,
    err,
    out,
    print_json,
    progress,
    status_of,
)
from spanproof.cli.showing.certified import certify_all
from spanproof.cli.showing.proofreport import (
    as_json,
    print_assumptions,
    print_failures,
    print_saved,
    print_theorems,
    summary_line,
    table,
)
from spanproof.cli.showing.readers import (
    changes_as_json,
    print_changes,
    print_readers,
    print_shares,
    readings_as_json,
    unexplained,
)
from spanproof.decide.cache import Cache, NoCache
from spanproof.decide.catalogue import Catalogue, book_for, kept, listed
from spanproof.decide.changes import changes, keep, readers_of
from spanproof.decide.jobs import Job, summarize
from spanproof.decide.schedule import (
    get_ready,
    known_reads,
    known_runs,
    matching,
    obligation_jobs,
    with_lemmas,
)
from spanproof.decide.verdict import DEFAULT_TIMEOUT
from spanproof.prove.references import graph
from spanproof.report.deciding import outdated_reasons, readings
from spanproof.report.implread import shares
from spanproof.solvers.names import NAMES, SolverMissing, installed_version
from spanproof.support.files.savedfile import check_folder


def prove(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATTERN]...", help="Parts of obligations' ids, or * patterns."),
    ] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="List obligations, decide nothing.")
    ] = False,
    reads: Annotated[
        bool, typer.Option("--reads", help="Print who reads which function; patterns are modules.")
    ] = False,
    lemmas: Annotated[
        bool, typer.Option("--lemmas", help="Print which obligations build on which others.")
    ] = False,
    certify: Annotated[
        bool, typer.Option("--certify", help="Have cvc5 write proofs, and Ethos check them.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also print what holds, line by line.")
    ] = False,
    solver: Annotated[
        str, typer.Option(metavar="NAME", help="z3, cvc5, bitwuzla, or all of them.")
    ] = "z3",
    smt2: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write every question as SMT-LIB 2.")
    ] = None,
    save_to: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="Where to save what fails.")
    ] = None,
    jobs: Jobs = 0,
    timeout: QueryTime = DEFAULT_TIMEOUT,
    cache: Annotated[
        bool, typer.Option(help="Take over answers of earlier runs to the same questions.")
    ] = True,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", "-k", help="Ask all in full, also where some fail.")
    ] = False,
    scheduler: Scheduler = "",
    json: Json = False,
) -> int:
    """Prove the obligations; unknown, vacuous and timed-out ones count as failures."""
    check_folder(save_to)
    store = Cache() if cache else NoCache()
    if reads:
        return who_reads(tuple(patterns or ()), book_for(store), store, jobs, json)
    chosen = tuple(patterns or ("*",))
    # A wrong name, or a list, does not wait for fingerprints, which take several seconds.
    known = kept(store)
    plainly = not (listing or lemmas or certify or scheduler)
    if known.book is None and chosen == ("*",) and jobs != 1 and plainly:
        get_ready()
    book = known.book or listed()
    refuse_unmatched(chosen, book.claims, "obligation", "spanspec prove --list shows all")
    work = obligation_jobs(book, *chosen, timeout=timeout, solvers=solvers_named(solver))
    if listing:
        return list_obligations(work, book, json)
    if lemmas:
        return print_lemmas(work, book, json)
    if certify:
        return certify_all(work, timeout, jobs, json)
    book = known.book or book_for(store, known.world)
    asked = list(dict.fromkeys(job.obligation for job in work))
    work = with_lemmas(work, book)
    written = write_questions(work, smt2) if smt2 is not None else 0
    started = time.perf_counter()
    with on_cluster(scheduler):
        outcomes, interrupted = decide_all(work, book, store, jobs, keep_going=keep_going)
    wall = time.perf_counter() - started
    summary = summarize(outcomes)
    differing = changes(store, known_reads(book, store, outcomes), book.claims)
    if json:
        print_json(
            as_json(outcomes, book, summary, wall, interrupted)
            | {"changes": changes_as_json(differing, outcomes)}
        )
        save_failures(outcomes, save_to)
    else:
        if verbose:
            out.print(table(outcomes))
        if smt2 is not None:
            out.print(f"{written} questions written into {smt2}", markup=False)
        print_assumptions(work, book, verbose=verbose)
        print_changes(differing, outcomes)
        if "*" not in chosen:
            print_theorems(asked, book, outcomes)
        out.print(summary_line(summary, wall), markup=False)
        print_failures(outcomes)
        print_saved(outcomes, save_failures(outcomes, save_to))
    if interrupted:
        err.print(f"interrupted: {len(outcomes)} of {len(work)} were decided", markup=False)
        return status_of(summary.undone > 0, interrupted)
    if not summary.good:
        return FAILS
    if summary.decided == 0:
        raise Unusable(f"{solver} has no theory for any of it: nothing was decided")
    if len(chosen) == 1 and chosen[0] == "*":
        keep(store)
    return HOLDS


def solvers_named(name: str) -> tuple[str, ...]:
    """Return the solvers that an option names, all of them installed.

    Raises: Unusable if there is no such solver, or it is not installed.
    """
    if name != "all" and name not in NAMES:
        raise Unusable(f"no solver {name!r}; there are {', '.join(NAMES)}, and all")
    chosen = NAMES if name == "all" else (name,)
    try:
        for one in chosen:
            installed_version(one)
    except SolverMissing as problem:
        raise Unusable(str(problem)) from None
    return chosen


def write_questions(work: list[Job], folder: Path) -> int:
    """Write the questions of the jobs' obligations as files; return how many.

    Raises: Unusable if one cannot be written in SMT-LIB.
    """
    from spanproof.solvers.questions.export import export
    from spanproof.solvers.questions.smtlib import NotPortable
    from spanproof.symbolic.text.errors import UnsupportedConstruct
    from spanproof.theorems import all_obligations

    ids = dict.fromkeys(job.obligation for job in work)
    written = 0
    with progress("obligations") as display:
        task = display.add_task("writing", total=len(ids))
        for name in ids:
            try:
                written += len(export(all_obligations()[name], folder))
            except (NotPortable, UnsupportedConstruct) as problem:
                raise Unusable(f"{name} cannot be written: {problem}") from None
            display.advance(task)
    return written


def list_obligations(work: list[Job], book: Catalogue, json: bool) -> int:
    """Print the obligations among the jobs, with their claims."""
    ids = dict.fromkeys(job.obligation for job in work)
    chosen = [book.claims[name] for name in ids]
    if json:
        print_json(
            [{"id": o.id, "rules": o.rules, "claim": o.claim, "assumes": o.assumes} for o in chosen]
        )
        return HOLDS
    for claim in chosen:
        out.print(f"[bold]{claim.id}[/]  {' '.join(claim.rules)}")
        out.print(f"    {claim.claim}", markup=False)
        if claim.assumes:
            out.print(f"    assumes {', '.join(claim.assumes)}", markup=False)
    return HOLDS


def print_lemmas(work: list[Job], book: Catalogue, json: bool) -> int:
    """Print what the obligations among the jobs build on, and on what those do, as a graph."""
    ids = list(dict.fromkeys(job.obligation for job in work))
    if json:
        print_json({name: book.uses[name] for name in with_all(ids, book) if book.uses[name]})
        return HOLDS
    lines = list(graph(book.uses, ids))
    for line in lines or ["they build on no other obligation"]:
        out.print(line, markup=False)
    return HOLDS


def with_all(ids: list[str], book: Catalogue) -> list[str]:
    """Return obligations with those that they rest on."""
    return list(dict.fromkeys([*ids, *(other for name in ids for other in book.rests_on(name))]))


def who_reads(
    patterns: tuple[str, ...], book: Catalogue, store: Cache, jobs: int, json: bool
) -> int:
    """Print which obligations read what changes the state or decides what changes.

    Obligations of which no earlier run knows it are decided. What none reads, and without a reason,
    is a failure. Of spanalloc the share of lines is printed.
    """
    outcomes, interrupted = decide_all(obligation_jobs(book), book, store, jobs)
    if interrupted:
        return INTERRUPTED
    runs = known_runs(book, store)
    reads = known_reads(book, store, outcomes)
    readers = readers_of({name: made for name, made in reads.items() if name not in runs})
    found = readings(readers, runs)
    outdated = outdated_reasons(found)
    if patterns:
        refuse_unmatched(patterns, found, "module", "spanspec prove --reads prints all")
        found = {name: found[name] for name in matching(found, *patterns)}
    of_spanalloc = shares({*readers, *(name for made in runs.values() for name in made)})
    if json:
        print_json(readings_as_json(found, outdated) | {"spanalloc": of_spanalloc})
    else:
        print_readers(found, outdated)
        print_shares(of_spanalloc)
    gaps = unexplained([one for made in found.values() for one in made])
    return FAILS if gaps or outdated else HOLDS
