"""What is no integer, or too large, is refused by every operation, and changes nothing."""

import threading
from collections.abc import Callable
from types import ModuleType

import pytest


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
