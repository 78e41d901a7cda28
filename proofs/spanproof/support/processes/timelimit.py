"""A limit of time for what runs in the main thread: an exception ends what takes longer."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
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

    It works in the main thread only, for Python handles signals there.

    Raises: `expired`.
    """

    def ring(number: int, frame: FrameType | None) -> None:
        raise expired

    before = signal.signal(clock.signal, ring)
    signal.setitimer(clock.timer, seconds)
    try:
        yield
    finally:
        signal.setitimer(clock.timer, 0)
        signal.signal(clock.signal, before)
