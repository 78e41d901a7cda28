"""Programs that are run to their end, for what they say; none outlives the command."""

import subprocess
from collections.abc import Mapping, Sequence
from os import PathLike
from subprocess import CompletedProcess

from spanproof.support.processes.children import with_parent


def ran(
    command: Sequence[str | PathLike[str]],
    *,
    folder: str | PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> CompletedProcess[str]:
    """Run a program in a folder to its end; return its status, and what it wrote as text.

    Raises: OSError if it cannot be started; subprocess.TimeoutExpired, after it was ended, if it
        takes longer than so many seconds.
    """
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        preexec_fn=with_parent(),
    )


def complaint(done: CompletedProcess[str], otherwise: str = "it said nothing") -> str:
    """Return the last line that a program wrote as an error, or another text if there is none."""
    return (done.stderr.strip().splitlines() or [otherwise])[-1]
