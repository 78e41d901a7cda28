"""The ten worked examples of the rules, EX-1 to EX-10, step by step."""

from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE
from spanspec.events import heap_events as hev
from spanspec.heap import Heap
from spanspec.heap.machine import completed
from spanspec.pages.courses.pagealloc import allocate, free_in_use, make_in_use
from spanspec.pages.courses.scavenge import scavenge_all, split_address
from spanspec.pages.courses.scavengeline import Line, background_work, goal_for, pace, total_time_ns
from spanspec.pages.pageheap import Actor, PageHeap
from spanspec.pages.tables.runs import AMD64, PageRun, end_of
from spanspec.pages.tables.statistics import retained
from spanspec.span.alloccache import next_free_fast, next_free_slow
from spanspec.span.mspan import FREE, init_span
from spanspec.span.sweepgen import (
    claim_for_sweep,
    enter_cache,
    generation_of_new_span,
    is_stale,
    leave_cache,
    needs_sweep,
    next_cycle,
    publish_swept,
    retire_full,
)

BASE = 0xC000000000
ACTOR = Actor(0, 0)


class NoGoal:
    def retained_goal(self) -> int:
        return 0


def test_ex_1_the_first_span_maps_an_arena() -> None:
    heap = PageHeap(NoGoal())
    told = list(allocate(heap, ACTOR, 1))
    mapped = next(event for event in told if isinstance(event, hev.ArenaMapped))
    assert (mapped.base_page, mapped.npages) == (0, 8192)
    assert (heap.current.base, heap.current.end) == (0xC000002000, 0xC004000000)
    make_in_use(heap, ACTOR, heap.map.span_of(BASE))
    stats = heap.stats
    assert (stats.heap_sys, stats.heap_inuse) == (67108864, 8192)
    assert (stats.heap_idle, stats.heap_released) == (67100672, 67100672)
    assert retained(stats) == 8192
    second = list(allocate(heap, ACTOR, 1))[-1]
    assert isinstance(second, hev.HeapAllocates)
    assert second.base_page == 1
    assert heap.current.base == 0xC000004000


def with_runs(*runs: int) -> tuple[PageHeap, list[int]]:
    """Return a heap with spans in use side by side, each of so many pages."""
    heap = PageHeap(NoGoal())
    spans = []
    for npages in runs:
        span = list(allocate(heap, ACTOR, npages))[-1]
        assert isinstance(span, hev.HeapAllocates)
        make_in_use(heap, ACTOR, span.span)
        spans.append(span.span)
    return heap, spans


def free(heap: PageHeap, span: int) -> hev.Coalesces:
    return completed(free_in_use(heap, ACTOR, span, 0, 0, 1))


def test_ex_2_the_low_end_of_a_scavenged_run_is_taken() -> None:
    heap, (span,) = with_runs(10)
    free(heap, span)
    list(scavenge_all(heap, ACTOR))
    before = heap.stats
    told = list(allocate(heap, ACTOR, 3))[-1]
    assert isinstance(told, hev.HeapAllocates)
    taken, rest = heap.runs[told.span], heap.runs[span]
    assert (taken.base, taken.npages, taken.scavenged) == (BASE, 3, False)
    assert (rest.base, rest.npages, rest.scavenged) == (BASE + 3 * PAGE_SIZE, 7, True)
    assert heap.stats.heap_released == before.heap_released - 3 * PAGE_SIZE
    assert heap.stats.heap_idle == before.heap_idle - 3 * PAGE_SIZE


def test_ex_3_only_neighbours_of_the_same_state_merge() -> None:
    heap, (x, y, z, _) = with_runs(1, 2, 4, 1)
    free(heap, z)
    list(scavenge_all(heap, ACTOR))
    free(heap, y)
    released = heap.stats.heap_released
    told = free(heap, x)
    assert (told.above, told.npages, told.scavenged) == (y, 3, 0)
    assert heap.runs[x].npages == 3
    assert heap.runs[z].state == FREE
    assert end_of(heap.runs[x]) == heap.runs[z].base
    assert heap.stats.heap_released == released


def slots_of(nelems: int) -> list[tuple[str, int]]:
    """Fill a span with no slot taken, fast where possible; return paths and slots."""
    span = replace(init_span(BASE, 1, 5, BASE), nelems=nelems)
    taken: list[tuple[str, int]] = []
    while True:
        fast = next_free_fast(span)
        found = fast if fast.slot != nelems else next_free_slow(span)
        assert fast.slot != nelems or fast.span == span, "failing leaves no trace"
        if found.slot == nelems:
            return taken
        taken.append(("fast" if found is fast else "slow", found.slot))
        span = found.span


def test_ex_4_nelems_65() -> None:
    assert slots_of(65) == [
        *(("fast", slot) for slot in range(63)),
        ("slow", 63),
        ("fast", 64),
    ]


def test_ex_5_nelems_64() -> None:
    assert slots_of(64) == [("fast", slot) for slot in range(64)]


def test_ex_6_nelems_128() -> None:
    assert slots_of(128) == [
        *(("fast", slot) for slot in range(63)),
        ("slow", 63),
        *(("fast", slot) for slot in range(64, 128)),
    ]


def test_ex_7_a_sequence_of_tiny_objects() -> None:
    heap = Heap()
    addresses = [heap.malloc(size, noscan=True) for size in (5, 8, 3, 9, 2, 12, 13)]
    a = addresses[0]
    b, c, d = a + 16, a + 32, a + 48
    assert addresses == [a, a + 8, b, b + 3, b + 12, c, d]
    mcache = heap.state.mcaches[0]
    assert (mcache.tiny.address, mcache.tiny.offset) == (c, 12)
    assert mcache.tiny.allocs == 3
    assert heap.state.spans[heap.span_of(a)].alloc_count == 4


def run(start: int, end: int) -> PageRun:
    return PageRun(start, (end - start) // PAGE_SIZE, FREE, False, 0)


def test_ex_8_where_a_run_is_cut() -> None:
    whole = run(0xC000000000, 0xC000800000)
    assert split_address(AMD64, whole, 8192) == 0xC000600000
    ragged = run(0xC000002000, 0xC000302000)
    at = split_address(AMD64, ragged, 8192)
    assert (at, end_of(ragged) - at) == (0xC000200000, 0x102000)


def test_ex_9_the_pacing_line() -> None:
    mib = 1 << 20
    goal = goal_for(10 * mib, 6 * mib, 4 * mib, AMD64.size)
    assert goal == 17301504
    assert total_time_ns(AMD64, 40 * mib - goal, 5) == 3461 * 10**6
    line = pace(Line(), AMD64, goal, 40 * mib, 5, time_ns=0)
    assert line.rate == 24641536 / 3461e6
    assert background_work(line, 40 * mib, 0) == 0
    assert background_work(line, 40 * mib, 10**9) == int(line.rate * 1e9)


def test_ex_10_a_life_in_generations() -> None:
    sg = 4
    generation = generation_of_new_span(sg)
    assert generation == 4
    generation = enter_cache(sg, generation)
    assert generation == 7
    sg = next_cycle(sg)
    assert sg == 6
    assert is_stale(sg, generation)
    generation = leave_cache(sg, generation)
    assert generation == 5
    generation = publish_swept(sg, generation)
    assert generation == 6
    generation = enter_cache(sg, generation)
    assert generation == 9
    generation = retire_full(sg, generation)
    assert generation == 6
    sg = next_cycle(sg)
    assert sg == 8
    assert needs_sweep(sg, generation)
    generation = claim_for_sweep(sg, generation)
    assert generation == 7
    assert publish_swept(sg, generation) == 8
