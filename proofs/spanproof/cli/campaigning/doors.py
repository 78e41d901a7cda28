"""The options by which an implementation is plugged in."""

from typing import Annotated, Final

import typer

from spanproof.cli.output import Unusable
from spanproof.doors.targets import Long, greeting_of
from spanproof.fuzz.campaigns.finding import DoorName, FoundWith
from spanproof.fuzz.sides.factories import Scope

Exec = Annotated[
    str,
    typer.Option("--exec", metavar="COMMAND", help="A process that answers, one JSON line each."),
]
Library = Annotated[
    str, typer.Option("--lib", metavar="FILE.so", help="A library with functions of spanspec.h.")
]
AnyMalloc = Annotated[
    str,
    typer.Option("--malloc", metavar="FILE.so", help="A library with malloc, free, and so on."),
]

LONG: Final = 2000
"""Operations of a program at most, where a malloc is given so many."""

LEVELS: Final = (Scope.SIZES, Scope.CONTRACT, Scope.SPAN, Scope.HEAP, Scope.SCHEDULE)
"""What a process may have, from little to much."""


def door_of(command: str, lib: str, malloc: str, python: str = "") -> tuple[DoorName, str]:
    """Return which door was named, and what is behind it; none if it is a factory, or nothing.

    Raises: Unusable if there are several.
    """
    doors: dict[DoorName, str] = {"exec": command, "lib": lib, "malloc": malloc}
    named_ones = [name for name, behind in doors.items() if behind]
    if len(named_ones) + bool(python) > 1:
        raise Unusable("only one of --exec, --lib, --malloc and --python can be given")
    return (named_ones[0], doors[named_ones[0]]) if named_ones else ("", "")


def named(found_with: FoundWith) -> str:
    """Return the option that named what is plugged in, as the beginning of a line."""
    if found_with.door:
        return f"--{found_with.door} {found_with.command}: "
    return f"--python {found_with.python}: " if found_with.python else ""


def highest_level(found_with: FoundWith) -> Scope:
    """Return the most that a process says it has.

    Raises: CannotStart if it cannot be started, or does not say.
    """
    greeting = greeting_of(found_with)
    return max((Scope(level) for level in greeting.levels), key=LEVELS.index)


def programs_of(operations: int) -> int:
    """Return how many programs have so many operations together."""
    return -(-operations // LONG)


def long_of(found_with: FoundWith, operations: int, threads: int) -> Long | None:
    """Return which long programs a malloc is given, if it is.

    Raises: Unusable if it is asked of something else.
    """
    if found_with.of is not Scope.CONTRACT:
        if operations or threads > 1:
            raise Unusable("--operations and --threads are for a malloc's contract")
        return None
    if operations:
        return Long(-(-operations // programs_of(operations)), threads)
    return Long(LONG, threads) if threads > 1 or found_with.door == "malloc" else None
