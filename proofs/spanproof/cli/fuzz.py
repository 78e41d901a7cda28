"""`spanspec fuzz` and `spanspec replay`: model and implementation in lockstep."""

import importlib
from pathlib import Path
from typing import Annotated, cast

import typer

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
from spanproof.fuzz.campaign import CampaignResult, run
from spanproof.fuzz.lockstep import Divergence, run_program
from spanproof.fuzz.program import ProgramError, describe, load, save
from spanproof.fuzz.spanalloc_subject import installed
from spanproof.fuzz.subjects import SubjectFactory

Factory = Annotated[
    str, typer.Option("--python", metavar="MODULE:FACTORY", help="A factory of spans under test.")
]


def fuzz(
    impl: Annotated[str, typer.Option(help="The implementation: spanalloc.")] = "spanalloc",
    python: Factory = "",
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to run.")] = 20.0,
    examples: Annotated[int, typer.Option(min=0, help="Programs to run, instead of a time.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Determines every program.")] = 0,
    save_to: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="Where to save a failure.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Run random programs on the model and an implementation; shrink what diverges."""
    factory = factory_of(impl, python)
    with progress("programs" if examples else "seconds") as display:
        task = display.add_task("fuzzing", total=examples or round(seconds))
        result = run(
            factory,
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


def replay(
    file: Annotated[Path, typer.Argument(help="A program saved by spanspec fuzz.")],
    impl: Annotated[str, typer.Option(help="The implementation: spanalloc.")] = "spanalloc",
    python: Factory = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Run a saved program again and show where the two sides part."""
    factory = factory_of(impl, python)
    try:
        program = load(file)
    except ProgramError as problem:
        raise Unusable(str(problem)) from None
    divergence = run_program(program, factory).divergence
    if json:
        print_json({"agrees": divergence is None, "divergence": divergence_json(divergence)})
    elif divergence is None:
        out.print(describe(program), markup=False)
        out.print("both sides agree at every step")
    else:
        out.print(divergence.render(), markup=False)
    return HOLDS if divergence is None else FAILS


def factory_of(impl: str, python: str) -> SubjectFactory:
    """Return the factory of spans under test.

    Raises: Unusable if there is no such implementation.
    """
    if not python:
        if impl != "spanalloc":
            raise Unusable(f"no implementation {impl!r}; there is spanalloc, or use --python")
        return installed
    module_name, colon, name = python.partition(":")
    if not colon:
        raise Unusable(f"--python takes MODULE:FACTORY, not {python!r}")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as problem:
        raise Unusable(f"--python {python}: {problem}") from None
    if not callable(found):
        raise Unusable(f"--python {python}: not callable")
    return cast(SubjectFactory, found)


def save_divergence(divergence: Divergence | None, folder: Path | None) -> Path | None:
    """Save the program of a divergence under a name that no other file has."""
    if divergence is None or folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (folder / f"divergence-{number}.json").exists():
        number += 1
    path = folder / f"divergence-{number}.json"
    save(divergence.program, path)
    return path


def summary_line(result: CampaignResult) -> str:
    """Return what a campaign did in one line."""
    counts = result.exercised
    verdict = "diverged" if result.divergence else "no divergence"
    return (
        f"{result.programs} programs, {counts['steps']} steps in {result.seconds:.1f} s: "
        f"{verdict}; "
        f"{counts['fast allocations']} fast and {counts['slow allocations']} slow allocations, "
        f"{counts['sweeps']} sweeps, {counts['wrap-arounds']} wrap-arounds, "
        f"{counts['refusals']} refusals"
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
