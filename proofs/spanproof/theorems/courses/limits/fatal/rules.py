"""Rules are asked for what they refuse: each is called as no step calls it."""

from typing import Final

from msgspec.structs import replace

from spanproof.theorems.courses.limits.fatal.checks import Checks
from spanspec.base.bitmap import Bits
from spanspec.base.constants import HEAP_ADDR_BITS, PAGE_SIZE
from spanspec.base.sizeclass import size_class_for
from spanspec.heap.courses.course import NeedPages
from spanspec.heap.courses.newspan import take_large
from spanspec.heap.courses.procs import mcache_of
from spanspec.heap.courses.sweepspan import check_marks
from spanspec.heap.heap import Heap
from spanspec.heap.machine import completed
from spanspec.heap.memstats import read_memstats
from spanspec.heap.state.accounts import check_some_free
from spanspec.heap.state.contents import with_large_object
from spanspec.pages.courses.growth import end_of_request
from spanspec.pages.courses.pagealloc import allocate
from spanspec.pages.memory.arena import GrantingOs
from spanspec.pages.memory.osmemory import FollowedOs, check_release
from spanspec.pages.memory.persistent import Metadata
from spanspec.pages.pageheap import Actor
from spanspec.pages.tables.runs import AMD64
from spanspec.span.alloccache import next_free_fast, reload_cache, searched_full
from spanspec.span.mspan import Mspan, init_span, obj_index, set_marked
from spanspec.span.sweepgen import (
    check_unused,
    claim_for_sweep,
    enter_cache,
    leave_cache,
    publish_swept,
)

BASE = 0xC000000000
SPAN = init_span(base=BASE, npages=1, spanclass=5, limit=BASE + PAGE_SIZE)
ONE: Mspan = next_free_fast(SPAN).span
"""A span with one object, in slot 0."""

SG = 8
"""The heap's sweepgen."""


def a_class_for_a_large_request() -> None:
    size_class_for(32769)


def a_full_span_is_handed_out() -> None:
    check_some_free(replace(SPAN, alloc_count=SPAN.nelems))


def a_span_to_cache_that_was_searched_to_its_end() -> None:
    reload_cache(replace(SPAN, freeindex=SPAN.nelems))


def a_full_count_with_a_free_slot() -> None:
    searched_full(replace(ONE, alloc_count=SPAN.nelems))


def a_free_slot_that_is_found_by_nobody() -> None:
    """A span whose search ends, although its count says that a slot is free."""
    searched_full(replace(ONE, freeindex=SPAN.nelems))


def a_span_to_cache_of_which_the_count_says_that_it_is_full() -> None:
    reload_cache(replace(ONE, alloc_count=SPAN.nelems))


def a_free_slot_beyond_the_cache() -> None:
    """A free slot that only the slow search finds."""
    searched_full(replace(ONE, alloc_cache=0))


def a_second_large_object() -> None:
    with_large_object(ONE, 40_000)


def a_p_that_does_not_exist() -> None:
    mcache_of(Heap().state, 7)


def statistics_of_what_mcaches_hold() -> None:
    """Statistics that are read while mcaches hold spans."""
    heap = Heap()
    heap.malloc(16)
    read_memstats(heap.state)


def marks_beyond_the_slots() -> None:
    check_marks(ONE, Bits(1 << SPAN.nelems))


def a_mark_of_allocation_that_is_lost() -> None:
    check_marks(set_marked(ONE, 0), Bits(0))


def a_slot_beyond_the_span_is_marked() -> None:
    # One that counts as allocated, so that nothing else refuses it.
    set_marked(replace(ONE, freeindex=SPAN.nelems + 1), SPAN.nelems)


def a_free_slot_is_marked() -> None:
    set_marked(ONE, 1)


def an_address_below_the_span() -> None:
    obj_index(SPAN, BASE - 16)


def an_unswept_span_enters_a_cache() -> None:
    enter_cache(SG, SG - 2)


def a_span_leaves_a_cache_that_it_is_not_in() -> None:
    leave_cache(SG, SG)


def a_swept_span_is_claimed() -> None:
    claim_for_sweep(SG, SG)


def a_sweep_that_nobody_has_claimed_ends() -> None:
    publish_swept(SG, SG - 2)


def an_unused_span_from_two_cycles_ago() -> None:
    check_unused(SG, SG - 4)


def a_request_beyond_all_addresses() -> None:
    end_of_request(1 << HEAP_ADDR_BITS, 1 << 51, PAGE_SIZE)


def memory_that_was_never_reserved_is_mapped() -> None:
    FollowedOs(GrantingOs()).map(BASE, PAGE_SIZE)


def more_is_freed_than_was_counted() -> None:
    Metadata(GrantingOs()).sys_free(0, 1 << 40, "other_sys")


def a_release_from_the_middle_of_a_page() -> None:
    check_release(AMD64, BASE + 512, 4096)


def a_span_of_another_size_than_was_asked_for() -> None:
    """Three pages are asked for, and a driver answers with a span of two."""
    heap = Heap()
    state, actor = heap.state, Actor(0, 0)
    two = completed(allocate(state.pages, actor, 2))
    course = take_large(state, actor, 3, noscan=False)
    while not isinstance(next(course), NeedPages):
        pass
    course.send(two)


CHECKS: Final[Checks] = (
    ("SC-10", a_class_for_a_large_request),
    ("T-46", a_full_span_is_handed_out),
    ("T-46", a_span_to_cache_that_was_searched_to_its_end),
    ("T-50", a_full_count_with_a_free_slot),
    ("T-46", a_span_to_cache_of_which_the_count_says_that_it_is_full),
    ("T-50", a_free_slot_beyond_the_cache),
    ("T-15", a_free_slot_that_is_found_by_nobody),
    ("MAL-12", a_second_large_object),
    ("MC-14", a_p_that_does_not_exist),
    ("MC-9", statistics_of_what_mcaches_hold),
    ("I-4", marks_beyond_the_slots),
    ("MAL-14", a_mark_of_allocation_that_is_lost),
    ("I-4", a_slot_beyond_the_span_is_marked),
    ("I-4", a_free_slot_is_marked),
    ("SPAN-18", an_address_below_the_span),
    ("SWP-3", an_unswept_span_enters_a_cache),
    ("CEN-12", a_span_leaves_a_cache_that_it_is_not_in),
    ("SWP-3", a_swept_span_is_claimed),
    ("T-60", a_sweep_that_nobody_has_claimed_ends),
    ("T-55", an_unused_span_from_two_cycles_ago),
    ("HEAP-17", a_request_beyond_all_addresses),
    ("OS-1", memory_that_was_never_reserved_is_mapped),
    ("OS-8", more_is_freed_than_was_counted),
    ("T-78", a_release_from_the_middle_of_a_page),
    ("HEAP-13", a_span_of_another_size_than_was_asked_for),
)
"""Each fatal check, and what runs into it."""
