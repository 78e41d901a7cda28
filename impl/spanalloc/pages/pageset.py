"""A set of the pages of an arena, asked for its highest member below a page."""

from typing import Final, final

from librt.vecs import vec
from mypy_extensions import i64

from spanalloc.base.pagesizes import ARENA_PAGES

WORD: Final = 32
"""Pages in a word: half of what it could hold, so that no bit is the sign."""

# Compiled code shifts a 1 as a number of 32 bits, even one that a variable holds.
POWERS: Final = vec[i64]([2**exponent for exponent in range(WORD + 1)])
"""The powers of two up to 2^32."""


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
            self.words[page >> 5] |= POWERS[page & 31]
            self.count += 1

    def discard(self, page: i64) -> None:
        """Remove a page, if it is a member."""
        if self.has(page):
            self.words[page >> 5] ^= POWERS[page & 31]
            self.count -= 1

    def highest(self, last: i64) -> i64:
        """Return the highest member that is at most `last`, 0..8191; -1 if there is none."""
        if self.count == 0:
            return -1
        at = last >> 5
        word = self.words[at] & (POWERS[(last & 31) + 1] - 1)
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
