"""The page heap as a system of tables: runs, the span map, the arena it grows from.

`GHOSTS` exist for the argument only: the same steps maintain them, nothing that runs reads one.
"""

from typing import Final

from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import NOBODY, Address, SpanId
from spanspec.base.records import Record
from spanspec.base.tables import AddressMap, Table
from spanspec.base.words import U64, Count
from spanspec.pages.tables.runs import LISTED, LOOSE, SPARE, PageRun, PhysicalPages, end_of

NO_SPAN: Final = SpanId(NOBODY)
"""What a page of an arena leads to that no span has had yet; never the identity of a span."""

UNMAPPED: Final = SpanId(-2)
"""What an address leads to that lies in no arena."""

GHOSTS: Final = ("owner", "written")
"""The fields of `Tiling` that nothing but the invariant reads."""


class Arena(Record, frozen=True):
    """The part of the newest region that no span has had yet: addresses base..end (HEAP-17)."""

    base: U64
    end: U64


class Tiling(Record, frozen=True):
    """What the lock of the page heap protects: all descriptors' runs, and the span of each page.

    `mapped` counts the bytes of all arenas. `owner` is the span that an address really belongs to,
    `written` tells whether its page was ever handed out.
    """

    phys: PhysicalPages
    runs: Table[SpanId, PageRun]
    map: AddressMap[SpanId]
    current: Arena
    mapped: Count
    owner: AddressMap[SpanId]
    written: AddressMap[bool]


def is_live(tiling: Tiling, span: SpanId) -> bool:
    """Tell whether a descriptor stands for a run of pages.

    Rules: SPAN-2 HEAP-4.
    """
    return span >= 0 and tiling.runs[span].role != SPARE


def is_listed(tiling: Tiling, span: SpanId) -> bool:
    """Tell whether a descriptor stands for a run of the free set.

    Rules: SPAN-2 TREAP-4.
    """
    return span >= 0 and tiling.runs[span].role == LISTED


def is_loose(tiling: Tiling, span: SpanId) -> bool:
    """Tell whether a descriptor stands for a free run that is not in the free set yet.

    Rules: HEAP-29.
    """
    return span >= 0 and tiling.runs[span].role == LOOSE


def is_free(tiling: Tiling, span: SpanId) -> bool:
    """Tell whether a descriptor stands for a free run, in the free set or on its way there.

    Rules: SPAN-2.
    """
    return span >= 0 and tiling.runs[span].role >= LOOSE


def contains(run: PageRun, address: Address) -> bool:
    """Tell whether an address lies in a run."""
    return run.base <= address < end_of(run)


def with_page(tiling: Tiling, page: Address, span: SpanId) -> Tiling:
    """Let one page of the span map lead to a span.

    Rules: HEAP-8.
    """
    return replace(tiling, map=tiling.map.set_range(page, Address(page + PAGE_SIZE), span))
