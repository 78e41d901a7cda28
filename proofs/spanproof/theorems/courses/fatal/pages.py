"""A run of pages, or the tree of free runs, is not as it should be."""

from typing import cast

from msgspec.structs import replace

from spanproof.theorems.courses.fatal.registry import fails
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
    rotate_left,
    rotate_right,
)
from spanspec.sharing.records import UNUSED
from spanspec.span.listing import EMPTY, NONEMPTY, NOWHERE, moved
from spanspec.span.mspan import DEAD, FREE, IN_USE, MANUAL

ACTOR = Actor(0, 0)
RUN = PageRun(0xC000000000, 1, FREE, False, 0)


# --- pages ---------------------------------------------------------------------------------------


@fails("T-27")
def merging_below_across_a_shared_physical_page() -> None:
    """Merging below across a shared physical page."""
    phys, below = PhysicalPages(16384, 0), replace(RUN, scavenged=True)
    merge_below(phys, below, replace(below, base=below.base + PAGE_SIZE))


@fails("T-27")
def merging_above_across_a_shared_physical_page() -> None:
    """Merging above across a shared physical page."""
    phys, below = PhysicalPages(16384, 0), replace(RUN, scavenged=True)
    merge_above(phys, below, replace(below, base=below.base + PAGE_SIZE))


class Forgetful:
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


@fails("T-29")
def a_search_that_misses_what_has_grown() -> None:
    """A search that misses what has grown."""
    list(allocate(PageHeap(NoGoal(), free=cast(FreeSpans, Forgetful())), ACTOR, 1))


@fails("T-30")
def taking_a_run_that_is_not_free() -> None:
    """Taking a run that is not free."""
    check_can_be_allocated(replace(RUN, state=IN_USE), 1)


@fails("T-31")
def taking_a_run_that_is_too_small() -> None:
    """Taking a run that is too small."""
    check_can_be_allocated(RUN, 2)


@fails("T-32")
def taking_a_span_that_is_listed() -> None:
    """Taking a span that is listed."""
    heap = Heap()
    fresh = heap.state.pages.descriptors.made
    put(heap.state, fresh, replace(UNUSED, place=NONEMPTY))
    heap.malloc(64)


@fails("T-33")
def freeing_a_stack_in_use() -> None:
    """Freeing a stack in use."""
    check_can_be_freed(replace(RUN, state=MANUAL), 1)


@fails("T-34")
def freeing_a_span_with_objects() -> None:
    """Freeing a span with objects."""
    check_can_be_freed(replace(RUN, state=IN_USE), 1)


@fails("T-35")
def freeing_a_dead_span() -> None:
    """Freeing a dead span."""
    check_can_be_freed(replace(RUN, state=DEAD), 0)


@fails("T-37")
def removing_a_span_from_another_list() -> None:
    """Removing a span from another list."""
    moved(EMPTY, NONEMPTY, EMPTY)


@fails("T-38")
def inserting_a_listed_span() -> None:
    """Inserting a listed span."""
    moved(EMPTY, NOWHERE, NONEMPTY)


@fails("T-39")
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


@fails("T-62")
def types_that_promise_a_lower_match() -> None:
    """Types that promise a lower match."""
    node = Node(entry(3), 1)
    node.types = 15
    find_minimal(node, 2)


@fails("T-63")
def types_that_promise_a_higher_match() -> None:
    """Types that promise a higher match."""
    node = Node(entry(3), 1)
    node.types = 15
    find_maximal(node, 2)


def swapped(side: str) -> Node:
    """Return a node with a child on the wrong side."""
    node = Node(entry(5), 1)
    setattr(node, side, Node(entry(9 if side == "left" else 1), 2))
    return node


@fails("T-66")
def a_left_child_with_a_greater_base() -> None:
    """A left child with a greater base."""
    check_treap(swapped("left"))


@fails("T-67")
def a_right_child_with_a_lesser_base() -> None:
    """A right child with a lesser base."""
    check_treap(swapped("right"))


@fails("T-68")
def a_sum_of_pages_that_is_stale() -> None:
    """A sum of pages that is stale."""
    node = tree(1, 2, 3)
    node.max_pages = 7
    check_treap(node)


@fails("T-69")
def a_sum_of_types_that_is_stale() -> None:
    """A sum of types that is stale."""
    node = tree(1, 2, 3)
    node.types = 15
    check_treap(node)


@fails("T-70")
def a_base_that_is_there_already() -> None:
    """A base that is there already."""
    treap = Treap()
    treap.insert(entry(1))
    treap.insert(entry(1))


@fails("T-73")
def removing_what_is_not_there() -> None:
    """Removing what is not there."""
    Treap().remove(8192)


@fails("T-73")
def changing_what_is_not_there() -> None:
    """Changing what is not there."""
    Treap().mutate(8192, entry(1))


@fails("T-75")
def rotating_without_a_right_child() -> None:
    """Rotating without a right child."""
    rotate_left(Node(entry(1), 1))


@fails("T-76")
def rotating_without_a_left_child() -> None:
    """Rotating without a left child."""
    rotate_right(Node(entry(1), 1))
