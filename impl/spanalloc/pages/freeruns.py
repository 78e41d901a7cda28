"""The free spans in address order: the lowest that is long enough, and the highest of a kind.

The runtime keeps a treap (TREAP-1 to TREAP-9). What can be observed of it is a list of free spans
sorted by address (TREAP-3); here each arena has a table of its pages with a tree of largest
lengths over it, and one more such tree lies over the arenas.
"""

from typing import final

from mypy_extensions import i64

from spanalloc.base.maxtree import MaxTree
from spanalloc.base.pagesizes import ARENA_BYTES, ARENA_PAGES, PAGE_SHIFT, PageSizes
from spanalloc.pages.pagemap import HeapArena, PageMap, page_of
from spanalloc.span.span import Span


@final
class FreeRuns:
    """The set of free spans, and the number of huge pages that are free but not scavenged."""

    def __init__(self, pages: PageMap, sizes: PageSizes) -> None:
        self.pages = pages
        self.sizes = sizes
        self.tops = MaxTree(16)
        self.capacity: i64 = 16
        self.huge_pages: i64 = 0
        self.count: i64 = 0

    def make_room(self, arenas: i64) -> None:
        """Have room for so many arenas in all.

        Raises: MemoryError; nothing has changed then.
        """
        capacity = self.capacity
        while capacity < arenas:
            capacity *= 16
        if capacity == self.capacity:
            return
        self.tops = self.filled(MaxTree(capacity))
        self.capacity = capacity

    def arena_added(self, highest: bool) -> None:
        """Take note of a new arena, for which there is room; unless highest, it moved others up."""
        if not highest:
            self.tops.clear()
            self.filled(self.tops)

    def filled(self, tops: MaxTree) -> MaxTree:
        """Return an empty tree with the largest length of each arena."""
        for arena in self.pages.by_address:
            tops.store(arena.rank, arena.runs.largest())
        return tops

    def insert(self, span: Span) -> None:
        """Add a free span (TREAP-4)."""
        arena = self.pages.arena_at(span.base)
        page = page_of(span.base)
        arena.runs.store(page, span.npages)
        self.tops.store(arena.rank, arena.runs.largest())
        self.count += 1
        if not span.scavenged:
            self.enter_kind(arena, page, span)

    def remove(self, span: Span) -> None:
        """Remove a free span, whose base, length and flag are those it was added with (TREAP-5)."""
        arena = self.pages.arena_at(span.base)
        page = page_of(span.base)
        arena.runs.store(page, 0)
        self.tops.store(arena.rank, arena.runs.largest())
        self.count -= 1
        if not span.scavenged:
            self.leave_kind(arena, page, span)

    def cut(self, span: Span, npages: i64) -> None:
        """Take so many pages off the front of an unscavenged span, fewer than it has."""
        base = span.base + (npages << PAGE_SHIFT)
        arena = self.pages.arena_at(span.base)
        if arena.base + ARENA_BYTES <= base:
            self.remove(span)
            span.base = base
            span.npages -= npages
            self.insert(span)
        else:
            self.leave_kind(arena, page_of(span.base), span)
            arena.runs.move(page_of(span.base), page_of(base), span.npages - npages)
            self.tops.store(arena.rank, arena.runs.largest())
            span.base = base
            span.npages -= npages
            self.enter_kind(arena, page_of(base), span)

    def enter_kind(self, arena: HeapArena, page: i64, span: Span) -> None:
        """Enter an unscavenged span by whether it has a whole huge page (TREAP-7)."""
        huge = self.sizes.huge_pages(span.base, span.npages)
        if huge > 0:
            arena.huge.add(page)
            self.huge_pages += huge
        else:
            arena.plain.add(page)

    def leave_kind(self, arena: HeapArena, page: i64, span: Span) -> None:
        """Undo `enter_kind`."""
        if arena.huge.has(page):
            arena.huge.discard(page)
            self.huge_pages -= self.sizes.huge_pages(span.base, span.npages)
        else:
            arena.plain.discard(page)

    def first_fit(self, npages: i64) -> Span | None:
        """Return the lowest free span with at least so many pages (TREAP-2, I-40)."""
        rank = self.tops.lowest(npages)
        if rank < 0:
            return None
        arena = self.pages.by_address[rank]
        return arena.spans[arena.runs.lowest(npages)]

    def highest(self, below: i64, huge: bool) -> Span | None:
        """Return the highest unscavenged free span that begins below an address (TREAP-8).

        With `huge` only those that have a whole huge page count, else only the others.
        """
        rank = len(self.pages.by_address) - 1
        while rank >= 0:
            arena = self.pages.by_address[rank]
            rank -= 1
            if arena.base >= below:
                continue
            members = arena.huge if huge else arena.plain
            last: i64 = ARENA_PAGES - 1
            if below <= arena.base + (last << 13):
                last = page_of(below - 1)
            page = members.highest(last)
            if page >= 0:
                return arena.spans[page]
        return None

    def in_order(self) -> list[Span]:
        """Return all free spans in address order."""
        found: list[Span] = []
        for arena in self.pages.by_address:
            for page in arena.runs.in_use():
                span = arena.spans[page]
                assert span is not None
                found.append(span)
        return found
