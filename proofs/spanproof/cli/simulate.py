"""`spanspec simulate`: random programs on the model alone, every invariant after each step."""

import gzip
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from spanproof.cli.output import FAILS, HOLDS, INTERRUPTED, err, out, print_json, progress
from spanproof.judging import Simulated
from spanproof.racing import Racing
from spanproof.simulation import Simulation
from spanspec.trace.fields import EventBase
from spanspec.trace.schema import Header

SHOWN = 20
"""Inputs shown of a program that failed: the last ones."""


def simulate(
    steps: Annotated[int, typer.Option(min=1, help="Steps of each program.")] = 5000,
    programs: Annotated[int, typer.Option(min=1, help="Programs to run.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The first program; the next has seed + 1.")] = 0,
    threads: Annotated[
        int, typer.Option(min=0, max=64, help="Threads at once, in a random order; 0: in turn.")
    ] = 0,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the recording of the last program.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Run random programs on the model; after each step check every invariant."""
    if trace is not None:
        trace.touch()  # better now than after a long run
    started = time.perf_counter()
    done: list[Simulated] = []
    recorded: list[EventBase] = []
    interrupted = False
    with progress("steps") as display:
        task = display.add_task("simulating", total=steps * programs)
        try:
            for number in range(programs):
                recorded.clear()
                keep = recorded.append if trace else None
                simulation = (
                    Racing(seed + number, threads, keep)
                    if threads
                    else Simulation(seed + number, keep)
                )
                done.append(simulation.run(steps, lambda _: display.advance(task)))
                if done[-1].failure is not None:
                    break
        except KeyboardInterrupt:
            interrupted = True
            err.print(f"interrupted: {len(done)} of {programs} programs were run", markup=False)
    if trace is not None and done:
        save_trace(trace, simulation.header(len(recorded)), recorded)
    spent = time.perf_counter() - started
    if json:
        print_json(as_json(done, spent))
    else:
        report(done, spent)
    if any(one.failure for one in done):
        return FAILS
    return INTERRUPTED if interrupted else HOLDS


def save_trace(path: Path, header: Header, events: Sequence[EventBase]) -> None:
    """Save a recording in the trace format, compressed if its name ends in .gz.

    Raises: OSError if it cannot be written.
    """
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in (header, *events))
    path.write_bytes(gzip.compress(lines, mtime=0) if path.suffix == ".gz" else lines)


def totals(done: Sequence[Simulated]) -> tuple[Counter[str], Counter[str]]:
    """Return the steps by kind and the events by kind, over all programs."""
    steps: Counter[str] = Counter()
    events: Counter[str] = Counter()
    for one in done:
        steps.update(one.steps)
        events.update(one.events)
    return steps, events


def report(done: Sequence[Simulated], spent: float) -> None:
    """Print what was run, and a failure with the end of its program."""
    steps, events = totals(done)
    taken = steps.total() - steps["out of memory"]
    out.print(
        f"{len(done)} programs, {taken} steps, {events.total()} events, "
        f"{sum(one.failure is not None for one in done)} failures ({spent:.1f} s)",
        markup=False,
    )
    out.print("  " + ", ".join(f"{kind} {count}" for kind, count in steps.most_common()))
    for one in done:
        if one.failure is not None:
            out.print(f"program {one.seed} fails at step {one.failure.step}: {one.failure.what}")
            for request in one.failure.program[-SHOWN:]:
                out.print(f"  {request}", markup=False)


def as_json(done: Sequence[Simulated], spent: float) -> dict[str, object]:
    """Return a run as a JSON document."""
    steps, events = totals(done)
    return {
        "programs": [one.seed for one in done],
        "steps": dict(steps),
        "events": dict(events),
        "seconds": spent,
        "failures": [
            {
                "seed": one.seed,
                "step": one.failure.step,
                "what": one.failure.what,
                "program": list(one.failure.program),
            }
            for one in done
            if one.failure is not None
        ],
    }
