"""A span is not as it should be where it is allocated from, or cached."""

from typing import Final

from msgspec.structs import replace

from spanproof.theorems.courses.limits.fatal.checks import Checks
from spanspec.base.ids import SlotId
from spanspec.heap.courses import malloc, newspan
from spanspec.heap.courses.mcache import let_go, must_flush
from spanspec.heap.courses.mcentral import account_cached, uncache_span
from spanspec.heap.heap import Heap
from spanspec.heap.state.collector import MARK_TERMINATION
from spanspec.heap.state.pacing import trigger_for
from spanspec.pages.pageheap import Actor
from spanspec.span.alloccache import next_free_index, next_free_slow, reload_cache
from spanspec.span.mspan import init_span
from spanspec.span.sweepgen import retire_full

ACTOR = Actor(0, 0)


SPAN = init_span(base=0xC000000000, npages=1, spanclass=5, limit=0xC000002000)


FULL = replace(SPAN, freeindex=512, alloc_count=512, alloc_cache=0)


def slot_of(heap: Heap, span: int) -> SlotId:
    """The cache slot that holds a span."""
    return heap.state.shared(span).cacher


def a_full_span_with_another_count() -> None:
    next_free_slow(replace(FULL, alloc_count=511))


def a_refill_with_a_full_span() -> None:
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    mcache = heap.state.mcaches[0]
    (spanclass,) = heap.state.cached_spans(0)
    mcache.refilled = spanclass
    nelems = heap.state.spans[span].nelems
    full = replace(heap.state.spans[span], freeindex=nelems, alloc_count=nelems)
    heap.state.spans[span] = full
    malloc.take_slot(heap.state, mcache, spanclass)


def a_count_beyond_the_slots() -> None:
    next_free_slow(replace(SPAN, alloc_count=512))


def an_allocation_in_mark_termination() -> None:
    heap = Heap()
    heap.state.collector = replace(heap.state.collector, phase=MARK_TERMINATION)
    heap.malloc(8)


def a_size_near_the_end_of_numbers() -> None:
    malloc.pages_for_large(2**64 - 1)


def a_cached_span_that_is_full() -> None:
    reload_cache(FULL)


def a_span_for_the_cache_that_is_full() -> None:
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    nelems = heap.state.spans[span].nelems
    heap.state.spans[span] = replace(heap.state.spans[span], alloc_count=nelems)
    account_cached(heap.state, span)


def an_uncached_span_without_objects() -> None:
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    heap.state.spans[span] = replace(heap.state.spans[span], alloc_count=0)
    list(uncache_span(heap.state, ACTOR, slot_of(heap, span)))


def a_refill_with_room_left() -> None:
    heap = Heap()
    heap.malloc(16)
    mcache = heap.state.mcaches[0]
    (spanclass,) = heap.state.cached_spans(0)
    let_go(heap.state, mcache, spanclass)


def a_retired_span_that_is_not_cached() -> None:
    retire_full(4, 4)


def a_flush_from_two_cycles_ago() -> None:
    must_flush(8, 4)


def a_trigger_above_all_numbers() -> None:
    trigger_for(0.875, 0, (1 << 63) - 4096, 100, sweep_is_done=False)


def an_index_beyond_the_slots() -> None:
    next_free_index(replace(SPAN, freeindex=513))


def a_span_that_begins_within_a_byte_of_bitmap() -> None:
    newspan.check_bitmap(0xC000000008, 1)


CHECKS: Final[Checks] = (
    ("T-15", a_full_span_with_another_count),
    ("T-16", a_refill_with_a_full_span),
    ("T-17", a_count_beyond_the_slots),
    ("T-18", an_allocation_in_mark_termination),
    ("T-21", a_size_near_the_end_of_numbers),
    ("T-46", a_cached_span_that_is_full),
    ("T-46", a_span_for_the_cache_that_is_full),
    ("T-47", an_uncached_span_without_objects),
    ("T-50", a_refill_with_room_left),
    ("T-51", a_retired_span_that_is_not_cached),
    ("T-54", a_flush_from_two_cycles_ago),
    ("T-90", a_trigger_above_all_numbers),
    ("T-81", an_index_beyond_the_slots),
    ("T-83", a_span_that_begins_within_a_byte_of_bitmap),
)
"""Each fatal check, and what runs into it."""
