"""`spanspec corrupt`: how good is the judge? One wrong event in a real trace, many times over."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from spanproof.cli.options import Json
from spanproof.cli.output import (
    FAILS,
    HOLDS,
    INTERRUPTED,
    Unusable,
    err,
    out,
    print_json,
    progress,
)
from spanproof.mutation.corruption import (
    LEAST_NOTICED,
    Corruption,
    corruptions,
    first_divergence,
    read_trace,
)
from spanproof.support.files.traces import bundled_traces
from spanspec.base.wording import counted


def corrupt(
    traces: Annotated[
        list[Path] | None, typer.Argument(metavar="TRACE...", help="Traces; else the bundled ones.")
    ] = None,
    number: Annotated[int, typer.Option(min=1, help="Corruptions to try.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Determines every corruption.")] = 1,
    most: Annotated[int, typer.Option(min=1, help="Events read of each trace.")] = 25_000,
    json: Json = False,
) -> int:
    """Change, leave out, repeat or exchange one event of a trace; count what is noticed."""
    started = time.perf_counter()
    read = [read_trace(path, most) for path in traces or bundled_traces()]
    for trace in read:
        divergence = first_divergence(trace)
        if divergence is not None:
            place = f"{trace.name}:{divergence.line}"
            raise Unusable(f"{place} diverges as it is; corrupt traces that spanspec check holds")
    tried: list[Corruption] = []
    interrupted = False
    with progress("corruptions") as display:
        task = display.add_task("corrupting traces", total=number)
        try:
            for corruption in corruptions(read, number, seed):
                tried.append(corruption)
                display.advance(task)
        except KeyboardInterrupt:
            interrupted = True
            done = f"interrupted: {len(tried)} of {counted(number, 'corruption')} tried"
            err.print(done, markup=False)
    spent = time.perf_counter() - started
    noticed = sum(one.noticed for one in tried)
    if json:
        print_json(as_json(tried, spent))
    else:
        out.print(unnoticed_table(tried))
        share = f"{100 * noticed / max(len(tried), 1):.1f} %"
        out.print(
            f"{noticed} of {counted(len(tried), 'corruption')} noticed ({share}) "
            f"in {counted(len(read), 'trace')} "
            f"({spent:.1f} s); docs/checking.md says why the others are not",
            markup=False,
        )
    if interrupted:
        return INTERRUPTED
    return HOLDS if noticed >= LEAST_NOTICED * len(tried) else FAILS


def classes(tried: Sequence[Corruption]) -> dict[tuple[str, str], list[Corruption]]:
    """Return the corruptions that were not noticed, by kind of event and what was changed."""
    found: dict[tuple[str, str], list[Corruption]] = defaultdict(list)
    for one in tried:
        if not one.noticed:
            found[one.kind, one.what].append(one)
    return dict(sorted(found.items(), key=lambda pair: -len(pair[1])))


def unnoticed_table(tried: Sequence[Corruption]) -> Table:
    """Return what was not noticed: how often of how many of the same kind, and an example."""
    of_kind = Counter((one.kind, one.what) for one in tried)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("not noticed", "of", "kind", "what", "example"):
        table.add_column(heading, justify="right" if heading in ("not noticed", "of") else "left")
    for (kind, what), those in classes(tried).items():
        first = those[0]
        example = escape(f"{first.trace}:{first.line} {first.before}")
        table.add_row(str(len(those)), str(of_kind[kind, what]), kind, what, example)
    return table


def as_json(tried: Sequence[Corruption], spent: float) -> dict[str, object]:
    """Return a run as a JSON document."""
    return {
        "tried": len(tried),
        "noticed": sum(one.noticed for one in tried),
        "seconds": spent,
        "unnoticed": [
            {
                "trace": one.trace,
                "line": one.line,
                "kind": one.kind,
                "what": one.what,
                "before": one.before,
                "after": one.after,
            }
            for those in classes(tried).values()
            for one in those
        ],
    }
