"""Stopping the world in time or not at all, and what a fork leaves of it."""

import threading
import time
from types import ModuleType

import pytest


def on_another_thread(world: object, name: str) -> None:
    """Take a lock and keep it, as a thread does that is in an operation."""
    thread = threading.Thread(target=getattr(world, name).acquire)
    thread.start()
    thread.join()


def test_a_world_that_cannot_be_stopped_in_time_goes_on(package: ModuleType) -> None:
    with package.Heap(2, package.SimulatedMemory()) as heap:
        world = heap.world
        gate = world.gate
        busy = world.mcaches[1]
        on_another_thread(busy, "lock")
        assert not world.try_stop(time.monotonic())
        assert (world.gate, world.held, world.stopped) == (gate, 0, [])
        heap.malloc(8)
        busy.lock.release()
        on_another_thread(world, "cycle_lock")
        assert not world.try_stop(time.monotonic())
        heap.malloc(8)
        world.cycle_lock.release()
        assert world.try_stop(time.monotonic() + 60)
        assert (world.held, world.stopped) == (2, [*world.mcaches])
        assert not any(one.lock.acquire(False) for one in world.mcaches)
        assert not world.cycle_lock.acquire(False)
        world.start()
        heap.collect()
        heap.malloc(8, p=1)


def test_a_child_that_was_forked_in_the_middle_waits_for_nobody(package: ModuleType) -> None:
    heap = package.Heap(2, package.SimulatedMemory())
    heap.start_background()
    heap.stop_background()
    world = heap.world
    for one in world.everybody():
        on_another_thread(one, "lock")
        one.busy = True
    on_another_thread(world, "cycle_lock")
    world.inside = {-1}
    world.held = 2
    world.forked()
    assert "fork" in heap.broken
    assert len(world.everybody()) == 4
    assert [one.busy for one in world.everybody()] == [False] * 4
    assert (world.inside, world.held, world.stopped) == (set(), 0, [])
    for lock in (*(one.lock for one in world.everybody()), world.cycle_lock):
        assert lock.acquire(False)
        lock.release()
    heap.close()


def test_a_fork_waits_for_an_operation_that_ends_in_time(
    package: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with package.Heap(1, package.SimulatedMemory()) as heap:
        world, forks = heap.world, package.heap.resources
        busy = world.mcaches[0]
        on_another_thread(busy, "lock")
        with monkeypatch.context() as patched:
            patched.setattr(time, "sleep", lambda _: busy.lock.release())
            forks.before_fork()
        assert world.held == 1
        forks.after_fork_in_parent()
        assert world.held == 0
        heap.malloc(8)


def test_a_p_that_nobody_has_used_can_be_released(package: ModuleType) -> None:
    with package.Heap(1, package.SimulatedMemory()) as heap:
        heap.release(0)
        heap.malloc(8)
        heap.release(0)


def test_a_worker_that_is_refused_is_in_no_operation(package: ModuleType) -> None:
    heap = package.Heap(1, package.SimulatedMemory())
    heap.start_background()
    heap.stop_background()
    (worker, *_) = heap.world.workers
    heap.close()
    for _ in range(2):
        operation = package.heap.operation.WorkerOperation(heap.world, worker)
        with pytest.raises(package.HeapClosed), operation:
            pass
    assert heap.world.inside == set()


def test_a_heap_that_is_closed_while_somebody_waits_is_refused_to_him(
    interpreted: ModuleType,
) -> None:
    heap = interpreted.Heap(2, interpreted.SimulatedMemory())
    world = heap.world
    released: list[int] = []

    class Closes:  # compiled code takes locks of one type only
        def acquire(self, blocking: bool = True) -> bool:
            world.set(interpreted.heap.world.CLOSED, True)
            return True

        def release(self) -> None:
            released.append(1)

    lock = world.mcaches[1].lock
    world.mcaches[1].lock = Closes()
    with pytest.raises(interpreted.HeapClosed):
        world.stop(0)
    world.set(interpreted.heap.world.CLOSED, False)
    world.mcaches[1].lock = lock
    assert (released, world.held, world.stopped) == ([1], 0, [])
    heap.collect()
    heap.close()
