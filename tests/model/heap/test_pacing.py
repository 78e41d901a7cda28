"""When cycles start, what allocations have to sweep first, and integers made of floats."""

from math import inf, nan

import pytest

from spanspec.base.conversions import signed, to_int64, to_uint64
from spanspec.base.words import M64
from spanspec.events.span_events import SweepDebt
from spanspec.heap.courses.sweeping import deduct_sweep_credit
from spanspec.heap.decisions import Decisions
from spanspec.heap.heap import Heap, Refused
from spanspec.heap.program import AddSpecial, FinishCycle, MarkObject, StartCycle
from spanspec.heap.state.pacing import (
    FIRST_MARKED,
    NEVER,
    Debt,
    SweepPace,
    Trigger,
    debt,
    goal_at_start,
    sweep_pace,
    trigger_for,
)
from spanspec.pages.pageheap import Actor

MIB = 1 << 20
TOP = 1 << 63


def decisions_of(heap: Heap) -> Decisions:
    found = heap.state.inputs
    assert isinstance(found, Decisions)
    return found


@pytest.mark.parametrize(
    ("value", "as_int64", "as_uint64"),
    [
        (1.99, 1, 1),
        (2.0**63 - 1024, TOP - 1024, TOP - 1024),
        (2.0**63, -TOP, TOP),
        (2.0**64 - 2048, -TOP, (1 << 64) - 2048),
        (2.0**64, -TOP, TOP),
        (inf, -TOP, TOP),
        (nan, -TOP, TOP),
        (-1.5, -1, M64),
    ],
)
def test_floats_become_integers_as_go_makes_them_on_amd64(
    value: float, as_int64: int, as_uint64: int
) -> None:
    assert (to_int64(value), to_uint64(value)) == (as_int64, as_uint64)
    assert signed(as_uint64) == as_uint64 - (1 << 64 if as_uint64 >= TOP else 0)


def test_the_first_cycle_is_due_at_four_mebibytes() -> None:
    assert FIRST_MARKED == 2236962
    assert Heap().state.trigger == Trigger(4 * MIB, 4473924, 0.875)


@pytest.mark.parametrize(
    ("marked", "percent", "done", "expected"),
    [
        (8 * MIB, 100, True, Trigger(15 * MIB, 16 * MIB, 0.875)),
        (MIB, 100, False, Trigger(4 * MIB, 4 * MIB, 0.875)),
        (MIB, 10, False, Trigger(2 * MIB, 2 * MIB, 0.095)),
        (MIB, 10, True, Trigger(int(MIB * 1.095), MIB + MIB // 10, 0.095)),
        (MIB, 0, True, Trigger(MIB, MIB, 0.0)),
        (10 * MIB, 400, False, Trigger(int(18.75 * MIB), 50 * MIB, 0.875)),
        (MIB, -1, False, Trigger(NEVER, NEVER, 0.875)),
    ],
)
def test_a_cycle_is_due_late_in_the_growth_that_gogc_allows(
    marked: int, percent: int, done: bool, expected: Trigger
) -> None:
    assert trigger_for(0.875, marked, marked, percent, done) == expected


def test_a_cycle_that_begins_late_has_some_way_to_its_goal() -> None:
    assert goal_at_start(8 * MIB, 7 * MIB) == 8 * MIB
    assert goal_at_start(8 * MIB, 9 * MIB) == 10 * MIB
    assert goal_at_start(NEVER, 9 * MIB) == NEVER
    heap = Heap()
    heap.malloc(32 * MIB)
    heap.gc()
    assert decisions_of(heap).last_next_gc == 33 * MIB


def test_without_collection_all_is_swept_within_a_page_of_growth() -> None:
    kept = SweepPace(0.5, 77, 9)
    assert sweep_pace(kept, NEVER, MIB, 100, 20, False) == SweepPace(80 / 8192, MIB, 20)
    assert sweep_pace(kept, 4 * MIB, MIB, 100, 20, False) == SweepPace(80 / (2 * MIB), MIB, 20)
    assert sweep_pace(kept, 4 * MIB, MIB, 20, 20, False) == SweepPace(0.0, 77, 9)
    assert sweep_pace(kept, 4 * MIB, MIB, 100, 20, True) == SweepPace(0.0, 77, 9)


def test_a_heap_below_its_basis_owes_everything_or_nothing() -> None:
    pace = SweepPace(0.25, 4 * MIB, 10)
    assert debt(pace, 4 * MIB, 10, 8192, 0) == Debt(2048, 0)
    assert debt(pace, 4 * MIB, 10, 8192, 2048) is None
    # 2^64 - 8192 bytes of growth, a quarter of that in pages.
    assert debt(pace, 4 * MIB - 16384, 10, 8192, 0) == Debt((1 << 62) - 2048, 0)
    steep = SweepPace(0.5, 4 * MIB, 10)
    # Half of it is rounded to 2^63, which no int64 holds: it becomes -2^63, and less pages wraps.
    assert debt(steep, 4 * MIB - 8193, 10, 8192, 0) is None
    assert debt(steep, 4 * MIB - 8193, 10, 8192, 1) == Debt(TOP - 1, 0)


def test_an_object_with_a_finalizer_counts_once_more() -> None:
    heap = Heap()
    dead, alive = heap.malloc(1024), heap.malloc(2048)
    first = heap.malloc(8, noscan=True)
    second = heap.malloc(8, noscan=True)
    for address in (dead, alive, first, second):
        heap.step(AddSpecial(0, address))
    heap.step(StartCycle(0))
    heap.step(MarkObject(0, alive))
    late = heap.malloc(64)
    heap.step(AddSpecial(0, late))
    heap.step(AddSpecial(0, heap.malloc(48), "profile"))
    heap.step(FinishCycle(0))
    tiny = 16 + 2 * 16  # being filled it is a root, and has two finalizers
    assert heap.state.accounts.heap_live == 1024 + 2 * 2048 + 2 * 64 + 48 + tiny
    assert decisions_of(heap).marked == heap.state.accounts.heap_live


def test_gogc_is_set_at_any_time_but_not_switched_off_while_marking() -> None:
    heap = Heap()
    for _ in range(5):
        heap.malloc(MIB)
    due = [heap.cycle_is_due]
    assert heap.set_gc_percent(400) == 100
    due.append(heap.cycle_is_due)
    assert due == [True, False]
    assert heap.state.trigger.heap == 16 * MIB
    assert heap.set_gc_percent(-7) == 400
    assert heap.state.trigger == Trigger(NEVER, NEVER, 0.875)
    assert heap.set_gc_percent(10) == -1
    heap.step(StartCycle(0))
    with pytest.raises(Refused, match="waits for the end"):
        heap.set_gc_percent(-1)
    assert heap.set_gc_percent(20) == 10
    # The share was held below the growth that 10 percent allow, and stays there.
    assert heap.state.trigger.ratio == 0.095
    with pytest.raises(Refused, match="int32"):
        heap.set_gc_percent(1 << 31)


def test_a_pace_set_amid_sweeping_can_owe_more_than_there_is() -> None:
    heap = Heap()
    live = [heap.malloc(8192) for _ in range(200)]
    heap.collect(live)
    for size in (16, 32, 64):
        heap.malloc(size)
    heap.set_gc_percent(-1)
    assert not heap.state.sweepdone
    heap.read_memstats()  # takes from heap_live what the caches had and did not use
    assert heap.state.accounts.heap_live + 8192 < heap.state.pace.live_basis
    heap.malloc(8192)
    assert heap.state.sweepdone


def test_a_debt_is_reckoned_anew_once_another_pace_is_set() -> None:
    heap = Heap()
    live = [heap.malloc(8192) for _ in range(300)]
    heap.collect(live)
    told: list[SweepDebt] = []
    course = deduct_sweep_credit(heap.state, Actor(0, 0), MIB, 0)
    for event in course:
        if isinstance(event, SweepDebt):
            told.append(event)
            if len(told) == 3:
                heap.set_gc_percent(400)
    before, after = told[:3], told[3:]
    assert [one.swept for one in before] == [1, 2, 3]
    assert {one.target for one in before} == {285}
    # The basis is what was swept when GOGC was set, and the trigger, now 16 MiB, far away.
    assert [one.swept for one in after] == list(range(1, 1 + len(after)))
    assert {one.target for one in after} == {23} == {len(after) + 1}


def test_a_goal_without_collection_is_no_number() -> None:
    heap = Heap()
    for _ in range(8):
        heap.malloc(MIB)
    heap.gc()
    heap.set_gc_percent(-1)
    inuse, last = decisions_of(heap).last_heap_inuse, decisions_of(heap).last_next_gc
    assert inuse == 8 * MIB < last
    heap.malloc(MIB)
    goal = to_uint64(float(inuse) * (2.0**64 / float(last)))
    assert decisions_of(heap).line.goal == -(-((goal + goal // 10) & M64) // 4096) * 4096
