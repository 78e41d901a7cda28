"""The set of free runs, by address: the plain specification of the treap (rules TREAP-2, TREAP-3).

What the page heap asks of the set does not depend on the treap's shape. `SortedFreeSpans` answers
from a sorted list; `treap.Treap` is the structure that the runtime has, and refines it.
"""

from bisect import bisect_left, bisect_right, insort
from typing import Final, Protocol

from spanspec.base.records import Record
from spanspec.base.words import U8, U64


class FreeSpan(Record, frozen=True):
    """A free run as the set sees it; `huge` tells that it holds a whole huge page."""

    base: U64
    npages: U64
    span: int
    scavenged: bool
    huge: bool


ALL: Final = 0b1111
UNSCAVENGED: Final = 0b0101
UNSCAVENGED_HUGE: Final = 0b0100
UNSCAVENGED_SMALL: Final = 0b0001
"""Filters: bit `type_of(run)` tells whether a run of that type passes (TREAP-7)."""

SCAVENGED_BIT: Final = 1
HUGE_BIT: Final = 2


def type_of(run: FreeSpan) -> U8:
    """Return the type of a run: 1 if scavenged, plus 2 if it holds a huge page.

    Rules: TREAP-7.
    """
    return (SCAVENGED_BIT if run.scavenged else 0) + (HUGE_BIT if run.huge else 0)


def filter_of(mask: U8, match: U8) -> U8:
    """Return the filter of all types t with t & mask equal to match.

    Rules: TREAP-7.
    """
    return sum(1 << kind for kind in range(4) if kind & mask == match)


def passes(run: FreeSpan, wanted: U8) -> bool:
    """Tell whether a run passes a filter.

    Rules: TREAP-7.
    """
    return (wanted >> type_of(run)) & 1 == 1


def fits(run: FreeSpan, npages: U64) -> bool:
    """Tell whether a run is large enough; whether it is scavenged makes no difference.

    Rules: TREAP-2.
    """
    return run.npages >= npages


class FreeSpans(Protocol):
    """What the page heap asks of the set of its free runs."""

    def find(self, npages: U64) -> FreeSpan | None:
        """Return the lowest run with at least so many pages (TREAP-2)."""
        ...

    def last(self, wanted: U8) -> FreeSpan | None:
        """Return the highest run that passes a filter (TREAP-8)."""
        ...

    def before(self, base: U64, wanted: U8) -> FreeSpan | None:
        """Return the highest run below an address that passes a filter (TREAP-8)."""
        ...

    def first(self, wanted: U8) -> FreeSpan | None:
        """Return the lowest run that passes a filter (TREAP-8)."""
        ...

    def after(self, base: U64, wanted: U8) -> FreeSpan | None:
        """Return the lowest run above an address that passes a filter (TREAP-8)."""
        ...

    def insert(self, run: FreeSpan) -> None:
        """Add a run (TREAP-4)."""
        ...

    def remove(self, base: U64) -> None:
        """Take out the run at an address (TREAP-5)."""
        ...

    def mutate(self, base: U64, run: FreeSpan) -> None:
        """Change the run at an address in place; its order among the others stays (TREAP-6)."""
        ...

    def in_order(self) -> list[FreeSpan]:
        """Return all runs by address."""
        ...


class SortedFreeSpans:
    """Free runs in a list sorted by address: each question is answered by looking along it."""

    def __init__(self) -> None:
        self._bases: list[U64] = []
        self._runs: dict[U64, FreeSpan] = {}

    def find(self, npages: U64) -> FreeSpan | None:
        """Return the lowest run with at least so many pages.

        Rules: TREAP-2 TREAP-3 I-40.
        """
        return next((run for run in self.in_order() if fits(run, npages)), None)

    def last(self, wanted: U8) -> FreeSpan | None:
        """Return the highest run that passes a filter.

        Rules: TREAP-8.
        """
        return next((run for run in reversed(self.in_order()) if passes(run, wanted)), None)

    def before(self, base: U64, wanted: U8) -> FreeSpan | None:
        """Return the highest run below an address that passes a filter.

        Rules: TREAP-8.
        """
        below = self.in_order()[: bisect_left(self._bases, base)]
        return next((run for run in reversed(below) if passes(run, wanted)), None)

    def first(self, wanted: U8) -> FreeSpan | None:
        """Return the lowest run that passes a filter.

        Rules: TREAP-8.
        """
        return next((run for run in self.in_order() if passes(run, wanted)), None)

    def after(self, base: U64, wanted: U8) -> FreeSpan | None:
        """Return the lowest run above an address that passes a filter.

        Rules: TREAP-8.
        """
        above = self.in_order()[bisect_right(self._bases, base) :]
        return next((run for run in above if passes(run, wanted)), None)

    def insert(self, run: FreeSpan) -> None:
        """Add a run.

        Rules: TREAP-4.
        """
        assert run.base not in self._runs, "T-70: inserting span already in treap"
        insort(self._bases, run.base)
        self._runs[run.base] = run

    def remove(self, base: U64) -> None:
        """Take out the run at an address.

        Rules: TREAP-5.
        """
        assert base in self._runs, "T-73: span and treap node base addresses do not match"
        del self._runs[base]
        del self._bases[bisect_left(self._bases, base)]

    def mutate(self, base: U64, run: FreeSpan) -> None:
        """Change the run at an address in place.

        Rules: TREAP-6.
        """
        self.remove(base)
        self.insert(run)

    def in_order(self) -> list[FreeSpan]:
        """Return all runs by address."""
        return [self._runs[base] for base in self._bases]
