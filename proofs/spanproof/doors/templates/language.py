"""The languages that there is a harness for, its files, and what to do with them first."""

from enum import StrEnum
from pathlib import Path
from typing import Final

from spanproof.doors.header import PLACE

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

FIRST_STEPS: Final = {
    Language.C: ("make -C {folder}", "spanspec smoke --exec {folder}/harness"),
    Language.RUST: (
        "cargo build --release --manifest-path {folder}/Cargo.toml",
        "spanspec smoke --exec {folder}/target/release/harness",
    ),
    Language.GO: ("(cd {folder} && go build)", "spanspec smoke --exec {folder}/harness"),
    Language.PYTHON: ('spanspec smoke --exec "python3 {folder}/harness.py"',),
}
"""The commands that build a harness and try it."""


def files_of(language: Language) -> dict[str, bytes]:
    """Return the files of a harness, by their names."""
    folder = HERE / language.value
    files = {name: (folder / name).read_bytes() for name in FILES[language]}
    if language is Language.C:
        files[PLACE.name] = PLACE.read_bytes()
    return files
