"""Counterexamples as files: `spanspec replay` reads them and runs them again."""

from pathlib import Path
from typing import Literal

import msgspec

from spanproof.support.files import savedfile


class Counterexample(msgspec.Struct, frozen=True, tag="counterexample", tag_field="kind"):
    """Values for the symbols of an obligation that make one of its claims false.

    `mutant` names the variant that it is a counterexample of; without one, it is of the sources as
    they are. `looked_up` has what the proof looks up inside a function that it cuts; `matters`
    names the values that the claim hangs on, if that is known, and `at` is where it stands.
    """

    obligation: str
    failed: str
    symbols: dict[str, object]
    looked_up: dict[str, object]
    mutant: str | None = None
    matters: tuple[str, ...] = ()
    at: str = ""
    format: Literal[1] = 1


class NoCounterexample(Exception):
    """A file holds no counterexample; the message is one line with its name."""


def save(counterexample: Counterexample, path: Path) -> None:
    """Write a counterexample as JSON."""
    savedfile.write(counterexample, path)


def load(path: Path) -> Counterexample:
    """Read a counterexample.

    Raises: NoCounterexample if the file is missing or holds none.
    """
    return savedfile.read(path, Counterexample, "no counterexample", NoCounterexample)


def is_counterexample(path: Path) -> bool:
    """Tell whether a file says of itself that it is a counterexample."""
    return savedfile.kind_of(path) == "counterexample"
