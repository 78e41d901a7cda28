"""`spanspec fuzz` and `spanspec replay`: model and implementation in lockstep."""

import os
from functools import partial
from typing import Annotated

import typer
from msgspec.structs import replace

from spanproof.cli.campaigning.doors import (
    AnyMalloc,
    Exec,
    Library,
    door_of,
    highest_level,
    long_of,
    named,
    programs_of,
)
from spanproof.cli.campaigning.rounds import Budget, Rounds, divergence_json
from spanproof.cli.commands.simulate import replay_simulation
from spanproof.cli.files import brought, usable_store
from spanproof.cli.options import Json
from spanproof.cli.output import (
    FAILS,
    HOLDS,
    Unusable,
    out,
    print_json,
)
from spanproof.cli.showing.abridged import abridged
from spanproof.cli.showing.counterexample import replay_counterexample
from spanproof.counterexamples.saved import is_counterexample
from spanproof.doors.slices import PROGRAMS, Sliced, campaigner_in_slices, slices_of
from spanproof.doors.targets import campaign_of, run_again
from spanproof.fuzz.campaigns import finding
from spanproof.fuzz.campaigns.campaign import SHRINK
from spanproof.fuzz.campaigns.finding import FoundWith, versions_here
from spanproof.fuzz.engine.watching import Watcher
from spanproof.fuzz.isolation.ending import MOST_SECONDS, Limits
from spanproof.fuzz.lockstep.divergence import AnyProgram, describe
from spanproof.fuzz.program import Program, ProgramError
from spanproof.fuzz.programs.contractprogram import ContractProgram
from spanproof.fuzz.programs.heapprogram import HeapProgram, Together
from spanproof.fuzz.programs.sizesprogram import SizesProgram
from spanproof.fuzz.sides.factories import Scope, WrongFactory
from spanproof.protocol.faults import CannotStart
from spanproof.simulate.program import is_one as is_simulation
from spanproof.support.files.stores import unsecret
from spanproof.support.tools import Missing

Factory = Annotated[
    str,
    typer.Option(
        "--python",
        metavar="MODULE:FACTORY",
        help="A factory of heaps, or spans, under test; also of modules in this directory.",
    ),
]
Limit = Annotated[
    float, typer.Option(min=0.01, help="Seconds that a program may take, and an import.")
]


def fuzz(
    impl: Annotated[str, typer.Option(help="The implementation: spanalloc.")] = "spanalloc",
    python: Factory = "",
    command: Exec = "",
    lib: Library = "",
    malloc: AnyMalloc = "",
    of: Annotated[
        Scope | None,
        typer.Option(
            help="A heap, several Ps of it at once, a span, size classes, or a malloc's contract; "
            "by default a heap, or the most that a process says it has."
        ),
    ] = None,
    operations: Annotated[
        int, typer.Option(min=0, help="Operations of a malloc's contract, instead of a time.")
    ] = 0,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads of a malloc at once.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to run.")] = 20.0,
    examples: Annotated[int, typer.Option(min=0, help="Programs to run, instead of a time.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Determines every program.")] = 0,
    limit: Limit = MOST_SECONDS,
    shrink: Annotated[
        float, typer.Option(min=0, help="Seconds to make a failure smaller, and run it again.")
    ] = SHRINK,
    save_to: Annotated[
        str,
        typer.Option("--save", metavar="DIR|redis://...", help="Where to save a failure."),
    ] = "",
    findings: Annotated[
        int, typer.Option(min=1, help="Failures of different causes to look for.")
    ] = 1,
    by_rule: Annotated[
        bool, typer.Option("--by-rule", help="Print which rules the programs have reached.")
    ] = False,
    corpus: Annotated[
        str,
        typer.Option(
            metavar="DIR|redis://...",
            help="Where programs that show something new are kept, and come from.",
        ),
    ] = "",
    jobs: Annotated[int, typer.Option(min=1, help="Processes at once, which share a corpus.")] = 1,
    scheduler: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Run them on a Dask cluster: tcp://host:8786.")
    ] = "",
    json: Json = False,
) -> int:
    """Run random programs on the model and an implementation; shrink what diverges."""
    findings_store, kept_store = usable_store(save_to), usable_store(corpus)
    check_implementation(impl)
    door, behind = door_of(command, lib, malloc, python)
    folder = os.getcwd() if python or door else ""
    found_with = FoundWith(
        of or Scope.HEAP, seed, python, folder, limit, versions_here(), door, behind
    )
    try:
        if of is None and door:
            found_with = replace(found_with, of=highest_level(found_with))
        campaign = campaign_of(found_with, long_of(found_with, operations, threads))
    except (WrongFactory, CannotStart) as problem:
        raise Unusable(f"{named(found_with)}{problem}") from None
    if operations:
        examples = programs_of(operations)
    if jobs > 1 or scheduler:
        if examples or by_rule:
            raise Unusable("--jobs and --scheduler go with --seconds, and without --by-rule")
        campaign = campaigner_in_slices(found_with, Sliced(jobs, scheduler, kept_store))
    elif kept_store is not None:
        first = next(slices_of(kept_store, seed)) * PROGRAMS
        campaign = partial(campaign, corpus=kept_store, first=first)
    budget = Budget(seconds, examples, seed, Limits(limit), shrink, findings)
    watcher = Watcher() if by_rule else None
    try:
        return Rounds(found_with, campaign, budget, findings_store, json, watcher).run()
    except WrongFactory as problem:
        raise Unusable(f"{named(found_with)}{problem}") from None
    except Missing as problem:
        raise Unusable(str(problem)) from None


def replay(
    file: Annotated[str, typer.Argument(help="What spanspec fuzz or prove has saved.")],
    impl: Annotated[
        str, typer.Option(help="The implementation: spanalloc. By default what was found is used.")
    ] = "",
    python: Factory = "",
    command: Exec = "",
    lib: Library = "",
    malloc: AnyMalloc = "",
    limit: Annotated[
        float, typer.Option(min=0, help="Seconds that it may take; 0 for as many as it had.")
    ] = 0.0,
    json: Json = False,
) -> int:
    """Run a saved program or counterexample again; show what parts, or fails."""
    with brought(file) as path:
        if is_counterexample(path):
            return replay_counterexample(path, json)
        if is_simulation(path):
            return replay_simulation(path, json)
        if impl:
            check_implementation(impl)
        try:
            program, found_with = finding.load(path)
        except ProgramError as problem:
            raise Unusable(str(problem)) from None
    found_with = found_with or FoundWith(scope_of(program))
    if impl or python or command or lib or malloc:
        door, behind = door_of(command, lib, malloc)
        found_with = replace(
            found_with, python=python, folder=os.getcwd(), door=door, command=behind
        )
    if named(found_with) and not json:
        out.print(f"with {named(found_with)[:-2]} of {found_with.folder}", markup=False)
    limits = Limits(limit or found_with.limit)
    try:
        divergence = run_again(program, found_with, limits)
    except (WrongFactory, CannotStart) as problem:
        raise Unusable(f"{unsecret(file)}: {named(found_with)}{problem}") from None
    if json:
        print_json({"agrees": divergence is None, "divergence": divergence_json(divergence)})
    elif divergence is None:
        out.print(abridged(describe(program)), markup=False)
        out.print("both sides agree at every step")
    else:
        out.print(abridged(divergence.render()), markup=False)
    return HOLDS if divergence is None else FAILS


def scope_of(program: AnyProgram) -> Scope:
    """Return what a program is for."""
    if not isinstance(program, HeapProgram):
        kinds = {Program: Scope.SPAN, SizesProgram: Scope.SIZES, ContractProgram: Scope.CONTRACT}
        return kinds[type(program)]
    at_once = any(isinstance(step, Together) for step in program.steps)
    return Scope.SCHEDULE if at_once else Scope.HEAP


def check_implementation(impl: str) -> None:
    """Raise Unusable unless there is such an implementation."""
    if impl != "spanalloc":
        raise Unusable(f"no implementation {impl!r}; there is spanalloc, or use --python")
