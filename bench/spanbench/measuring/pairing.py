"""Samples in pairs: both sides in turns, so that what disturbs one disturbs the other."""

import time
from collections.abc import Callable

from spanbench.measuring.figure import SamplePair

Sample = Callable[[], float]
"""Runs one side once and returns what it took."""


def in_turns(
    ours: Sample, theirs: Sample, rounds: int, *, warm_up: bool = True
) -> tuple[SamplePair, ...]:
    """Return so many pairs; whoever went first goes second in the next pair.

    A drift of the machine then favours neither. One pair ahead of all is not counted.
    """
    pairs: list[SamplePair] = []
    for number in range(-1 if warm_up else 0, rounds):
        if number % 2 == 0:
            mine = ours()
            pair = SamplePair(mine, theirs())
        else:
            other = theirs()
            pair = SamplePair(ours(), other)
        if number >= 0:
            pairs.append(pair)
    return tuple(pairs)


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds of processor time that some work takes in this process.

    Unlike time on the clock, it does not count what other programs take of a busy machine.
    """
    started = time.process_time()
    work()
    return time.process_time() - started
