"""Nothing that others do in the middle of an operation crashes a heap or leaves it half changed."""

import gc
import signal
import threading
import weakref
from collections.abc import Callable
from types import ModuleType

import pytest

from spanalloc import Heap, OsMemory


# --- operations inside of operations -------------------------------------------------------------
def calls(heap: Heap) -> list[Callable[[], object]]:
    """Return calls that take a lock."""
    return [
        lambda: heap.malloc(100_000),
        lambda: heap.malloc(100_000, p=1),
        lambda: heap.malloc(2048, p=1),
        lambda: heap.sweep_one(1),
        lambda: heap.scavenge_all(1),
        lambda: heap.take_manual(1, p=1),
        heap.start_cycle,
        heap.snapshot,
        heap.stop_background,
        heap.start_background,
        heap.close,
    ]


def refusals(heap: Heap) -> list[str]:
    """Make calls from within an operation; return what each came to."""
    found = []
    for call in calls(heap):
        try:
            call()
            found.append("accepted")
        except Exception as problem:
            found.append(type(problem).__name__)
    return found


def test_the_operating_system_cannot_use_the_heap_that_asks_it(package: ModuleType) -> None:
    found: list[list[str]] = []

    class Calls(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        def commit(self, address: int, size: int) -> int:
            found.append(refusals(heap))
            return int(super().commit(address, size))

        def unused(self, base: int, size: int) -> None:
            found.append(refusals(heap))

    heap = package.Heap(2, Calls())
    heap.malloc(100_000)
    heap.collect()
    heap.free_os_memory()
    assert len(found) == 2
    assert {one for several in found for one in several} == {"ProcBusy"}
    assert package.audit(heap.snapshot()) == []
    heap.close()


def test_a_refusal_that_the_operating_system_passes_on_stays_one(package: ModuleType) -> None:
    class Calls(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        def commit(self, address: int, size: int) -> int:
            return int(heap.malloc(100_000, p=1))

    heap = package.Heap(2, Calls())
    with pytest.raises(package.ProcBusy, match="in an operation on the heap already"):
        heap.malloc(100_000)
    assert package.audit(heap.snapshot()) == []
    heap.close()


def test_a_recorder_cannot_use_the_heap_that_tells_it(package: ModuleType) -> None:
    found: set[str] = set()

    class Listens(package.Recorder):  # type: ignore[misc, name-defined]
        def event(self, kind: str, p: int, t: int, fields: dict[str, object]) -> None:
            super().event(kind, p, t, fields)
            if ready and not found:
                found.update(refusals(heap))

    ready: list[bool] = []
    heap = package.Heap(2, package.SimulatedMemory(), Listens())
    ready.append(True)
    heap.malloc(2048)
    heap.collect()
    assert found == {"ProcBusy"}
    heap.close()


def test_what_pythons_collector_runs_meanwhile_is_refused_or_served(package: ModuleType) -> None:
    heap = package.Heap(2, package.SimulatedMemory())
    ends: set[str] = set()

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            ends.update(refusals_of_one())

    def refusals_of_one() -> list[str]:
        try:
            heap.malloc(100_000, p=1)
        except Exception as problem:
            return [type(problem).__name__]
        return ["served"]

    told = [weakref.ref(Cycle(), lambda _: ends.update(refusals_of_one())) for _ in range(3)]
    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(60):
            Cycle()
            heap.malloc(2048)
            heap.collect()
            heap.snapshot()
    finally:
        gc.set_threshold(*thresholds)
        gc.collect()
    assert len(told) == 3
    assert ends <= {"ProcBusy", "served"}
    assert package.audit(heap.snapshot()) == []
    heap.close()


def test_a_signal_handler_that_raises_does_not_break_a_heap_that_waits(
    package: ModuleType,
) -> None:
    entered, go = threading.Event(), threading.Event()

    class Slow(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        def commit(self, address: int, size: int) -> int:
            entered.set()
            assert go.wait(30)
            return 0

    def handler(number: int, frame: object) -> None:
        go.set()
        raise LookupError("interrupted")

    heap = package.Heap(2, Slow())
    before = signal.signal(signal.SIGALRM, handler)
    first = threading.Thread(target=lambda: heap.malloc(64))
    try:
        first.start()
        assert entered.wait(30)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        # The other thread holds the lock of the page heap until the signal comes.
        with pytest.raises(LookupError):
            heap.malloc(64, p=1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        go.set()
        first.join()
    if not heap.state.interpreted:
        assert heap.broken == ""
    if heap.broken == "":
        assert package.audit(heap.snapshot()) == []
    heap.close()


# --- halves ------------------------------------------------------------------------
def test_a_heap_whose_operation_ended_half_way_refuses_everything_but_its_end(
    package: ModuleType,
) -> None:
    class Fails(package.Recorder):  # type: ignore[misc, name-defined]
        def event(self, kind: str, p: int, t: int, fields: dict[str, object]) -> None:
            if kind == "si":
                raise LookupError("no more room for events")

    heap = package.Heap(2, package.SimulatedMemory(), Fails())
    with pytest.raises(LookupError):
        heap.malloc(2048)
    assert "no more room for events" in heap.broken
    for call in calls(heap):
        name = getattr(call, "__name__", "")
        if name in ("snapshot", "close", "stop_background"):
            continue
        with pytest.raises(package.HeapBroken, match="LookupError: no more room for events"):
            call()
    assert "broken: an operation ended half way" in package.audit(heap.snapshot())[0]
    heap.close()
    assert heap.closed


def test_an_error_that_was_planned_breaks_nothing(package: ModuleType) -> None:
    memory = package.SimulatedMemory()
    heap = package.Heap(1, memory)
    memory.fail_commits = 1
    with pytest.raises(package.MmapFailed):
        heap.malloc(64)
    with pytest.raises(package.BadRequest):
        heap.malloc(64, p=7)
    assert heap.broken == ""
    assert heap.malloc(64) != 0
    heap.close()


def test_a_region_that_is_held_already_is_refused(package: ModuleType) -> None:
    memory = package.SimulatedMemory()
    heap = package.Heap(1, memory)
    heap.malloc(64)
    memory.relocate = [0xC000000000] * 1000
    before = heap.snapshot()
    with pytest.raises(package.OsFailed, match="T-11"):
        heap.malloc(100 << 20)
    assert heap.snapshot() == before
    heap.close()


@pytest.mark.parametrize("base", [(1 << 47) - (64 << 20), 1 << 47])
def test_addresses_end_at_2_to_the_47(base: int, package: ModuleType) -> None:
    """T-8: what would be behind is given back, and refused."""

    class AtTheEnd(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        released = 0

        def reserve(self, address: int, size: int) -> int:
            return 0

        def reserve_aligned(self, size: int, align: int) -> tuple[int, int]:
            return base, size

        def release(self, address: int, size: int) -> None:
            self.released += size

    memory = AtTheEnd()
    heap = package.Heap(1, memory)
    if base < 1 << 47:
        assert heap.malloc(64) == base
    else:
        with pytest.raises(package.OsFailed, match="T-8"):
            heap.malloc(64)
        assert memory.released == 64 << 20
    heap.close()


def test_an_operating_system_that_was_not_set_up_is_refused(package: ModuleType) -> None:
    class Bare(package.OsMemory):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            pass

    with pytest.raises(package.BadRequest, match="page sizes"):
        package.Heap(1, Bare())


def test_methods_of_subclasses_are_called(package: ModuleType) -> None:
    called: set[str] = set()

    def noting(base: type, name: str) -> Callable[..., object]:
        def call(self: object, *arguments: object) -> object:
            called.add(f"{base.__name__}.{name}")
            answer: object = getattr(base, name)(self, *arguments)
            return answer

        return call

    def subclass(base: type, names: tuple[str, ...]) -> type:
        return type(f"Noting{base.__name__}", (base,), {one: noting(base, one) for one in names})

    of_system = ("reserve", "commit", "release", "madvise", "view", "used", "unused", "map")
    memory: OsMemory = subclass(package.RealMemory, of_system)()
    turns = subclass(package.Turns, ("step_ends", "published"))()
    recorder = subclass(package.Recorder, ("event",))()
    with package.Heap(1, memory, recorder, 0, turns) as heap:
        heap.malloc(100_000)
        heap.collect()
        heap.free_os_memory()
        heap.malloc(100_000)
    expected = {f"RealMemory.{one}" for one in of_system}
    expected |= {"Turns.step_ends", "Turns.published", "Recorder.event"}
    # A machine without huge pages, or with few, is asked for less.
    assert expected - {"RealMemory.madvise"} <= called


def test_what_advice_raises_is_kept_and_harms_nothing(package: ModuleType) -> None:
    problem = OSError("no advice")

    class Unadvised(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        def welcome_huge(self, base: int, size: int) -> None:
            raise problem

        def used(self, base: int, size: int) -> None:
            pass

    heap = package.Heap(1, Unadvised())
    for _ in range(8):
        heap.malloc(1 << 20)
    heap.collect([])
    heap.sweep_all()
    assert heap.state.os.problem is problem
    assert not heap.broken
    assert package.audit(heap.snapshot()) == []
    heap.close()
