"""`spanspec bench`: every performance figure, as a ratio measured side by side."""

from collections import Counter
from pathlib import Path
from statistics import median
from typing import Annotated, Final

import typer
from rich.table import Table

from spanbench.figures import all_figures
from spanbench.measuring.figure import Figure, FigureOutcome, Measured, Settings, chosen, measure
from spanbench.measuring.machine import described
from spanproof.cli.output import HOLDS, Unusable, err, out, print_json, status_of
from spanproof.replay.check import expect_usable
from spanproof.replay.format.reader import TraceReader

COLOURS: Final = {"met": "green", "missed": "red", "measured": "cyan"}


def bench(
    pattern: Annotated[str, typer.Argument(help="Part of a figure's id, or a * pattern.")] = "*",
    trace: Annotated[
        Path | None,
        typer.Argument(help="A recording for check and stream, instead of the bundled one."),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List figures, measure nothing.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few samples of little work: a first impression.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Measure performance as ratios, side by side in one run; 1 if a goal is missed."""
    work = chosen(all_figures(), pattern)
    if not work:
        raise Unusable(f"no figure matches {pattern!r}; spanspec bench --list shows all")
    if trace is not None:
        with TraceReader(trace) as source:  # better now than in each child
            expect_usable(source)
    if listing:
        return list_figures(work, json)
    machine = described()
    outcomes: list[FigureOutcome] = []
    interrupted = False
    try:
        for one in work:
            with err.status(f"measuring {one.id}"):
                outcome = measure(one, Settings(quick, trace))
            outcomes.append(outcome)
            if not json:
                print_outcome(outcome)
    except KeyboardInterrupt:
        interrupted = True
        err.print(f"interrupted: {len(outcomes)} of {len(work)} were measured", markup=False)
    if json:
        print_json({"machine": machine, "figures": [as_json(one) for one in outcomes]})
    else:
        out.print(summary(outcomes), markup=False)
        out.print(", ".join(f"{key} {value}" for key, value in machine.items()), markup=False)
    missed = any(outcome.verdict == "missed" for outcome in outcomes)
    return status_of(missed, interrupted, unusable=not all(outcome.good for outcome in outcomes))


def list_figures(work: list[Figure], json: bool) -> int:
    """Print the figures, what each is measured against, and its goal."""
    if json:
        print_json([claim(one) for one in work])
        return HOLDS
    for one in work:
        goal = f"goal {one.goal}" if one.goal is not None else "no goal"
        out.print(f"[bold]{one.id}[/]  {goal}")
        out.print(f"    {one.ours}\n    {preposition(one)} {one.theirs}", markup=False)
    return HOLDS


def preposition(one: Figure) -> str:
    """Return the words between what is measured and what it is held against."""
    return "against" if one.reads == "cost" else "as many times as fast as"


def print_outcome(outcome: FigureOutcome) -> None:
    """Print a figure: its verdict and ratio, what they are about, and details."""
    one, measured = outcome.figure, outcome.measured
    if measured is None:
        colour = "red" if outcome.failed else "yellow"
        out.print(f"[{colour}]{outcome.verdict}:[/] [bold]{one.id}[/]  ", end="")
        out.print(outcome.skipped or outcome.failed, markup=False)
        return
    out.print(f"[{COLOURS[outcome.verdict]}]{outcome.verdict:8}[/] [bold]{one.id}[/]  ", end="")
    goal = f"; goal {one.goal}" if one.goal is not None else ""
    out.print(f"[bold]{outcome.ratio:.3g} x[/]{spread(outcome)}{goal}")
    out.print(f"         {one.ours}\n         {preposition(one)} {one.theirs}", markup=False)
    out.print(f"         {medians(measured)}", markup=False)
    if measured.note:
        out.print(f"         {measured.note}", markup=False)
    if measured.details is not None:
        shown = Table(box=None, header_style="bold", padding=(0, 1, 0, 2))
        for heading in measured.details.heading:
            shown.add_column(heading, justify="right")
        for row in measured.details.rows:
            shown.add_row(*row)
        out.print(shown)


def spread(outcome: FigureOutcome) -> str:
    """Return the least and the greatest ratio, if there are more than one."""
    ratios = outcome.ratios
    if len(ratios) == 1:
        return ""
    return f" ({ratios[0]:.3g} to {ratios[-1]:.3g} in {len(ratios)} pairs)"


def medians(measured: Measured) -> str:
    """Return what both sides took, in a unit that fits."""
    ours, theirs = (median([pair[side] for pair in measured.pairs]) for side in (0, 1))
    return f"{quantity(ours, measured.unit)} against {quantity(theirs, measured.unit)}"


def quantity(value: float, unit: str) -> str:
    """Return a value with its unit; seconds in the unit that fits."""
    if unit != "s":
        return f"{value:.4g} {unit}"
    for factor, name in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if value * factor >= 1:
            return f"{value * factor:.3g} {name}"
    return f"{value * 1e9:.3g} ns"


def summary(outcomes: list[FigureOutcome]) -> str:
    """Return how many goals were met and missed, in one line."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    return (
        f"{counts['met']} goals met, {counts['missed']} missed, "
        f"{counts['measured']} measured without a goal, {counts['skipped']} skipped"
        + (f", {counts['failed']} failed" if counts["failed"] else "")
    )


def claim(one: Figure) -> dict[str, object]:
    """Return what a figure is, as JSON."""
    return {
        "id": one.id,
        "ours": one.ours,
        "theirs": one.theirs,
        "reads": one.reads,
        "goal": one.goal._asdict() if one.goal is not None else None,
    }


def as_json(outcome: FigureOutcome) -> dict[str, object]:
    """Return a figure and what came out as JSON."""
    measured = outcome.measured
    shown = {**claim(outcome.figure), "verdict": outcome.verdict}
    if measured is None:
        return {**shown, "why": outcome.skipped or outcome.failed}
    details = measured.details
    return {
        **shown,
        "ratio": outcome.ratio,
        "least": outcome.ratios[0],
        "greatest": outcome.ratios[-1],
        "pairs": [pair._asdict() for pair in measured.pairs],
        "unit": measured.unit,
        "note": measured.note,
        "details": [dict(zip(details.heading, row, strict=True)) for row in details.rows]
        if details is not None
        else [],
    }
