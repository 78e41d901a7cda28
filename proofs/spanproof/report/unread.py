"""The functions that cite rules and that no obligation reads or runs, each with the reason."""

from typing import Final

UNREAD: Final[dict[str, str]] = {
    "spanspec.pages.tables.invariant.tiling_holds": "joins predicates that are read one by one",
    "spanspec.span.freeslots.collect": "the abstract sweep, for searches and examples",
}
"""The reason by the name of a function, or by a pattern of names."""
