"""`spanspec fuzz` and `spanspec replay`: model and implementation in lockstep."""

import os
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from spanproof.cli.counterexample import replay_counterexample
from spanproof.cli.doors import (
    LONG,
    AnyMalloc,
    Exec,
    Library,
    door_of,
    highest_level,
    long_of,
    named,
)
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
from spanproof.cli.simulate import replay_simulation
from spanproof.counterexamples.saved import is_counterexample
from spanproof.doors.targets import campaign_of, run_again
from spanproof.fuzz import finding
from spanproof.fuzz.campaign import SHRINK, CampaignResult
from spanproof.fuzz.divergence import AnyProgram, Divergence, describe
from spanproof.fuzz.factories import Scope, WrongFactory
from spanproof.fuzz.finding import FoundWith, finding_of, versions_here
from spanproof.fuzz.heapprogram import HeapProgram, Together
from spanproof.fuzz.isolation.ending import MOST_SECONDS, Limits
from spanproof.fuzz.levels.contractprogram import ContractProgram
from spanproof.fuzz.levels.known import told_of_known
from spanproof.fuzz.levels.sizesprogram import SizesProgram
from spanproof.fuzz.program import Program, ProgramError
from spanproof.protocol.faults import CannotStart
from spanproof.simulate.program import is_one as is_simulation
from spanproof.support import savedfile
from spanspec.base.wording import counted

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
        Path | None, typer.Option("--save", metavar="DIR", help="Where to save a failure.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Run random programs on the model and an implementation; shrink what diverges."""
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
        examples = -(-operations // LONG)
    saver = Saver(save_to, found_with)
    with progress("programs" if examples else "seconds", live=False) as display:
        task = display.add_task("fuzzing", total=examples or round(seconds))

        def advance(done: int, spent: float) -> None:
            whole = round(seconds)
            display.update(task, completed=done if examples else min(int(spent), whole))
            display.refresh()

        def is_found(divergence: Divergence) -> None:
            saver.save(divergence)
            display.update(task, visible=False)
            display.add_task("shrinking", total=None)
            display.refresh()

        try:
            result = campaign(
                start=seed,
                examples=examples or None,
                seconds=None if examples else seconds,
                limits=Limits(limit),
                shrink=shrink,
                on_progress=advance,
                on_found=is_found,
            )
        except WrongFactory as problem:
            raise Unusable(f"{named(found_with)}{problem}") from None
    if not json:
        out.print(summary_line(result), markup=False)
        for line in told_of_known(result.exercised):
            out.print(line, markup=False)
        if result.divergence is not None:
            out.print(result.divergence.render(), markup=False)
        if result.again is not None:
            out.print(str(result.again), markup=False)
        if result.stuck is not None:
            out.print(f"interrupted, and not judged:\n{result.stuck.render()}", markup=False)
    if result.divergence is not None:
        saver.save(result.divergence, str(result.again or ""))
    elif result.stuck is not None:
        saver.save(result.stuck, "interrupted, and not judged")
    if json:
        print_json(as_json(result, saver.path))
    else:
        saver.tell()
    if saver.problem:
        complain(saver.problem)
    if result.divergence is not None:
        return FAILS
    if result.interrupted:
        return INTERRUPTED
    if result.missing:
        complain(f"too little was exercised: no {', no '.join(result.missing)}; run it longer")
        return UNUSABLE
    return HOLDS


class Saver:
    """Saves a finding, and then what has become of it, in the same file."""

    def __init__(self, folder: Path | None, found_with: FoundWith) -> None:
        self._folder = folder
        self._found_with = found_with
        self.path: Path | None = None
        self.problem = ""

    def save(self, divergence: Divergence, again: str = "") -> None:
        """Save a divergence, as far as that is possible."""
        if self._folder is None:
            return
        record = finding_of(divergence, again, self._found_with)
        try:
            if self.path is None:
                self.path = savedfile.write_new(record, self._folder, "divergence")
            else:
                savedfile.write(record, self.path)
            self.problem = ""
        except OSError as problem:
            place = problem.filename or self._folder
            self.problem = f"the divergence could not be saved: {place}: {problem.strerror}"

    def tell(self) -> None:
        """Say where it is, and how it is run again."""
        if self.path is not None:
            out.print(
                f"saved as {self.path}; run it again with spanspec replay {self.path}",
                markup=False,
            )


def replay(
    file: Annotated[Path, typer.Argument(help="What spanspec fuzz or prove has saved.")],
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
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Run a saved program or counterexample again; show what parts, or fails."""
    if is_counterexample(file):
        return replay_counterexample(file, json)
    if is_simulation(file):
        return replay_simulation(file, json)
    if impl:
        check_implementation(impl)
    try:
        program, found_with = finding.load(file)
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
        raise Unusable(f"{file}: {named(found_with)}{problem}") from None
    if json:
        print_json({"agrees": divergence is None, "divergence": divergence_json(divergence)})
    elif divergence is None:
        out.print(describe(program), markup=False)
        out.print("both sides agree at every step")
    else:
        out.print(divergence.render(), markup=False)
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


def summary_line(result: CampaignResult) -> str:
    """Return what a campaign did in one line."""
    counts = result.exercised
    verdict = "no divergence"
    if result.divergence is not None:
        verdict = "diverged"
    elif result.interrupted:
        verdict = "interrupted, no divergence so far"
    if "m" not in result.must_exercise and "full allocations" not in result.must_exercise:
        figures = ", ".join(f"{counts[name]} {name}" for name in result.must_exercise)
    elif "m" in result.must_exercise:
        figures = (
            f"{counted(counts['m'], 'slot')} and {counted(counts['t'], 'tiny object')} allocated, "
            f"{counted(counts['se'], 'sweep')}, "
            f"{counted(counts['vs'], 'span')} scavenged, {counted(counts['refusals'], 'refusal')}"
        )
        if counts["switches"]:
            figures += f", {counted(counts['switches'], 'switch', 'switches')} between threads"
    else:
        figures = (
            f"{counts['fast allocations']} fast and "
            f"{counted(counts['slow allocations'], 'slow allocation')}, "
            f"{counted(counts['sweeps'], 'sweep')}, "
            f"{counted(counts['wrap-arounds'], 'wrap-around')}, "
            f"{counted(counts['refusals'], 'refusal')}"
        )
    run = f"{counted(result.programs, 'program')}, {counted(counts['steps'], 'step')}"
    return f"{run} in {result.seconds:.1f} s: {verdict}; {figures}"


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
        "again": result.again._asdict() if result.again is not None else None,
        "stuck": divergence_json(result.stuck),
        "saved": str(saved) if saved else None,
    }
