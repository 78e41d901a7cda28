"""The application: commands, and what becomes of an exception."""

import sys

import typer
from typer.exceptions import TyperException

from spanproof.cli import bench, check, corrupt, explain, fuzz, planted, prove, simulate, verify
from spanproof.cli.output import HOLDS, INTERRUPTED, UNUSABLE, Unusable, complain
from spanspec.trace.reader import TraceError

app = typer.Typer(
    name="spanspec",
    help="A formally checked reference model of the Go 1.13 memory allocator.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("verify")(verify.verify)
app.command("prove")(prove.prove)
app.command("check")(check.check)
app.command("fuzz")(fuzz.fuzz)
app.command("replay")(fuzz.replay)
app.command("planted")(planted.planted)
app.command("explain")(explain.explain)
app.command("corrupt")(corrupt.corrupt)
app.command("simulate")(simulate.simulate)
app.command("bench")(bench.bench)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; nothing escapes as a traceback."""
    if not __debug__:
        complain("the fatal checks of the model are assertions: run Python without -O")
        return UNUSABLE
    try:
        outcome = app(arguments or ["--help"], prog_name="spanspec", standalone_mode=False)
    except TyperException as problem:
        complain(f"{problem.format_message().rstrip('.')}; see spanspec --help")
        return UNUSABLE
    except (Unusable, TraceError) as problem:
        complain(str(problem))
        return UNUSABLE
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return INTERRUPTED
    except OSError as problem:
        place = f"{problem.filename}: " if problem.filename else ""
        complain(f"{place}{problem.strerror or problem}")
        return UNUSABLE
    return outcome if isinstance(outcome, int) else HOLDS


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))
