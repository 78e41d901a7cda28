"""The application: commands, and what becomes of an exception."""

import ast
import importlib
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from functools import wraps
from importlib.abc import InspectLoader
from importlib.util import find_spec
from typing import Annotated, Final

import typer
from typer.exceptions import TyperException

from spanproof.cli.output import HOLDS, INTERRUPTED, UNUSABLE, Unusable, complain, out
from spanproof.cli.unexpected import refused, unexpected
from spanproof.replay.format.reader import TraceError
from spanproof.support.processes import interrupts
from spanproof.support.stale import stale

COMMANDS: Final = {
    "verify": "spanproof.cli.commands.verify",
    "prove": "spanproof.cli.commands.prove",
    "mutants": "spanproof.cli.commands.mutants",
    "check": "spanproof.cli.commands.check",
    "corrupt": "spanproof.cli.commands.corrupt",
    "fuzz": "spanproof.cli.commands.fuzz",
    "replay": "spanproof.cli.commands.fuzz",
    "new": "spanproof.cli.commands.new",
    "smoke": "spanproof.cli.commands.smoke",
    "vectors": "spanproof.cli.commands.vectors",
    "planted": "spanproof.cli.commands.planted",
    "simulate": "spanproof.cli.commands.simulate",
    "explain": "spanproof.cli.commands.explain",
    "autopsy": "spanproof.cli.commands.autopsy",
    "probe": "spanproof.cli.commands.probe",
    "bench": "spanbench.command",
    "selftest": "spanproof.cli.commands.selftest",
}
"""Each command, a function of its name, with the module that it is in."""

OF_SOURCES: Final = "bench"
"""The command that measures: a tool of the sources, which users do not install."""

NOT_INSTALLED: Final = (
    f"{OF_SOURCES} measures what is in the repository, and is not installed: clone that, say "
    f"`make ready`, and run .venv/bin/spanspec {OF_SOURCES} there"
)


def application(arguments: list[str]) -> typer.Typer:
    """Return the application; only a command that the arguments name is loaded.

    Of the others the list of commands has the summary, which their source tells.

    Raises: Unusable if the one called is not installed.
    """
    app = typer.Typer(
        name="spanspec",
        help="A formally checked reference model of the Go 1.13 memory allocator.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        callback=options,
    )
    called = arguments[0] if arguments else ""
    names = [called] if called in COMMANDS else list(COMMANDS)
    for name in names if called != "--version" else ():
        if name == OF_SOURCES and find_spec("spanbench") is None:
            if called == OF_SOURCES:
                raise Unusable(NOT_INSTALLED)
            continue
        command = loaded(name) if name in arguments else listed(name)
        # Without a short help typer makes one, and cuts it to the width of a line.
        app.command(name, short_help=summary(command.__doc__))(command)
    return app


def loaded(name: str) -> Callable[..., int]:
    """Return a command."""
    command: Callable[..., int] = getattr(importlib.import_module(COMMANDS[name]), name)
    return stopping(command)


def listed(name: str) -> Callable[[], int]:
    """Return what stands for a command that is not called, with its docstring.

    To load all commands, and the solver and the fuzzer with them, takes a second.
    """

    def not_called() -> int:
        raise AssertionError(f"{name} was not among the arguments")

    spec = find_spec(COMMANDS[name])
    assert spec is not None
    assert isinstance(spec.loader, InspectLoader)
    functions = ast.parse(spec.loader.get_source(spec.name) or "").body
    not_called.__doc__ = next(
        ast.get_docstring(one)
        for one in functions
        if isinstance(one, ast.FunctionDef) and one.name == name
    )
    return not_called


def print_version(wanted: bool) -> None:
    """Print versions and end, if that is what is wanted."""
    if wanted:
        from spanproof.cli.version import version_lines

        for line in version_lines():
            out.print(line, markup=False)
        raise typer.Exit(HOLDS)


def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=print_version, is_eager=True, help="Print versions and exit."
        ),
    ] = False,
) -> None:
    """Take the options that come before a command."""


def summary(told: str | None) -> str:
    """Return the first paragraph of a command's help in one line."""
    return " ".join((told or "").partition("\n\n")[0].split())


class StoppedByUser(Exception):
    """A command was interrupted, and has not said so itself."""


class EndedEarly(Exception):
    """An EOFError, its cause, has come out of a command."""


def stopping(command: Callable[..., int]) -> Callable[..., int]:
    """Return a command whose interrupt is `StoppedByUser`, and whose EOFError is `EndedEarly`.

    Of the first typer would make a silent status, and of the second an interrupt.
    """

    @wraps(command)
    def call(*arguments: object, **options: object) -> int:
        try:
            return command(*arguments, **options)
        except KeyboardInterrupt:
            raise StoppedByUser from None
        except EOFError as problem:
            raise EndedEarly from problem

    return call


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; nothing escapes as a traceback."""
    if not __debug__:
        complain("the fatal checks of the model are assertions: run Python without -O")
        return UNUSABLE
    try:
        app = application(arguments)
        outcome = app(arguments or ["--help"], prog_name="spanspec", standalone_mode=False)
    except TyperException as problem:
        complain(f"{problem.format_message().rstrip('.')}; see spanspec --help")
        return UNUSABLE
    except (Unusable, TraceError) as problem:
        complain(str(problem))
        return UNUSABLE
    except (KeyboardInterrupt, StoppedByUser, typer.Abort):
        complain("interrupted")
        return INTERRUPTED
    except OSError as problem:
        complain(refused(problem))
        return UNUSABLE
    except BrokenExecutor:
        complain("a worker process was killed, perhaps for want of memory; nothing is judged")
        return UNUSABLE
    except (Exception, SystemExit) as problem:
        if interrupts.asked_to_end():
            # Some libraries make another exception of an interrupt, and a process that was ended
            # by the same signal makes one, too.
            complain("interrupted")
            return INTERRUPTED
        cause = problem.__cause__ if isinstance(problem, EndedEarly) else None
        return unexpected(cause or problem)
    return outcome if isinstance(outcome, int) else HOLDS


def tell_stale() -> None:
    """Say which package runs from its source because it changed since it was compiled."""
    for line in stale():
        complain(line)
