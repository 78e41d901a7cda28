"""The evidence: proofs, differential fuzzing, trace conformance, reports, command line."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanspec.compiled import Running

    RUNNING: Running
    """How this package runs: one module of it, a figure's, is compiled."""


def __getattr__(name: str) -> object:
    """Find out how this package runs when that is asked, not when a command starts.

    A signal that comes before the command listens to signals would end it in Python's way.
    """
    if name != "RUNNING":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _running()


@cache
def _running() -> "Running":
    from pathlib import Path

    from spanspec.compiled import prepare

    return prepare(Path(__file__).parent)
