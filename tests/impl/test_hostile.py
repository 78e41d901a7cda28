"""Nothing that others do crashes a heap, wedges it, or leaves it half changed.

`python -m spanalloc.hostile` takes minutes and does all of it; here is a part of each.
"""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from types import ModuleType

import pytest

from spanalloc import Heap, OsMemory

LONG = os.environ.get("SPANALLOC_HOSTILE") == "1"
"""Whether to run all of it, which takes minutes."""


# --- views ------------------------------------------------------------------------


def test_a_view_shows_its_object_after_the_heap_is_closed(package: ModuleType) -> None:
    heap = package.Heap()
    view = heap.memory(heap.malloc(64), 64)
    view[:5] = b"hello"
    parts: list[memoryview] = [view[1:3], view.cast("I"), memoryview(view)]
    array = (ctypes.c_char * 64).from_buffer(view)
    heap.close()
    view[5:7] = b"!!"
    assert bytes(view[:7]) == b"hello!!"
    assert bytes(parts[0]) == b"el"
    del view, parts
    assert bytes(array)[:7] == b"hello!!"


def test_a_view_across_arenas_outlives_the_heap(package: ModuleType) -> None:
    heap = package.Heap()
    size = 100 << 20
    view = heap.memory(heap.malloc(size), size)
    view[64 << 20] = view[size - 1] = 7
    heap.close()
    assert (view[64 << 20], view[size - 1], view[0]) == (7, 7, 0)


def test_memory_goes_with_the_last_view_of_it(package: ModuleType) -> None:
    released: list[tuple[int, int]] = []

    class Watched(package.RealMemory):  # type: ignore[misc, name-defined]
        def release(self, address: int, size: int) -> None:
            released.append((address, size))
            super().release(address, size)

    heap = package.Heap(1, Watched())
    address = heap.malloc(64)
    view = heap.memory(address, 64)
    heap.close()
    assert released == [(0xC000000000, 64 << 20)]
    assert is_mapped(address)
    del view
    assert not is_mapped(address)


def is_mapped(address: int) -> bool:
    """Tell whether a page is mapped: mincore knows."""
    libc = ctypes.CDLL(None)
    page = ctypes.c_void_p(address & ~4095)
    return int(libc.mincore(page, ctypes.c_size_t(4096), ctypes.create_string_buffer(1))) == 0


def test_a_view_of_a_swept_object_reads_whatever_is_there_now(package: ModuleType) -> None:
    with package.Heap() as heap:
        address = heap.malloc(100_000)
        view = heap.memory(address, 100_000)
        view[:] = b"x" * 100_000
        heap.collect()
        heap.free_os_memory()
        assert view[5000] == 0
        assert heap.malloc(100_000) == address


def test_a_heap_that_is_dropped_says_so_and_gives_its_memory_back(package: ModuleType) -> None:
    heap = package.Heap()
    address = heap.malloc(64)
    view = heap.memory(address, 64)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del heap
    assert [one.category for one in caught] == [ResourceWarning]
    assert view[0] == 0
    assert is_mapped(address)
    del view
    assert not is_mapped(address)


def test_a_heap_that_is_dropped_ends_its_threads(package: ModuleType) -> None:
    heap = package.Heap()
    address = heap.malloc(64)
    heap.start_background()
    threads = list(heap.background.threads)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        del heap
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    del threads, thread
    assert not is_mapped(address)


def test_heaps_that_were_closed_or_hold_nothing_are_dropped_in_silence(
    package: ModuleType,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        package.Heap().close()
        package.Heap()
        package.Heap(1, package.SimulatedMemory()).malloc(8)


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


# --- arguments ------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["8", 8.0, None, b"8", [8], object()])
def test_what_is_no_integer_is_a_bad_type_everywhere(package: ModuleType, wrong: object) -> None:
    with package.Heap(2, package.SimulatedMemory()) as heap:
        address = heap.malloc(64)
        before = heap.snapshot()
        attempts: list[Callable[[], object]] = [
            lambda: heap.memory(address, wrong),
            lambda: heap.memory(wrong, 8),
            lambda: heap.extent(wrong),
            lambda: heap.set_finalizer(wrong),
            lambda: heap.remove_finalizer(wrong),
            lambda: heap.set_profile(address, wrong),
            lambda: heap.ensure_swept(wrong),
            lambda: heap.take_manual(wrong),
            lambda: heap.free_manual(wrong),
            lambda: heap.scavenge_by(wrong),
            lambda: heap.set_procs(wrong),
            lambda: heap.release(wrong),
            lambda: heap.start_cycle(wrong),
            lambda: heap.sweep_one(wrong),
            lambda: package.Heap(wrong),
        ]
        # The fast path has no time to ask: compiled, this is a plain TypeError.
        with pytest.raises(TypeError):
            heap.malloc(wrong)
        with pytest.raises(TypeError):
            heap.malloc(8, p=wrong)
        for attempt in attempts:
            with pytest.raises(package.BadType):
                attempt()
        assert heap.snapshot() == before
        heap.start_cycle()
        with pytest.raises(package.BadType):
            heap.mark(wrong)
        for marks in ([wrong], 7):
            with pytest.raises(package.BadType):
                heap.finish(marks)
        heap.finish([address])


def test_a_finalizer_that_cannot_be_called_is_refused(package: ModuleType) -> None:
    heap = package.Heap(1, package.SimulatedMemory())
    with pytest.raises(package.BadType, match="a finalizer is called"):
        heap.set_finalizer(heap.malloc(64), 7)
    heap.close()


def test_whatever_has_an_index_is_an_integer(package: ModuleType) -> None:
    class Eight:
        def __index__(self) -> int:
            return 8

    with package.Heap(1, package.SimulatedMemory()) as heap:
        assert heap.take_manual(Eight()) == 0xC000000000


def test_more_ps_than_a_heap_can_have_are_refused(package: ModuleType) -> None:
    with pytest.raises(package.BadRequest, match="at most 4096"):
        package.Heap(1 << 20)
    heap = package.Heap(1, package.SimulatedMemory())
    with pytest.raises(package.BadRequest, match="at most 4096"):
        heap.set_procs(1 << 20)
    heap.close()


def test_a_thread_that_cannot_be_started_leaves_none_and_a_heap_that_can_be_closed(
    package: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def second_fails(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    heap = package.Heap(1, package.SimulatedMemory())
    monkeypatch.setattr(threading.Thread, "start", second_fails)
    with pytest.raises(package.ThreadFailed, match="can't start new thread"):
        heap.start_background()
    monkeypatch.undo()
    assert not started[0].is_alive()
    heap.start_background()
    heap.close()


# --- other processes, other interpreters ---------------------------------------------------------

SUBINTERPRETER = """
import _xxsubinterpreters as interpreters
import spanalloc
other = interpreters.create()
try:
    interpreters.run_string(other, "import spanalloc")
    print("imported")
except interpreters.RunFailedError as problem:
    print(problem)
interpreters.destroy(other)
with spanalloc.Heap(1, spanalloc.SimulatedMemory()) as heap:
    heap.malloc(64)
    print(spanalloc.audit(heap.snapshot()))
"""


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="_xxsubinterpreters has another name")
def test_a_subinterpreter_is_refused_and_harms_nobody() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SUBINTERPRETER], capture_output=True, text=True, check=False
    )
    assert "in the main interpreter only" in done.stdout, done.stderr
    assert done.stdout.endswith("[]\n"), done.stderr


def test_a_heap_in_a_forked_child_is_whole(package: ModuleType) -> None:
    heap = package.Heap()
    address = heap.malloc(64)
    view = heap.memory(address, 64)
    view[0] = 7
    heap.start_background()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            whole = package.audit(heap.snapshot()) == [] and heap.malloc(64) != address
            view[0] += 1
            heap.start_background()
            heap.close()
            status = 0 if whole and view[0] == 8 else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert view[0] == 7
    assert heap.malloc(64) != address
    heap.close()


def test_a_fork_in_the_middle_of_an_operation_leaves_the_child_a_heap_that_refuses(
    package: ModuleType,
) -> None:
    ends: list[int] = []

    class Forks(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        def commit(self, address: int, size: int) -> int:
            child = os.fork()
            if child == 0:
                os._exit(0 if "fork" in heap.broken else 1)
            ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            return 0

    heap = package.Heap(1, Forks())
    heap.malloc(64)
    assert ends == [0]
    assert heap.broken == ""
    heap.close()


@pytest.mark.parametrize("part", ["systems", "addresses", "forks", "allocations"])
def test_a_heap_withstands_attacks(part: str) -> None:
    arguments = [part] if LONG else [part, "--quick"]
    done = subprocess.run(
        [sys.executable, "-m", "spanalloc.hostile", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 2 and "_testcapi" in done.stderr:
        pytest.skip("needs _testcapi, which CPython's own tests install")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments", [["--operations", "-5"], ["--operations", "0"], ["--threads", "x"]]
)
def test_a_stress_test_with_nothing_to_do_is_no_success(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "spanalloc.stress", *arguments], capture_output=True, check=False
    )
    assert done.returncode == 2
