"""A run of pages, or the tree of free runs, is not as it should be."""

from typing import Final, cast

from msgspec.structs import replace

from spanproof.theorems.courses.fatal.checks import Checks
from spanproof.theorems.courses.fatal.spans import put
from spanspec.base.constants import PAGE_SIZE
from spanspec.heap.heap import Heap
from spanspec.pages.freeruns import FreeSpan, FreeSpans
from spanspec.pages.pagealloc import allocate
from spanspec.pages.pageheap import Actor, PageHeap
from spanspec.pages.runs import (
    PageRun,
    PhysicalPages,
    check_can_be_allocated,
    check_can_be_freed,
    merge_above,
    merge_below,
)
from spanspec.pages.treap import (
    Node,
    Treap,
    check_treap,
    find_maximal,
    find_minimal,
)
from spanspec.sharing.records import UNUSED
from spanspec.span.listing import EMPTY, NONEMPTY, NOWHERE, moved
from spanspec.span.mspan import DEAD, FREE, IN_USE, MANUAL

ACTOR = Actor(0, 0)
RUN = PageRun(0xC000000000, 1, FREE, False, 0)


# --- pages ---------------------------------------------------------------------------------------


def merging_below_across_a_shared_physical_page() -> None:
    """Merging below across a shared physical page."""
    phys, below = PhysicalPages(16384, 0), replace(RUN, scavenged=True)
    merge_below(phys, below, replace(below, base=below.base + PAGE_SIZE))


def merging_above_across_a_shared_physical_page() -> None:
    """Merging above across a shared physical page."""
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
    """A search that misses what has grown."""
    list(allocate(PageHeap(NoGoal(), free=cast(FreeSpans, FindsNothing())), ACTOR, 1))


def taking_a_run_that_is_not_free() -> None:
    """Taking a run that is not free."""
    check_can_be_allocated(replace(RUN, state=IN_USE), 1)


def taking_a_run_that_is_too_small() -> None:
    """Taking a run that is too small."""
    check_can_be_allocated(RUN, 2)


def taking_a_span_that_is_listed() -> None:
    """Taking a span that is listed."""
    heap = Heap()
    fresh = heap.state.pages.descriptors.made
    put(heap.state, fresh, replace(UNUSED, place=NONEMPTY))
    heap.malloc(64)


def freeing_a_stack_in_use() -> None:
    """Freeing a stack in use."""
    check_can_be_freed(replace(RUN, state=MANUAL), 1)


def freeing_a_span_with_objects() -> None:
    """Freeing a span with objects."""
    check_can_be_freed(replace(RUN, state=IN_USE), 1)


def freeing_a_dead_span() -> None:
    """Freeing a dead span."""
    check_can_be_freed(replace(RUN, state=DEAD), 0)


def removing_a_span_from_another_list() -> None:
    """Removing a span from another list."""
    moved(EMPTY, NONEMPTY, EMPTY)


def inserting_a_listed_span() -> None:
    """Inserting a listed span."""
    moved(EMPTY, NOWHERE, NONEMPTY)


def inserting_a_listed_span_at_the_back() -> None:
    """Inserting a listed span at the back."""
    moved(NONEMPTY, NOWHERE, EMPTY)


# --- the treap -----------------------------------------------------------------------------------


def entry(page: int, npages: int = 1, scavenged: bool = False) -> FreeSpan:
    """Return a free run."""
    return FreeSpan(page * PAGE_SIZE, npages, page, scavenged, False)


def tree(*pages: int) -> Node:
    """Return the root of a treap with a run at each page."""
    treap = Treap()
    for page in pages:
        treap.insert(entry(page))
    assert treap.root is not None
    return treap.root


def types_that_promise_a_lower_match() -> None:
    """Types that promise a lower match."""
    node = Node(entry(3), 1)
    node.types = 15
    find_minimal(node, 2)


def types_that_promise_a_higher_match() -> None:
    """Types that promise a higher match."""
    node = Node(entry(3), 1)
    node.types = 15
    find_maximal(node, 2)


def types_that_promise_a_match_on_the_right() -> None:
    """Types that promise a match, and a run on the right that is none."""
    node = Node(entry(3), 1)
    node.right, node.types = Node(entry(5), 2), 15
    find_minimal(node, 2)


def types_that_promise_a_match_on_the_left() -> None:
    """Types that promise a match, and a run on the left that is none."""
    node = Node(entry(3), 1)
    node.left, node.types = Node(entry(1), 2), 15
    find_maximal(node, 2)


def swapped(side: str) -> Node:
    """Return a node with a child on the wrong side."""
    node = Node(entry(5), 1)
    if side == "left":
        node.left = Node(entry(9), 2)
    else:
        node.right = Node(entry(1), 2)
    return node


def a_left_child_with_the_same_base() -> None:
    """A left child with the same base."""
    node = Node(entry(5), 1)
    node.left = Node(entry(5), 2)
    check_treap(node)


def a_right_child_with_the_same_base() -> None:
    """A right child with the same base."""
    node = Node(entry(5), 1)
    node.right = Node(entry(5), 2)
    check_treap(node)


def a_left_child_with_a_greater_base() -> None:
    """A left child with a greater base."""
    check_treap(swapped("left"))


def a_right_child_with_a_lesser_base() -> None:
    """A right child with a lesser base."""
    check_treap(swapped("right"))


def a_sum_of_pages_that_is_stale() -> None:
    """A sum of pages that is stale."""
    node = tree(1, 2, 3)
    node.max_pages = 7
    check_treap(node)


def a_sum_of_types_that_is_stale() -> None:
    """A sum of types that is stale."""
    node = tree(1, 2, 3)
    node.types = 15
    check_treap(node)


def a_base_that_is_there_already() -> None:
    """A base that is there already."""
    treap = Treap()
    treap.insert(entry(1))
    treap.insert(entry(1))


def removing_what_is_not_there() -> None:
    """Removing what is not there."""
    runs = Treap()
    runs.remove(8192)


def changing_what_is_not_there() -> None:
    """Changing what is not there."""
    Treap().mutate(8192, entry(1))


def rotating_without_a_right_child() -> None:
    """Rotating without a right child."""
    Node(entry(1), 1).rotate_left()


def rotating_without_a_left_child() -> None:
    """Rotating without a left child."""
    Node(entry(1), 1).rotate_right()


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
    ("T-62", types_that_promise_a_lower_match),
    ("T-63", types_that_promise_a_higher_match),
    ("T-62", types_that_promise_a_match_on_the_right),
    ("T-63", types_that_promise_a_match_on_the_left),
    ("T-66", a_left_child_with_the_same_base),
    ("T-67", a_right_child_with_the_same_base),
    ("T-66", a_left_child_with_a_greater_base),
    ("T-67", a_right_child_with_a_lesser_base),
    ("T-68", a_sum_of_pages_that_is_stale),
    ("T-69", a_sum_of_types_that_is_stale),
    ("T-70", a_base_that_is_there_already),
    ("T-73", removing_what_is_not_there),
    ("T-73", changing_what_is_not_there),
    ("T-75", rotating_without_a_right_child),
    ("T-76", rotating_without_a_left_child),
)
"""Each fatal check, and what runs into it."""
