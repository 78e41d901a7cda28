"""The map from pages to spans, arena by arena (rules HEAP-5 to HEAP-9).

Every page of a span in use or manual maps to it; a free span is found from its first and its last
page, and what its inner pages say is stale. A page that was never allocated maps to nothing.
"""

from typing import Final

from spanspec.constants import HEAP_ARENA_BYTES, PAGE_SHIFT, PAGES_PER_ARENA
from spanspec.words import M64, U64

ARENA_BASE_OFFSET: Final = 1 << 47
"""What is added to an address before it is divided into arenas, in bytes (CONST-2)."""

MAX_ARENAS: Final = 1 << 22
"""Number of entries of the arena map on linux/amd64 (CONST-2)."""

NOBODY: Final = -1
"""The identity that stands for no span."""


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


class PageMap:
    """For each mapped arena, the span that each of its 8192 pages points to.

    An arena whose pages all point to the same span is held as that span alone.
    """

    def __init__(self) -> None:
        self.arenas: dict[int, int | list[int]] = {}

    def add_arena(self, index: int) -> None:
        """Enter a new arena, none of whose pages has a span.

        Rules: AR-5.
        """
        assert index not in self.arenas, "T-11: arena already initialized"
        self.arenas[index] = NOBODY

    def span_of(self, address: U64) -> int:
        """Return the span that the page of an address points to, perhaps a stale one; or NOBODY.

        Rules: HEAP-6.
        """
        index = arena_index(address)
        arena = self.arenas.get(index, NOBODY) if index < MAX_ARENAS else NOBODY
        if isinstance(arena, int):
            return arena
        return arena[(address >> PAGE_SHIFT) % PAGES_PER_ARENA]

    def all_lead_to(self, span: int, base: U64, npages: int) -> bool:
        """Tell whether every page of a run points to a span.

        Rules: HEAP-7.
        """
        page, end = base >> PAGE_SHIFT, (base >> PAGE_SHIFT) + npages
        while page < end:
            first = page % PAGES_PER_ARENA
            count = min(end - page, PAGES_PER_ARENA - first)
            arena = self.arenas.get(arena_index(page << PAGE_SHIFT), NOBODY)
            if isinstance(arena, int):
                if arena != span:
                    return False
            elif arena[first : first + count].count(span) != count:
                return False
            page += count
        return True

    def set_span(self, address: U64, span: int) -> None:
        """Let one page point to a span.

        Rules: HEAP-8.
        """
        self._pages(arena_index(address))[(address >> PAGE_SHIFT) % PAGES_PER_ARENA] = span

    def set_spans(self, base: U64, npages: int, span: int) -> None:
        """Let a run of pages point to a span, across arenas if need be.

        Rules: HEAP-8.
        """
        page = base >> PAGE_SHIFT
        end = page + npages
        while page < end:
            first = page % PAGES_PER_ARENA
            count = min(end - page, PAGES_PER_ARENA - first)
            index = arena_index(page << PAGE_SHIFT)
            if count == PAGES_PER_ARENA:
                assert index in self.arenas, "HEAP-8: the arena is not mapped"
                self.arenas[index] = span
            else:
                self._pages(index)[first : first + count] = [span] * count
            page += count

    def _pages(self, index: int) -> list[int]:
        """Return the pages of an arena, to be changed singly."""
        pages = self.arenas[index]
        if isinstance(pages, int):
            pages = [pages] * PAGES_PER_ARENA
            self.arenas[index] = pages
        return pages

    def copy(self) -> "PageMap":
        """Return a map that can change on its own."""
        twin = PageMap()
        twin.arenas = {
            index: pages if isinstance(pages, int) else list(pages)
            for index, pages in self.arenas.items()
        }
        return twin
