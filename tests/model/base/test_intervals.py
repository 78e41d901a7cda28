"""Intervals say what a plain list says, at a cost that follows the changes."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from spanspec.base.ids import Address, SpanId
from spanspec.base.intervals import Intervals, Regions
from spanspec.events import heap_events as hev
from spanspec.events.fields import EventBase
from spanspec.pages.courses.pagealloc import allocate, free_manual, make_manual
from spanspec.pages.memory.arena import GrantingOs
from spanspec.pages.memory.osmemory import FollowedOs
from spanspec.pages.pageheap import Actor, PageHeap
from spanspec.pages.tables.runs import AMD64, end_of

LENGTH = 40

changes = st.lists(
    st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH), st.integers(0, 3)), max_size=30
)


@given(changes, st.integers(0, LENGTH), st.integers(0, LENGTH))
def test_intervals_are_a_list(made: list[tuple[int, int, int]], start: int, end: int) -> None:
    line, intervals = [0] * LENGTH, Intervals(0)
    for first, last, value in made:
        line[first:last] = [value] * len(line[first:last])
        intervals.set(first, last, value)
    assert [intervals.at(place) for place in range(LENGTH)] == line
    assert set(intervals.values(start, end)) == set(line[start:end])
    changes_of_value = sum(one != other for one, other in zip([0, *line], [*line, 0], strict=True))
    assert len(intervals) == 1 + changes_of_value


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), max_size=8))
def test_regions_are_their_numbers(made: list[tuple[int, int]]) -> None:
    regions, numbers = Regions(), list[int]()
    for first, length in made:
        regions.add(range(first, first + length))
        numbers += range(first, first + length)
    assert list(regions) == numbers == [regions[place] for place in range(len(regions))]
    assert all((number in regions) == (number in numbers) for number in range(15))


class NoGoal:
    def retained_goal(self) -> int:
        return 0


def test_space_follows_the_number_of_spans_and_not_their_sizes() -> None:
    """A span of 2 TiB, taken, freed and taken again."""
    heap, actor, told = (
        PageHeap(NoGoal(), FollowedOs(GrantingOs())),
        Actor(-1, 0),
        list[EventBase](),
    )
    npages = 1 << 28
    tracemalloc.start()
    for _ in range(3):
        told.extend(allocate(heap, actor, npages))
        taken = told[-1]
        assert isinstance(taken, hev.HeapAllocates)
        span = SpanId(taken.span)
        told.append(make_manual(heap, actor, span, "other"))
        assert heap.map.all_are(heap.runs[span].base, end_of(heap.runs[span]), span)
        told += free_manual(heap, actor, span, 0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(told) == 20
    assert peak < 1 << 20
    assert heap.tiling.written[Address(heap.runs[span].base)]
    assert isinstance(heap.os, FollowedOs)
    assert not heap.os.is_usable(AMD64, heap.runs[span].base, 1 << 48)
