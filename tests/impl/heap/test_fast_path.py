"""A heap that records nothing takes faster ways than one that does, to the same places."""

import random
from types import ModuleType

import pytest

from spanalloc import Heap

SIZES = (1, 2, 5, 6, 8, 12, 15, 16, 24, 100, 1024, 2048, 5000, 32768, 32769, 100_000)


def both(package: ModuleType) -> tuple[Heap, Heap]:
    quiet = package.Heap(2, package.SimulatedMemory())
    # Interpreted, the fast path is left to those who have one thread, as here.
    quiet.world.set(package.heap.world.INTERPRETED, False)
    recorded = package.Heap(2, package.SimulatedMemory(), package.Recorder())
    return quiet, recorded


@pytest.mark.parametrize("seed", range(3))
def test_what_is_recorded_or_not_is_put_into_the_same_places(
    package: ModuleType, seed: int
) -> None:
    rng = random.Random(seed)
    heaps = both(package)
    live: list[int] = []
    for number in range(700):
        p, size = rng.randrange(2), rng.choice(SIZES)
        noscan, zero = rng.random() < 0.6, rng.random() < 0.5
        quiet, recorded = (heap.malloc(size, noscan, zero, p) for heap in heaps)
        assert quiet == recorded, (number, size, noscan)
        live.append(quiet)
        if number % 200 == 150:
            live = rng.sample(live, len(live) // 2)
            for heap in heaps:
                heap.start_cycle(p)
            born = [[heap.malloc(size, noscan, True, p) for size in SIZES[:9]] for heap in heaps]
            assert born[0] == born[1]
            for heap in heaps:
                heap.finish(live, p)
            live += born[0]
    for heap in heaps:
        heap.flush_caches()
    assert heaps[0].snapshot() == heaps[1].snapshot()
    assert heaps[0].statistics() == heaps[1].statistics()


def test_an_object_with_pointers_is_in_another_span_than_one_without(package: ModuleType) -> None:
    for heap in both(package):
        for _ in range(3):
            addresses = [heap.malloc(48, noscan=noscan) for noscan in (False, True)]
            classes = [
                span.spanclass
                for address in addresses
                for span in heap.snapshot().spans
                if span.base <= address < span.limit
            ]
            assert [one % 2 for one in classes] == [0, 1]
