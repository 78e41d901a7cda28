"""Programs and libraries in C that tests plug in."""

import shutil
import subprocess
from pathlib import Path

import pytest

from spanproof.doors.header import PLACE


def built(source: Path, target: Path, *flags: str) -> str:
    """Compile a source with the header of the doors, and return the path of what was made."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler: apt-get install gcc")
    command = [compiler, *flags, f"-I{PLACE.parent}", "-o", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return str(target)
