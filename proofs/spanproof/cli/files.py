"""Files that commands write for the user: what is told of them. Nothing of a fuzzer is loaded."""

from collections.abc import Callable
from pathlib import Path

from spanproof.cli.output import Result, complain, out
from spanproof.support import savedfile


def kept(write: Callable[[], Result], what: str, place: Path) -> Result | None:
    """Write something for the user; where that fails, a line says so and None is returned."""
    try:
        return write()
    except OSError as problem:
        complain(f"{what} could not be saved: {problem.filename or place}: {problem.strerror}")
        return None


def tell_saved(path: Path, command: str = "replay") -> None:
    """Say where a finding, or a recording of one, is, and how it is run again."""
    again = f"spanspec {command} {savedfile.as_argument(path)}"
    out.print(f"saved as {path}; run it again with {again}", markup=False)
