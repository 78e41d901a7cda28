"""How long a solver may work on a question, in a measure that does not hang on the machine's load.

A limit is told in seconds and given to a solver in its own units of work, as many as it does in so
many seconds on an idle machine. A loaded machine takes longer, and comes to the same answer. The
clock stands behind, for work that no unit counts.
"""

from typing import Final

Z3_UNITS: Final = 5_000_000
"""Units of Z3's `rlimit` in a second: 3 to 7 million were measured on questions of ours."""

CVC5_UNITS: Final = 300_000
"""Units of cvc5's `rlimit-per` in a second: 70 to 450 thousand were measured."""

CLOCK: Final = 10
"""How many times longer the clock lets a solver work that counts its own units."""

CLOCK_ALONE: Final = 3
"""The same for bitwuzla, which counts none: there the clock is all there is."""

LEAST: Final = 5.0
"""Seconds of the clock that are there for the smallest limit."""

_MOST: Final = 2**32 - 1


def units(seconds: float, in_a_second: int) -> int:
    """Return a limit in a solver's units of work."""
    return min(_MOST, max(1, round(seconds * in_a_second)))


def milliseconds(seconds: float, factor: int) -> int:
    """Return the limit of the clock."""
    return min(_MOST, round(max(LEAST, seconds * factor) * 1000))


def exhausted(seconds: float, in_a_second: int, spent: float) -> str:
    """Say which limit a solver ran into, having worked for so many seconds."""
    if spent * 1000 >= milliseconds(seconds, CLOCK):
        return f"gave up after {spent:.1f} s by the clock, for --timeout {seconds:g}"
    work = units(seconds, in_a_second)
    return f"gave up after {work} units of work, which is --timeout {seconds:g} on an idle machine"
