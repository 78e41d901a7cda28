"""`spanspec fuzz` and `spanspec replay`: model and implementation in lockstep."""

import importlib
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, cast

import typer

from spanproof.cli.counterexample import replay_counterexample
from spanproof.cli.output import (
    FAILS,
    HOLDS,
    INTERRUPTED,
    UNUSABLE,
    Unusable,
    complain,
    out,
    print_json,
    progress,
)
from spanproof.counterexamples.saved import is_counterexample
from spanproof.fuzz import heapprogram, spanalloc_subject, spanallocheap
from spanproof.fuzz.campaign import CampaignResult, of_heap, of_schedules, of_span, run_target
from spanproof.fuzz.divergence import Divergence, describe
from spanproof.fuzz.heaplockstep import run_heap_program
from spanproof.fuzz.heapprogram import HeapProgram
from spanproof.fuzz.heapsides import Schedulable, SideFactory
from spanproof.fuzz.lockstep import run_program
from spanproof.fuzz.program import ProgramError, load, save
from spanproof.fuzz.subjects import SubjectFactory

Factory = Annotated[
    str,
    typer.Option(
        "--python", metavar="MODULE:FACTORY", help="A factory of heaps, or spans, under test."
    ),
]


class Scope(StrEnum):
    """What is fuzzed: a whole heap, several Ps of it at once, or one span."""

    HEAP = "heap"
    SCHEDULE = "schedule"
    SPAN = "span"


def fuzz(
    impl: Annotated[str, typer.Option(help="The implementation: spanalloc.")] = "spanalloc",
    python: Factory = "",
    of: Annotated[
        Scope, typer.Option(help="A heap, several Ps of it at once, or a span.")
    ] = Scope.HEAP,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to run.")] = 20.0,
    examples: Annotated[int, typer.Option(min=0, help="Programs to run, instead of a time.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Determines every program.")] = 0,
    save_to: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="Where to save a failure.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Run random programs on the model and an implementation; shrink what diverges."""
    check_implementation(impl)
    campaign = campaign_of(of, python)
    with progress("programs" if examples else "seconds") as display:
        task = display.add_task("fuzzing", total=examples or round(seconds))
        result = campaign(
            start=seed,
            examples=examples or None,
            seconds=None if examples else seconds,
            on_progress=lambda done, spent: display.update(
                task, completed=done if examples else min(round(spent), round(seconds))
            ),
        )
    saved = save_divergence(result.divergence, save_to)
    if json:
        print_json(as_json(result, saved))
    else:
        out.print(summary_line(result), markup=False)
        if result.divergence is not None:
            out.print(result.divergence.render(), markup=False)
        if saved is not None:
            out.print(f"saved as {saved}; run it again with spanspec replay {saved}", markup=False)
    if result.interrupted:
        return INTERRUPTED
    if result.divergence is not None:
        return FAILS
    if result.missing:
        complain(f"too little was exercised: no {', no '.join(result.missing)}; run it longer")
        return UNUSABLE
    return HOLDS


def campaign_of(of: Scope, python: str) -> Callable[..., CampaignResult]:
    """Return the campaign on what is fuzzed.

    Raises: Unusable if the factory cannot be imported, or its heaps cannot be stopped.
    """
    if of is Scope.SPAN:
        return partial(run_target, of_span(span_factory(python)))
    if of is Scope.HEAP:
        return partial(run_target, of_heap(heap_factory(python)))
    factory = heap_factory(python)
    if not isinstance(factory(HeapProgram(())), Schedulable):
        raise Unusable(f"--python {python}: its heaps have no `obey`, which `--of schedule` needs")
    return partial(run_target, of_schedules(factory))


def replay(
    file: Annotated[Path, typer.Argument(help="What spanspec fuzz or prove has saved.")],
    impl: Annotated[str, typer.Option(help="The implementation: spanalloc.")] = "spanalloc",
    python: Factory = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Run a saved program or counterexample again; show where two sides part, or a claim fails."""
    if is_counterexample(file):
        return replay_counterexample(file, json)
    check_implementation(impl)
    try:
        program = heapprogram.load(file) if heapprogram.is_one(file) else load(file)
    except ProgramError as problem:
        raise Unusable(str(problem)) from None
    if isinstance(program, HeapProgram):
        divergence = run_heap_program(program, heap_factory(python)).divergence
    else:
        divergence = run_program(program, span_factory(python)).divergence
    if json:
        print_json({"agrees": divergence is None, "divergence": divergence_json(divergence)})
    elif divergence is None:
        out.print(describe(program), markup=False)
        out.print("both sides agree at every step")
    else:
        out.print(divergence.render(), markup=False)
    return HOLDS if divergence is None else FAILS


def check_implementation(impl: str) -> None:
    """Raise Unusable unless there is such an implementation."""
    if impl != "spanalloc":
        raise Unusable(f"no implementation {impl!r}; there is spanalloc, or use --python")


def span_factory(python: str) -> SubjectFactory:
    """Return the factory of spans under test.

    Raises: Unusable if it cannot be imported.
    """
    return cast(SubjectFactory, imported(python)) if python else spanalloc_subject.installed


def heap_factory(python: str) -> SideFactory:
    """Return the factory of heaps under test.

    Raises: Unusable if it cannot be imported.
    """
    return cast(SideFactory, imported(python)) if python else spanallocheap.installed


def imported(python: str) -> object:
    """Return what MODULE:FACTORY names.

    Raises: Unusable if it is not there, or no function.
    """
    module_name, colon, name = python.partition(":")
    if not colon:
        raise Unusable(f"--python takes MODULE:FACTORY, not {python!r}")
    try:
        found: object = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as problem:
        raise Unusable(f"--python {python}: {problem}") from None
    if not callable(found):
        raise Unusable(f"--python {python}: not callable")
    return found


def save_divergence(divergence: Divergence | None, folder: Path | None) -> Path | None:
    """Save the program of a divergence under a name that no other file has."""
    if divergence is None or folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (folder / f"divergence-{number}.json").exists():
        number += 1
    path = folder / f"divergence-{number}.json"
    if isinstance(divergence.program, HeapProgram):
        heapprogram.save(divergence.program, path)
    else:
        save(divergence.program, path)
    return path


def summary_line(result: CampaignResult) -> str:
    """Return what a campaign did in one line."""
    counts = result.exercised
    verdict = "diverged" if result.divergence else "no divergence"
    if "m" in result.must_exercise:
        figures = (
            f"{counts['m']} slots and {counts['t']} tiny objects allocated, {counts['se']} sweeps, "
            f"{counts['vs']} spans scavenged, {counts['refusals']} refusals"
        )
        if counts["switches"]:
            figures += f", {counts['switches']} switches between threads"
    else:
        figures = (
            f"{counts['fast allocations']} fast and {counts['slow allocations']} slow allocations, "
            f"{counts['sweeps']} sweeps, {counts['wrap-arounds']} wrap-arounds, "
            f"{counts['refusals']} refusals"
        )
    return (
        f"{result.programs} programs, {counts['steps']} steps in {result.seconds:.1f} s: "
        f"{verdict}; {figures}"
    )


def divergence_json(divergence: Divergence | None) -> dict[str, object] | None:
    """Return a divergence as a JSON document."""
    return divergence._asdict() if divergence is not None else None


def as_json(result: CampaignResult, saved: Path | None) -> dict[str, object]:
    """Return a campaign as a JSON document."""
    return {
        "programs": result.programs,
        "seconds": result.seconds,
        "exercised": dict(result.exercised),
        "missing": result.missing,
        "interrupted": result.interrupted,
        "divergence": divergence_json(result.divergence),
        "saved": str(saved) if saved else None,
    }
