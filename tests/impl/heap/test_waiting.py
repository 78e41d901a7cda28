"""Operations that wait for another thread, which is stopped in the middle of a sweep here."""

import time
from collections.abc import Callable
from threading import Event, Thread
from types import ModuleType

import pytest

PATIENCE = 60.0
"""Seconds after which a thread is taken to hang."""


class Middle:
    """A heap of two Ps, of which P 1 is stopped just after it has claimed a span to sweep it.

    `waiting` is set once another thread finds that it cannot go on.
    """

    def __init__(self, package: ModuleType) -> None:
        self.claimed, self.goes_on, self.waiting = Event(), Event(), Event()
        self.sweeper = Thread(target=self.sweep)
        middle = self

        class Stopping(package.Turns):  # type: ignore[misc, name-defined]
            def step_ends(self) -> None:
                kinds = [event["k"] for event in middle.recorder.events[-1:]]
                if kinds == ["sc"] and not middle.claimed.is_set():
                    middle.claimed.set()
                    assert middle.goes_on.wait(PATIENCE)

            def cannot_go_on(self) -> None:
                middle.waiting.set()

        self.recorder = package.Recorder()
        self.heap = package.Heap(2, package.SimulatedMemory(), self.recorder, turns=Stopping())
        self.dead = self.heap.malloc(40_000)
        self.heap.collect()
        self.heap.release(0)

    def sweep(self) -> None:
        """Sweep a span on P 1."""
        self.heap.sweep_one(1)

    def done_meanwhile(self, operation: Callable[[], object]) -> list[object]:
        """Begin an operation on P 0, and let P 1 go on once that waits; return what it gave."""
        self.sweeper.start()
        assert self.claimed.wait(PATIENCE)
        given: list[object] = []
        other = Thread(target=lambda: given.append(operation()))
        other.start()
        assert self.waiting.wait(PATIENCE)
        assert not given
        self.goes_on.set()
        for thread in (other, self.sweeper):
            thread.join(PATIENCE)
            assert not thread.is_alive()
        return given


@pytest.fixture
def middle(package: ModuleType) -> Middle:
    return Middle(package)


def test_freeing_all_memory_waits_for_what_is_being_swept(middle: Middle) -> None:
    assert middle.done_meanwhile(middle.heap.free_os_memory) == [40960]
    assert middle.heap.free_os_memory() == 0


def test_the_end_of_a_cycle_waits_for_what_is_being_swept(middle: Middle) -> None:
    assert middle.done_meanwhile(middle.heap.sweep_all) == [0]
    assert middle.heap.spans() == []


def test_a_span_that_another_thread_sweeps_is_waited_for(middle: Middle) -> None:
    assert middle.done_meanwhile(lambda: middle.heap.ensure_swept(middle.dead)) == [None]
    assert middle.heap.spans() == []


def test_who_cannot_go_on_gives_the_processor_away_and_does_not_sleep(
    package: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    package.Turns().cannot_go_on()
    with package.Heap(1, package.SimulatedMemory()) as heap:
        package.central.sweep.let_others_go_on(heap.state)
    assert slept == [0, 0]


def test_a_thread_does_not_wait_for_itself(package: ModuleType) -> None:
    refusals: list[Exception] = []

    class Reentering(package.Turns):  # type: ignore[misc, name-defined]
        def step_ends(self) -> None:
            if recorder.events and recorder.events[-1]["k"] == "sc" and not refusals:
                with pytest.raises(package.ProcBusy) as refused:
                    heap.free_os_memory()
                refusals.append(refused.value)

    recorder = package.Recorder()
    with package.Heap(2, package.SimulatedMemory(), recorder, turns=Reentering()) as heap:
        heap.malloc(40_000)
        heap.collect()
        assert heap.sweep_one(1) == 5
        assert "in an operation" in str(refusals[0])
        assert heap.free_os_memory() == 40960
