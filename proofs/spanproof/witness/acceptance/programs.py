"""Go programs that put load on their allocator, built by a toolchain, and run while looked at."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from spanproof.support.processes.children import with_parent
from spanproof.support.processes.programs import complaint, ran
from spanproof.witness.errors import WitnessError
from spanproof.witness.program.toolchains import kept, on_path, quiet, version_of

LOAD: Final = Path(__file__).parents[1] / "goload" / "main.go"

NICE: Final = 15
"""The load stands back: what is measured is the reader."""

SECONDS: Final = 3600
WARM: Final = 1.0
"""Seconds after which a load has its usual shape."""

ENDS: Final = 5.0
"""Seconds that a damaged program has to end by itself."""


def toolchains(named: Sequence[Path] | None) -> list[Path]:
    """Return the toolchains that are named; else that on PATH, and those that were fetched.

    Raises: WitnessError if there is none.
    """
    if named:
        return list(named)
    try:
        return [on_path(), *kept()]
    except WitnessError:
        if not kept():
            raise
        return kept()


def built(go: Path, place: Path, flags: Sequence[str] = (), cgo: bool = False) -> Path:
    """Build the load by a toolchain into a folder; return the program.

    Raises: WitnessError if that fails.
    """
    place.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(LOAD, place / "main.go")
    made = ran(
        [str(go), "build", "-p", "1", *flags, "-o", "load", "main.go"],
        folder=place,
        environment={**quiet(), "CGO_ENABLED": "01"[cgo], "GOTMPDIR": str(place)},
    )
    if made.returncode != 0:
        last = complaint(made)
        raise WitnessError(f"{go}: cannot build the load: {last}")
    return place / "load"


@contextmanager
def running(
    program: Path, mode: str, spans: int = 0, folder: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a load; it is ended in any case. In a folder it leaves its errors there."""
    errors = (folder / "errors").open("w") if folder is not None else None
    process = subprocess.Popen(
        ["nice", "-n", str(NICE), str(program.resolve()), mode, str(SECONDS), str(spans)],
        stdout=subprocess.PIPE,
        stderr=errors or subprocess.DEVNULL,
        text=True,
        cwd=folder,
        env={**os.environ, "GOTRACEBACK": "crash"},
        preexec_fn=with_parent(),
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(WARM)
        yield process
    finally:
        process.kill()
        process.communicate()
        if errors is not None:
            errors.close()


def name_of(go: Path) -> str:
    """Return what a toolchain calls its version."""
    return version_of(go)
