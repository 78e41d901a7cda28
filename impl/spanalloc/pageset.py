"""A set of the pages of an arena, asked for its highest member below a page."""

from typing import Final, final

from librt.vecs import vec
from mypy_extensions import i64

from spanalloc.pagesizes import ARENA_PAGES

WORD: Final = 32
"""Pages in a word: half of what it could hold, so that no bit is the sign."""


@final
class PageSet:
    """A set of page numbers 0..8191, at first empty."""

    def __init__(self) -> None:
        self.words = vec[i64]([0] * (ARENA_PAGES // WORD))
        self.count: i64 = 0

    def has(self, page: i64) -> bool:
        """Tell whether a page is a member."""
        return (self.words[page >> 5] >> (page & 31)) & 1 != 0

    def add(self, page: i64) -> None:
        """Add a page."""
        if not self.has(page):
            one: i64 = 1
            self.words[page >> 5] |= one << (page & 31)
            self.count += 1

    def discard(self, page: i64) -> None:
        """Remove a page, if it is a member."""
        if self.has(page):
            one: i64 = 1
            self.words[page >> 5] ^= one << (page & 31)
            self.count -= 1

    def highest(self, last: i64) -> i64:
        """Return the highest member that is at most `last`, 0..8191; -1 if there is none."""
        if self.count == 0:
            return -1
        at = last >> 5
        one: i64 = 1
        word = self.words[at] & ((one << ((last & 31) + 1)) - 1)
        while word == 0:
            at -= 1
            if at < 0:
                return -1
            word = self.words[at]
        bit: i64 = 0
        while word > 1:
            word >>= 1
            bit += 1
        return (at << 5) + bit
