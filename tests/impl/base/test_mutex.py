"""Under test whatever a lock protects refuses who does not hold it, before anything is changed."""

import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

USES: dict[str, Callable[[ModuleType, Any, Any], object]] = {
    "the first span of a list": lambda _, state, __: state.central[2].nonempty.front(),
    "insertion into a list": lambda _, state, span: state.central[2].nonempty.insert(span),
    "insertion at its end": lambda _, state, span: state.central[2].nonempty.insert_back(span),
    "removal from a list": lambda _, state, span: state.central[span.spanclass].empty.remove(span),
    "the slots handed out": lambda _, state, __: state.central[2].count(1),
    "a claim": lambda _, state, span: state.pacing.claims(span, (span.sweepgen + 2) % (1 << 32)),
    "a mark": lambda _, state, span: state.pacing.marks(span, 0),
    "a descriptor": lambda _, state, span: state.pages.free.new_descriptor(span.base, 1),
    "a merge": lambda _, state, span: state.pages.free.add(span, state.mcaches[0]),
    "scavenging": lambda package, state, _: package.pages.scavenge.scavenge(
        state.pages.free, state.mcaches[0], 1, "all"
    ),
    "pages": lambda _, state, __: state.pages.take(state.mcaches[0], 1),
    "a span in use": lambda _, state, span: state.pages.use(span, 0, 2, 0),
    "a look at a page": lambda _, state, span: state.pages.looked_up(
        state.pages.free.pages.arena_at(span.base), 0
    ),
    "a span that is free": lambda _, state, span: state.pages.give_back(state.mcaches[0], span),
    "special records": lambda _, state, span: state.specials.keep(span, []),
}


@pytest.mark.parametrize("what", USES)
def test_what_a_lock_protects_cannot_be_used_without_it(what: str, package: ModuleType) -> None:
    heap = package.Heap(os=package.SimulatedMemory(), turns=package.Turns())
    object_of_span = heap.malloc(8)
    state = heap.state
    span = state.pages.free.pages.span_at(object_of_span)
    before = heap.snapshot()
    with pytest.raises(package.LockNotHeld):
        USES[what](package, state, span)
    assert heap.snapshot() == before


def test_a_lock_is_waited_for_until_a_time(package: ModuleType) -> None:
    world = package.heap.world
    lock = package.heap.world.Lock()
    lock.acquire()
    timer = threading.Timer(0.01, lock.release)
    timer.start()
    assert world.taken(lock, time.monotonic() + 3600)
    timer.join()
    assert not world.taken(lock, time.monotonic())
    lock.release()
    assert world.taken(lock, time.monotonic() - 1)


def test_who_waits_for_a_lock_gives_up_when_the_time_has_come(
    package: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = package.heap.world.Lock()
    lock.acquire()
    clock = iter([4.0, 5.0])
    with monkeypatch.context() as patched:
        patched.setattr(time, "monotonic", lambda: next(clock))
        patched.setattr(time, "sleep", lambda _: None)
        assert not package.heap.world.taken(lock, 5.0)
    assert list(clock) == []


class Interrupted:
    """A lock that is had by another, and for which is waited until a signal handler raises.

    Compiled code takes locks of one type only.
    """

    def __init__(self, times: int) -> None:
        self.times = times
        self.seen: list[str] = []

    def acquire(self, blocking: bool = True) -> bool:
        if not blocking:
            return False
        self.times -= 1
        if self.times >= 0:
            raise KeyboardInterrupt
        self.seen.append("taken")
        return True

    def release(self) -> None:
        self.seen.append("released")


@pytest.mark.parametrize("times", [0, 1])
def test_one_interrupt_of_a_wait_is_kept_for_the_end(times: int, interpreted: ModuleType) -> None:
    interrupts = interpreted.base.mutex.Interrupts()
    mutex = interpreted.base.mutex.Mutex("nothing", True, interrupts)
    lock = mutex.lock = Interrupted(times)
    with mutex:
        assert lock.seen == ["taken"]
        mutex.expect()
    assert lock.seen == ["taken", "released"]
    assert len(interrupts.kept) == times
    with pytest.raises(interpreted.LockNotHeld, match="nothing used without its lock"):
        mutex.expect()


def test_the_second_interrupt_of_a_wait_ends_it(interpreted: ModuleType) -> None:
    interrupts = interpreted.base.mutex.Interrupts()
    mutex = interpreted.base.mutex.Mutex("nothing", True, interrupts)
    lock = mutex.lock = Interrupted(2)
    with pytest.raises(KeyboardInterrupt), mutex:
        pass
    assert lock.seen == []
    assert interrupts.kept == []
