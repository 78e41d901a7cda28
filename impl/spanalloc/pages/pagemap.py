"""From an address to the span that holds it: arenas of 64 MiB, each with a table of its pages."""

from typing import Final, final

from librt.vecs import vec
from mypy_extensions import i64, u8

from spanalloc.base.maxtree import MaxTree
from spanalloc.base.pagesizes import ARENA_PAGES, ARENA_SHIFT, PAGE_SHIFT
from spanalloc.pages.pageset import PageSet
from spanalloc.span.span import Span

PAGE_IN_ARENA: Final = 8191
ARENA_IN_GROUP: Final = 2047
GROUP_SHIFT: Final = 37
GROUPS: Final = 2048
"""A group is 128 GiB of addresses: the map has two levels, of 2048 entries each."""


@final
class HeapArena:
    """64 MiB of address space, and what is known of its 8192 pages.

    `spans` has the span of each page (HEAP-8). A free span is entered at its first page: its
    length in `runs`, and, unless it is scavenged, its membership in `huge` or `plain` by whether
    it contains a whole huge page. `in_use` and `marked` have one byte a page, of which only the
    first page of a span counts (HEAP-9).
    """

    def __init__(self, base: i64, view: memoryview | None) -> None:
        self.base: i64 = base
        self.rank: i64 = 0
        self.spans = vec[Span | None]([None] * ARENA_PAGES)
        self.runs = MaxTree(ARENA_PAGES)
        self.huge = PageSet()
        self.plain = PageSet()
        self.in_use = vec[u8]([0] * ARENA_PAGES)
        self.marked = vec[u8]([0] * ARENA_PAGES)
        self.view = view


@final
class PageMap:
    """All arenas: by address, and in the order in which they were mapped (AR-7).

    `groups` has those of each group by their number in it; nothing for a group without any.
    """

    def __init__(self) -> None:
        self.groups = vec[vec[HeapArena | None]]([vec[HeapArena | None]()] * GROUPS)
        self.all: list[HeapArena] = []
        self.by_address: list[HeapArena] = []

    def add(self, arena: HeapArena) -> bool:
        """Add an arena; return whether it is the highest of all so far."""
        group = arena.base >> GROUP_SHIFT
        if len(self.groups[group]) == 0:
            self.groups[group] = vec[HeapArena | None]([None] * (ARENA_IN_GROUP + 1))
        self.groups[group][(arena.base >> ARENA_SHIFT) & ARENA_IN_GROUP] = arena
        self.all.append(arena)
        place = len(self.by_address)
        while place > 0 and self.by_address[place - 1].base > arena.base:
            place -= 1
        self.by_address.insert(place, arena)
        for rank in range(place, len(self.by_address)):
            self.by_address[rank].rank = rank
        return place == len(self.by_address) - 1

    def arena_of(self, address: i64) -> HeapArena | None:
        """Return the arena that holds an address below 2^48, if it is mapped."""
        group = self.groups[address >> GROUP_SHIFT]
        return group[(address >> ARENA_SHIFT) & ARENA_IN_GROUP] if len(group) != 0 else None

    def arena_at(self, address: i64) -> HeapArena:
        """Return the arena that holds an address, which is mapped."""
        arena = self.arena_of(address)
        assert arena is not None
        return arena

    def span_at(self, address: i64) -> Span | None:
        """Return what the table has for an address; it may be out of date (HEAP-6)."""
        arena = self.arena_of(address)
        return arena.spans[(address >> PAGE_SHIFT) & PAGE_IN_ARENA] if arena is not None else None

    def enter(self, address: i64, span: Span) -> None:
        """Enter a span for the page at an address."""
        arena = self.arena_at(address)
        arena.spans[(address >> PAGE_SHIFT) & PAGE_IN_ARENA] = span

    def enter_ends(self, span: Span) -> None:
        """Enter a span for its first and its last page."""
        self.enter(span.base, span)
        self.enter(span.base + ((span.npages - 1) << PAGE_SHIFT), span)

    def enter_all(self, span: Span) -> None:
        """Enter a span for all of its pages, which may lie in several arenas."""
        address = span.base
        left = span.npages
        while left > 0:
            spans = self.arena_at(address).spans
            page = (address >> PAGE_SHIFT) & PAGE_IN_ARENA
            here = min(left, ARENA_PAGES - page)
            for at in range(page, page + here):
                spans[at] = span
            left -= here
            address += here << PAGE_SHIFT


def page_of(address: i64) -> i64:
    """Return the number of the page at an address within its arena."""
    return (address >> PAGE_SHIFT) & PAGE_IN_ARENA
