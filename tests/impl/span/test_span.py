"""A span keeps to the rules of its life: allocation, marking, caching and sweeping."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanalloc import Span
from spanalloc.base.sizeclass import CLASS_OBJECTS, CLASS_SIZES
from tests.impl.span.spans import BASE, cached_span, small_span, take

BITS_64 = (1 << 64) - 1
UINT32 = (1 << 32) - 1


def assert_identities(span: Span, allocated: set[int]) -> None:
    """Check SPAN-8, SPAN-9 and SPAN-10 against the set of allocated slots."""
    state = span.snapshot()
    assert state.alloc_count == len(allocated)
    assert all(span.is_free(slot) == (slot not in allocated) for slot in range(state.nelems))
    above = state.alloc_bits >> state.freeindex
    assert state.alloc_count == state.freeindex + above.bit_count()
    if state.freeindex < state.nelems:
        word = state.alloc_bits >> (state.freeindex // 64 * 64) & BITS_64
        assert state.alloc_cache == (~word & BITS_64) >> (state.freeindex % 64)


@dataclass(frozen=True)
class Cycle:
    """One turn of caching, allocating, marking and sweeping."""

    wanted: int
    pause: int
    marks: int
    stale: bool


cycles = st.builds(
    Cycle,
    wanted=st.one_of(st.integers(1, 1024), st.sampled_from([1, 63, 64, 65, 1024])),
    pause=st.integers(0, 200),
    marks=st.one_of(st.sampled_from([0, (1 << 1024) - 1]), st.integers(0, (1 << 1024) - 1)),
    stale=st.booleans(),
)


@given(
    sizeclass=st.sampled_from([1, 2, 4, 5, 8, 9, 10, 44, 50, 66]),
    turns=st.lists(cycles, min_size=1, max_size=4),
    start=st.sampled_from([0, 4, UINT32 - 1, UINT32 - 3]),
)
def test_cycles_agree_with_a_set_of_slots(
    span_type: type[Span], sizeclass: int, turns: list[Cycle], start: int
) -> None:
    sg, allocated, freed_ever = start, set[int](), False
    span = small_span(span_type, sizeclass, sg)
    nelems = CLASS_OBJECTS[sizeclass]
    for turn in turns:
        cached = len(allocated) < nelems
        if cached:
            span.cache(sg)
            for step in range(min(turn.wanted, nelems - len(allocated))):
                if step == turn.pause and allocated:
                    assert span.uncache(sg) is False
                    span.cache(sg)
                lowest = next(slot for slot in range(nelems) if slot not in allocated)
                assert span.malloc() == lowest
                allocated.add(lowest)
            assert_identities(span, allocated)
        live = {slot for slot in allocated if turn.marks >> slot & 1}
        for slot in live:
            span.mark(slot)
        full = len(allocated) == nelems
        if cached and not turn.stale:
            if full:
                assert span.malloc() == -1
                span.retire(sg)
            else:
                assert span.uncache(sg) is False
        sg = (sg + 2) & UINT32
        if cached and turn.stale:
            assert span.claim(sg) is False
            assert span.uncache(sg) is True
        else:
            assert span.claim(sg) is True
        assert span.claim(sg) is False
        assert span.sweep(sg) == len(allocated) - len(live)
        assert span.was_empty is full
        freed_ever = freed_ever or live != allocated
        allocated = live
        assert_identities(span, allocated)
        state = span.snapshot()
        assert (state.freeindex, state.mark_bits, state.sweepgen) == (0, 0, sg)
        assert state.alloc_bits == sum(1 << slot for slot in live)
        assert state.needzero == int(freed_ever)


def test_new_span_is_all_free_and_zero(span_type: type[Span]) -> None:
    for sizeclass in range(1, 67):
        span = small_span(span_type, sizeclass, 6)
        state = span.snapshot()
        assert tuple(state) == (CLASS_OBJECTS[sizeclass], 0, BITS_64, 0, 0, 0, 6, 0)
        assert span.elemsize == CLASS_SIZES[sizeclass]
        assert span.ident == 0
        assert_identities(span, set())


def test_a_descriptor_of_other_pages_keeps_its_sweepgen_alone(span_type: type[Span]) -> None:
    span, other = cached_span(span_type, 9, 6), small_span(span_type, 9)
    take(span, 5)
    span.state, span.scavenged, span.needzero, span.listed = 3, True, 1, 2
    span.next = span.prev = other
    span.reset(7 * 8192, 12)
    assert (span.base, span.npages, span.alloc_count, span.freeindex) == (7 * 8192, 12, 0, 0)
    assert (span.spanclass, span.elemsize, span.state, span.listed) == (0, 0, 0, 0)
    assert (span.scavenged, span.needzero) == (False, 0)
    assert [getattr(span, name) for name in ("next", "prev")] == [None, None]
    assert span.sweepgen == 9


def test_example_5_sixty_four_slots_all_taken_fast(span_type: type[Span]) -> None:
    span = cached_span(span_type, 9)
    assert [span.malloc_fast() for _ in range(65)] == [*range(64), -1]
    assert (span.freeindex, span.alloc_cache, span.alloc_count) == (64, 0, 64)
    assert span.malloc_slow() == -1


def test_example_6_a_hundred_and_twenty_eight_slots_need_one_slow_step(
    span_type: type[Span],
) -> None:
    span = cached_span(span_type, 5)
    assert [span.malloc_fast() for _ in range(64)] == [*range(63), -1]
    assert span.malloc_slow() == 63
    assert [span.malloc_fast() for _ in range(65)] == [*range(64, 128), -1]
    assert span.malloc_slow() == -1


def test_failed_fast_path_changes_nothing(span_type: type[Span]) -> None:
    span = cached_span(span_type, 5)
    take(span, 63)
    before = span.snapshot()
    assert span.malloc_fast() == -1
    assert span.snapshot() == before


def test_example_10_sweepgen_trace(span_type: type[Span]) -> None:
    span = small_span(span_type, 50, 4)
    trace = [span.sweepgen]
    span.cache(4)
    trace.append(span.sweepgen)
    span.malloc()
    assert span.uncache(6) is True
    trace.append(span.sweepgen)
    span.sweep(6)
    trace.append(span.sweepgen)
    span.cache(6)
    trace.append(span.sweepgen)
    span.malloc()
    span.retire(6)
    trace.append(span.sweepgen)
    assert span.claim(8) is True
    trace.append(span.sweepgen)
    span.sweep(8)
    trace.append(span.sweepgen)
    assert trace == [4, 7, 5, 6, 9, 6, 7, 8]


def test_sweepgen_wraps_at_2_to_the_32(span_type: type[Span]) -> None:
    span = cached_span(span_type, 50, UINT32 - 1)
    assert span.sweepgen == 1
    span.malloc()
    assert span.uncache(0) is True
    assert span.sweepgen == UINT32
    span.sweep(0)
    assert span.sweepgen == 0


def test_uncached_span_resumes_where_it_stopped(span_type: type[Span]) -> None:
    span = cached_span(span_type, 4)
    for slot in take(span, 150)[1::2]:
        span.mark(slot)
    span.uncache(2)
    span.sweep(2)
    span.cache(2)
    assert take(span, 35) == list(range(0, 70, 2))
    assert span.uncache(2) is False
    span.alloc_cache = 0
    span.cache(2)
    assert_identities(span, {*range(70), *range(71, 150, 2)})
    assert take(span, 61) == [*range(70, 150, 2), *range(150, 170), -1]


def test_large_span_has_one_slot_that_lives_or_dies_whole(span_type: type[Span]) -> None:
    span = span_type(BASE, 1, 5, 2)
    assert (span.nelems, span.elemsize) == (1, 5 * 8192)
    assert span.malloc_large() == 0
    assert (span.freeindex, span.alloc_count) == (1, 1)
    span.mark(0)
    assert span.claim(4) is True
    assert span.sweep(4) == 0
    assert tuple(span.snapshot()) == (1, 0, BITS_64 - 1, 1, 0, 1, 4, 0)
    assert span.is_free(0) is False
    assert span.claim(6) is True
    assert span.sweep(6) == 1
    assert tuple(span.snapshot()) == (1, 0, BITS_64, 0, 0, 0, 6, 1)


def test_span_that_loses_nothing_stays_known_to_be_zero(span_type: type[Span]) -> None:
    span = cached_span(span_type, 8)
    for slot in take(span, 10):
        span.mark(slot)
    span.uncache(2)
    assert span.sweep(2) == 0
    assert span.needzero == 0


@pytest.mark.parametrize("sizeclass", [1, 4, 44, 66])
def test_address_and_index_are_inverse_over_every_byte_of_a_slot(
    span_type: type[Span], sizeclass: int
) -> None:
    span = small_span(span_type, sizeclass)
    for slot in range(span.nelems):
        address = span.address(slot)
        assert address == BASE + slot * span.elemsize
        assert {span.index_of(address), span.index_of(address + span.elemsize - 1)} == {slot}


def test_tail_counts_as_the_slot_beyond_the_last(span_type: type[Span]) -> None:
    span = small_span(span_type, 4)
    assert span.index_of(BASE + 8191) == span.nelems == 170


def test_every_byte_of_a_large_span_is_slot_0(span_type: type[Span]) -> None:
    span = span_type(BASE, 0, 3, 0)
    assert {span.index_of(BASE + offset) for offset in (0, 1, 8192, 3 * 8192 - 1)} == {0}


def test_marking_sets_exactly_the_bit_of_the_slot(span_type: type[Span]) -> None:
    span = cached_span(span_type, 1)
    take(span, 1024)
    expected = 0
    for slot in (0, 62, 63, 64, 127, 128, 1023, 63):
        span.mark(slot)
        expected |= 1 << slot
        assert span.snapshot().mark_bits == expected


def test_a_span_with_objects_that_becomes_manual_has_no_slots(span_type: type[Span]) -> None:
    """HEAP-24, also of one whose objects nobody has swept, which no heap makes manual."""
    span = cached_span(span_type, 5)
    take(span, 3)
    assert (span.alloc_count, span.spanclass, span.nelems, span.elemsize) == (3, 10, 128, 64)
    span.make_manual()
    assert (span.alloc_count, span.spanclass, span.nelems, span.elemsize) == (0, 0, 0, 0)
    assert span.limit == BASE + 8192
