"""The heap on its own: what a program sees of it, and what it refuses."""

import re
import sys
from collections import deque
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase
from spanspec.heap.courses.course import Waits
from spanspec.heap.courses.malloc import array_size
from spanspec.heap.courses.sweeping import ensure_swept, finish_sweeping, sweepone
from spanspec.heap.heap import ZERO_BASE, Heap, OutOfMemory, Refused
from spanspec.heap.memstats import live_by_spans
from spanspec.heap.program import (
    AddSpecial,
    Allocate,
    EnsureSwept,
    FinishCycle,
    FlushMcaches,
    FreeManual,
    Input,
    MarkObject,
    RemoveFinalizer,
    RunFinalizers,
    ScavengeAll,
    ScavengeLater,
    SetProcs,
    StartCycle,
    TakeManual,
)
from spanspec.heap.snapshot import from_json
from spanspec.heap.state.advancing import advance
from spanspec.heap.state.sweepers import BEGIN_POPPING
from spanspec.invariants import INVARIANTS, violations
from spanspec.pages.courses.bgscavenge import FIRST_RETRY_NS, Scavenger
from spanspec.pages.courses.scavenge import nothing_left
from spanspec.pages.courses.scavengeline import Line
from spanspec.pages.memory.arena import GrantingOs
from spanspec.pages.pageheap import Actor
from spanspec.pages.tables.runs import PhysicalPages
from spanspec.pages.tables.statistics import retained
from spanspec.span.sweepgen import needs_sweep


def clean(heap: Heap) -> bool:
    return not list(violations(heap.state))


def test_all_forty_invariants_are_there_by_name() -> None:
    assert {f"I-{number}" for number in range(1, 41)} == set(INVARIANTS)


def test_objects_of_every_kind_have_a_place() -> None:
    heap = Heap()
    sizes = (1, 8, 15, 16, 17, 1016, 1024, 1025, 32768, 32769, 5 << 20)
    addresses = [heap.malloc(size, noscan=True) for size in sizes]
    assert len(set(addresses)) == len(sizes)
    assert all(heap.is_allocated(address) for address in addresses)
    assert heap.malloc(0) == ZERO_BASE
    assert clean(heap)


def test_what_is_not_marked_dies_and_its_place_is_used_again() -> None:
    heap = Heap()
    kept, dropped = heap.malloc(48), heap.malloc(48)
    heap.gc(live=[kept])
    assert heap.is_allocated(kept)
    assert not heap.is_allocated(dropped)
    assert dropped in {heap.malloc(48) for _ in range(4)}
    assert clean(heap)


def test_a_mark_inside_an_object_keeps_it() -> None:
    heap = Heap()
    address = heap.malloc(100_000)
    heap.gc(live=[address + 99_999])
    assert heap.is_allocated(address)


def test_objects_born_while_marking_survive() -> None:
    heap = Heap()
    heap.step(StartCycle())
    address = heap.malloc(64)
    heap.step(FinishCycle())
    heap.sweep()
    assert heap.is_allocated(address)


def test_a_finalizer_keeps_its_object_until_it_has_run() -> None:
    heap = Heap()
    address = heap.malloc(48)
    heap.step(AddSpecial(0, address, "finalizer"))
    heap.step(AddSpecial(0, address, "profile"))
    heap.gc()
    assert heap.is_allocated(address)
    assert heap.state.finalizers == [address]
    for _ in range(2):
        heap.gc()
        assert heap.is_allocated(address)
    heap.step(RunFinalizers())
    assert heap.state.finalizers == []
    heap.gc()
    assert not heap.is_allocated(address)
    assert heap.state.specials == {}
    assert clean(heap)


def test_the_end_of_a_cycle_waits_for_a_span_that_another_thread_sweeps() -> None:
    heap = Heap(procs=2)
    heap.malloc(40_000)
    heap.collect()
    state = heap.state
    sweeper = sweepone(state, Actor(1, 1), "bg")
    while not isinstance(next(sweeper), ev.SweepClaim):
        pass
    finishing = finish_sweeping(state, Actor(0, 0))
    told = [next(finishing) for _ in range(3)]
    assert [type(step) for step in told] == [ev.BufferPop, ev.SweepDone, Waits]
    waits = told[-1]
    assert isinstance(waits, Waits)
    assert not waits.until()
    assert isinstance(next(finishing), Waits)
    deque(sweeper, maxlen=0)
    assert waits.until()
    assert list(finishing) == []
    assert state.spans == {}


def test_nobody_waits_once_another_cycle_has_begun() -> None:
    heap = Heap(procs=2)
    heap.malloc(40_000)
    heap.collect()
    state = heap.state
    finishing = finish_sweeping(state, Actor(0, 0))
    next(finishing)
    advance(state, BEGIN_POPPING, 1)
    state.collector = replace(state.collector, cycle=state.cycle + 1)
    assert not any(isinstance(step, Waits) for step in finishing)


def test_whoever_wants_a_span_swept_waits_for_the_thread_that_sweeps_it() -> None:
    heap = Heap(procs=2)
    address = heap.malloc(40_000)
    heap.collect([address])
    state, span = heap.state, heap.span_of(address)
    sweeper = sweepone(state, Actor(1, 1), "bg")
    while not isinstance(next(sweeper), ev.SweepClaim):
        pass
    with pytest.raises(RuntimeError, match="waits for a thread that does not exist"):
        heap.step(EnsureSwept(0, address))
    (waits,) = islice(ensure_swept(state, Actor(0, 0), span), 1)
    assert isinstance(waits, Waits)
    deque(sweeper, maxlen=0)
    assert waits.until()
    heap.step(EnsureSwept(0, address))


def test_a_sweep_debt_after_all_is_swept_ends_the_pace() -> None:
    told: list[EventBase] = []
    heap = Heap(on_event=told.append)
    heap.gc([heap.malloc(8192) for _ in range(300)])
    assert heap.state.pace.pages_per_byte > 0
    told.clear()
    for _ in range(200):
        heap.malloc(8192)
    assert sum(isinstance(event, ev.SweepDebt) for event in told) == 1
    assert heap.state.pace.pages_per_byte == 0


def test_each_object_of_a_tiny_block_has_a_finalizer_of_its_own() -> None:
    heap = Heap()
    a, b = heap.malloc(8, noscan=True), heap.malloc(8, noscan=True)
    assert b == a + 8
    for address in (b, a):
        heap.step(AddSpecial(0, address, "finalizer"))
    heap.gc(live=[b])
    assert heap.state.finalizers == []
    heap.gc()
    assert heap.state.finalizers == [a, b]
    assert clean(heap)


def test_removing_a_finalizer_leaves_that_of_its_neighbour_in_the_block() -> None:
    heap = Heap()
    a, b = heap.malloc(8, noscan=True), heap.malloc(8, noscan=True)
    heap.step(AddSpecial(0, a, "finalizer"))
    heap.step(RemoveFinalizer(0, b))
    heap.gc(live=[a])
    heap.gc()
    assert heap.state.finalizers == [a]


def test_an_object_of_no_bytes_has_no_finalizer_and_no_mark() -> None:
    heap = Heap()
    nothing = heap.malloc(0)
    heap.step(AddSpecial(0, nothing, "finalizer"))
    heap.step(RemoveFinalizer(0, nothing))
    heap.gc(live=[nothing])
    assert heap.state.specials == {}
    assert heap.state.finalizers == []


def test_a_finalizer_can_be_taken_away() -> None:
    heap = Heap()
    address = heap.malloc(48)
    heap.step(AddSpecial(0, address, "finalizer"))
    heap.step(RemoveFinalizer(0, address))
    heap.gc()
    assert not heap.is_allocated(address)
    assert heap.state.finalizers == []


def test_statistics_count_objects_and_bytes() -> None:
    heap = Heap()
    kept = [heap.malloc(48) for _ in range(10)]
    for _ in range(5):
        heap.malloc(3, noscan=True)
    heap.malloc(40_000)
    before = heap.read_memstats()
    # Five tiny objects of 3 bytes share a block of 16; the other four are hits.
    assert (before.mallocs, before.frees) == (10 + 5 + 1, 4)
    assert before.alloc == 10 * 48 + 16 + 5 * PAGE_SIZE
    heap.gc(live=kept)
    after = heap.read_memstats()
    assert (after.heap_objects, after.alloc) == (10, 480) == live_by_spans(heap.state)
    assert after.sys >= after.heap_sys + after.mspan_sys + after.gc_sys
    assert after.total_alloc == before.total_alloc


def test_free_memory_goes_back_to_the_system() -> None:
    heap = Heap()
    for _ in range(20):
        heap.malloc(1 << 20)
    assert retained(heap.state.pages.stats) >= 20 << 20
    heap.free_os_memory()
    assert retained(heap.state.pages.stats) == heap.state.pages.stats.heap_inuse == 0
    assert nothing_left(heap.state.pages)


def test_the_background_scavenger_follows_its_line_and_parks() -> None:
    heap = Heap()
    for _ in range(40):
        heap.malloc(1 << 20)
    heap.gc()
    heap.gc()
    before = retained(heap.state.pages.stats)
    for _ in range(60):
        heap.step(ScavengeLater(0, 1_000_000_000))
    assert heap.scavenger.parked
    assert retained(heap.state.pages.stats) < before
    assert clean(heap)


def test_a_line_that_is_set_while_the_scavenger_releases_is_followed_at_once() -> None:
    heap = Heap()
    for _ in range(40):
        heap.malloc(1 << 20)
    heap.gc()
    heap.gc()
    turn = heap.begin(ScavengeLater(0, 100_000))
    next(turn)
    heap.set_gc_percent(50)
    for _ in turn:
        pass
    assert heap.scavenger == Scavenger(False, 200_000, FIRST_RETRY_NS, 3, backs_off=True)


def test_a_cycle_is_due_once_the_heap_has_grown() -> None:
    heap = Heap()
    due = [heap.cycle_is_due]
    heap.malloc(8 << 20)
    due.append(heap.cycle_is_due)
    heap.gc()
    due.append(heap.cycle_is_due)
    assert due == [False, True, False]


def test_ps_have_caches_of_their_own() -> None:
    heap = Heap(procs=2)
    first, second = heap.malloc(48, p=0), heap.malloc(48, p=1)
    assert heap.span_of(first) != heap.span_of(second)
    heap.step(SetProcs(0, 1))
    assert clean(heap)
    with pytest.raises(Refused, match="no P 1"):
        heap.malloc(48, p=1)


def test_manual_spans_come_and_go() -> None:
    heap = Heap()
    span = heap.step(TakeManual(0, 8, "stack")).result
    assert span is not None
    assert heap.state.pages.stats.stacks_inuse == 8 * PAGE_SIZE
    heap.step(FreeManual(0, span))
    assert heap.state.pages.stats.stacks_inuse == 0
    assert clean(heap)


def test_a_pointer_mask_is_of_any_size_and_freed_while_marking() -> None:
    """runtime.scanstack makes one of a GC program, and frees it once the variable is scanned."""
    heap = Heap()
    stack = heap.step(TakeManual(0, 4, "stack")).result
    assert stack is not None
    heap.step(StartCycle())
    mask = heap.step(TakeManual(0, 2, "gc")).result
    assert mask is not None
    heap.step(FreeManual(0, mask))
    assert heap.state.pages.stats.gc_manual == 0
    with pytest.raises(Refused, match="stacks are not freed while marking"):
        heap.step(FreeManual(0, stack))
    heap.step(FinishCycle())
    heap.step(FreeManual(0, stack))
    assert clean(heap)


def test_arrays_are_sized_as_the_runtime_sizes_them() -> None:
    heap = Heap()
    assert heap.is_allocated(heap.newarray(24, 10))
    for elemsize, count in ((8, -1), (1 << 40, 1 << 40), (1 << 24, (1 << 24) + 1)):
        with pytest.raises(Refused, match="array"):
            heap.newarray(elemsize, count)
    assert array_size(1 << 47, 2) == array_size(1 << 48, 1) == 1 << 48
    assert array_size(0, -1) is None
    with pytest.raises(OutOfMemory, match="T-22"):
        heap.newarray((1 << 48) + 8192, 1)
    with pytest.raises(OutOfMemory, match="T-21"):
        heap.newarray((1 << 64) - 1, 1)


def test_a_snapshot_is_saved_and_read_back() -> None:
    heap = Heap(procs=2)
    live = [heap.malloc(size) for size in (8, 48, 40_000)]
    heap.collect(live)
    shot = heap.snapshot()
    assert from_json(shot.to_json()) == shot
    heap.malloc(8)
    assert heap.snapshot() != shot


def with_a_finalizer(heap: Heap, address: int) -> None:
    heap.step(AddSpecial(0, address))


def due_and_run(heap: Heap, address: int) -> None:
    heap.step(AddSpecial(0, address))
    heap.gc()
    heap.step(RunFinalizers(0))
    heap.gc([address])


def twice_collected(heap: Heap, address: int) -> None:
    heap.gc([address])
    heap.gc([address])


DIFFER: dict[str, tuple[Callable[[Heap, int], object], Callable[[Heap, int], object]]] = {
    "specials": (with_a_finalizer, lambda heap, at: None),
    "accounts": (lambda heap, at: heap.malloc(50_000), lambda heap, at: heap.malloc(60_000)),
    "finalizers": (
        lambda heap, at: (heap.step(AddSpecial(0, at)), heap.gc()),
        lambda heap, at: heap.gc([at]),
    ),
    "purposes": (
        lambda heap, at: heap.step(TakeManual(0, 4, "gc")),
        lambda heap, at: heap.step(TakeManual(0, 4, "stack")),
    ),
    "pacing": (lambda heap, at: heap.set_gc_percent(50), lambda heap, at: None),
    "own": (due_and_run, twice_collected),
}
"""Pairs of histories whose heaps differ in the field that is named, among others."""


@pytest.mark.parametrize("field", sorted(DIFFER))
def test_what_answers_may_hang_on_is_in_a_snapshot(field: str) -> None:
    shots = []
    for history in DIFFER[field]:
        heap = Heap()
        history(heap, heap.malloc(48))
        shot = heap.snapshot()
        assert from_json(shot.to_json()) == shot
        shots.append(shot.spans[0].specials if field == "specials" else getattr(shot, field))
    assert shots[0] != shots[1]


def test_a_line_without_an_end_is_saved() -> None:
    heap = Heap(phys=PhysicalPages(65536, 0))
    heap.state.inputs.line = Line(rate=float("inf"))  # type: ignore[attr-defined]
    shot = heap.snapshot()
    assert from_json(shot.to_json()) == shot


def test_pictures_show_slots_and_marks() -> None:
    heap = Heap()
    address = heap.malloc(1024)
    heap.malloc(1024)
    heap.step(StartCycle())
    heap.step(MarkObject(0, address))
    lines = heap.picture(heap.span_of(address)).splitlines()
    assert lines[1].split() == ["0", "*#......"]
    assert lines[2].strip() == "^ freeindex 2"
    assert "1 spans in use" in str(heap)


def fill(heap: Heap) -> None:
    while True:
        heap.malloc(1 << 20)


def test_out_of_memory_leaves_a_sound_heap() -> None:
    class Small(GrantingOs):
        left = 1

        def reserve(self, address: int, size: int) -> int:
            self.left -= size >> 26
            return address if self.left >= 0 else 0

    heap = Heap(os=Small())
    kept = heap.malloc(48)
    with pytest.raises(OutOfMemory):
        fill(heap)
    assert clean(heap)
    assert heap.is_allocated(kept)
    heap.gc(live=[kept])
    assert heap.is_allocated(heap.malloc(1 << 20))


REFUSED: tuple[tuple[str, Callable[[Heap], Input]], ...] = (
    ("no P 7", lambda heap: Allocate(7, 8)),
    ("size of -1", lambda heap: Allocate(0, -1)),
    ("no cycle is marking", lambda heap: MarkObject(0, heap.malloc(8))),
    ("no cycle is marking", lambda heap: FinishCycle()),
    ("no span in use", lambda heap: EnsureSwept(0, 1 << 30)),
    ("manual span of 0 pages", lambda heap: TakeManual(0, 0)),
    ("stacks have 4", lambda heap: TakeManual(0, 5, "stack")),
    ("is not manual", lambda heap: FreeManual(0, heap.span_of(heap.malloc(8)))),
    ("0 Ps", lambda heap: SetProcs(0, 0)),
)


@pytest.mark.parametrize(("what", "request_for"), REFUSED)
def test_an_input_that_does_not_fit_is_refused_and_changes_nothing(
    what: str, request_for: Callable[[Heap], Input]
) -> None:
    heap = Heap()
    request = request_for(heap)
    before = heap.snapshot()
    with pytest.raises(Refused, match=re.escape(what)):
        heap.step(request)
    assert heap.snapshot() == before


@pytest.mark.parametrize(
    "request_now", [StartCycle(), SetProcs(0, 2), FlushMcaches(), FreeManual(0, 0)]
)
def test_a_running_cycle_excludes_some_inputs(request_now: Input) -> None:
    heap = Heap()
    assert heap.step(TakeManual(0, 4)).result == 0
    heap.step(StartCycle())
    before = heap.snapshot()
    with pytest.raises(Refused, match=r"cycle|marking"):
        heap.step(request_now)
    assert heap.snapshot() == before


def test_observations_are_those_of_a_recorder() -> None:
    told: list[object] = []
    heap = Heap(on_event=told.append)
    outcome = heap.step(Allocate(0, 48))
    kinds = [type(event) for event in outcome.observed]
    assert kinds[-2:] == [ev.RefillEnds, ev.Malloc]
    assert told[-len(kinds) :] == list(outcome.observed)
    assert heap.step(ScavengeAll()).result is None


def test_the_session_in_the_documentation_shows_what_it_says() -> None:
    """Every line of docs/heap.md that follows a prompt gives what stands below it."""
    import doctest

    page = Path(__file__).parents[3] / "docs" / "heap.md"
    found = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert found.attempted >= 10
    assert found.failed == 0


def test_the_reclaimer_is_shown_the_lowest_unswept_span_without_a_mark() -> None:
    """Whatever the pages of free runs say, which may be stale."""
    heap = Heap()
    made = [heap.malloc(size) for size in (8192, 100_000, 8192, 40_000, 8192, 8192) * 3]
    heap.gc(live=made[::3])
    made = [*made[::3], *(heap.malloc(size) for size in (16_384, 8192, 70_000))]
    heap.collect(live=made[::2])
    state, seen = heap.state, []
    first = min(record.base for record in state.spans.values())
    for start in range(first, first + 64 * PAGE_SIZE, 3 * PAGE_SIZE):
        end = start + 16 * PAGE_SIZE
        due = [
            (record.base, span)
            for span, record in state.spans.items()
            if start <= record.base < end
            and state.page_marks.get(span) != state.collector.epoch
            and needs_sweep(state.sweepgen, state.generation(span))
        ]
        found = state.inputs.reclaim_candidate(start, end)
        assert found == (min(due)[1] if due else None)
        seen.append(found)
    assert len(set(seen)) > 3


@pytest.mark.parametrize("whole_sections", [False, True])
def test_an_operation_can_be_given_up_after_any_step(whole_sections: bool) -> None:
    total = len(list(Heap().begin(Allocate(0, 40000), whole_sections)))
    assert total > 2
    for taken in range(total + 1):
        steps = Heap().begin(Allocate(0, 40000), whole_sections)
        for _ in islice(steps, taken):
            pass
        try:
            raise KeyError(taken)
        except KeyError:
            steps.close()
            left = sys.exc_info()[0]
        assert left is KeyError
