"""`spanspec simulate`: random programs on the model alone, every invariant after each step."""

import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from spanproof.cli.files import kept, tell_saved
from spanproof.cli.options import Json
from spanproof.cli.output import FAILS, HOLDS, Unusable, err, out, print_json, progress, status_of
from spanproof.cli.showing.explore import explore_scenes
from spanproof.replay.format.schema import Header
from spanproof.replay.telling.phrases import phrase
from spanproof.simulate.judging import Failure, Simulated
from spanproof.simulate.program import NotSaved, SimulatedProgram, describe, load
from spanproof.simulate.programs.simulation import Simulation
from spanproof.simulate.saved_runs import again, events_of, smaller
from spanproof.simulate.schedules.racing import Racing
from spanproof.support.files import savedfile
from spanspec.base.wording import counted
from spanspec.events.fields import EventBase
from spanspec.rules.book import cited, in_words

SHOWN = 40
"""Inputs shown of a program that failed, or events of a schedule: the last ones."""


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
    save_to: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="Where to save a failure.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--every", help="Every schedule of a few small scenes instead.")
    ] = False,
    json: Json = False,
) -> int:
    """Run random programs on the model; after each step check every invariant."""
    if every:
        if trace is not None or save_to is not None or threads or programs != 1:
            raise Unusable("--every goes with --json alone: it explores scenes of its own")
        return explore_scenes(json)
    if trace is not None:
        savedfile.check_place(trace)  # better now than after a long run
    savedfile.check_folder(save_to)
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
            err.print(
                f"interrupted: {len(done)} of {counted(programs, 'program')} run", markup=False
            )
    spent = time.perf_counter() - started
    done = [
        one._replace(failure=smaller(one.failure)) if one.failure is not None else one
        for one in done
    ]
    if not json:
        report(done, spent)
    saved, whole = None, True
    for one in done:
        if one.failure is not None and save_to is not None:
            write_new = partial(
                savedfile.write_new,
                savedfile.formatted(one.failure.program),
                save_to,
                "simulation",
            )
            saved = kept(write_new, "the failure", save_to)
    if trace is not None and done:
        text = savedfile.as_named(as_trace(simulation.header(len(recorded)), recorded), trace)
        write_trace = partial(savedfile.write_bytes, text, trace)
        whole = kept(write_trace, "the recording", trace) is not None
    if json:
        print_json(as_json(done, spent, saved))
    elif saved is not None:
        tell_saved(saved)
    return status_of(any(one.failure for one in done), interrupted, unusable=not whole)


def as_trace(header: Header, events: Sequence[EventBase]) -> bytes:
    """Return a recording in the trace format."""
    return b"".join(msgspec.json.encode(one) + b"\n" for one in (header, *events))


def totals(done: Sequence[Simulated]) -> tuple[Counter[str], Counter[str]]:
    """Return the steps by kind and the events by kind, over all programs."""
    steps: Counter[str] = Counter()
    events: Counter[str] = Counter()
    for one in done:
        steps.update(one.steps)
        events.update(one.events)
    return steps, events


def report(done: Sequence[Simulated], spent: float) -> None:
    """Print what was run, and a failure with its program, or with the end of a long one."""
    steps, events = totals(done)
    taken = steps.total() - steps["out of memory"]
    failures = sum(one.failure is not None for one in done)
    out.print(
        f"{counted(len(done), 'program')}, {counted(taken, 'step')}, "
        f"{counted(events.total(), 'event')}, {counted(failures, 'failure')} ({spent:.1f} s)",
        markup=False,
    )
    out.print("  " + ", ".join(f"{kind} {count}" for kind, count in steps.most_common()))
    for one in done:
        if one.failure is not None:
            show(one.failure)


def show(failure: Failure) -> None:
    """Print a failure of the model: the rule that is broken, what is wrong, and the program."""
    program = failure.program
    if isinstance(program, SimulatedProgram):
        first, *lines = describe(program).splitlines()
        noun = "step"
    else:
        first = f"schedule {program.seed} of {counted(program.threads, 'thread')}"
        lines = [f"  {phrase(event)}" for event in events_of(program)]
        noun = "event"
    left_out = len(lines) - SHOWN
    out.print(first, markup=False)
    if left_out > 0:
        out.print(f"     ({counted(left_out, noun)} before these)", markup=False)
    for line in lines[-SHOWN:]:
        out.print(line, markup=False)
    out.print(f"after step {failure.step}: {failure.what}", markup=False)
    for line in in_words(cited(failure.what)):
        out.print(f"  {line}", markup=False)


def replay_simulation(file: Path, json: bool) -> int:
    """Run what a simulation has saved again; 1 if it fails, 0 if it holds.

    Raises: Unusable if the file cannot be used.
    """
    try:
        saved = load(file)
    except NotSaved as problem:
        raise Unusable(str(problem)) from None
    if isinstance(saved, SimulatedProgram) and not saved.inputs:
        raise Unusable(f"{file}: it has no inputs, so there is nothing to judge")
    failure = again(saved).failure
    if json:
        print_json({"holds": failure is None, "failure": as_record(failure)})
    elif failure is not None:
        show(failure)
    else:
        if isinstance(saved, SimulatedProgram):
            out.print(describe(saved), markup=False)
        out.print("the model holds at every step")
    return HOLDS if failure is None else FAILS


def as_record(failure: Failure | None) -> dict[str, object] | None:
    """Return a failure as a part of a JSON document; it is the model that fails."""
    if failure is None:
        return None
    return {
        "side": "model",
        "step": failure.step,
        "what": failure.what,
        "rules": cited(failure.what),
        "program": failure.program,
    }


def as_json(done: Sequence[Simulated], spent: float, saved: Path | None) -> dict[str, object]:
    """Return a run as a JSON document."""
    steps, events = totals(done)
    return {
        "programs": [one.seed for one in done],
        "steps": dict(steps),
        "events": dict(events),
        "seconds": spent,
        "failures": [
            {"seed": one.seed, **(as_record(one.failure) or {})}
            for one in done
            if one.failure is not None
        ],
        "saved": str(saved) if saved else None,
    }
