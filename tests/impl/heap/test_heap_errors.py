"""A bad call raises an error that says what was wrong, and changes nothing."""

import threading
import time
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from spanalloc import Heap, SimulatedMemory


@pytest.fixture
def memory(package: ModuleType) -> SimulatedMemory:
    made: SimulatedMemory = package.SimulatedMemory()
    return made


@pytest.fixture
def heap(package: ModuleType, memory: SimulatedMemory) -> Iterator[Heap]:
    with package.Heap(2, memory) as made:
        made.malloc(24)
        made.malloc(100_000)
        made.take_manual(4)
        yield made
        assert package.audit(made.snapshot()) == []


Call = Callable[[Heap], object]
OBJECT, MANUAL = 0xC000000000, 0xC00001C000

BAD_CALLS: dict[str, tuple[Call, type[Exception], str]] = {
    "negative size": (lambda h: h.malloc(-1), ValueError, "a size of -1 bytes"),
    "huge size": (lambda h: h.malloc(1 << 70), MemoryError, "more than there are addresses"),
    "no such P": (lambda h: h.malloc(8, p=2), ValueError, r"no P 2, only 0\.\.1"),
    "negative P": (lambda h: h.malloc(8, p=-1), ValueError, "no P -1"),
    "mark outside of a cycle": (lambda h: h.mark(OBJECT), Exception, "no cycle is marking"),
    "end of no cycle": (lambda h: h.finish(), Exception, "no cycle is marking"),
    "no manual span there": (lambda h: h.free_manual(OBJECT), ValueError, "no manual span begins"),
    "manual span of no pages": (lambda h: h.take_manual(0), ValueError, "of 0 pages"),
    "manual span beyond all": (lambda h: h.take_manual(1 << 40), MemoryError, "more than there"),
    "unknown purpose": (lambda h: h.take_manual(1, "fun"), ValueError, "stack, gc, other"),
    "no Ps": (lambda h: h.set_procs(0), ValueError, "at least 1"),
    "address of nothing": (lambda h: h.memory(12345, 1), ValueError, "0x3039 is in no object"),
    "negative address": (lambda h: h.extent(-8), ValueError, "-0x8 is in no object"),
    "address of a manual span": (lambda h: h.extent(MANUAL), ValueError, "is in no object"),
    "address of a free slot": (lambda h: h.extent(OBJECT + 64), ValueError, "its slot is free"),
    "more bytes than it has": (lambda h: h.memory(OBJECT, 33), ValueError, "not all in the object"),
    "no memory behind it": (lambda h: h.memory(OBJECT, 8), ValueError, "simulated"),
    "nothing to sweep there": (lambda h: h.ensure_swept(0), ValueError, "0x0 is in no span"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_a_bad_call_says_what_was_wrong_and_changes_nothing(
    heap: Heap, package: ModuleType, name: str
) -> None:
    call, kind, text = BAD_CALLS[name]
    before = heap.snapshot()
    with pytest.raises(kind, match=text) as caught:
        call(heap)
    assert isinstance(caught.value, package.HeapError)
    assert heap.snapshot() == before


@pytest.mark.parametrize("size", ["8", 8.0, None, b"8"])
def test_a_size_that_is_no_integer_is_refused(heap: Heap, size: object) -> None:
    before = heap.snapshot()
    with pytest.raises(TypeError):
        heap.malloc(size)  # type: ignore[arg-type]
    assert heap.snapshot() == before


def test_bad_marks_are_refused_all_together(heap: Heap, package: ModuleType) -> None:
    heap.start_cycle()
    before = heap.snapshot()
    with pytest.raises(ValueError, match=r"0xc000000020 is in no object .* its slot is free"):
        heap.finish([OBJECT, OBJECT + 32])
    with pytest.raises(ValueError, match="no span with these bits"):
        heap.finish({OBJECT: 1 << 256})
    with pytest.raises(ValueError, match="no span with these bits"):
        heap.finish({OBJECT + 8: 1})
    with pytest.raises(package.SpanError, match="cannot mark slot 1, which is free"):
        heap.mark(OBJECT + 32)
    with pytest.raises(package.PhaseError, match="a cycle is under way"):
        heap.start_cycle()
    with pytest.raises(package.PhaseError, match="not changed during a cycle"):
        heap.set_procs(1)
    with pytest.raises(package.PhaseError, match="not freed while a cycle marks"):
        heap.free_manual(MANUAL)
    assert heap.snapshot() == before
    heap.finish([OBJECT])


def test_a_cache_that_has_missed_a_cycle_is_not_flushed(package: ModuleType) -> None:
    heap = package.Heap(1, package.SimulatedMemory())
    heap.malloc(64)
    heap.collect([])
    heap.state.mcaches[0].flush_gen = (1 << 32) - 2
    with pytest.raises(package.HeapError, match="T-54: flushGen 4294967294 in generation 2"):
        heap.set_procs(2)
    assert "T-54" in heap.broken
    heap.close()


def test_a_closed_heap_refuses_everything(package: ModuleType) -> None:
    heap = package.Heap(1, package.SimulatedMemory())
    heap.malloc(8)
    heap.close()
    calls: list[Callable[[], object]] = [
        heap.close,
        lambda: heap.malloc(8),
        lambda: heap.malloc(0),
        heap.start_cycle,
        heap.sweep_one,
        heap.statistics,
        heap.snapshot,
        lambda: heap.mark(OBJECT),
        lambda: heap.memory(OBJECT, 8),
        heap.start_background,
    ]
    for call in calls:
        with pytest.raises(package.HeapClosed, match="the heap is closed"):
            call()
    assert heap.closed


@pytest.mark.parametrize(
    ("arguments", "text"),
    [((0,), "0 Ps"), ((1, None, None, 3), "sweepgen 3"), ((1, None, None, 1 << 32), "sweepgen")],
)
def test_an_impossible_heap_is_refused(
    package: ModuleType, arguments: tuple[object, ...], text: str
) -> None:
    with pytest.raises(package.BadRequest, match=text):
        package.Heap(*arguments)


def test_impossible_page_sizes_are_refused(package: ModuleType) -> None:
    for sizes in ((1000,), (2048,), (4096, 3), (4096, -1)):
        with pytest.raises(package.BadRequest):
            package.PageSizes(*sizes)


# --- the operating system refuses ----------------------------------------------------------------


def test_refused_addresses_are_out_of_memory_and_the_heap_goes_on(
    heap: Heap, memory: SimulatedMemory, package: ModuleType
) -> None:
    memory.refuse_reservations = 10_000
    with pytest.raises(package.OutOfMemory, match="no memory for 104857600 bytes"):
        heap.malloc(100 << 20)
    assert heap.malloc(24) == OBJECT + 32
    memory.refuse_reservations = 0
    assert heap.malloc(100 << 20) != 0


def test_a_class_without_memory_works_again_later(
    heap: Heap, memory: SimulatedMemory, package: ModuleType
) -> None:
    heap.malloc((64 << 20) - (40 << 13))
    memory.refuse_reservations = 10_000
    room = 0
    while heap.statistics().heap_idle >= 8192:
        heap.malloc(8192)
        room += 1
    assert room > 0
    with pytest.raises(package.OutOfMemory, match="no memory for a span of class"):
        heap.malloc(8192)
    memory.refuse_reservations = 0
    assert heap.malloc(8192) != 0


def test_failed_mmap_gives_the_reservation_back(
    heap: Heap, memory: SimulatedMemory, package: ModuleType
) -> None:
    memory.fail_commits = 1
    before, reserved = heap.snapshot(), memory.reserved_bytes
    with pytest.raises(package.MmapFailed, match="Cannot allocate memory") as caught:
        heap.malloc(100 << 20)
    assert caught.value.errno == 12
    assert heap.snapshot() == before
    assert memory.reserved_bytes == reserved
    assert heap.malloc(100 << 20) == MANUAL + 4 * 8192


def test_failed_madvise_leaves_the_span_free_and_not_scavenged(
    heap: Heap, memory: SimulatedMemory, package: ModuleType
) -> None:
    heap.collect([OBJECT])
    heap.sweep_all()
    memory.fail_madvise = 1
    before = heap.statistics()
    with pytest.raises(package.MadviseFailed, match="Invalid argument") as caught:
        heap.scavenge_all()
    assert caught.value.errno == 22
    assert heap.statistics() == before
    assert heap.scavenge_all() == 13 * 8192


def test_failed_madvise_during_growth_leaves_the_heap_grown(
    package: ModuleType, memory: SimulatedMemory
) -> None:
    with package.Heap(1, memory) as heap:
        heap.free_manual(heap.take_manual(1))
        memory.fail_madvise = 1
        with pytest.raises(package.MadviseFailed):
            heap.malloc(100_000)
        assert package.audit(heap.snapshot()) == []
        assert heap.malloc(100_000) != 0


def test_a_reservation_elsewhere_is_used_and_its_neighbourhood_hinted_at(
    heap: Heap, memory: SimulatedMemory
) -> None:
    memory.relocate = [0] * 128 + [0x7000_0000_0000]
    far = heap.malloc(100 << 20)
    assert far == 0x7000_0000_0000
    # The rest of the far arenas is too short, and is made longer where it ends.
    assert heap.malloc(100 << 20) == far + (100 << 20)


@pytest.mark.parametrize("answer", [0x7100_0000_0000, 0])
def test_a_hint_down_to_address_0_asks_for_any_place_and_takes_none(
    package: ModuleType, answer: int
) -> None:
    asked: list[tuple[int, int]] = []

    class Noting(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        def reserve(self, address: int, size: int) -> int:
            asked.append((address, size))
            found: int = super().reserve(address, size)
            return found

    memory = Noting()
    heap = package.Heap(1, memory)
    memory.relocate = [0] * 128 + [128 << 20]
    heap.malloc(100 << 20)  # 192 MiB from 128 MiB on: it was asked for 64 MiB more to align
    asked.clear()
    memory.relocate = [0, answer, 0x7200_0000_0000]
    if answer == 0:
        with pytest.raises(package.MmapFailed, match="T-79"):
            heap.malloc(100 << 20)
        assert package.audit(heap.snapshot()) == []
    else:
        assert heap.malloc(100 << 20) == 0x7200_0000_0000
        assert asked[2] == (0, 192 << 20)
    assert asked[:2] == [(320 << 20, 128 << 20), (0, 128 << 20)]


# --- threads -------------------------------------------------------------------------------------


def slow_memory(package: ModuleType, entered: threading.Event, go: threading.Event) -> object:
    class Slow(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        def reserve(self, address: int, size: int) -> int:
            entered.set()
            assert go.wait(30)
            found: int = super().reserve(address, size)
            return found

    return Slow()


def test_two_threads_on_one_p_are_refused(package: ModuleType) -> None:
    entered, go = threading.Event(), threading.Event()
    heap = package.Heap(2, slow_memory(package, entered, go))
    results: list[int] = []
    first = threading.Thread(target=lambda: results.append(heap.malloc(64)))
    first.start()
    assert entered.wait(30)
    for call in (lambda: heap.malloc(64), lambda: heap.malloc(5, True), heap.sweep_one):
        with pytest.raises(package.ProcBusy, match="P 0 is in an operation"):
            call()
    go.set()
    first.join()
    assert results == [OBJECT]
    heap.close()


def test_an_operation_inside_an_operation_is_refused(package: ModuleType) -> None:
    class Calls(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        def reserve(self, address: int, size: int) -> int:
            for call in (lambda: heap.malloc(8), heap.start_cycle, heap.close):
                with pytest.raises(package.ProcBusy):
                    call()
            return address

    heap = package.Heap(1, Calls())
    assert heap.malloc(64) == OBJECT
    heap.close()


def test_background_threads_start_once_and_end(package: ModuleType) -> None:
    heap = package.Heap(1, package.SimulatedMemory())
    heap.start_background()
    with pytest.raises(package.PhaseError, match="run already"):
        heap.start_background()
    heap.stop_background()
    heap.stop_background()
    heap.start_background(scavenger=False)
    heap.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("spanalloc-")]


def test_the_background_scavenger_sleeps_until_it_is_time_for_a_turn(package: ModuleType) -> None:
    heap = package.Heap(1, package.SimulatedMemory())
    heap.start_background(sweeper=False)
    heap.stop_background()
    (worker,) = heap.background.workers.values()
    line = heap.state.line
    line.parked, line.wake_at = False, 1 << 62
    assert heap.background.scavenge_next(worker) > 1_000_000
    assert (line.parked, line.wake_at) == (False, 1 << 62)
    line.wake_at = 1
    assert heap.background.scavenge_next(worker) == 0.0
    assert (line.parked, line.wake_at) != (False, 1)
    heap.close()


def test_the_sweeper_sweeps_and_the_scavenger_does_not(package: ModuleType) -> None:
    heap = package.Heap(1, package.SimulatedMemory())
    heap.malloc(40_000)
    heap.collect([])
    heap.start_background(sweeper=False)
    heap.stop_background()
    assert not heap.state.sweepdone
    heap.start_background(scavenger=False)
    until = time.monotonic() + 60
    while not heap.state.sweepdone and time.monotonic() < until:
        time.sleep(0.001)
    assert heap.state.sweepdone
    heap.close()


def test_a_trace_tells_background_threads_from_those_of_ps(package: ModuleType) -> None:
    recorder = package.Recorder()
    heap = package.Heap(1, package.SimulatedMemory(), recorder)
    heap.malloc(1 << 20)
    heap.collect([])
    heap.start_background(scavenger=False)
    until = time.monotonic() + 60
    while not heap.state.sweepdone and time.monotonic() < until:
        time.sleep(0.001)
    heap.stop_background()
    heap.start_background(sweeper=False)
    heap.stop_background()
    line = heap.state.line
    line.goal, line.basis, line.time_basis, line.rate = 0, 0, 0, 1e-30
    line.parked, line.wake_at = False, 0
    for worker in heap.background.workers.values():
        assert (worker.ident, worker.p) == (-1, -1)
        if worker.thread != 1 << 16:
            assert heap.background.scavenge_next(worker) == 0.0
    by = {(event["t"], event["k"]) for event in recorder.events if event.get("by") == "bg"}
    assert {(1 << 16, "sc"), ((1 << 16) + 1, "vb"), ((1 << 16) + 1, "ve")} <= by
    assert {thread for thread, _ in by} == {1 << 16, (1 << 16) + 1}
    heap.close()


def elsewhere(call: Callable[[], object]) -> list[object]:
    """Make a call on a thread of its own; return its result, or what it raised."""
    results: list[object] = []

    def work() -> None:
        try:
            results.append(call())
        except Exception as problem:
            results.append(problem)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return results


def test_two_threads_that_take_turns_on_a_p_are_told_so(package: ModuleType) -> None:
    heap = package.Heap(2, package.SimulatedMemory())
    heap.malloc(8192)
    for call in (lambda: heap.malloc(8192), heap.sweep_one, lambda: heap.release(0)):
        (problem,) = elsewhere(call)
        assert isinstance(problem, package.ProcBusy)
        assert "P 0 belongs to another thread" in str(problem)
    assert elsewhere(lambda: heap.malloc(8192, p=1)) == [OBJECT + 8192]
    heap.close()


def test_a_p_is_handed_over_by_release_or_by_the_end_of_its_thread(package: ModuleType) -> None:
    heap = package.Heap(1, package.SimulatedMemory())
    assert elsewhere(lambda: heap.malloc(8192)) == [OBJECT]
    assert heap.malloc(8192) == OBJECT + 8192
    heap.release(0)
    assert elsewhere(lambda: heap.malloc(8192)) == [OBJECT + 2 * 8192]
    with pytest.raises(package.BadRequest, match="no P 1"):
        heap.release(1)
    heap.close()
    with pytest.raises(package.HeapClosed):
        heap.release(0)


def test_what_a_cache_has_at_hand_is_not_checked_and_the_refill_behind_it_is(
    package: ModuleType,
) -> None:
    heap = package.Heap(1, package.SimulatedMemory())
    heap.malloc(2048)
    results = elsewhere(lambda: [heap.malloc(2048) for _ in range(4)])
    assert isinstance(results[0], package.ProcBusy)
    assert heap.snapshot().spans[0].alloc_count in (1, 4)
    heap.close()


def test_whoever_stops_the_world_acts_for_any_p(package: ModuleType) -> None:
    heap = package.Heap(1, package.SimulatedMemory())
    kept = heap.malloc(8192)
    assert elsewhere(lambda: heap.collect([kept])) == [None]
    assert elsewhere(heap.snapshot) == [heap.snapshot()]
    assert elsewhere(lambda: heap.set_procs(2)) == [None]
    heap.malloc(8192)
    heap.close()
