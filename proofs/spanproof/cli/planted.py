"""`spanspec planted`: does the fuzzer find bugs? Each planted one, and what shows it."""

import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Annotated, NamedTuple

import typer
from rich.table import Table

from spanproof.cli.output import FAILS, HOLDS, Unusable, out, print_json, progress
from spanproof.fuzz import planted as spans
from spanproof.fuzz import plantedheap as heaps
from spanproof.fuzz import plantedschedule as schedules
from spanproof.fuzz.campaign import CampaignResult
from spanproof.fuzz.divergence import length_of
from spanproof.fuzz.planted import PlantedBug

LARGEST_MEDIAN = 12
"""Steps that the median of the shrunk programs may have."""


class Found(NamedTuple):
    """What a campaign against a planted bug came to; `steps` is None if it was not found."""

    name: str
    programs: int
    steps: int | None
    what: str


def planted(
    pattern: Annotated[str, typer.Argument(help="Only bugs whose name has this in it.")] = "",
    examples: Annotated[int, typer.Option(min=1, help="Programs to try for each.")] = 4000,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Determines every program.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Plant each known bug into spanalloc, let the fuzzer look for it, and shrink what it finds."""
    chosen = [name for name in campaigns() if pattern.lower() in name.lower()]
    if not chosen:
        raise Unusable(f"no planted bug has {pattern!r} in its name")
    results: list[Found] = []
    # Workers start afresh: a bug is planted by importing the package once more.
    with (
        ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool,
        progress("bugs") as display,
    ):
        task = display.add_task("planting", total=len(chosen))
        for done in as_completed(pool.submit(look_for, name, seed, examples) for name in chosen):
            results.append(done.result())
            display.advance(task)
    results.sort(key=lambda one: chosen.index(one.name))
    steps = [one.steps for one in results if one.steps is not None]
    median = statistics.median(steps) if steps else None
    good = len(steps) == len(results) and median is not None and median <= LARGEST_MEDIAN
    if json:
        print_json({"bugs": [one._asdict() for one in results], "median_steps": median})
    else:
        out.print(table_of(results))
        out.print(f"\n{len(steps)} of {len(results)} found, median {median} steps")
    return HOLDS if good else FAILS


def campaigns() -> dict[str, tuple[PlantedBug, Callable[..., CampaignResult]]]:
    """Return the planted bugs by name, each with the campaign that looks for it."""
    found: dict[str, tuple[PlantedBug, Callable[..., CampaignResult]]] = {}
    for bug in spans.PLANTED:
        found[f"one span: {bug.name}"] = (bug, spans.find)
    for bug in heaps.BUGS:
        found[bug.name] = (bug, heaps.find_in_heap)
    for bug in schedules.RACES:
        found[f"several Ps: {bug.name}"] = (bug, schedules.find_in_schedule)
    return found


def look_for(name: str, seed: int, examples: int) -> Found:
    """Run the campaign against one planted bug."""
    bug, find = campaigns()[name]
    result = find(bug, start=seed, examples=examples)
    if result.divergence is None:
        return Found(name, result.programs, None, "")
    return Found(
        name, result.programs, length_of(result.divergence.program), result.divergence.what
    )


def table_of(results: list[Found]) -> Table:
    """Return a table with a row for each bug."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("planted bug")
    table.add_column("programs", justify="right")
    table.add_column("steps", justify="right")
    table.add_column("first difference")
    for one in results:
        steps = str(one.steps) if one.steps is not None else "[red]not found[/]"
        table.add_row(one.name, str(one.programs), steps, one.what[:60])
    return table
