"""A heap hands out objects, finds the dead ones, and balances its books."""

import random
from collections.abc import Iterator
from types import ModuleType

import pytest

from spanalloc import Heap, SimulatedMemory

BASE = 0xC000000000
PAGE = 8192


@pytest.fixture
def memory(package: ModuleType) -> SimulatedMemory:
    made: SimulatedMemory = package.SimulatedMemory()
    return made


@pytest.fixture
def heap(package: ModuleType, memory: SimulatedMemory) -> Iterator[Heap]:
    with package.Heap(2, memory) as made:
        yield made
        assert package.audit(made.snapshot()) == []


def test_the_first_span_lies_at_the_first_hint(heap: Heap) -> None:
    assert heap.malloc(384) == BASE
    assert heap.malloc(384) == BASE + 384
    stats = heap.statistics()
    assert (stats.heap_sys, stats.heap_inuse) == (64 << 20, PAGE)
    assert stats.heap_released == stats.heap_idle == (64 << 20) - PAGE


def test_tiny_objects_share_blocks_as_in_the_worked_example(heap: Heap) -> None:
    # EX-7
    offsets = [heap.malloc(size, noscan=True) - BASE for size in (5, 8, 3, 9, 2, 12, 13)]
    assert offsets == [0, 8, 16, 19, 28, 32, 48]
    assert heap.statistics().tinyallocs == 3


def test_tiny_objects_of_a_p_that_goes_stay_counted(heap: Heap) -> None:
    # MC-11
    for _ in range(4):
        heap.malloc(3, noscan=True, p=1)
    assert heap.statistics().tinyallocs == 3
    heap.set_procs(1)
    assert heap.statistics().tinyallocs == 3


def test_an_object_of_no_bytes_has_the_address_of_all_such(heap: Heap, package: ModuleType) -> None:
    assert heap.malloc(0) == heap.malloc(0, noscan=True, p=1) == package.ZERO_BASE
    assert heap.statistics().mallocs == 0


def test_each_p_allocates_from_spans_of_its_own(heap: Heap) -> None:
    assert heap.malloc(64, p=0) == BASE
    assert heap.malloc(64, p=1) == BASE + PAGE
    assert heap.malloc(64, p=0) == BASE + 64


@pytest.mark.parametrize("size", [1, 8, 9, 1016, 1024, 1025, 32768, 32769, 100_000, 5 << 20])
def test_an_object_survives_exactly_the_cycles_that_mark_it(heap: Heap, size: int) -> None:
    first, second = heap.malloc(size), heap.malloc(size)
    heap.collect([second])
    heap.sweep_all()
    assert heap.statistics().live_objects == 1
    assert heap.extent(second)[0] == second
    with pytest.raises(ValueError, match="is in no object"):
        heap.extent(first)
    heap.collect()
    heap.sweep_all()
    stats = heap.statistics()
    assert (stats.live_objects, stats.live_bytes, stats.heap_inuse) == (0, 0, 0)


def test_marks_are_addresses_bitmaps_or_functions(heap: Heap) -> None:
    addresses = [heap.malloc(1024) for _ in range(6)]
    heap.collect(addresses[:4])
    heap.collect({BASE: 0b1010})
    heap.collect(lambda: [addresses[1], addresses[3] + 1000])
    heap.sweep_all()
    assert heap.statistics().live_objects == 2
    assert heap.malloc(1024) == addresses[0]


def test_outside_of_a_cycle_nobody_is_asked_what_is_alive(package: ModuleType) -> None:
    asked: list[int] = []

    def alive() -> list[int]:
        asked.append(1)
        return []

    with package.Heap(1, package.SimulatedMemory()) as heap, pytest.raises(package.PhaseError):
        heap.mark_all(alive)
    assert asked == []


def test_marks_of_a_cycle_that_has_ended_meanwhile_are_refused(package: ModuleType) -> None:
    with package.Heap(1, package.SimulatedMemory()) as heap:
        address = heap.malloc(64)
        heap.start_cycle()

        def alive() -> list[int]:
            heap.finish()
            return [address]

        with pytest.raises(package.PhaseError):
            heap.mark_all(alive)
        heap.sweep_all()
        assert heap.spans() == []


def test_a_bitmap_stands_for_each_of_its_slots_once(package: ModuleType) -> None:
    with package.Heap(1, package.SimulatedMemory()) as heap:
        objects = [heap.malloc(8) for _ in range(200)]
        addresses = package.heap.marks.addresses_of(heap.state, {objects[0]: (1 << 200) - 1})
        assert list(addresses) == objects


def test_a_bitmap_of_nothing_marks_nothing(heap: Heap) -> None:
    address = heap.malloc(64)
    heap.collect({address: 0})
    assert heap.malloc(64) == address


def test_what_is_allocated_while_marking_is_alive(heap: Heap) -> None:
    heap.malloc(1024)
    heap.start_cycle()
    born = heap.malloc(1024)
    large = heap.malloc(1 << 20)
    heap.finish()
    heap.sweep_all()
    assert heap.statistics().live_objects == 2
    assert heap.extent(born)[0] == born
    assert heap.extent(large)[0] == large


def test_the_current_tiny_block_survives_the_start_of_a_cycle(heap: Heap) -> None:
    first = heap.malloc(4, noscan=True)
    heap.start_cycle()
    second = heap.malloc(4, noscan=True)
    heap.finish()
    heap.sweep_all()
    assert second == first + 4
    assert heap.extent(second)[0] == first


def test_free_memory_goes_back_to_the_operating_system(heap: Heap, memory: SimulatedMemory) -> None:
    heap.malloc(3 << 20)
    heap.collect()
    assert heap.free_os_memory() == 3 << 20
    stats = heap.statistics()
    assert stats.heap_released == stats.heap_idle == stats.heap_sys == 64 << 20
    assert memory.advised_bytes[4] == 3 << 20
    assert heap.free_os_memory() == 0


def test_the_background_scavenger_follows_its_line(heap: Heap) -> None:
    for _ in range(20):
        heap.malloc(1 << 20)
    # The goal of a cycle is drawn from what was in use when it ended: the second one sees none.
    for _ in range(2):
        heap.collect()
        heap.sweep_all()
    before = heap.statistics().heap_retained
    returned = heap.scavenge_by(5_000_000)
    assert returned > 0
    assert heap.statistics().heap_retained == before - returned
    assert heap.scavenge_by(1) == 0


def test_manual_spans_count_apart(heap: Heap) -> None:
    stack, buffer = heap.take_manual(4, "stack"), heap.take_manual(4, "gc")
    stats = heap.statistics()
    assert (stats.stacks_inuse, stats.gc_manual) == (4 * PAGE, 4 * PAGE)
    assert stats.heap_sys == (64 << 20) - 8 * PAGE
    heap.free_manual(stack)
    heap.free_manual(buffer)
    assert heap.statistics().heap_sys == 64 << 20
    assert heap.take_manual(8) == stack


def test_only_stacks_wait_for_the_end_of_marking(heap: Heap, package: ModuleType) -> None:
    """The pointer mask of a GC program is freed when it was used (HEAP-32)."""
    stack = heap.take_manual(4, "stack")
    heap.start_cycle()
    for purpose in ("gc", "other"):
        heap.free_manual(heap.take_manual(2, purpose))
    assert heap.statistics().gc_manual == 0
    with pytest.raises(package.PhaseError, match="stacks are not freed while a cycle marks"):
        heap.free_manual(stack)
    heap.finish([])
    heap.free_manual(stack)
    assert heap.statistics().stacks_inuse == 0


def test_sweeping_all_tells_the_pages_that_it_gave_back(package: ModuleType) -> None:
    heap = package.Heap(os=package.SimulatedMemory())
    kept = heap.malloc(24)
    for size in (5 * PAGE + 1, 20 * PAGE, 5 * PAGE):
        heap.malloc(size)
    heap.collect([kept])
    assert heap.sweep_all() == 6 + 20 + 5
    assert heap.sweep_all() == 0


def test_who_takes_his_own_p_away_goes_on_as_the_first(package: ModuleType) -> None:
    recorder = package.Recorder()
    with package.Heap(2, package.SimulatedMemory(), recorder) as heap:
        heap.malloc(64, p=1)
        told = len(recorder.events)
        heap.set_procs(1, p=1)
        events = [(event["k"], event["p"]) for event in recorder.events[told:]]
        assert events[0] == ("np", 1)
        assert {p for kind, p in events if kind in ("pf", "pd", "ra", "un", "mc")} == {0}
        assert {event["t"] for event in recorder.events[told:]} == {1}
        # Who uses the first P from then on is its own thread, as before.
        told = len(recorder.events)
        heap.malloc(64)
        assert {event["t"] for event in recorder.events[told:] if event["k"] != "m"} == {0}


def test_what_a_p_has_freed_stays_counted_when_it_goes(package: ModuleType) -> None:
    heap = package.Heap(2, package.SimulatedMemory())
    for size in (5 * PAGE, 6 * PAGE, 64):
        heap.malloc(size, p=1)
    heap.malloc(8, noscan=True, p=1)
    heap.collect([], p=1)
    heap.sweep_all(p=1)
    before = heap.statistics()
    assert before.total_free == 11 * PAGE + 64
    heap.set_procs(1)
    assert heap.statistics() == before


def test_more_arenas_than_the_tree_begins_with(package: ModuleType) -> None:
    heap = package.Heap(1, package.SimulatedMemory())
    arena = 64 << 20
    whole = [heap.malloc(arena, noscan=True) for _ in range(40)]
    heap.collect(whole[1:17] + whole[18:])
    heap.sweep_all()
    assert package.audit(heap.snapshot()) == []
    assert heap.malloc(arena + PAGE, noscan=True) > whole[-1]
    assert heap.malloc(arena, noscan=True) == whole[0]
    assert heap.malloc(arena, noscan=True) == whole[17]


def test_the_last_arena_of_the_address_space_is_asked_for(package: ModuleType) -> None:
    heap = package.Heap(1, package.SimulatedMemory())
    pages, last = heap.state.pages, (1 << 47) - (64 << 20)
    pages.hints.append(type(pages.hints[-1])(last, False))
    assert heap.malloc(64) == last


def test_a_manual_span_has_nothing_of_the_slots_before(package: ModuleType) -> None:
    heap = package.Heap(os=package.SimulatedMemory())
    span_at = heap.state.pages.free.pages.span_at
    below, small, above = heap.malloc(3 * PAGE), heap.malloc(8), heap.malloc(3 * PAGE)
    span = span_at(small)
    assert (span.alloc_count, span.spanclass, span.nelems, span.elemsize) == (1, 2, 1024, 8)
    heap.collect([below, above])
    heap.sweep_all()
    assert span_at(heap.take_manual(1)) is span
    assert (span.alloc_count, span.spanclass, span.nelems, span.elemsize) == (0, 0, 0, 0)
    assert span.limit == span.base + PAGE
    # A large object ends before its pages do.
    large = heap.malloc(5 * PAGE - 100)
    highest = heap.malloc(5 * PAGE)
    span = span_at(large)
    assert (span.spanclass, span.nelems, span.limit) == (0, 1, large + 5 * PAGE - 100)
    heap.collect([below, above, highest])
    heap.sweep_all()
    assert span_at(heap.take_manual(5)) is span
    assert (span.nelems, span.elemsize, span.limit) == (0, 0, large + 5 * PAGE)


def test_the_number_of_ps_changes_and_their_spans_return(heap: Heap) -> None:
    heap.malloc(64, p=1)
    heap.set_procs(1, p=1)
    assert heap.procs == 1
    assert heap.malloc(64) == BASE + 64
    heap.set_procs(4)
    assert heap.malloc(64, p=3) == BASE + PAGE


def test_a_heap_may_begin_next_to_the_last_generation(package: ModuleType) -> None:
    with package.Heap(1, package.SimulatedMemory(), sweepgen=(1 << 32) - 2) as heap:
        kept = heap.malloc(64)
        for _ in range(3):
            heap.malloc(64)
            heap.collect([kept])
            heap.sweep_all()
        assert heap.snapshot().sweepgen == 4
        assert heap.statistics().live_objects == 1


def test_a_heap_gives_all_address_space_back(package: ModuleType, memory: SimulatedMemory) -> None:
    with package.Heap(1, memory) as heap:
        heap.malloc(200 << 20)
        assert memory.reserved_bytes == 256 << 20
    assert memory.reserved_bytes == 0


def test_the_highest_page_of_a_set_is_found_at_every_place(package: ModuleType) -> None:
    made = package.pages.pageset.PageSet()
    assert made.highest(8191) == -1
    for page in (0, 31, 32, 63, 64, 4095, 8191):
        made.add(page)
        made.add(page)
    pages = [page for page in range(8192) if made.has(page)]
    assert (pages, made.count) == ([0, 31, 32, 63, 64, 4095, 8191], 7)
    for last in range(8192):
        assert made.highest(last) == max(page for page in pages if page <= last)
    for page in (8191, 31, 0, 31):
        made.discard(page)
    assert (made.highest(8191), made.highest(31), made.count) == (4095, -1, 4)


def test_a_tree_has_whole_groups_of_sixteen_in_each_row(package: ModuleType) -> None:
    rounded = package.base.maxtree.round_to_fanout
    lengths = (1, 2, 15, 16, 17, 31, 32, 33, 8192)
    assert [rounded(one) for one in lengths] == [16, 16, 16, 16, 32, 32, 32, 48, 8192]


def test_the_lowest_heavy_place_of_a_tree_is_found(package: ModuleType) -> None:
    for capacity in (16, 256, 8192):
        tree, weights = package.base.maxtree.MaxTree(capacity), [0] * capacity
        rng = random.Random(capacity)
        for _ in range(1500):
            place, weight = rng.randrange(capacity), rng.choice((0, 0, 1, 2, 9, rng.randrange(99)))
            tree.store(place, weight)
            weights[place] = weight
            wanted = rng.choice((1, 2, 9, 50, 100))
            fits = (at for at, one in enumerate(weights) if one >= wanted)
            assert tree.lowest(wanted) == next(fits, -1)
            assert tree.largest() == max(weights)
        assert tree.in_use() == [at for at, one in enumerate(weights) if one > 0]


def test_a_cycle_of_a_stream_marks_only_what_was_allocated(package: ModuleType) -> None:
    stream = package.Stream()
    stream.allocate(3, 64)
    stream.cycle()
    with package.Heap(1, package.SimulatedMemory()) as heap:
        assert package.replay_stream(heap, stream) == 2
        heap.sweep_all()
        assert heap.statistics().live_objects == 1


def test_a_part_of_a_heap_has_no_descriptor_that_was_never_made(package: ModuleType) -> None:
    with package.Heap(1, package.SimulatedMemory()) as heap:
        heap.malloc(64)
        made = len(heap.state.pages.free.allspans)
        idents = [0, made, made + 1]
        _, spans, runs, *_ = package.heap.heapsnapshot.part_of(heap.state, idents, [], True)
        assert (len(spans), len(runs)) == (1, 1)


def test_a_stream_is_served_as_single_calls_are(package: ModuleType) -> None:
    stream, recorders = package.Stream(), (package.Recorder(), package.Recorder())
    for number in range(3000):
        stream.allocate(number % 70, 1 + number * 7 % 3000, number % 3 == 0, number % 4 == 0)
        if number % 5 == 0:
            stream.drop(number % 70)
        if number % 900 == 899:
            stream.cycle()
    single = package.Heap(1, package.SimulatedMemory(), recorders[0])
    held = [0] * 70
    for number in range(3000):
        size = 1 + number * 7 % 3000
        held[number % 70] = single.malloc(size, number % 3 == 0, number % 4 == 0)
        if number % 5 == 0:
            held[number % 70] = 0
        if number % 900 == 899:
            single.collect([address for address in held if address])
    with package.Heap(1, package.SimulatedMemory(), recorders[1]) as heap:
        assert package.replay_stream(heap, stream) == len(stream) == 3603
        assert heap.snapshot() == single.snapshot()
        assert recorders[0].events == recorders[1].events


def test_a_sweep_debt_after_all_is_swept_ends_the_pace(package: ModuleType) -> None:
    recorder = package.Recorder()
    with package.Heap(1, package.SimulatedMemory(), recorder) as heap:
        kept = [heap.malloc(8192) for _ in range(300)]
        heap.collect(kept)
        heap.sweep_all()
        assert heap.state.pacing.pages_per_byte > 0
        told = len(recorder.events)
        for _ in range(200):
            heap.malloc(8192)
        debts = [event for event in recorder.events[told:] if event["k"] == "dd"]
        assert len(debts) == 1
        assert heap.state.pacing.pages_per_byte == 0


def test_only_a_sleep_that_was_not_cut_short_makes_the_scavenger_sleep_longer(
    package: ModuleType,
) -> None:
    with package.Heap(1, package.SimulatedMemory()) as heap:
        line = heap.state.line
    line.goal, line.rate = 1000, 1.0
    line.wake(0)
    line.turn_ends(5000, 0, 0, 0)
    assert (line.wake_at, line.delay) == (100_000, 100_000)
    line.wake(99_999)
    assert line.delay == 100_000
    line.turn_ends(5000, 0, 0, 99_999)
    line.wake(199_999)
    assert line.delay == 200_000
    line.turn_ends(5000, 10, 10, 199_999)
    assert line.delay == 100_000


def test_a_snapshot_tells_how_far_the_reclaimer_has_come(heap: Heap) -> None:
    """The index of its next chunk of 512 pages, or -1 once all are done (SWP-22)."""
    live = [heap.malloc(PAGE) for _ in range(2000)]
    assert heap.snapshot().reclaim_index == 0
    del live[100:200]
    heap.collect(live)
    assert heap.snapshot().reclaim_index == 0
    live.append(heap.malloc(5 * PAGE))
    assert heap.snapshot().reclaim_index == 512
    heap.collect(live)
    heap.malloc(5 * PAGE)
    assert heap.snapshot().reclaim_index == -1


def test_a_snapshot_has_the_figures_that_are_compared_quickly(
    package: ModuleType, heap: Heap
) -> None:
    """The state is shown twice, with names and without: both have to say the same."""
    live = [heap.malloc(PAGE, p=number % 2) for number in range(300)]
    heap.malloc(5, noscan=True)
    heap.take_manual(4)
    heap.take_manual(4, "gc")
    heap.set_finalizer(live[0])
    for _ in range(2):
        heap.collect(live[5:200])
        heap.malloc(9 * PAGE)
        heap.sweep_one()
        heap.scavenge_all()
        shot, figures = heap.snapshot(), package.heap.heapsnapshot.figures_of(heap.state)
        assert (
            shot.sweepgen,
            shot.phase,
            shot.cycles,
            shot.procs,
            shot.sweepdone,
            shot.heap_live,
            shot.reclaim_index,
            shot.reclaim_credit,
            shot.pages_swept,
            len(shot.finalizers_due),
            *map(len, shot.buffers),
            len(shot.free_descriptors),
            len(shot.arenas),
            *shot.current,
            shot.heap_sys,
            shot.heap_idle,
            shot.heap_inuse,
            shot.heap_released,
            shot.stacks_inuse,
            shot.gc_manual,
            shot.pages_in_use,
            shot.unscavenged_huge_pages,
            *(figure for cache in shot.caches for figure in (cache.tiny, cache.tinyoffset)),
        ) == figures
