"""`spanspec planted`: does the fuzzer find bugs? Each planted one, and what shows it."""

import statistics
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from spanproof.cli.output import (
    FAILS,
    HOLDS,
    INTERRUPTED,
    Unusable,
    out,
    print_json,
    progress,
)
from spanproof.decide.cache import Cache, NoCache
from spanproof.fuzz.planted.campaigns import Campaigned, campaigns, look_for_all
from spanspec.base.wording import counted

LARGEST_MEDIAN = 12
"""Steps that the median of the shrunk programs may have."""


def planted(
    pattern: Annotated[str, typer.Argument(help="Only bugs whose name has this in it.")] = "",
    examples: Annotated[int, typer.Option(min=1, help="Programs to try for each.")] = 4000,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Determines every program.")] = 0,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Keep what was found, and use it.")
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Plant each known bug into spanalloc, let the fuzzer look for it, and shrink what it finds.

    After an interrupt, the next call goes on with what is left.
    """
    chosen = [name for name in campaigns() if pattern.lower() in name.lower()]
    if not chosen:
        raise Unusable(f"no planted bug has {pattern!r} in its name")
    results: list[Campaigned] = []
    interrupted = False
    with progress("bugs") as display:
        task = display.add_task("planting", total=len(chosen))
        try:
            store = Cache() if cache else NoCache()
            for found in look_for_all(chosen, seed, examples, jobs, store):
                results.append(found)
                display.advance(task)
        except KeyboardInterrupt:
            interrupted = True
    results.sort(key=lambda one: chosen.index(one.name))
    steps = [one.steps for one in results if one.steps is not None]
    median = statistics.median(steps) if steps else None
    good = len(steps) == len(results) and median is not None and median <= LARGEST_MEDIAN
    if json:
        print_json({"bugs": results, "median_steps": median, "interrupted": interrupted})
    else:
        out.print(table_of(results))
        out.print(f"\n{len(steps)} of {counted(len(results), 'bug')} found, median {median} steps")
        if interrupted:
            out.print(f"interrupted: {len(chosen) - len(results)} are left")
    if interrupted:
        return INTERRUPTED
    return HOLDS if good else FAILS


def table_of(results: list[Campaigned]) -> Table:
    """Return a table with a row for each bug."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("planted bug")
    table.add_column("programs", justify="right")
    table.add_column("steps", justify="right")
    table.add_column("first difference")
    for one in results:
        steps = str(one.steps) if one.steps is not None else "[red]not found[/]"
        table.add_row(escape(one.name), str(one.programs), steps, escape(one.what[:60]))
    return table
