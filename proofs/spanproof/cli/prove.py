"""`spanspec prove`: decide the obligations, and that each can fail."""

import time
from typing import Annotated

import typer
from rich.table import Table

from spanproof.cli.output import FAILS, HOLDS, INTERRUPTED, Unusable, err, out, print_json, progress
from spanproof.obligations import all_obligations
from spanproof.prover import DEFAULT_TIMEOUT
from spanproof.suite import Job, Outcome, Summary, plan, run, summarize


def prove(
    pattern: Annotated[
        str, typer.Argument(help="Part of an obligation's id, or a * pattern.")
    ] = "*",
    listing: Annotated[
        bool, typer.Option("--list", help="List obligations, decide nothing.")
    ] = False,
    mutants: Annotated[bool, typer.Option(help="Also decide the mutants.")] = True,
    jobs: Annotated[int, typer.Option(min=0, help="Worker processes; 0 for one a core.")] = 0,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds a query.")] = DEFAULT_TIMEOUT,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Prove the obligations with Z3; unknown, vacuous and timed-out ones count as failures."""
    work = plan(pattern, mutants=mutants, timeout=timeout)
    if not work:
        raise Unusable(f"no obligation matches {pattern!r}; spanspec prove --list shows all")
    if listing:
        return list_obligations(work, json)
    started = time.perf_counter()
    outcomes, interrupted = decide_all(work, jobs)
    wall = time.perf_counter() - started
    summary = summarize(outcomes)
    if json:
        print_json(as_json(outcomes, summary, wall, interrupted))
    else:
        out.print(table(outcomes))
        for outcome in outcomes:
            if not outcome.good:
                out.print(complaint(outcome), markup=False)
        out.print(summary_line(summary, wall), markup=False)
    if interrupted:
        err.print(f"interrupted: {len(outcomes)} of {len(work)} were decided", markup=False)
        return INTERRUPTED
    return HOLDS if summary.good else FAILS


def decide_all(work: list[Job], jobs: int) -> tuple[list[Outcome], bool]:
    """Decide jobs with a progress display; return the outcomes and whether it was interrupted."""
    outcomes: list[Outcome] = []
    with progress("obligations and mutants") as display:
        task = display.add_task("proving", total=len(work))
        try:
            for outcome in run(work, jobs or None):
                outcomes.append(outcome)
                display.advance(task)
        except KeyboardInterrupt:
            return outcomes, True
    order = {job: place for place, job in enumerate(work)}
    return sorted(outcomes, key=lambda outcome: order[outcome.job]), False


def list_obligations(work: list[Job], json: bool) -> int:
    """Print the obligations among the jobs, with their claims."""
    chosen = [all_obligations()[job.obligation] for job in work if job.mutant is None]
    if json:
        print_json([{"id": o.id, "rules": o.rules, "claim": o.claim} for o in chosen])
        return HOLDS
    for obligation in chosen:
        out.print(f"[bold]{obligation.id}[/]  {' '.join(obligation.rules)}")
        out.print(f"    {obligation.claim}", markup=False)
    return HOLDS


def table(outcomes: list[Outcome]) -> Table:
    """Return the table of obligations, with the mutants that each killed."""
    killed: dict[str, list[bool]] = {}
    for outcome in outcomes:
        if outcome.job.mutant is not None:
            killed.setdefault(outcome.job.obligation, []).append(outcome.good)
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("obligation", "answer", "queries", "mutants killed", "solver s"):
        right = heading not in ("obligation", "answer")
        shown.add_column(heading, justify="right" if right else "left")
    for outcome in outcomes:
        if outcome.job.mutant is None:
            verdict, kills = outcome.verdict, killed.get(outcome.job.obligation, [])
            colour = "green" if outcome.good else "red"
            shown.add_row(
                verdict.obligation,
                f"[{colour}]{verdict.answer}[/]",
                str(verdict.queries),
                f"{sum(kills)} of {len(kills)}",
                f"{verdict.solver_seconds:.2f}",
            )
    return shown


def complaint(outcome: Outcome) -> str:
    """Return a few lines about an outcome that is not good."""
    verdict, mutant = outcome.verdict, outcome.job.mutant
    if mutant is not None:
        return f"mutant {mutant} survives {verdict.obligation}: {verdict.answer} {verdict.failed}"
    return f"{verdict.obligation} is {verdict.answer}: {verdict.failed}\n    {verdict.detail}"


def summary_line(summary: Summary, wall: float) -> str:
    """Return the figures of a run in one line."""
    return (
        f"{summary.proved} of {summary.obligations} obligations proved "
        f"({summary.queries} queries), "
        f"{summary.killed} of {summary.mutants} mutants killed; "
        f"solver {summary.solver_seconds:.1f} s, terms {summary.build_seconds:.1f} s, "
        f"wall {wall:.1f} s"
    )


def as_json(
    outcomes: list[Outcome], summary: Summary, wall: float, interrupted: bool
) -> dict[str, object]:
    """Return a run as a JSON document."""
    claims = all_obligations()
    return {
        "summary": {**summary._asdict(), "wall_seconds": wall, "interrupted": interrupted},
        "obligations": [
            {**o.verdict._asdict(), "rules": claims[o.job.obligation].rules, "proved": o.good}
            for o in outcomes
            if o.job.mutant is None
        ],
        "mutants": [
            {
                "name": o.job.mutant,
                "killed": o.good,
                "killed_by": o.job.obligation,
                "failed": o.verdict.failed,
                "counterexample": o.verdict.detail,
            }
            for o in outcomes
            if o.job.mutant is not None
        ],
    }
