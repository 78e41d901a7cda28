"""Each fatal check of the runtime is named when it fails: by inputs, or on a state made for it."""

from collections.abc import Callable
from typing import cast

import pytest
from msgspec.structs import replace

from spanspec.base.bitmap import Bits
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import ProcId, SlotId, ThreadId
from spanspec.heap import cycle, malloc, newspan, sweeping
from spanspec.heap.heap import Heap, OutOfMemory, Refused
from spanspec.heap.mcache import let_go, must_flush
from spanspec.heap.mcentral import account_cached, uncache_span
from spanspec.heap.operations.specials import heap_span
from spanspec.heap.pacing import trigger_for
from spanspec.heap.procs import procresize
from spanspec.heap.program import (
    AddSpecial,
    FreeManual,
    MarkObject,
    RemoveFinalizer,
    StartCycle,
    TakeManual,
)
from spanspec.heap.state import MARK, MARK_TERMINATION, HeapState
from spanspec.heap.taking import take
from spanspec.pages import mallocinit
from spanspec.pages.arena import Hint, Willing
from spanspec.pages.freeruns import FreeSpan, FreeSpans
from spanspec.pages.osmemory import check_release
from spanspec.pages.pagealloc import allocate
from spanspec.pages.pageheap import Actor, PageHeap
from spanspec.pages.persistent import (
    ARENA_MAP_BYTES,
    FIRST_ALLSPANS,
    GC_BITS_CHUNK,
    HEAP_ARENA_METADATA,
    PERSISTENT_CHUNK,
    Metadata,
    check_request,
)
from spanspec.pages.runs import (
    AMD64,
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
from spanspec.rules.book import RULE_ID, definitions_of_rules
from spanspec.sharing import steps
from spanspec.sharing.growing import span_id
from spanspec.sharing.records import EXAMINED, FREEING, POPPED, SWEEPING, UNUSED, Proc, SharedSpan
from spanspec.sharing.steps import EXAMINE, PUBLISH
from spanspec.sharing.sweepbuf import SweepBuffer
from spanspec.span.alloccache import next_free_index, next_free_slow, reload_cache
from spanspec.span.listing import EMPTY, NONEMPTY, NOWHERE, moved
from spanspec.span.markbits import NO_ARENAS, take_bits
from spanspec.span.mspan import DEAD, FREE, IN_USE, MANUAL, Mspan, init_span
from spanspec.span.specials import add_special
from spanspec.span.sweep import sweep
from spanspec.span.sweepgen import retire_full

ACTOR = Actor(0, 0)
SPAN = init_span(base=0xC000000000, npages=1, spanclass=5, limit=0xC000002000)
FULL = replace(SPAN, freeindex=512, alloc_count=512, alloc_cache=0)
RUN = PageRun(0xC000000000, 1, FREE, False, 0)

REGISTRY: dict[str, Callable[[], object]] = {}


def fails(check: str) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Enter a function that must run into a fatal check."""

    def enter(provoke: Callable[[], object]) -> Callable[[], object]:
        assert RULE_ID.fullmatch(check)
        REGISTRY[f"{check}-{provoke.__name__}"] = provoke
        return provoke

    return enter


# --- the machine, and what the operating system answers -----------------------------------------


@fails("T-1")
def tiny_class_of_another_size() -> None:
    mallocinit.check_build(24, mallocinit.HEAP_ARENA_BITMAP_BYTES)


@fails("T-2")
def bitmap_of_an_odd_size() -> None:
    mallocinit.check_build(16, 3 << 20)


@fails("T-3")
def no_page_size() -> None:
    Heap(phys=PhysicalPages(0, 0))


@fails("T-4")
def small_physical_pages() -> None:
    Heap(phys=PhysicalPages(2048, 0))


@fails("T-5")
def odd_physical_pages() -> None:
    Heap(phys=PhysicalPages(12288, 0))


@fails("T-6")
def odd_huge_pages() -> None:
    Heap(phys=PhysicalPages(4096, 3 << 20))


class NoHints(Willing):
    """Grants no hint, and answers with one place to everything else."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place

    def reserve(self, address: int, size: int) -> int:
        return 0 if address != 0 else self.place


@fails("T-8")
def a_region_beyond_the_address_space() -> None:
    Heap(os=NoHints(1 << 48)).malloc(8)


@fails("T-9")
def a_region_that_is_not_aligned() -> None:
    heap = Heap()
    heap.state.pages.set_hints((Hint(0x7F00_0000_1000, False),), 0)
    heap.malloc(8)


class Refusing(Willing):
    """Refuses memory of some size for the runtime itself, once it has granted some."""

    def __init__(self, refused: int, granted: int = 0) -> None:
        super().__init__()
        self.refused = refused
        self.granted = granted

    def alloc(self, size: int) -> int:
        if size == self.refused:
            self.granted -= 1
        return 0 if self.granted < 0 else super().alloc(size)


class Unreserving(Willing):
    """Reserves no addresses for the heap."""

    def reserve(self, address: int, size: int) -> int:
        return 0


@fails("T-10")
def no_memory_for_the_arena_map() -> None:
    Heap(os=Refusing(ARENA_MAP_BYTES)).malloc(8)


@fails("T-11")
def the_same_arena_twice() -> None:
    heap = Heap(os=NoHints(0x7F00_0000_0000))
    for _ in range(4):
        heap.malloc(40 << 20)


@fails("T-12")
def no_memory_for_the_metadata_of_an_arena() -> None:
    Heap(os=Refusing(HEAP_ARENA_METADATA)).malloc(8)


@fails("T-13")
def no_memory_for_the_table_of_arenas() -> None:
    # With pages of 512 KiB the first table is large enough to be asked for directly.
    Heap(os=Refusing(512 << 10), phys=PhysicalPages(512 << 10, 0)).malloc(8)


@fails("T-26")
def no_memory_for_a_persistent_chunk() -> None:
    Heap(os=Refusing(PERSISTENT_CHUNK))


@fails("T-28")
def no_memory_for_the_table_of_spans() -> None:
    Heap(os=Refusing(FIRST_ALLSPANS * 8)).malloc(8)


@fails("T-45")
def no_memory_for_mark_bits() -> None:
    # The table of all spans is as large as a chunk of bits, and is made first.
    Heap(os=Refusing(GC_BITS_CHUNK, granted=1)).malloc(8)


class Unmapping(Willing):
    """Maps memory somewhere else, or not at all."""

    def __init__(self, mapped_at: int) -> None:
        super().__init__()
        self.mapped_at = mapped_at

    def map(self, address: int, size: int) -> int:
        return self.mapped_at


@fails("T-79")
def memory_that_cannot_be_mapped() -> None:
    Heap(os=Unmapping(0)).malloc(8)


@fails("T-80")
def memory_that_is_mapped_elsewhere() -> None:
    Heap(os=Unmapping(0x7000_0000_0000)).malloc(8)


@fails("T-23")
def nothing_of_persistent_memory() -> None:
    check_request(0, 8)


@fails("T-24")
def persistent_memory_at_odd_addresses() -> None:
    check_request(8, 24)


@fails("T-25")
def persistent_memory_at_wide_addresses() -> None:
    Metadata(Willing()).persistent(8, 16384, "other_sys", 0)


@fails("T-78")
def a_release_of_half_a_page() -> None:
    check_release(AMD64, 0xC000000000, 6000)


# --- allocation ----------------------------------------------------------------------------------


@fails("T-15")
def a_full_span_with_another_count() -> None:
    next_free_slow(replace(FULL, alloc_count=511))


@fails("T-16")
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


@fails("T-17")
def a_count_beyond_the_slots() -> None:
    next_free_slow(replace(SPAN, alloc_count=512))


@fails("T-18")
def an_allocation_in_mark_termination() -> None:
    heap = Heap()
    heap.state.phase = MARK_TERMINATION
    heap.malloc(8)


@fails("T-21")
def a_size_near_the_end_of_numbers() -> None:
    malloc.pages_for_large(2**64 - 1)


@fails("T-46")
def a_cached_span_that_is_full() -> None:
    reload_cache(FULL)


@fails("T-46")
def a_span_for_the_cache_that_is_full() -> None:
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    nelems = heap.state.spans[span].nelems
    heap.state.spans[span] = replace(heap.state.spans[span], alloc_count=nelems)
    account_cached(heap.state, span)


@fails("T-47")
def an_uncached_span_without_objects() -> None:
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    heap.state.spans[span] = replace(heap.state.spans[span], alloc_count=0)
    list(uncache_span(heap.state, ACTOR, slot_of(heap, span)))


@fails("T-50")
def a_refill_with_room_left() -> None:
    heap = Heap()
    heap.malloc(16)
    mcache = heap.state.mcaches[0]
    (spanclass,) = heap.state.cached_spans(0)
    let_go(heap.state, mcache, spanclass)


@fails("T-51")
def a_retired_span_that_is_not_cached() -> None:
    retire_full(4, 4)


@fails("T-54")
def a_flush_from_two_cycles_ago() -> None:
    must_flush(8, 4)


@fails("T-90")
def a_trigger_above_all_numbers() -> None:
    trigger_for(0.875, 0, (1 << 63) - 4096, 100, sweep_is_done=False)


@fails("T-81")
def an_index_beyond_the_slots() -> None:
    next_free_index(replace(SPAN, freeindex=513))


@fails("T-83")
def a_span_that_begins_within_a_byte_of_bitmap() -> None:
    newspan.check_bitmap(0xC000000008, 1)


# --- pages ---------------------------------------------------------------------------------------


@fails("T-27")
def merging_below_across_a_shared_physical_page() -> None:
    phys, below = PhysicalPages(16384, 0), replace(RUN, scavenged=True)
    merge_below(phys, below, replace(below, base=below.base + PAGE_SIZE))


@fails("T-27")
def merging_above_across_a_shared_physical_page() -> None:
    phys, below = PhysicalPages(16384, 0), replace(RUN, scavenged=True)
    merge_above(phys, below, replace(below, base=below.base + PAGE_SIZE))


class Forgetful:
    """A free set that finds nothing."""

    def __init__(self) -> None:
        self._runs = Treap()

    def __getattr__(self, name: str) -> object:
        return getattr(self._runs, name)

    def find(self, npages: int) -> FreeSpan | None:
        return None


class NoGoal:
    def retained_goal(self) -> int:
        return 0


@fails("T-29")
def a_search_that_misses_what_has_grown() -> None:
    list(allocate(PageHeap(NoGoal(), free=cast(FreeSpans, Forgetful())), ACTOR, 1))


@fails("T-30")
def taking_a_run_that_is_not_free() -> None:
    check_can_be_allocated(replace(RUN, state=IN_USE), 1)


@fails("T-31")
def taking_a_run_that_is_too_small() -> None:
    check_can_be_allocated(RUN, 2)


@fails("T-32")
def taking_a_span_that_is_listed() -> None:
    heap = Heap()
    fresh = heap.state.pages.descriptors.made
    put(heap.state, fresh, replace(UNUSED, place=NONEMPTY))
    heap.malloc(64)


@fails("T-33")
def freeing_a_stack_in_use() -> None:
    check_can_be_freed(replace(RUN, state=MANUAL), 1)


@fails("T-34")
def freeing_a_span_with_objects() -> None:
    check_can_be_freed(replace(RUN, state=IN_USE), 1)


@fails("T-35")
def freeing_a_dead_span() -> None:
    check_can_be_freed(replace(RUN, state=DEAD), 0)


@fails("T-37")
def removing_a_span_from_another_list() -> None:
    moved(EMPTY, NONEMPTY, EMPTY)


@fails("T-38")
def inserting_a_listed_span() -> None:
    moved(EMPTY, NOWHERE, NONEMPTY)


@fails("T-39")
def inserting_a_listed_span_at_the_back() -> None:
    moved(NONEMPTY, NOWHERE, EMPTY)


# --- the treap -----------------------------------------------------------------------------------


def entry(page: int, npages: int = 1, scavenged: bool = False) -> FreeSpan:
    return FreeSpan(page * PAGE_SIZE, npages, page, scavenged, False)


def tree(*pages: int) -> Node:
    treap = Treap()
    for page in pages:
        treap.insert(entry(page))
    assert treap.root is not None
    return treap.root


@fails("T-62")
def types_that_promise_a_lower_match() -> None:
    node = Node(entry(3), 1)
    node.types = 15
    find_minimal(node, 2)


@fails("T-63")
def types_that_promise_a_higher_match() -> None:
    node = Node(entry(3), 1)
    node.types = 15
    find_maximal(node, 2)


def swapped(side: str) -> Node:
    node = Node(entry(5), 1)
    setattr(node, side, Node(entry(9 if side == "left" else 1), 2))
    return node


@fails("T-66")
def a_left_child_with_a_greater_base() -> None:
    check_treap(swapped("left"))


@fails("T-67")
def a_right_child_with_a_lesser_base() -> None:
    check_treap(swapped("right"))


@fails("T-68")
def a_sum_of_pages_that_is_stale() -> None:
    node = tree(1, 2, 3)
    node.max_pages = 7
    check_treap(node)


@fails("T-69")
def a_sum_of_types_that_is_stale() -> None:
    node = tree(1, 2, 3)
    node.types = 15
    check_treap(node)


@fails("T-70")
def a_base_that_is_there_already() -> None:
    treap = Treap()
    treap.insert(entry(1))
    treap.insert(entry(1))


@fails("T-73")
def removing_what_is_not_there() -> None:
    Treap().remove(8192)


@fails("T-73")
def changing_what_is_not_there() -> None:
    Treap().mutate(8192, entry(1))


@fails("T-75")
def rotating_without_a_right_child() -> None:
    rotate_left(Node(entry(1), 1))


@fails("T-76")
def rotating_without_a_left_child() -> None:
    rotate_right(Node(entry(1), 1))


# --- sweeping and the cycle ----------------------------------------------------------------------


@fails("T-44")
def bits_that_no_arena_holds() -> None:
    take_bits(NO_ARENAS, 1 << 20)


@fails("T-48")
def freeing_a_cached_span() -> None:
    heap, thread = being_swept(EXAMINED)
    it = heap.state.shared(heap.state.sharing.threads[thread].span - 1)
    put(heap.state, heap.state.sharing.threads[thread].span - 1, replace(it, sweepgen=3))
    take(heap.state, PUBLISH, thread)


@fails("T-49")
def preserving_a_span_that_is_in_no_list() -> None:
    heap, thread = being_swept(EXAMINED)
    worker = replace(heap.state.sharing.threads[thread], preserve=True, freed=True)
    heap.state.sharing.threads.set(thread, worker)
    put(heap.state, worker.span - 1, replace(heap.state.shared(worker.span - 1), place=NOWHERE))
    take(heap.state, PUBLISH, thread)


@fails("T-55")
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


def slot_of(heap: Heap, span: int) -> SlotId:
    """The cache slot that holds a span."""
    return heap.state.shared(span).cacher


@fails("T-58")
def sweeping_a_span_that_nobody_claimed() -> None:
    heap, thread = being_swept(SWEEPING)
    span = heap.state.sharing.threads[thread].span - 1
    put(heap.state, span, replace(heap.state.shared(span), sweepgen=0))
    take(heap.state, EXAMINE, thread, True, False)


@fails("T-58")
def sweeping_a_span_that_is_not_in_use() -> None:
    sweep(replace(SPAN, state=FREE))


@fails("T-59")
def more_marks_than_objects() -> None:
    sweep(replace(SPAN, gcmark_bits=Bits(7), alloc_count=2, freeindex=2))


@fails("T-59")
def a_mark_on_a_free_slot() -> None:
    record: Mspan = replace(SPAN, alloc_count=2, freeindex=2)
    sweeping.with_marks(record, Bits(0b100))


@fails("T-34")
def freeing_a_span_that_is_not_swept() -> None:
    heap, thread = being_swept(FREEING)
    take(heap.state, steps.FREE, thread)


@fails("T-60")
def publishing_a_span_that_has_left_use() -> None:
    heap, thread = being_swept(EXAMINED)
    span = heap.state.sharing.threads[thread].span - 1
    put(heap.state, span, replace(heap.state.shared(span), in_use=False))
    take(heap.state, PUBLISH, thread)


@fails("T-61")
def a_block_beyond_the_buffer() -> None:
    buffer = SweepBuffer()
    buffer.grow_for(0)
    buffer.push(3, 0)
    assert buffer.block(0) == (3,)
    buffer.block(1)


@fails("T-86")
def a_cycle_with_a_cache_that_is_not_flushed() -> None:
    heap = Heap()
    heap.state.sharing.procs.set(ProcId(0), Proc(2**32 - 2))
    cycle.check_flushed(heap.state)


@fails("T-87")
def a_sweep_phase_while_marking() -> None:
    heap = Heap()
    heap.state.phase = MARK
    cycle.sweep_phase_starts(heap.state, ACTOR)


@fails("T-88")
def a_swept_buffer_that_is_not_empty() -> None:
    heap = Heap()
    heap.malloc(16)
    heap.state.unswept.push(99, 0)
    cycle.sweep_phase_starts(heap.state, ACTOR)


@fails("T-91")
def marking_a_span_that_was_not_swept() -> None:
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    put(heap.state, span, replace(heap.state.shared(span), sweepgen=2**32 - 2))
    cycle.check_roots(heap.state)


@fails("T-94")
def a_first_p_without_an_mcache() -> None:
    heap = Heap()
    heap.state.procs = 0
    heap.state.mcache_of.clear()
    list(procresize(heap.state, Actor(-1, 0), 1))


@fails("T-43")
def a_special_record_of_no_kind() -> None:
    add_special((), 0, 7)


@fails("T-42")
def a_second_profile_record() -> None:
    add_special(add_special((), 0, 2), 0, 2)


@pytest.mark.parametrize("name", REGISTRY)
def test_the_fatal_check_names_itself(name: str) -> None:
    check = "-".join(name.split("-")[:2])
    with pytest.raises(AssertionError, match=rf"^{check}: "):
        REGISTRY[name]()


# --- what a program, the marker or the system provokes through inputs ----------------------------


def test_requests_that_cannot_be_served_are_named() -> None:
    heap = Heap(os=NoHints(0))
    with pytest.raises(OutOfMemory, match="T-52"):
        heap.malloc(16)
    with pytest.raises(OutOfMemory, match="T-22"):
        heap.malloc(100_000)
    with pytest.raises(OutOfMemory, match="T-22"):
        heap.malloc(2**63)
    with pytest.raises(OutOfMemory, match="T-21"):
        heap.malloc(2**64 - 8192)


def test_a_marker_with_a_bad_pointer_is_named() -> None:
    heap = Heap()
    dead = heap.malloc(100_000)
    heap.gc()
    heap.step(StartCycle())
    with pytest.raises(Refused, match="T-85"):
        heap.step(MarkObject(0, dead))


def test_special_records_of_no_object_are_named() -> None:
    heap = Heap()
    with pytest.raises(Refused, match="T-40"):
        heap.step(AddSpecial(0, 0xC000000000, "profile"))
    for request in (AddSpecial(0, 0xC000000000), RemoveFinalizer(0, 0xC000000000)):
        with pytest.raises(Refused, match="SetFinalizer: pointer not in allocated block"):
            heap.step(request)
    address = heap.malloc(48)
    heap.step(AddSpecial(0, address, "profile"))
    with pytest.raises(Refused, match="T-42"):
        heap.step(AddSpecial(0, address, "profile"))


def test_a_finalizer_is_refused_in_the_words_of_the_runtime() -> None:
    heap = Heap()
    address, large, tiny = heap.malloc(48), heap.malloc(40_000), heap.malloc(5, noscan=True)
    stack = heap.step(TakeManual(0, 4)).result
    assert stack is not None
    unused = heap.state.pages.runs[stack].base
    dead = heap.malloc(100_000)
    heap.gc([address, large, tiny])
    for request in (AddSpecial, RemoveFinalizer):
        for place, otherwise in (
            (address + 8, "pointer not at beginning of allocated block"),
            (large + 16, "pointer not at beginning of allocated block"),
            (unused, "pointer not in allocated block"),
            (dead, "T-85: found bad pointer"),
            (large + 40_000, "T-85: found bad pointer"),
            (address + 48, "its slot is free"),
        ):
            with pytest.raises(Refused, match=otherwise):
                heap.step(request(0, place))
    heap.step(AddSpecial(0, tiny + 3))
    with pytest.raises(Refused, match="finalizer already set"):
        heap.step(AddSpecial(0, tiny + 3))


def test_stacks_come_from_manual_spans_and_go_back_to_them() -> None:
    heap = Heap(os=Unreserving())
    with pytest.raises(OutOfMemory, match="T-106: out of memory"):
        heap.step(TakeManual(0, 4))
    heap = Heap()
    span = heap.span_of(heap.malloc(48))
    for stray in (span, 77):
        with pytest.raises(Refused, match="T-105: bad span state"):
            heap.step(FreeManual(0, stray))
    taken = heap.step(TakeManual(0, 8)).result
    assert taken is not None
    heap.step(FreeManual(0, taken))
    with pytest.raises(Refused, match="T-105: bad span state"):
        heap.step(FreeManual(0, taken))


def test_removespecial_looks_for_a_span_itself() -> None:
    with pytest.raises(Refused, match="T-41"):
        heap_span(Heap().state, 0xC000000000, "T-41: removespecial on invalid pointer")


UNREACHABLE = {
    "T-36": "the cut was found to lie above the start just before",
    "T-53": "T-46 has looked at the same counts before",
    "T-82": "a page has a multiple of four words",
}
"""Checks that no state can fail, since an earlier one excludes it."""


def test_every_fatal_check_of_the_model_is_provoked_or_out_of_reach() -> None:
    checks = {name for name in definitions_of_rules() if name.startswith("T-")}
    provoked = {"-".join(name.split("-")[:2]) for name in REGISTRY}
    by_inputs = {"T-22", "T-40", "T-41", "T-52", "T-85", "T-104", "T-105", "T-106"}
    assert checks - provoked - by_inputs == set(UNREACHABLE) | {"T-89"}
