"""A limit of time for what runs in a thread: an exception ends what takes longer."""

import ctypes
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread, current_thread, get_ident, main_thread
from types import FrameType
from typing import Final, NamedTuple


class Clock(NamedTuple):
    """A timer of the operating system, and the signal that it sends."""

    timer: int
    signal: int


WALL: Final = Clock(signal.ITIMER_REAL, signal.SIGALRM)
"""The time that passes, whoever computes."""

PROCESSOR: Final = Clock(signal.ITIMER_VIRTUAL, signal.SIGVTALRM)
"""The time that this process computes; a busy machine does not shorten the limit."""


@contextmanager
def limited(seconds: float, clock: Clock, expired: type[BaseException]) -> Iterator[None]:
    """Raise an exception in what takes longer than so many seconds of a clock.

    Python handles signals in the main thread only. In another one, as workers of a cluster have
    them, a thread beside it watches the clock.

    Raises: `expired`.
    """
    if current_thread() is not main_thread():
        with _watched(seconds, clock, expired):
            yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise expired

    before = signal.signal(clock.signal, ring)
    signal.setitimer(clock.timer, seconds)
    try:
        yield
    finally:
        signal.setitimer(clock.timer, 0)
        signal.signal(clock.signal, before)


@contextmanager
def _watched(seconds: float, clock: Clock, expired: type[BaseException]) -> Iterator[None]:
    """Do the same in a thread that is not the main one: its own time counts as the processor's."""
    ident = get_ident()
    number = time.CLOCK_MONOTONIC if clock is WALL else time.pthread_getcpuclockid(ident)
    until = time.clock_gettime(number) + seconds
    over, rung = Event(), Lock()

    def watch() -> None:
        while not over.wait(max(0.001, until - time.clock_gettime(number))):
            with rung:
                if time.clock_gettime(number) >= until and not over.is_set():
                    problem = ctypes.py_object(expired)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), problem)
                    return

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        # Whoever has the lock has raised it by then, or never will; what was raised meanwhile comes
        # here, by this call. It cannot be taken back: an exception that is replaced by none leaves
        # CPython 3.11 looking for one for ever, and a profiled function never begins then.
        with rung:
            over.set()
