"""How the process is called that stands behind a door."""

import shlex
import sys
from pathlib import Path
from typing import Final

from spanproof.doors.driver import driver, library_of
from spanproof.fuzz.campaigns.finding import DoorName
from spanproof.fuzz.levels.remote import ProcessCommand
from spanproof.protocol.faults import CannotStart

PRELOADED: Final = 'LD_PRELOAD="$SPANSPEC_LIBRARY" exec "$0" 3>&1 1>&2'
"""Starts a program with a library, whose constructors may print on standard output, too."""


def called_of(door: DoorName, command: str, folder: str) -> ProcessCommand:
    """Return how the process is called that a door leads to; paths are relative to a folder.

    Raises: CannotStart if there is no such command or file.
    """
    if door == "exec":
        try:
            words = tuple(shlex.split(command))
        except ValueError as problem:
            raise CannotStart(f"it cannot be read as a command: {problem}") from None
        if not words:
            raise CannotStart("it has to be a command")
        return ProcessCommand(words, folder)
    if door == "malloc":
        extra = {"SPANSPEC_LIBRARY": str(library_of(command, folder)), "SPANSPEC_REPLIES": "3"}
        return ProcessCommand(("/bin/sh", "-c", PRELOADED, str(driver())), "", extra)
    library = Path(folder, command)
    if not library.is_file():
        raise CannotStart(f"{library}: there is no such file")
    return ProcessCommand(
        (sys.executable, "-P", "-m", "spanproof.doors.library", str(library)), folder
    )
