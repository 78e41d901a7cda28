"""`spanspec prove`: decide the obligations, with one solver or with several."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from spanproof.assumptions import ALL, EVERYWHERE, Assumption
from spanproof.cache import Cache, NoCache
from spanproof.catalogue import Catalogue, catalogue
from spanproof.cli.output import FAILS, HOLDS, INTERRUPTED, Unusable, err, out, print_json, progress
from spanproof.counterexamples.saved import save
from spanproof.jobs import Job, Outcome, Summary, summarize
from spanproof.schedule import obligation_jobs, run
from spanproof.solvers.names import NAMES, SolverMissing, installed_version
from spanproof.verdict import DEFAULT_TIMEOUT


def prove(
    pattern: Annotated[
        str, typer.Argument(help="Part of an obligation's id, or a * pattern.")
    ] = "*",
    listing: Annotated[
        bool, typer.Option("--list", help="List obligations, decide nothing.")
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
    jobs: Annotated[int, typer.Option(min=0, help="Worker processes; 0 for one a core.")] = 0,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds a query.")] = DEFAULT_TIMEOUT,
    cache: Annotated[
        bool, typer.Option(help="Take over answers of earlier runs to the same questions.")
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Prove the obligations; unknown, vacuous and timed-out ones count as failures."""
    store = Cache() if cache else NoCache()
    book = catalogue(store)
    work = obligation_jobs(book, pattern, timeout, solvers_named(solver))
    if not work:
        raise Unusable(f"no obligation matches {pattern!r}; spanspec prove --list shows all")
    if listing:
        return list_obligations(work, book, json)
    written = write_questions(work, smt2) if smt2 is not None else 0
    started = time.perf_counter()
    outcomes, interrupted = decide_all(work, book, store, jobs)
    wall = time.perf_counter() - started
    summary = summarize(outcomes)
    files = save_failures(outcomes, save_to)
    if json:
        print_json(as_json(outcomes, book, summary, wall, interrupted))
    else:
        out.print(table(outcomes))
        for outcome in outcomes:
            if not outcome.good:
                out.print(complaint(outcome, files.get(outcome.job)), markup=False)
        if smt2 is not None:
            out.print(f"{written} questions written into {smt2}", markup=False)
        print_assumptions(work, book)
        out.print(summary_line(summary, wall), markup=False)
    if interrupted:
        err.print(f"interrupted: {len(outcomes)} of {len(work)} were decided", markup=False)
        return INTERRUPTED
    return HOLDS if summary.good else FAILS


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
    from spanproof.obligations import all_obligations  # these load a solver
    from spanproof.solvers.export import export
    from spanproof.solvers.smtlib import NotPortable
    from spanproof.symbolic.errors import UnsupportedConstruct

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


def save_failures(outcomes: Sequence[Outcome], folder: Path | None) -> dict[Job, Path]:
    """Save the counterexamples, and what other solvers than Z3 failed to answer as needed.

    The files go into the folder, or, without one, into a new temporary one.
    """
    shown = [
        outcome
        for outcome in outcomes
        if outcome.verdict.counterexample is not None or outcome.verdict.script
        if outcome.job.mutant is not None or not outcome.good
    ]
    if not shown:
        return {}
    place = folder if folder is not None else Path(tempfile.mkdtemp(prefix="spanspec-"))
    place.mkdir(parents=True, exist_ok=True)
    files = {}
    for job, verdict, _ in shown:
        stem = job.mutant or job.obligation
        if verdict.counterexample is not None:
            files[job] = place / f"{stem}.json"
            save(msgspec.structs.replace(verdict.counterexample, mutant=job.mutant), files[job])
        else:
            files[job] = place / f"{stem}.{job.solver}.smt2"
            files[job].write_text(verdict.script, encoding="utf-8")
    return files


def decide_all(
    work: list[Job], book: Catalogue, store: Cache, jobs: int, what: str = "obligations"
) -> tuple[list[Outcome], bool]:
    """Decide jobs with a progress display; return the outcomes and whether it was interrupted."""
    outcomes: list[Outcome] = []
    with progress(what) as display:
        task = display.add_task("proving", total=len(work))
        try:
            for outcome in run(work, book, store, jobs or None):
                outcomes.append(outcome)
                display.advance(task)
        except KeyboardInterrupt:
            return outcomes, True
    order = {job: place for place, job in enumerate(work)}
    return sorted(outcomes, key=lambda outcome: order[outcome.job]), False


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


def table(outcomes: list[Outcome]) -> Table:
    """Return the table of obligations: for each solver its answer and its seconds."""
    solvers = list(dict.fromkeys(outcome.job.solver for outcome in outcomes))
    rows: dict[str, dict[str, Outcome]] = {}
    for outcome in outcomes:
        rows.setdefault(outcome.job.obligation, {})[outcome.job.solver] = outcome
    shown = Table(box=None, header_style="bold", pad_edge=False)
    shown.add_column("obligation")
    shown.add_column("queries", justify="right")
    for solver in solvers:
        shown.add_column(solver)
        shown.add_column("s", justify="right")
    for name, given in rows.items():
        cells = [name, str(max(outcome.verdict.queries for outcome in given.values()))]
        for solver in solvers:
            cells += answer_cells(given.get(solver))
        shown.add_row(*cells)
    return shown


def assumptions_used(work: list[Job], book: Catalogue) -> list[tuple[Assumption, list[str]]]:
    """Return what the obligations take for granted, each with those that use it in particular."""
    ids = list(dict.fromkeys(job.obligation for job in work))
    users = book.used(ids)
    return [
        (assumption, users.get(assumption.id, []))
        for assumption in ALL
        if assumption in EVERYWHERE or assumption.id in users
    ]


def print_assumptions(work: list[Job], book: Catalogue) -> None:
    """Print what the answers rest on that no solver was asked about."""
    out.print("\n[bold]assumed[/]")
    for assumption, users in assumptions_used(work, book):
        where = families(users) if users else "everywhere"
        out.print(f"  {assumption.id}: {assumption.says} ({where})", markup=False)
    out.print()


def families(ids: list[str]) -> str:
    """Return ids in short: those of one family together."""
    grouped: dict[str, list[str]] = {}
    for name in ids:
        family, _, rest = name.partition(".")
        grouped.setdefault(family, []).append(rest)
    return ", ".join(
        f"{family}.{rest[0]}" if len(rest) == 1 else f"{family}.{{{','.join(rest)}}}"
        for family, rest in grouped.items()
    )


def answer_cells(outcome: Outcome | None) -> tuple[str, str]:
    """Return a solver's answer and its seconds, for the table."""
    if outcome is None:
        return "", ""
    verdict = outcome.verdict
    if verdict.answer == "outside":
        return "[dim]no such theory[/]", ""
    colour = "green" if outcome.good else "red"
    seconds = "cached" if outcome.cached else f"{verdict.solver_seconds:.2f}"
    return f"[{colour}]{verdict.answer}[/]", seconds


def complaint(outcome: Outcome, file: Path | None = None) -> str:
    """Return a few lines about an outcome that is not good."""
    verdict, job = outcome.verdict, outcome.job
    if job.mutant is not None:
        return f"mutant {job.mutant} survives {job.obligation}: {verdict.answer} {verdict.failed}"
    by = "" if job.solver == "z3" else f" by {job.solver}"
    lines = [f"{job.obligation} is {verdict.answer}{by}: {verdict.failed}"]
    lines += verdict.detail.splitlines()
    if file is not None and verdict.counterexample is not None:
        lines.append(f"saved as {file}; run it again with spanspec replay {file}")
    elif file is not None:
        lines.append(f"what was asked: {file}")
    return "\n    ".join(filter(None, lines))


def summary_line(summary: Summary, wall: float) -> str:
    """Return the figures of a run in one line."""
    parts = [f"{summary.proved} of {summary.obligations} obligations proved"]
    parts[0] += f" ({summary.queries} queries)"
    if summary.mutants:
        parts.append(f"{summary.killed} of {summary.mutants} mutants killed")
    if summary.outside:
        parts.append(f"{summary.outside} outside a solver's theories")
    return with_cost(parts, summary, wall)


def with_cost(parts: Sequence[str], summary: Summary, wall: float) -> str:
    """Return what a run came to, and what it cost, in one line."""
    cached = [f"{summary.cached} answers cached"] if summary.cached else []
    return (
        f"{', '.join([*parts, *cached])}; solver {summary.solver_seconds:.1f} s, "
        f"terms {summary.build_seconds:.1f} s, wall {wall:.1f} s"
    )


def as_json(
    outcomes: list[Outcome], book: Catalogue, summary: Summary, wall: float, interrupted: bool
) -> dict[str, object]:
    """Return a run as a JSON document."""
    return {
        "summary": {**summary._asdict(), "wall_seconds": wall, "interrupted": interrupted},
        "assumptions": [
            {**assumption._asdict(), "used_by": users or ["*"]}
            for assumption, users in assumptions_used([o.job for o in outcomes], book)
        ],
        "obligations": [
            {
                **o.verdict._asdict(),
                "solver": o.job.solver,
                "rules": book.claims[o.job.obligation].rules,
                "assumes": book.claims[o.job.obligation].assumes,
                "proved": o.verdict.proved,
                "cached": o.cached,
            }
            for o in outcomes
            if o.job.mutant is None
        ],
    }
