"""The functions that cite rules and that no obligation reads or runs, each with the reason."""

from typing import Final

ASKED: Final = "an answer to whoever asks; nothing in a heap hangs on it"
OTHERS: Final = "judges the heap of another process, in `spanspec autopsy`; no heap of ours asks it"

UNREAD: Final[dict[str, str]] = {
    "spanspec.pages.bgscavenge.may_sleep": ASKED,
    "spanspec.pages.invariant.tiling_holds": "joins predicates that are read one by one",
    "spanspec.span.freeslots.collect": "the abstract sweep, for searches and examples",
    "spanspec.span.listing.belongs": OTHERS,
}
"""The reason by the name of a function, or by a pattern of names."""
