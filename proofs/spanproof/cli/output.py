"""What all commands share: consoles, exit statuses, JSON, and progress on long work."""

import json
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Result = TypeVar("Result")

HOLDS: Final = 0
FAILS: Final = 1
UNUSABLE: Final = 2
INTERRUPTED: Final = 130

out: Final = Console(highlight=False, soft_wrap=True, emoji=False)
"""Results go here."""

err: Final = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
"""Progress and complaints go here."""


class Unusable(Exception):
    """The call or its input cannot be used; the message is the one line to show."""


@contextmanager
def from_extra(name: str) -> Iterator[None]:
    """Say what to install where a library is missing that only one of the extras asks for.

    Raises: Unusable.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("span"):
            raise  # one of ours is no library
        raise Unusable(f"there is no {missing.name}: pip install 'spanspec[{name}]'") from None


def status_of(found: bool, interrupted: bool = False, unusable: bool = False) -> int:
    """Return the exit status of a command: a finding stays one, whatever else became of it."""
    if found:
        return FAILS
    if interrupted:
        return INTERRUPTED
    return UNUSABLE if unusable else HOLDS


def complain(message: str) -> None:
    """Print one line about an unusable call or input; what controls a terminal is written out."""
    words = " ".join(message.replace("\n    it printed: ", "; it printed: ").split())
    told = "".join(one if one.isprintable() else repr(one)[1:-1] for one in words)
    err.print(f"spanspec: {told}", markup=False, style="red")


def print_json(value: object) -> None:
    """Print a value as one JSON document."""
    try:
        text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    except UnicodeEncodeError:
        # A file name that is not of the system's encoding.
        text = json.dumps(msgspec.to_builtins(value), indent=2).encode()
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.buffer.flush()


class Gathered(NamedTuple, Generic[Result]):
    """Results, whether Ctrl-C cut them short, and what is to be told of those that never come."""

    found: list[Result]
    interrupted: bool = False
    lost: str = ""

    def status(self, good: bool) -> int:
        """Return the exit status of a command, and tell what was lost.

        Whether it is good is asked only where all results are there.
        """
        if self.lost:
            complain(self.lost)
        whole = not (self.interrupted or self.lost)
        return status_of(whole and not good, self.interrupted, unusable=bool(self.lost))


def gathered(
    unit: str, description: str, total: int, results: Iterable[Result]
) -> Gathered[Result]:
    """Return results as they come, with progress shown."""
    found: list[Result] = []
    with progress(unit) as display:
        task = display.add_task(description, total=total)
        try:
            for result in results:
                found.append(result)
                display.advance(task)
        except KeyboardInterrupt:
            return Gathered(found, interrupted=True)
        except BrokenExecutor as problem:
            return Gathered(found, lost=str(problem))
    return Gathered(found)


def progress(unit: str, live: bool = True) -> Progress:
    """Return a progress display on standard error, silent unless that is a terminal.

    One that is not `live` has no thread: it is shown anew by its `refresh` only.
    """
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        auto_refresh=live,
        disable=not err.is_terminal,
    )
