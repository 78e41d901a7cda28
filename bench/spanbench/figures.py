"""All figures: one module for each area. Importing this module registers them."""

from spanbench.areas import (
    bookkeeping,
    calls,
    checking,
    fuzzing,
    pagegrowth,
    protocol,
    rates,
    serving,
)
from spanbench.measuring.figure import REGISTRY, Figure

__all__ = [
    "all_figures",
    "bookkeeping",
    "calls",
    "checking",
    "fuzzing",
    "pagegrowth",
    "protocol",
    "rates",
    "serving",
]


AREAS = ("check", "protocol", "stream", "call", "pages", "memory", "rate", "fuzz")
"""The first parts of the ids, in the order in which figures are shown."""


def all_figures() -> list[Figure]:
    """Return every figure, area by area."""
    return sorted(REGISTRY.values(), key=lambda figure: AREAS.index(figure.id.partition(".")[0]))
