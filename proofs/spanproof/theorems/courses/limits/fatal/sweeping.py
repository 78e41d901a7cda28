"""A span is not as it should be where it is swept, or a cycle where it goes on."""

from typing import Final

from msgspec.structs import replace

from spanproof.theorems.courses.limits.fatal.allocation import ACTOR, SPAN
from spanproof.theorems.courses.limits.fatal.checks import Checks
from spanspec.base.bitmap import Bits
from spanspec.base.ids import ProcId, ThreadId
from spanspec.events.span_events import SweepResult
from spanspec.heap.courses import cycle, sweeping, sweepspan
from spanspec.heap.courses.procs import procresize
from spanspec.heap.heap import Heap
from spanspec.heap.program import FinishCycle, FlushMcaches, StartCycle
from spanspec.heap.state.collector import MARK
from spanspec.heap.state.state import HeapState
from spanspec.heap.state.taking import take
from spanspec.pages.pageheap import Actor
from spanspec.sharing.containers.sweepbuf import SweepBuffer
from spanspec.sharing.steps import steps
from spanspec.sharing.steps.steps import EXAMINE, PUBLISH
from spanspec.sharing.tables.growing import span_id
from spanspec.sharing.tables.records import EXAMINED, FREEING, POPPED, SWEEPING, Proc, SharedSpan
from spanspec.span.listing import NOWHERE
from spanspec.span.markbits import NO_ARENAS, take_bits
from spanspec.span.mspan import FREE, Mspan
from spanspec.span.specials import add_special
from spanspec.span.sweep import sweep


def bits_that_no_arena_holds() -> None:
    take_bits(NO_ARENAS, 1 << 20, 0)


def freeing_a_cached_span() -> None:
    heap, thread = being_swept(EXAMINED)
    it = heap.state.shared(heap.state.sharing.threads[thread].span - 1)
    put(heap.state, heap.state.sharing.threads[thread].span - 1, replace(it, sweepgen=3))
    take(heap.state, PUBLISH, thread)


def preserving_a_span_that_is_in_no_list() -> None:
    heap, thread = being_swept(EXAMINED)
    worker = replace(heap.state.sharing.threads[thread], preserve=True, freed=True)
    heap.state.sharing.threads.set(thread, worker)
    put(heap.state, worker.span - 1, replace(heap.state.shared(worker.span - 1), place=NOWHERE))
    take(heap.state, PUBLISH, thread)


def an_unswept_entry_of_a_dead_span_with_an_old_generation() -> None:
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


def sweeping_a_span_that_nobody_claimed() -> None:
    heap, thread = being_swept(SWEEPING)
    span = heap.state.sharing.threads[thread].span - 1
    put(heap.state, span, replace(heap.state.shared(span), sweepgen=0))
    take(heap.state, EXAMINE, thread, True, False)


def sweeping_a_span_that_is_not_in_use() -> None:
    sweep(replace(SPAN, state=FREE))


def more_marks_than_objects() -> None:
    sweep(replace(SPAN, gcmark_bits=Bits(7), alloc_count=2, freeindex=2))


def a_mark_on_a_free_slot() -> None:
    record: Mspan = replace(SPAN, alloc_count=2, freeindex=2)
    sweepspan.check_marks(record, Bits(0b100))


def a_mark_on_the_last_slot_which_is_free() -> None:
    """A mark on the last slot of a span, in the last word of its bits, which is free."""
    record: Mspan = replace(SPAN, alloc_count=2, freeindex=2)
    sweepspan.check_marks(record, Bits(1 << 511))


def a_sweep_that_finds_a_mark_on_a_free_slot() -> None:
    """A sweep finds a mark on a free slot, and none on the object."""
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    for request in (FlushMcaches(), StartCycle(), FinishCycle()):
        heap.step(request)
    heap.state.spans[span] = replace(heap.state.spans[span], gcmark_bits=Bits(0b10))
    heap.sweep()


def freeing_a_span_that_is_not_swept() -> None:
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
    heap, thread = being_swept(EXAMINED)
    span = heap.state.sharing.threads[thread].span - 1
    put(heap.state, span, replace(heap.state.shared(span), in_use=False))
    take(heap.state, PUBLISH, thread)


def a_block_beyond_the_buffer() -> None:
    buffer = SweepBuffer()
    buffer.grow_for(0)
    buffer.push(3, 0)
    assert buffer.block(0) == (3,)
    buffer.block(1)


def a_cycle_with_a_cache_that_is_not_flushed() -> None:
    heap = Heap()
    heap.state.sharing.procs.set(ProcId(0), Proc(2**32 - 2))
    cycle.check_flushed(heap.state)


def a_sweep_phase_while_marking() -> None:
    heap = Heap()
    heap.state.collector = replace(heap.state.collector, phase=MARK)
    cycle.sweep_phase_starts(heap.state, ACTOR)


def a_swept_buffer_that_is_not_empty() -> None:
    heap = Heap()
    heap.malloc(16)
    heap.state.unswept.push(99, 0)
    cycle.sweep_phase_starts(heap.state, ACTOR)


def marking_a_span_that_was_not_swept() -> None:
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    put(heap.state, span, replace(heap.state.shared(span), sweepgen=2**32 - 2))
    cycle.check_roots(heap.state)


def a_first_p_without_an_mcache() -> None:
    heap = Heap()
    heap.state.mcache_of.clear()
    heap.state.allp = replace(heap.state.allp, count=0, given=0, gone=0)
    list(procresize(heap.state, Actor(-1, 0), 1))


def a_special_record_of_no_kind() -> None:
    add_special((), 0, 7)


def a_second_profile_record() -> None:
    add_special(add_special((), 0, 2), 0, 2)


CHECKS: Final[Checks] = (
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
