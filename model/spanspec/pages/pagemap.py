"""The map from pages to spans (rules HEAP-5 to HEAP-9).

Every page of a span in use or manual maps to it; a free span is found from its first and its last
page, and what its inner pages say is stale. A page that was never allocated maps to nothing.
"""

from typing import Final

from spanspec.base.constants import HEAP_ARENA_BYTES, PAGE_SHIFT
from spanspec.base.ids import NOBODY
from spanspec.base.intervals import Intervals
from spanspec.base.words import M64, U64

ARENA_BASE_OFFSET: Final = 1 << 47
"""What is added to an address before it is divided into arenas, in bytes (CONST-2)."""

MAX_ARENAS: Final = 1 << 22
"""Number of entries of the arena map on linux/amd64 (CONST-2)."""


def arena_index(address: U64) -> int:
    """Return the number of the arena that an address lies in.

    Rules: HEAP-5.
    """
    return ((address + ARENA_BASE_OFFSET) & M64) // HEAP_ARENA_BYTES


def arena_base(index: int) -> U64:
    """Return the lowest address of an arena.

    Rules: HEAP-5.
    """
    return (index * HEAP_ARENA_BYTES - ARENA_BASE_OFFSET) & M64


UNMAPPED: Final = -2
"""What a page leads to that lies in no arena: to nobody, and it cannot lead to anybody."""


class PageMap:
    """The span that each page of the mapped arenas points to, pages alike as one interval."""

    def __init__(self) -> None:
        self._spans: Intervals[int] = Intervals(UNMAPPED)

    def add_arenas(self, base: U64, npages: int) -> None:
        """Enter new arenas, none of whose pages has a span.

        Rules: AR-5.
        """
        first = base >> PAGE_SHIFT
        end = first + npages
        mapped = any(span != UNMAPPED for span in self._spans.values(first, end))
        assert not mapped, "T-11: arena already initialized"
        self._spans.set(first, end, NOBODY)

    def span_of(self, address: U64) -> int:
        """Return the span that the page of an address points to, perhaps a stale one; or NOBODY.

        Rules: HEAP-6.
        """
        span = self._spans.at(address >> PAGE_SHIFT)
        return NOBODY if span == UNMAPPED else span

    def all_lead_to(self, span: int, base: U64, npages: int) -> bool:
        """Tell whether every page of a run points to a span.

        Rules: HEAP-7.
        """
        page = base >> PAGE_SHIFT
        return all(one == span for one in self._spans.values(page, page + npages))

    def set_span(self, address: U64, span: int) -> None:
        """Let one page point to a span.

        Rules: HEAP-8.
        """
        self.set_spans(address, 1, span)

    def set_spans(self, base: U64, npages: int, span: int) -> None:
        """Let a run of pages point to a span, across arenas if need be.

        Rules: HEAP-8.
        """
        page = base >> PAGE_SHIFT
        mapped = UNMAPPED not in self._spans.values(page, page + npages)
        assert mapped, "HEAP-8: the arena is not mapped"
        self._spans.set(page, page + npages, span)
