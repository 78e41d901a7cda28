"""Mutants of spanalloc that nobody can notice, each with the reason.

A mutant is named by its function (a shell pattern), by what stands in the line that it changes, and
by what stood there and what stands there instead, `a < b -> (a <= b)`, or `*` for any change.
"""

from typing import Final, NamedTuple


class Reason(NamedTuple):
    """Why nobody can notice some mutants."""

    function: str
    source: str
    change: str
    why: str


REASONS: Final[tuple[Reason, ...]] = ()
"""The mutants that were met, in the order of the sources."""
