"""The languages that there is a harness for, its files, and what to do with them first."""

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Final

from spanproof.doors.header import PLACE
from spanproof.support.files.savedfile import as_argument

HERE: Final = Path(__file__).parent


class Language(StrEnum):
    """A language that there is a harness for."""

    C = "c"
    RUST = "rust"
    GO = "go"
    PYTHON = "python"


FILES: Final = {
    Language.C: ("harness.c", "Makefile"),
    Language.RUST: ("Cargo.toml", "src/main.rs"),
    Language.GO: ("go.mod", "main.go"),
    Language.PYTHON: ("harness.py",),
}


def first_steps(language: Language, folder: Path) -> tuple[str, ...]:
    """Return the commands that build a harness in a folder and try it."""
    place = as_argument(folder)
    tried: tuple[str, ...] = (f"{folder}/harness",)  # with a slash: it is not looked for in PATH
    build: tuple[str, ...] = ()
    match language:
        case Language.C:
            build = (f"make -C {place}",)
        case Language.RUST:
            build = (f"cargo build --release --manifest-path {as_argument(folder / 'Cargo.toml')}",)
            tried = (f"{folder}/target/release/harness",)
        case Language.GO:
            build = (f"(cd {place} && go build)",)
        case Language.PYTHON:
            tried = ("python3", f"{folder}/harness.py")
    # What --exec is given is split as a shell does it once more.
    return (*build, f"spanspec smoke --exec {shlex.quote(shlex.join(tried))}")


def files_of(language: Language) -> dict[str, bytes]:
    """Return the files of a harness, by their names."""
    folder = HERE / language.value
    files = {name: (folder / name).read_bytes() for name in FILES[language]}
    if language is Language.C:
        files[PLACE.name] = PLACE.read_bytes()
    return files
