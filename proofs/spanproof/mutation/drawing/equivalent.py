"""Mutants that nobody can notice, each with the reason.

A mutant is named by its function (a shell pattern), by what stands in the line that it changes, and
by what stood there and what stands there instead, `a < b -> (a <= b)`, a shell pattern as well: in
it `[[]` is a bracket.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple


class Reason(NamedTuple):
    """Why nobody can notice some mutants."""

    function: str
    source: str
    change: str
    why: str


def reason_for(function: str, source: str, change: str, reasons: Iterable[Reason]) -> str:
    """Return the reason why nobody can notice a mutant; empty if none is known."""
    for one in reasons:
        named = fnmatchcase(function, one.function) and one.source in source
        if named and fnmatchcase(change, one.change):
            return one.why
    return ""
