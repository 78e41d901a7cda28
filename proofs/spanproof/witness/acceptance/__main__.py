"""Commands that show what the witness is held to; each ends with status 1 if that fails."""

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from spanproof.witness.acceptance.programs import built, name_of, toolchains
from spanproof.witness.errors import WitnessError

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

Go = Annotated[
    list[Path] | None, typer.Option("--go", metavar="PATH", help="A toolchain; else all at hand.")
]
Seed = Annotated[int, typer.Option(help="Determines what is drawn.")]


@app.command()
def stops(
    go: Go = None,
    number: Annotated[int, typer.Option(help="Stops of each toolchain's load.")] = 125,
    mode: Annotated[str, typer.Option(help="busy, slow or still.")] = "busy",
    program: Annotated[Path | None, typer.Option(help="A program instead of the load.")] = None,
    donor: Annotated[
        Path | None, typer.Option(help="What lends a stripped one its layout.")
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="Where odd images are kept.")] = None,
    flags: Annotated[str, typer.Option(help="Flags of go build.")] = "",
    seed: Seed = 0,
) -> None:
    """Stop a sound load: no damage, and at most 1 stop in 100 undecided."""
    from spanproof.witness.acceptance.stops import stopped_often

    failed = False
    with tempfile.TemporaryDirectory(prefix="spanspec-load-") as folder:
        for one in toolchains(go) if program is None else [Path()]:
            load = program or built(one, Path(folder) / one.parts[-3], flags.split())
            name = name_of(one) if program is None else load.name
            result = stopped_often(load, name, number, mode, seed, keep, donor)
            typer.echo(result.line())
            for line in result.odd:
                typer.echo(f"  {line}")
            failed = failed or not result.holds
    raise typer.Exit(int(failed))


@app.command()
def damages(
    go: Go = None,
    number: Annotated[int, typer.Option(help="Damages of each toolchain's load.")] = 100,
    quiet: Annotated[bool, typer.Option(help="At rest, or under full load.")] = True,
    seed: Seed = 0,
) -> None:
    """Damage copied heaps: 95 of 100 noticed at rest, 85 of 100 called damage under load."""
    from spanproof.witness.acceptance import damages as single

    failed = False
    with tempfile.TemporaryDirectory(prefix="spanspec-load-") as folder:
        for one in toolchains(go):
            load = built(one, Path(folder) / one.parts[-3])
            result = single.damages(load, name_of(one), number, quiet, seed)
            for line in result.lines():
                typer.echo(line)
            failed = failed or not result.holds
    raise typer.Exit(int(failed))


@app.command()
def cores(
    go: Go = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Kinds of damage; else all that Go dies of.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Damage running loads until Go throws: each core names the span and the rule."""
    from spanproof.witness.acceptance.cores import FATAL, deaths

    failed, number = 0, 0
    with tempfile.TemporaryDirectory(prefix="spanspec-load-") as folder:
        for one in toolchains(go):
            load = built(one, Path(folder) / one.parts[-3])
            kinds = list(kind or FATAL)
            for result in deaths(load, name_of(one), kinds, Path(folder) / "cores", seed):
                typer.echo(result.line())
                number += 1
                failed += not result.holds
    typer.echo(f"{number - failed} of {number} cores name the span and the rule")
    raise typer.Exit(int(failed > 0))


@app.command()
def hostile(
    go: Go = None,
    number: Annotated[int, typer.Option(help="Cases of each toolchain's load.")] = 2500,
    seed: Seed = 0,
) -> None:
    """Overwrite memory and files: a verdict or one line each time, no traceback, no hang."""
    from spanproof.witness.acceptance import hostile as cases

    failed = False
    for one in toolchains(go):
        with tempfile.TemporaryDirectory(prefix="spanspec-load-") as folder:
            load = built(one, Path(folder) / "load")
            result = cases.hostile(load, number, seed, Path(folder))
            typer.echo(f"{name_of(one)}: {number} cases, {len(result.failures)} failures")
            for what, count in sorted(result.outcomes.items()):
                typer.echo(f"  {what}: {count}")
            for line in result.failures[:20]:
                typer.echo(line)
            failed = failed or not result.holds
    raise typer.Exit(int(failed))


@app.command()
def cost(
    go: Go = None,
    spans: Annotated[int, typer.Option(help="Spans of one page that the load keeps.")] = 100_000,
) -> None:
    """Read and check many spans: seconds, and memory at most."""
    from spanproof.witness.acceptance.cost import measured

    failed = False
    for one in toolchains(go):
        with tempfile.TemporaryDirectory(prefix="spanspec-load-") as folder:
            result = measured(built(one, Path(folder) / "load"), name_of(one), spans)
            typer.echo(result.line())
            failed = failed or not result.holds
    raise typer.Exit(int(failed))


@app.command()
def recordings(
    paths: Annotated[list[Path], typer.Argument(help="Recordings of the probe (schema 1).")],
    of_each: Annotated[int, typer.Option(help="Damages of each kind.")] = 1,
    seed: Seed = 0,
) -> None:
    """Check recordings, and damage each in every way that is declared to be noticed."""
    from spanproof.witness.acceptance.recorded import KINDS, diverges, missed
    from spanproof.witness.recording.recordings import lines_of

    failed = False
    for path in paths:
        events = list(lines_of(path))
        holds = not diverges(events)
        tried, left = missed(events, of_each, seed)
        typer.echo(
            f"{path.name}: {'holds' if holds else 'diverges'}; of {tried} damages of {len(KINDS)} "
            f"kinds {tried - len(left)} noticed"
        )
        for line in left:
            typer.echo(f"  missed: {line}")
        failed = failed or not holds or bool(left)
    raise typer.Exit(int(failed))


def main() -> None:
    """Run a command; what cannot be used is told in one line."""
    try:
        app()
    except WitnessError as problem:
        sys.exit(f"error: {problem}")


if __name__ == "__main__":
    main()
