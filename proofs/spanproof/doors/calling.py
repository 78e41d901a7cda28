"""How the process is called that stands behind a door."""

import shlex
import sys
from pathlib import Path

from spanproof.fuzz.finding import DoorName
from spanproof.fuzz.levels.remote import Called
from spanproof.protocol.faults import CannotStart


def called_of(door: DoorName, command: str, folder: str) -> Called:
    """Return how the process is called that a door leads to; paths are relative to a folder.

    Raises: CannotStart if there is no such command or file.
    """
    if door == "exec":
        try:
            words = tuple(shlex.split(command))
        except ValueError as problem:
            raise CannotStart(f"--exec {command}: {problem}") from None
        if not words:
            raise CannotStart("--exec: it has to be a command")
        return Called(words, folder)
    library = Path(folder, command)
    if not library.is_file():
        raise CannotStart(f"{library}: there is no such file")
    return Called((sys.executable, "-m", "spanproof.doors.library", str(library)), folder)
