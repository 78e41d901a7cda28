"""The page heap as a system: runs, the span map, and which span each address belongs to."""

from typing import Final

from spanspec.base.ids import Address, SpanId
from spanspec.base.records import Record
from spanspec.base.tables import AddressMap, Table
from spanspec.pages.runs import PageRun, end_of
from spanspec.span.mspan import DEAD, FREE

NO_SPAN: Final = SpanId(0)
"""What an address outside every span belongs to; never the identity of a real span."""


class Tiling(Record, frozen=True):
    """All descriptors' runs, and the span map of every page.

    `owner` exists for the argument only: the span that each address really belongs to.
    """

    runs: Table[SpanId, PageRun]
    map: AddressMap[SpanId]
    owner: AddressMap[SpanId]


def is_live(tiling: Tiling, span: SpanId) -> bool:
    """Tell whether a descriptor stands for a run of pages: free, in use or manual.

    Rules: SPAN-2.
    """
    return span != NO_SPAN and tiling.runs[span].state != DEAD


def is_free(tiling: Tiling, span: SpanId) -> bool:
    """Tell whether a descriptor stands for a free run.

    Rules: SPAN-2.
    """
    return span != NO_SPAN and tiling.runs[span].state == FREE


def contains(run: PageRun, address: Address) -> bool:
    """Tell whether an address lies in a run."""
    return run.base <= address < end_of(run)
