"""`spanspec probe`: run a Go toolchain's own allocator under script, and judge each operation."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import typer

from spanproof.cli.files import kept, tell_saved
from spanproof.cli.options import Json
from spanproof.cli.output import Unusable, complain, err, from_extra, print_json, status_of
from spanproof.cli.showing.probed import ProbeOutcome, print_matrix, print_outcome
from spanproof.support.files import savedfile
from spanspec.base.wording import counted

if TYPE_CHECKING:
    from spanproof.witness.recording.recordings import Event


def probe(
    go: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The go command; else that on PATH.")
    ] = None,
    go_version: Annotated[
        str, typer.Option(metavar="X", help="A version from the package index, such as 1.24.11.")
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="That on PATH, and every version fetched so far.")
    ] = False,
    operations: Annotated[int, typer.Option(min=0, help="Operations drawn at random.")] = 2000,
    programs: Annotated[int, typer.Option(min=0, help="Programs of the fuzz engine.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Determines every operation.")] = 0,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the recording: .jsonl or .jsonl.gz.")
    ] = None,
    json: Json = False,
) -> int:
    """Build a small Go program, let it allocate and collect, and hold each step against the model.

    `spanspec check` reads what is saved.
    """
    with from_extra("witness"):
        from spanproof.witness.errors import WitnessError
        from spanproof.witness.program import toolchains
    if sum((go is not None, bool(go_version), everything)) > 1:
        raise Unusable("say one of --go, --go-version and --all")
    try:
        if everything:
            chosen = all_toolchains()
        elif go_version:
            chosen = [toolchains.fetched(go_version)]
        else:
            chosen = [go or toolchains.on_path()]
    except WitnessError as problem:
        raise Unusable(str(problem)) from None
    if save is not None and len(chosen) > 1:
        raise Unusable("--save keeps the recording of one toolchain")
    outcomes: list[ProbeOutcome] = []
    whole, interrupted = True, False
    for one in chosen:
        try:
            with from_extra("witness"):
                probed = run_probe(one, operations, programs, seed, record=save is not None)
        except WitnessError as problem:  # what others have shown stays shown
            complain(str(problem))
            whole = False
            continue
        outcomes.append(probed.outcome)
        if not json:
            print_outcome(probed.outcome, probed.interrupted)
        if save is not None:
            whole = saved(probed.recording, save) and whole
            if whole and not json:
                tell_saved(save, "check")
        interrupted = probed.interrupted
        if interrupted:
            break
    if json:
        print_json(outcomes)
    elif len(outcomes) > 1:
        print_matrix(outcomes)
    idle = [outcome.go for outcome in outcomes if not (outcome.events or outcome.divergence)]
    if idle and not interrupted:
        whole = False
        complain(f"nothing was judged of {', '.join(idle)}: ask for operations, or programs")
    found = any(outcome.divergence for outcome in outcomes)
    return status_of(found, interrupted, unusable=not whole)


def all_toolchains() -> list[Path]:
    """Return the go command on PATH, and those that were fetched so far.

    Raises: Unusable if there is none.
    """
    from spanproof.witness.errors import WitnessError
    from spanproof.witness.program import toolchains

    chosen = toolchains.kept()
    try:
        chosen.insert(0, toolchains.on_path())
    except WitnessError as problem:
        complain(str(problem))
    if not chosen:
        raise Unusable("no toolchain: none is on PATH, and none was fetched")
    return chosen


class Probed(NamedTuple):
    """What became of a toolchain, all that was recorded, and whether an interrupt has ended it."""

    outcome: ProbeOutcome
    recording: "list[Event]"
    interrupted: bool


def saved(recording: "list[Event]", place: Path) -> bool:
    """Save a recording; if that fails, a line says so. Return whether it is saved."""
    text = b"".join(msgspec.json.encode(event) + b"\n" for event in recording)
    write = partial(savedfile.write_bytes, savedfile.as_named(text, place), place)
    return kept(write, "the recording", place) is not None


def run_probe(go: Path, operations: int, programs: int, seed: int, record: bool) -> Probed:
    """Build the probe by a toolchain, and run what is asked for, up to the first divergence.

    Raises: WitnessError.
    """
    from spanproof.witness.program import toolchains
    from spanproof.witness.recording import probe as probes
    from spanproof.witness.recording import scripts
    from spanproof.witness.recording.check import Recording
    from spanproof.witness.recording.known import StepDiverged

    version = toolchains.version_of(go)
    recorded: list[Event] = []
    interrupted = False
    kinds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="spanspec-probe-") as folder:
        program = toolchains.built(go, Path(folder))
        started = time.perf_counter()
        with probes.probing(program) as running:
            recording = Recording(running.header())
            recorded.append(running.header())

            def script() -> Iterator[str]:
                yield from scripts.operations(seed, operations)
                sizes = running.profile.class_to_size
                for steps in scripts.fuzz_programs(seed, programs, sizes):
                    yield from steps

            found = None
            try:
                for event in probes.judged(running, script(), recording):
                    kinds[event["e"]] += 1
                    if record:
                        recorded.append(event)
            except KeyboardInterrupt:
                interrupted = True
                err.print(f"interrupted: {counted(kinds.total(), 'event')} judged", markup=False)
            except StepDiverged as problem:
                found = {"rule": problem.rule, "what": problem.what,
                         "expected": problem.expected, "seen": problem.seen}  # fmt: skip
            except AssertionError as problem:
                rule, _, what = str(problem).partition(": ")
                found = {"rule": rule, "what": what, "expected": "", "seen": ""}
        spent = time.perf_counter() - started
    outcome = ProbeOutcome(
        version, operations, dict(kinds), programs, spent, found,
        dict(recording.checked), recording.heaps,
    )  # fmt: skip
    return Probed(outcome, recorded, interrupted)
