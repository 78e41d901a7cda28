"""When a cycle is due, what it counts as live, and what has to be swept before."""

from types import ModuleType

import pytest

MIB = 1 << 20
NEVER = (1 << 64) - 1


def test_no_cycle_is_due_below_the_least_heap(package: ModuleType) -> None:
    heap = package.Heap(os=package.SimulatedMemory())
    pacing = heap.state.pacing
    assert (pacing.trigger, pacing.next_gc) == (4 * MIB, 4473924)
    live = heap.malloc(MIB)
    heap.collect([live])
    assert (pacing.trigger, pacing.next_gc) == (4 * MIB, 4 * MIB)
    assert not heap.wants_cycle
    heap.malloc(3 * MIB)
    assert heap.wants_cycle


def test_gogc_says_how_far_the_heap_may_grow(package: ModuleType) -> None:
    heap = package.Heap(os=package.SimulatedMemory())
    live = heap.malloc(16 * MIB)
    heap.collect([live])
    pacing = heap.state.pacing
    assert (pacing.trigger, pacing.next_gc) == (30 * MIB, 32 * MIB)
    assert pacing.last_next_gc == 17 * MIB  # the cycle began beyond its goal
    assert heap.set_gc_percent(10) == 100
    assert (pacing.trigger, pacing.next_gc) == (int(16 * MIB * 1.095), 16 * MIB * 11 // 10)
    assert heap.set_gc_percent(-5) == 10
    assert (pacing.trigger, pacing.next_gc) == (NEVER, NEVER)
    heap.malloc(200 * MIB)
    assert not heap.wants_cycle
    assert heap.set_gc_percent(100) == -1


def test_gogc_is_not_switched_off_while_marking(package: ModuleType) -> None:
    heap = package.Heap(os=package.SimulatedMemory())
    heap.start_cycle()
    with pytest.raises(package.PhaseError, match="cycle"):
        heap.set_gc_percent(-1)
    assert heap.set_gc_percent(50) == 100
    for wrong in (1 << 31, -(1 << 31) - 1):
        with pytest.raises(package.BadRequest, match="int32"):
            heap.set_gc_percent(wrong)
    assert heap.state.pacing.percent == 50


def test_an_object_counts_once_more_for_each_finalizer(package: ModuleType) -> None:
    heap = package.Heap(os=package.SimulatedMemory())
    dead, alive = heap.malloc(1024), heap.malloc(2048)
    heap.set_finalizer(dead)
    heap.set_finalizer(alive)
    heap.set_profile(alive)
    heap.start_cycle()
    late = heap.malloc(64)
    heap.set_finalizer(late)
    heap.finish([alive])
    assert heap.statistics().heap_live == 1024 + 2 * 2048 + 2 * 64


def test_without_collection_all_is_swept_within_a_page(package: ModuleType) -> None:
    heap = package.Heap(os=package.SimulatedMemory())
    live = [heap.malloc(8192) for _ in range(300)]
    heap.set_gc_percent(-1)
    heap.collect(live)
    assert heap.state.pacing.pages_per_byte == 300 / 8192
    heap.malloc(8192)
    assert heap.state.pacing.pages_swept >= 300


@pytest.mark.parametrize(
    ("took", "assist", "trigger"),
    [
        # 9/4 - 1 - 7/8 - (3/4 : 3/10) * (1 - 7/8) = 1/16, half of which is added to 7/8.
        (1000, 1000, 15990784),
        (1000, 0, 8 * MIB + int(8 * MIB * 0.95)),
        (0, 7, 8 * MIB + int(8 * MIB * 0.95)),
        (1000, 1 << 30, 9 * MIB),
        (-1, 0, 15 * MIB),
    ],
)
def test_a_cycle_that_nobody_asked_for_moves_the_next_trigger(
    package: ModuleType, took: int, assist: int, trigger: int
) -> None:
    heap = package.Heap(procs=2, os=package.SimulatedMemory())
    live = [heap.malloc(4 * MIB)]
    heap.collect(live)
    live.append(heap.malloc(4 * MIB))
    heap.start_cycle()
    assert heap.state.pacing.next_gc == 9 * MIB
    heap.finish(live, 0, took, assist)
    assert heap.state.pacing.trigger == trigger


def test_a_time_is_refused_where_the_runtime_would_divide_by_nothing(package: ModuleType) -> None:
    heap = package.Heap(os=package.SimulatedMemory())
    lost = heap.malloc(64)
    heap.collect([])
    heap.start_cycle()
    for took, assist in ((1, 1), (1 << 50, 0), (0, 1 << 50), (-2, 0), (1, -1)):
        with pytest.raises(package.BadRequest):
            heap.finish([lost], 0, took, assist)
    heap.finish()
    with pytest.raises(package.PhaseError):
        heap.finish((), 0, 5)


def test_what_is_due_beyond_an_int64_is_the_smallest_as_the_machine_converts(
    package: ModuleType,
) -> None:
    """CVTTSD2SQ has one result for all that is too much, and so for 2^63 itself."""
    pacing = package.Heap(os=package.SimulatedMemory()).state.pacing
    pacing.heap_live_basis = pacing.heap_live
    for due, pages in (
        (2.0**62, 1 << 62),
        (2.0**63 - 1024, (1 << 63) - 1024),
        (2.0**63, -(1 << 63)),
        (2.0**64, -(1 << 63)),
    ):
        pacing.pages_per_byte = due
        assert pacing.pages_to_sweep(1, 0) == pages
        wrapped = pages - 3 + (1 << 64) if pages < 0 else pages - 3
        assert pacing.pages_to_sweep(1, 3) == wrapped


def test_of_the_credit_no_more_is_taken_than_there_is(package: ModuleType) -> None:
    pacing = package.Heap(os=package.SimulatedMemory()).state.pacing
    assert pacing.take_credit(5) == (0, 0)
    pacing.add_credit(1)
    assert pacing.take_credit(5) == (1, 1)
    pacing.add_credit(7)
    assert [pacing.take_credit(5), pacing.take_credit(5)] == [(7, 5), (2, 2)]


def test_a_ratio_below_zero_counts_as_zero_from_then_on(package: ModuleType) -> None:
    heap = package.Heap(os=package.SimulatedMemory())
    live = [heap.malloc(16 * MIB)]
    heap.start_cycle()
    heap.finish(live, 0, 1000, 1 << 30)
    heap.set_gc_percent(-1)
    heap.set_gc_percent(100)
    heap.sweep_all()
    heap.set_gc_percent(100)
    assert (heap.state.pacing.ratio, heap.state.pacing.trigger) == (0.0, 16 * MIB)


def test_the_scavenger_has_no_pace_before_the_first_cycle(package: ModuleType) -> None:
    with package.Heap(1, package.SimulatedMemory()) as heap:
        assert heap.state.line.parked
        heap.malloc(1 << 20)
        heap.set_gc_percent(50)
        assert (heap.state.line.rate, heap.state.line.goal) == (0.0, 0)
