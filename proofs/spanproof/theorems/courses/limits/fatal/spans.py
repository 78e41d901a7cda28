"""A span is not as it should be where it is allocated from, swept or cached."""

from typing import Final

from msgspec.structs import replace

from spanproof.theorems.courses.limits.fatal.checks import Checks
from spanspec.base.bitmap import Bits
from spanspec.base.ids import ProcId, SlotId, ThreadId
from spanspec.events.span_events import SweepResult
from spanspec.heap import cycle, malloc, newspan, sweeping
from spanspec.heap.collector import MARK, MARK_TERMINATION
from spanspec.heap.heap import Heap
from spanspec.heap.mcache import let_go, must_flush
from spanspec.heap.mcentral import account_cached, uncache_span
from spanspec.heap.pacing import trigger_for
from spanspec.heap.procs import procresize
from spanspec.heap.program import FinishCycle, FlushMcaches, StartCycle
from spanspec.heap.state import HeapState
from spanspec.heap.taking import take
from spanspec.pages.pageheap import Actor
from spanspec.sharing import steps
from spanspec.sharing.growing import span_id
from spanspec.sharing.records import EXAMINED, FREEING, POPPED, SWEEPING, Proc, SharedSpan
from spanspec.sharing.steps import EXAMINE, PUBLISH
from spanspec.sharing.sweepbuf import SweepBuffer
from spanspec.span.alloccache import next_free_index, next_free_slow, reload_cache
from spanspec.span.listing import NOWHERE
from spanspec.span.markbits import NO_ARENAS, take_bits
from spanspec.span.mspan import FREE, Mspan, init_span
from spanspec.span.specials import add_special
from spanspec.span.sweep import sweep
from spanspec.span.sweepgen import retire_full

ACTOR = Actor(0, 0)
SPAN = init_span(base=0xC000000000, npages=1, spanclass=5, limit=0xC000002000)
FULL = replace(SPAN, freeindex=512, alloc_count=512, alloc_cache=0)


# --- allocation ----------------------------------------------------------------------------------


def a_full_span_with_another_count() -> None:
    """A full span with another count."""
    next_free_slow(replace(FULL, alloc_count=511))


def a_refill_with_a_full_span() -> None:
    """A refill with a full span."""
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
    """A count beyond the slots."""
    next_free_slow(replace(SPAN, alloc_count=512))


def an_allocation_in_mark_termination() -> None:
    """An allocation in mark termination."""
    heap = Heap()
    heap.state.collector = replace(heap.state.collector, phase=MARK_TERMINATION)
    heap.malloc(8)


def a_size_near_the_end_of_numbers() -> None:
    """A size near the end of numbers."""
    malloc.pages_for_large(2**64 - 1)


def a_cached_span_that_is_full() -> None:
    """A cached span that is full."""
    reload_cache(FULL)


def a_span_for_the_cache_that_is_full() -> None:
    """A span for the cache that is full."""
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    nelems = heap.state.spans[span].nelems
    heap.state.spans[span] = replace(heap.state.spans[span], alloc_count=nelems)
    account_cached(heap.state, span)


def an_uncached_span_without_objects() -> None:
    """An uncached span without objects."""
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    heap.state.spans[span] = replace(heap.state.spans[span], alloc_count=0)
    list(uncache_span(heap.state, ACTOR, slot_of(heap, span)))


def a_refill_with_room_left() -> None:
    """A refill with room left."""
    heap = Heap()
    heap.malloc(16)
    mcache = heap.state.mcaches[0]
    (spanclass,) = heap.state.cached_spans(0)
    let_go(heap.state, mcache, spanclass)


def a_retired_span_that_is_not_cached() -> None:
    """A retired span that is not cached."""
    retire_full(4, 4)


def a_flush_from_two_cycles_ago() -> None:
    """A flush from two cycles ago."""
    must_flush(8, 4)


def a_trigger_above_all_numbers() -> None:
    """A trigger above all numbers."""
    trigger_for(0.875, 0, (1 << 63) - 4096, 100, sweep_is_done=False)


def an_index_beyond_the_slots() -> None:
    """An index beyond the slots."""
    next_free_index(replace(SPAN, freeindex=513))


def a_span_that_begins_within_a_byte_of_bitmap() -> None:
    """A span that begins within a byte of bitmap."""
    newspan.check_bitmap(0xC000000008, 1)


# --- sweeping and the cycle ----------------------------------------------------------------------


def bits_that_no_arena_holds() -> None:
    """Bits that no arena holds."""
    take_bits(NO_ARENAS, 1 << 20, 0)


def freeing_a_cached_span() -> None:
    """Freeing a cached span."""
    heap, thread = being_swept(EXAMINED)
    it = heap.state.shared(heap.state.sharing.threads[thread].span - 1)
    put(heap.state, heap.state.sharing.threads[thread].span - 1, replace(it, sweepgen=3))
    take(heap.state, PUBLISH, thread)


def preserving_a_span_that_is_in_no_list() -> None:
    """Preserving a span that is in no list."""
    heap, thread = being_swept(EXAMINED)
    worker = replace(heap.state.sharing.threads[thread], preserve=True, freed=True)
    heap.state.sharing.threads.set(thread, worker)
    put(heap.state, worker.span - 1, replace(heap.state.shared(worker.span - 1), place=NOWHERE))
    take(heap.state, PUBLISH, thread)


def an_unswept_entry_of_a_dead_span_with_an_old_generation() -> None:
    """An unswept entry of a dead span with an old generation."""
    heap = Heap(sweepgen=8)
    span = heap.span_of(heap.malloc(100_000))
    thread = heap.state.thread_of(ACTOR)
    worker = replace(heap.state.sharing.threads[thread], task=POPPED, span=span_id(span))
    heap.state.sharing.threads.set(thread, worker)
    put(heap.state, span, replace(heap.state.shared(span), in_use=False, sweepgen=2))
    sweeping.claims_popped(heap.state, thread, span)


def being_swept(task: int) -> tuple[Heap, ThreadId]:
    """A heap with one small span in use, and a thread that is at a task of its sweep."""
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    thread = heap.state.thread_of(ACTOR)
    worker = replace(heap.state.sharing.threads[thread], task=task, span=span_id(span))
    heap.state.sharing.threads.set(thread, worker)
    generation = (heap.state.sweepgen - 1) % 2**32
    put(heap.state, span, replace(heap.state.shared(span), sweepgen=generation, owner=thread))
    return heap, thread


def put(state: HeapState, span: int, it: SharedSpan) -> None:
    """Give a span another record, which no step does."""
    state.sharing.spans.set(span_id(span), it)


def slot_of(heap: Heap, span: int) -> SlotId:
    """The cache slot that holds a span."""
    return heap.state.shared(span).cacher


def sweeping_a_span_that_nobody_claimed() -> None:
    """Sweeping a span that nobody claimed."""
    heap, thread = being_swept(SWEEPING)
    span = heap.state.sharing.threads[thread].span - 1
    put(heap.state, span, replace(heap.state.shared(span), sweepgen=0))
    take(heap.state, EXAMINE, thread, True, False)


def sweeping_a_span_that_is_not_in_use() -> None:
    """Sweeping a span that is not in use."""
    sweep(replace(SPAN, state=FREE))


def more_marks_than_objects() -> None:
    """More marks than objects."""
    sweep(replace(SPAN, gcmark_bits=Bits(7), alloc_count=2, freeindex=2))


def a_mark_on_a_free_slot() -> None:
    """A mark on a free slot."""
    record: Mspan = replace(SPAN, alloc_count=2, freeindex=2)
    sweeping.check_marks(record, Bits(0b100))


def a_mark_on_the_last_slot_which_is_free() -> None:
    """A mark on the last slot of a span, in the last word of its bits, which is free."""
    record: Mspan = replace(SPAN, alloc_count=2, freeindex=2)
    sweeping.check_marks(record, Bits(1 << 511))


def a_sweep_that_finds_a_mark_on_a_free_slot() -> None:
    """A sweep finds a mark on a free slot, and none on the object."""
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    for request in (FlushMcaches(), StartCycle(), FinishCycle()):
        heap.step(request)
    heap.state.spans[span] = replace(heap.state.spans[span], gcmark_bits=Bits(0b10))
    heap.sweep()


def freeing_a_span_that_is_not_swept() -> None:
    """Freeing a span that is not swept."""
    heap, thread = being_swept(FREEING)
    take(heap.state, steps.FREE, thread)


def giving_back_a_span_with_special_records() -> None:
    """A span without objects goes back, and somebody has made it a special record meanwhile."""
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    for request in (FlushMcaches(), StartCycle(), FinishCycle()):
        heap.step(request)
    course = sweeping.sweepone(heap.state, ACTOR, "bg")
    while not isinstance(next(course), SweepResult):
        pass
    heap.state.specials[span] = ()
    list(course)


def publishing_a_span_that_has_left_use() -> None:
    """Publishing a span that has left use."""
    heap, thread = being_swept(EXAMINED)
    span = heap.state.sharing.threads[thread].span - 1
    put(heap.state, span, replace(heap.state.shared(span), in_use=False))
    take(heap.state, PUBLISH, thread)


def a_block_beyond_the_buffer() -> None:
    """A block beyond the buffer."""
    buffer = SweepBuffer()
    buffer.grow_for(0)
    buffer.push(3, 0)
    assert buffer.block(0) == (3,)
    buffer.block(1)


def a_cycle_with_a_cache_that_is_not_flushed() -> None:
    """A cycle with a cache that is not flushed."""
    heap = Heap()
    heap.state.sharing.procs.set(ProcId(0), Proc(2**32 - 2))
    cycle.check_flushed(heap.state)


def a_sweep_phase_while_marking() -> None:
    """A sweep phase while marking."""
    heap = Heap()
    heap.state.collector = replace(heap.state.collector, phase=MARK)
    cycle.sweep_phase_starts(heap.state, ACTOR)


def a_swept_buffer_that_is_not_empty() -> None:
    """A swept buffer that is not empty."""
    heap = Heap()
    heap.malloc(16)
    heap.state.unswept.push(99, 0)
    cycle.sweep_phase_starts(heap.state, ACTOR)


def marking_a_span_that_was_not_swept() -> None:
    """Marking a span that was not swept."""
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    put(heap.state, span, replace(heap.state.shared(span), sweepgen=2**32 - 2))
    cycle.check_roots(heap.state)


def a_first_p_without_an_mcache() -> None:
    """A first p without an mcache."""
    heap = Heap()
    heap.state.mcache_of.clear()
    heap.state.allp = replace(heap.state.allp, count=0, given=0, gone=0)
    list(procresize(heap.state, Actor(-1, 0), 1))


def a_special_record_of_no_kind() -> None:
    """A special record of no kind."""
    add_special((), 0, 7)


def a_second_profile_record() -> None:
    """A second profile record."""
    add_special(add_special((), 0, 2), 0, 2)


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
    ("T-44", bits_that_no_arena_holds),
    ("T-48", freeing_a_cached_span),
    ("T-49", preserving_a_span_that_is_in_no_list),
    ("T-55", an_unswept_entry_of_a_dead_span_with_an_old_generation),
    ("T-58", sweeping_a_span_that_nobody_claimed),
    ("T-58", sweeping_a_span_that_is_not_in_use),
    ("T-59", more_marks_than_objects),
    ("T-59", a_mark_on_a_free_slot),
    ("T-59", a_mark_on_the_last_slot_which_is_free),
    ("T-59", a_sweep_that_finds_a_mark_on_a_free_slot),
    ("T-34", freeing_a_span_that_is_not_swept),
    ("T-60", publishing_a_span_that_has_left_use),
    ("SWP-24", giving_back_a_span_with_special_records),
    ("T-61", a_block_beyond_the_buffer),
    ("T-86", a_cycle_with_a_cache_that_is_not_flushed),
    ("T-87", a_sweep_phase_while_marking),
    ("T-88", a_swept_buffer_that_is_not_empty),
    ("T-91", marking_a_span_that_was_not_swept),
    ("T-94", a_first_p_without_an_mcache),
    ("T-43", a_special_record_of_no_kind),
    ("T-42", a_second_profile_record),
)
"""Each fatal check, and what runs into it."""
