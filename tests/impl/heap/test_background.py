"""Background threads sleep while there is nothing to do, are told of it, and keep to real time."""

import threading
import time
from types import ModuleType


class Told(threading.Condition):
    """Counts who waits, and how often all are told."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = 0
        self.told = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        return super().wait(timeout)

    def notify_all(self) -> None:
        self.told += 1
        super().notify_all()


def test_a_thread_with_nothing_to_do_waits_until_it_is_told(package: ModuleType) -> None:
    with package.Heap(1, package.SimulatedMemory()) as heap:
        told = heap.background.awake = Told()
        heap.collect()
        assert told.told == 0
        heap.start_background()
        until = time.monotonic() + 60
        while told.waits < 2 and time.monotonic() < until:
            time.sleep(0.001)
        assert told.waits >= 2
        heap.collect()
        assert told.told == 1
        heap.set_gc_percent(50)
        assert told.told == 2
        heap.stop_background()
        assert told.told == 3


def test_a_scavenger_that_waits_has_swept_nothing(package: ModuleType) -> None:
    with package.Heap(1, package.SimulatedMemory()) as heap:
        told = heap.background.awake = Told()
        heap.malloc(40_000)
        heap.collect()
        heap.start_background(sweeper=False)
        until = time.monotonic() + 60
        while told.waits == 0 and time.monotonic() < until:
            time.sleep(0.001)
        heap.stop_background()
        assert told.waits > 0
        assert not heap.state.sweepdone


def test_the_clock_of_a_heap_is_that_of_the_machine_while_threads_run(package: ModuleType) -> None:
    with package.Heap(1, package.SimulatedMemory()) as heap:
        heap.collect()
        heap.set_gc_percent(50)
        assert heap.clock == 0
        heap.start_background()
        before = time.monotonic_ns()
        heap.collect()
        between = heap.clock
        assert between >= before
        heap.set_gc_percent(100)
        assert time.monotonic_ns() >= heap.clock >= between
        heap.clock = 1
        heap.set_gc_percent(100)
        assert heap.clock >= between


def test_background_threads_have_the_names_of_what_they_do(package: ModuleType) -> None:
    with package.Heap(1, package.SimulatedMemory()) as heap:
        heap.start_background(scavenger=False)
        assert [one.name for one in heap.background.threads] == ["spanalloc-sweeper"]
        heap.stop_background()
        heap.start_background(sweeper=False)
        assert [one.name for one in heap.background.threads] == ["spanalloc-scavenger"]


def test_memory_of_a_dropped_heap_goes_with_its_last_thread(package: ModuleType) -> None:
    heap = package.Heap(1, package.SimulatedMemory())
    heap.malloc(8)
    background, system = heap.background, heap.state.os
    held = list(system.held)
    assert held
    running, ended = threading.Event(), threading.Thread()
    other = threading.Thread(target=running.wait)
    other.start()
    background.threads = [threading.current_thread(), other]
    background.abandon(system)
    background.thread_ends()
    assert system.held == held
    running.set()
    other.join()
    background.threads = [threading.current_thread(), other, ended]
    background.thread_ends()
    assert system.held == []
    background.threads = []
    heap.close()
