"""How the page heap's time grows with the number of free spans."""

import random
import time
from math import log
from statistics import median
from typing import Final

from spanalloc import Heap, SimulatedMemory
from spanbench.measuring.figure import Goal, Measured, SamplePair, Settings, Table, figure

FEWEST: Final = 100
MOST: Final = 1_000_000
MOST_QUICK: Final = 10_000

OPERATIONS: Final = 2_000
"""Operations in one sample, half of them takes and half of them frees."""

ROUNDS: Final = 15


class Fragmented:
    """A heap with so many free spans of one page each; those in use between them are as long."""

    def __init__(self, free_spans: int) -> None:
        self.free_spans = free_spans
        self.rng = random.Random(free_spans)
        self.rebuild()

    def rebuild(self) -> None:
        """Make the heap anew."""
        self.heap = Heap(os=SimulatedMemory())
        taken = [self.heap.take_manual(1) for _ in range(2 * self.free_spans + 1)]
        for address in taken[1::2]:
            self.heap.free_manual(address)
        self.between = taken[2:-1:2]
        self.rng.shuffle(self.between)
        self.fewest = self.free_spans // 2

    def sample(self) -> float:
        """Return the seconds of one operation.

        Somewhere at random a span is freed, which merges with both neighbours, and what it has
        become is taken as a whole; then the lowest page is taken and given back. Each time two
        free spans are used up: when few are left, the heap is made anew, which is not timed.
        """
        spent, left = 0.0, OPERATIONS // 4
        while left > 0:
            if len(self.between) <= self.fewest:
                self.rebuild()
            number = min(left, len(self.between) - self.fewest)
            chosen = [self.between.pop() for _ in range(number)]
            take, free = self.heap.take_manual, self.heap.free_manual
            started = time.process_time()
            for address in chosen:
                free(address)
                take(3)
                free(take(1))
            spent += time.process_time() - started
            left -= number
        return spent / OPERATIONS


@figure(
    "pages.growth",
    "a take or a free in a page heap with 10^6 free spans",
    "a take or a free in one with 10^2",
    goal=Goal("at most", log(MOST) / log(FEWEST)),
)
def growth(settings: Settings) -> Measured:
    """Measure heaps of each power of ten, in turns."""
    most = MOST_QUICK if settings.quick else MOST
    sizes = [FEWEST * 10**power for power in range(8) if FEWEST * 10**power <= most]
    heaps = [Fragmented(size) for size in sizes]
    samples: list[list[float]] = [[] for _ in heaps]
    for number in range(-1, 3 if settings.quick else ROUNDS):
        for heap, taken in zip(heaps, samples, strict=True):
            spent = heap.sample()
            if number >= 0:
                taken.append(spent)
    pairs = tuple(SamplePair(*pair) for pair in zip(samples[-1], samples[0], strict=True))
    rows = tuple(
        (f"{size}", f"{median(taken) * 1e9:.0f}")
        for size, taken in zip(sizes, samples, strict=True)
    )
    return Measured(pairs, details=Table(("free spans", "ns"), rows))
