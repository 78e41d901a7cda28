"""The map from pages to spans (rules HEAP-5 to HEAP-9).

Every page of a span in use or manual maps to it; a free span is found from its first and its last
page, and what its inner pages say is stale. A page that was never allocated maps to nothing.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Generic, Self, TypeVar

from spanspec.base.constants import HEAP_ARENA_BYTES, PAGE_SHIFT
from spanspec.base.ids import NOBODY, Address, SpanId
from spanspec.base.intervals import Intervals
from spanspec.base.words import M64, U64
from spanspec.pages.tables.records import UNMAPPED

ValueT = TypeVar("ValueT")

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


class PageTable(Generic[ValueT]):
    """A value for each page of the address space, pages alike as one interval.

    It is an `AddressMap` of whole pages, which `set_range` updates in place.
    """

    def __init__(self, value: ValueT) -> None:
        self._pages: Intervals[ValueT] = Intervals(value)

    def __getitem__(self, address: int) -> ValueT:
        """Return the value of the page that an address lies in.

        Rules: HEAP-6.
        """
        return self._pages.at(address >> PAGE_SHIFT)

    def __iter__(self) -> Iterator[Address]:
        """Iterate over addresses: the first of each run of pages with the same value."""
        # A list, as each step of a generator takes several times as long.
        return iter([Address(page << PAGE_SHIFT) for page in self._pages.starts() if page >= 0])

    def set_range(self, start: int, end: int, value: ValueT) -> Self:
        """Give all pages from one address up to another a value, across arenas if need be.

        Rules: HEAP-8.
        """
        self._pages.set(start >> PAGE_SHIFT, end >> PAGE_SHIFT, value)
        return self

    def all_are(self, start: int, end: int, value: ValueT) -> bool:
        """Tell whether all pages from one address up to another have a value.

        Rules: HEAP-7.
        """
        return self._pages.all_are(start >> PAGE_SHIFT, end >> PAGE_SHIFT, value)

    def values(self, start: int, end: int) -> Sequence[ValueT]:
        """Return the values of the pages from one address up to another, one for each interval."""
        return self._pages.values(start >> PAGE_SHIFT, end >> PAGE_SHIFT)


class PageMap(PageTable[SpanId]):
    """The span that each page points to."""

    def __init__(self) -> None:
        super().__init__(UNMAPPED)

    def span_of(self, address: U64) -> int:
        """Return the span that the page of an address points to, perhaps a stale one; or NOBODY.

        Rules: HEAP-6.
        """
        span = self._pages.at(address >> PAGE_SHIFT)
        return NOBODY if span == UNMAPPED else span
