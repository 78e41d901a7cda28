"""Each bound of what callers may pass is tried from both sides."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import NamedTuple

import pytest

from spanalloc import Heap

Call = Callable[[ModuleType, Heap, int], object]


class Bounded(NamedTuple):
    """A call with a number, those that are accepted, and those that are refused."""

    call: Call
    accepted: Sequence[int]
    refused: Sequence[int]


def finish(heap: Heap, took: int, assisting: int) -> None:
    heap.start_cycle()
    heap.finish((), took_ns=took, assist_ns=assisting)


ARENA = 1 << 26

BOUNDS: dict[str, Bounded] = {
    "a size": Bounded(lambda _, heap, value: heap.malloc(value), [0, 1, 32768, 32769], [-1]),
    "a P": Bounded(lambda _, heap, value: heap.malloc(8, p=value), [0, 1], [-1, 2]),
    "a number of Ps": Bounded(lambda _, heap, value: heap.set_procs(value), [1, 4096], [0, 4097]),
    "a sweepgen": Bounded(
        lambda package, _, value: package.Heap(1, package.SimulatedMemory(), None, value).close(),
        [0, 2, (1 << 32) - 2],
        [-2, -1, 1, 3, (1 << 32) - 1, 1 << 32],
    ),
    "a percentage": Bounded(
        lambda _, heap, value: heap.set_gc_percent(value),
        [-(1 << 31), -1, 0, (1 << 31) - 1],
        [-(1 << 31) - 1, 1 << 31],
    ),
    "the time of a cycle": Bounded(
        lambda _, heap, value: finish(heap, value, 0), [-1, 0, 1, (1 << 50) - 1], [-2, 1 << 50]
    ),
    "the time of assists": Bounded(
        lambda _, heap, value: finish(heap, 1, value), [0, 1, (1 << 50) - 1], [-1, 1 << 50]
    ),
    "a time": Bounded(
        lambda _, heap, value: heap.scavenge_by(value),
        [-(1 << 63), -1, 0, (1 << 63) - 1],
        [-(1 << 63) - 1, 1 << 63],
    ),
    "pages of a manual span": Bounded(lambda _, heap, value: heap.take_manual(value), [1], [0, -1]),
    "an object of an arena": Bounded(
        lambda package, _, value: package.Arena(package.SimulatedMemory()).new(value), [1, 2], [0]
    ),
    "a size of a stream": Bounded(
        lambda package, _, value: package.Stream().allocate(0, value),
        [1, 1 << 47],
        [-1, 0, (1 << 47) + 1],
    ),
    "a slot of a stream": Bounded(
        lambda package, _, value: package.Stream().allocate(value, 8),
        [0, (1 << 40) - 1],
        [-1, 1 << 40],
    ),
    "a physical page": Bounded(
        lambda package, _, value: package.PageSizes(value),
        [4096, 8192, ARENA],
        [-4096, 0, 1, 2048, 4095, 4097, 6144, 2 * ARENA],
    ),
    "a huge page": Bounded(
        lambda package, _, value: package.PageSizes(4096, value),
        [0, 1, 2, 4096, 2 << 20, ARENA],
        [-1, 3, 6144, 2 * ARENA],
    ),
    "the base of a span": Bounded(
        lambda package, _, value: package.Span(value, 2, 1, 0),
        [0, 8192, (1 << 48) - 8192],
        [-8192, 1, 8191, 1 << 48],
    ),
    "a span class": Bounded(
        lambda package, _, value: package.Span(0, value, 4, 0), [0, 1, 132, 133], [-1, 134]
    ),
    "pages of a span": Bounded(
        lambda package, _, value: package.Span(0, 0, value, 0), [1, 1 << 35], [0, (1 << 35) + 1]
    ),
    "the sweepgen of a span": Bounded(
        lambda package, _, value: package.Span(0, 2, 1, value),
        [0, 1, (1 << 32) - 1],
        [-1, 1 << 32],
    ),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_bound_holds_on_both_sides(name: str, package: ModuleType) -> None:
    call, accepted, refused = BOUNDS[name]
    for value in accepted:
        with package.Heap(2, package.SimulatedMemory()) as heap:
            call(package, heap, value)
    for value in refused:
        with (
            package.Heap(2, package.SimulatedMemory()) as heap,
            pytest.raises((package.BadRequest, package.SpanError)),
        ):
            call(package, heap, value)


def test_what_is_more_than_there_are_addresses_is_told_from_what_there_is_no_memory_for(
    package: ModuleType,
) -> None:
    memory = package.SimulatedMemory()
    memory.refuse_reservations = 1 << 20
    with package.Heap(1, memory) as heap:
        for size, pages, says in (
            (1 << 48, 1 << 35, "no memory for"),
            ((1 << 48) + 1, (1 << 35) + 1, "more than there are addresses"),
        ):
            with pytest.raises(package.OutOfMemory, match=says):
                heap.malloc(size)
            with pytest.raises(package.OutOfMemory, match=says):
                heap.take_manual(pages)
