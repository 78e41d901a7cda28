"""`spanspec planted`: does the fuzzer find bugs? Each planted one, and what shows it."""

import statistics
import time
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from spanproof.cli.cluster import Scheduler, on_cluster
from spanproof.cli.options import Json
from spanproof.cli.output import FAILS, Unusable, gathered, out, print_json
from spanproof.decide.cache import Cache, NoCache
from spanproof.fuzz.planted.planting import Effort
from spanproof.mutation.planted import Campaigned, campaigns, look_for_all
from spanspec.base.wording import counted

LARGEST_MEDIAN: Final = 6
"""Steps that the median of the shrunk programs may have."""

MEDIAN_OPERATIONS: Final = 5_000
"""Operations until a bug is found that the median may have."""


def planted(
    pattern: Annotated[str, typer.Argument(help="Only bugs whose name has this in it.")] = "",
    operations: Annotated[int, typer.Option(min=1, help="Operations to try for each.")] = 200_000,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Determines every program.")] = 0,
    blind: Annotated[
        bool, typer.Option("--blind", help="Look without guidance as well, to compare.")
    ] = False,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Keep what was found, and use it.")
    ] = True,
    scheduler: Scheduler = "",
    json: Json = False,
) -> int:
    """Plant each known bug into spanalloc, let the fuzzer look for it, and shrink what it finds.

    After an interrupt, the next call goes on with what is left.
    """
    chosen = [name for name in campaigns() if pattern.lower() in name.lower()]
    if not chosen:
        raise Unusable(f"no planted bug has {pattern!r} in its name")
    effort = Effort(seed, operations)
    began = time.monotonic()
    store = Cache() if cache else NoCache()
    with on_cluster(scheduler):
        looked = look_for_all(chosen, effort, blind, jobs, store)
        all_of = gathered("bugs", "planting", len(chosen), looked)
    results = sorted(all_of.found, key=lambda one: chosen.index(one.name))
    steps = [one.steps for one in results if one.steps is not None]
    median = statistics.median(steps) if steps else None
    made = statistics.median([one.operations for one in results]) if results else None
    good = (
        len(steps) == len(results)
        and median is not None
        and made is not None
        and median <= LARGEST_MEDIAN
        and made <= MEDIAN_OPERATIONS
    )
    if json:
        print_json(
            {
                "bugs": results,
                "median_steps": median,
                "median_operations": made,
                "interrupted": all_of.interrupted,
            }
        )
    else:
        out.print(table_of(results))
        out.print(
            f"\n{len(steps)} of {counted(len(results), 'bug')} found in "
            f"{time.monotonic() - began:.0f} s; median {made} operations, {median} steps"
        )
        if all_of.interrupted:
            out.print(f"interrupted: {len(chosen) - len(results)} are left")
    # What is left may change a median, but not that a bug was not found.
    status = all_of.status(good)
    return FAILS if len(steps) < len(results) else status


def table_of(results: list[Campaigned]) -> Table:
    """Return a table with a row for each bug."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("planted bug")
    table.add_column("programs", justify="right")
    table.add_column("operations", justify="right")
    blind = any(one.blind is not None for one in results)
    if blind:
        table.add_column("blind", justify="right")
    table.add_column("steps", justify="right")
    table.add_column("first difference")
    for one in results:
        steps = str(one.steps) if one.steps is not None else "[red]not found[/]"
        figures = [str(one.programs), str(one.operations)]
        if blind:
            figures.append(str(one.blind))
        table.add_row(escape(one.name), *figures, steps, escape(one.what[:60]))
    return table
