"""What a run of the prover is told as: tables, lines, and JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.table import Table

from spanproof.cli.files import tell_saved
from spanproof.cli.output import out
from spanproof.decide.catalogue import Catalogue
from spanproof.decide.jobs import Job, Outcome, Summary
from spanproof.prove.assumptions import ALL, EVERYWHERE, Assumption
from spanspec.base.wording import counted


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


def assumptions_used(work: Sequence[Job], book: Catalogue) -> list[tuple[Assumption, list[str]]]:
    """Return what the obligations take for granted, each with those that use it in particular."""
    ids = list(dict.fromkeys(job.obligation for job in work))
    users = book.used(ids)
    return [
        (assumption, users.get(assumption.id, []))
        for assumption in ALL
        if assumption in EVERYWHERE or assumption.id in users
    ]


def print_assumptions(work: Sequence[Job], book: Catalogue, *, verbose: bool) -> None:
    """Print what the answers rest on that no solver was asked about."""
    used = assumptions_used(work, book)
    if not verbose:
        names = ", ".join(assumption.id for assumption, _ in used)
        out.print(f"assumed: {names} (--verbose says what, and where)", markup=False)
        return
    out.print("\n[bold]assumed[/]")
    for assumption, users in used:
        where = families(users) if users else "everywhere"
        out.print(f"  {assumption.id}: {assumption.says} ({where})", markup=False)
    out.print()


MANY: Final = 20
"""As many obligations are put together in a theorem at least."""


def print_theorems(asked: Sequence[str], book: Catalogue, outcomes: Sequence[Outcome]) -> None:
    """Print the theorems among obligations that were asked for, with what each rests on.

    A theorem rests on many others, and none of those asked for rests on it.
    """
    proved = {one.job.obligation for one in outcomes if one.job.mutant is None and one.good}
    below = {name: book.rests_on(name) for name in asked}
    for name, nodes in below.items():
        if len(nodes) < MANY or any(name in others for others in below.values()):
            continue
        out.print(f"\n[bold]{name}[/]: {book.claims[name].claim}")
        done = sum(node in proved for node in nodes)
        out.print(f"  it rests on {len(nodes)} obligations, {done} of them proved:", markup=False)
        for other in book.uses[name]:
            out.print(f"    {other}: {book.claims[other].claim}", markup=False)
        deeper = [node for node in nodes if node not in book.uses[name]]
        out.print(f"  and those on {families(deeper)}\n", markup=False)


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


def complaint(outcome: Outcome) -> str:
    """Return a few lines about an outcome that is not good."""
    verdict, job = outcome.verdict, outcome.job
    if job.mutant is not None:
        why = f": {verdict.detail}" if verdict.answer == "inapplicable" else f" {verdict.failed}"
        what = "does not apply" if verdict.answer == "inapplicable" else verdict.answer
        return f"mutant {job.mutant} survives {job.obligation}: {what}{why}"
    by = "" if job.solver == "z3" else f" by {job.solver}"
    lines = [f"{job.obligation} is {verdict.answer}{by}: {verdict.failed}"]
    lines += verdict.detail.splitlines()
    return "\n    ".join(filter(None, lines))


def print_failures(outcomes: Sequence[Outcome]) -> None:
    """Print every outcome that is not good, in full; how many were not asked in one line."""
    unasked = 0
    for outcome in outcomes:
        if outcome.verdict.answer == "unasked":
            unasked += 1
        elif not outcome.good:
            out.print(complaint(outcome), markup=False)
    if unasked:
        number = counted(unasked, "other")
        out.print(f"{number} not asked, or resting on such, as these fail; --keep-going asks all")


def print_saved(outcomes: Sequence[Outcome], files: Mapping[Job, Path]) -> None:
    """Print where counterexamples and questions were saved."""
    for outcome in outcomes:
        file = files.get(outcome.job)
        if file is not None and outcome.verdict.counterexample is not None:
            tell_saved(file)
        elif file is not None:
            out.print(f"what was asked: {file}", markup=False)


def summary_line(summary: Summary, wall: float) -> str:
    """Return the figures of a run in one line."""
    parts = [f"{summary.proved} of {counted(summary.obligations, 'obligation')} proved"]
    parts[0] += f" ({counted(summary.queries, 'query', 'queries')})"
    if summary.mutants:
        parts.append(f"{summary.killed} of {counted(summary.mutants, 'mutant')} killed")
    if summary.outside:
        parts.append(f"{summary.outside} outside a solver's theories")
    return with_cost(parts, summary, wall)


def with_cost(parts: Sequence[str], summary: Summary, wall: float) -> str:
    """Return what a run came to, and what it cost, in one line."""
    cached = [f"{counted(summary.cached, 'answer')} cached"] if summary.cached else []
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
