"""A run of pages is not as it should be, or a span is put into a list that it cannot be in."""

from typing import Final, cast

from msgspec.structs import replace

from spanproof.theorems.courses.limits.fatal.checks import Checks
from spanproof.theorems.courses.limits.fatal.sweeping import put
from spanspec.base.constants import PAGE_SIZE
from spanspec.heap.heap import Heap
from spanspec.pages.courses.pagealloc import allocate
from spanspec.pages.freeset.freeruns import FreeSpan, FreeSpans
from spanspec.pages.freeset.treap import (
    Treap,
)
from spanspec.pages.pageheap import Actor, PageHeap
from spanspec.pages.tables.runs import (
    PageRun,
    PhysicalPages,
    check_can_be_allocated,
    check_can_be_freed,
    merge_above,
    merge_below,
)
from spanspec.sharing.tables.records import UNUSED
from spanspec.span.listing import EMPTY, NONEMPTY, NOWHERE, moved
from spanspec.span.mspan import DEAD, FREE, IN_USE, MANUAL

ACTOR = Actor(0, 0)
RUN = PageRun(0xC000000000, 1, FREE, False, 0)


# --- pages ---------------------------------------------------------------------------------------


def merging_below_across_a_shared_physical_page() -> None:
    phys, below = PhysicalPages(16384, 0), replace(RUN, scavenged=True)
    merge_below(phys, below, replace(below, base=below.base + PAGE_SIZE))


def merging_above_across_a_shared_physical_page() -> None:
    phys, below = PhysicalPages(16384, 0), replace(RUN, scavenged=True)
    merge_above(phys, below, replace(below, base=below.base + PAGE_SIZE))


class FindsNothing:
    """A free set that finds nothing."""

    def __init__(self) -> None:
        self._runs = Treap()

    def __getattr__(self, name: str) -> object:
        return getattr(self._runs, name)

    def find(self, npages: int) -> FreeSpan | None:
        """Find nothing."""
        return None


class NoGoal:
    """A scavenger's goal of no bytes."""

    def retained_goal(self) -> int:
        """Return 0."""
        return 0


def a_search_that_misses_what_has_grown() -> None:
    list(allocate(PageHeap(NoGoal(), free=cast(FreeSpans, FindsNothing())), ACTOR, 1))


def taking_a_run_that_is_not_free() -> None:
    check_can_be_allocated(replace(RUN, state=IN_USE), 1)


def taking_a_run_that_is_too_small() -> None:
    check_can_be_allocated(RUN, 2)


def taking_a_span_that_is_listed() -> None:
    heap = Heap()
    fresh = heap.state.pages.descriptors.made
    put(heap.state, fresh, replace(UNUSED, place=NONEMPTY))
    heap.malloc(64)


def freeing_a_stack_in_use() -> None:
    check_can_be_freed(replace(RUN, state=MANUAL), 1)


def freeing_a_span_with_objects() -> None:
    check_can_be_freed(replace(RUN, state=IN_USE), 1)


def freeing_a_dead_span() -> None:
    check_can_be_freed(replace(RUN, state=DEAD), 0)


def removing_a_span_from_another_list() -> None:
    moved(EMPTY, NONEMPTY, EMPTY)


def inserting_a_listed_span() -> None:
    moved(EMPTY, NOWHERE, NONEMPTY)


def inserting_a_listed_span_at_the_back() -> None:
    moved(NONEMPTY, NOWHERE, EMPTY)


CHECKS: Final[Checks] = (
    ("T-27", merging_below_across_a_shared_physical_page),
    ("T-27", merging_above_across_a_shared_physical_page),
    ("T-29", a_search_that_misses_what_has_grown),
    ("T-30", taking_a_run_that_is_not_free),
    ("T-31", taking_a_run_that_is_too_small),
    ("T-32", taking_a_span_that_is_listed),
    ("T-33", freeing_a_stack_in_use),
    ("T-34", freeing_a_span_with_objects),
    ("T-35", freeing_a_dead_span),
    ("T-37", removing_a_span_from_another_list),
    ("T-38", inserting_a_listed_span),
    ("T-39", inserting_a_listed_span_at_the_back),
)
"""Each fatal check, and what runs into it."""
