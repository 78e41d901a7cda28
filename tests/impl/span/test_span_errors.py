"""A span refuses, by name and changing nothing, what its state forbids."""

import pytest

from spanalloc import Span
from tests.impl.span.spans import BASE, cached_span, small_span, take


@pytest.mark.parametrize("slot", [-1, -(1 << 63), 170, 1 << 31, 1 << 63, 1 << 70])
def test_slots_out_of_range_are_refused_by_name(
    span_type: type[Span], span_error: type[Exception], slot: int
) -> None:
    span = cached_span(span_type, 4)
    take(span, 170)
    before = span.snapshot()
    for request in (span.mark, span.is_free, span.address):
        with pytest.raises(span_error, match=rf"0xc000000000: .*slot {slot}, expected 0\.\.169"):
            request(slot)
    assert span.snapshot() == before


def test_marking_a_free_slot_is_refused_by_name(
    span_type: type[Span], span_error: type[Exception]
) -> None:
    span = cached_span(span_type, 4)
    take(span, 3)
    before = span.snapshot()
    with pytest.raises(span_error, match="cannot mark slot 3, which is free"):
        span.mark(3)
    assert span.snapshot() == before


@pytest.mark.parametrize("address", [BASE - 1, BASE + 8192, 0, -1, 1 << 64])
def test_addresses_outside_the_span_are_refused(
    span_type: type[Span], span_error: type[Exception], address: int
) -> None:
    with pytest.raises(span_error, match="is not among its 8192 bytes"):
        small_span(span_type, 4).index_of(address)


@pytest.mark.parametrize(
    ("base", "spanclass", "npages", "sweepgen", "problem"),
    [
        (8191, 2, 1, 0, "base 0x1fff"),
        (-8192, 2, 1, 0, "base -0x2000"),
        (1 << 48, 2, 1, 0, "base 0x1000000000000"),
        (0, -1, 1, 0, "span class -1"),
        (0, 134, 1, 0, "span class 134"),
        (0, 2, 2, 0, "2 pages, but spans of size class 1 have 1"),
        (0, 0, 0, 0, "0 pages"),
        (0, 0, (1 << 35) + 1, 0, "34359738369 pages"),
        (0, 2, 1, -1, "sweepgen -1"),
        (0, 2, 1, 1 << 32, "sweepgen 4294967296"),
    ],
)
def test_impossible_spans_are_refused(
    span_type: type[Span],
    span_error: type[Exception],
    base: int,
    spanclass: int,
    npages: int,
    sweepgen: int,
    problem: str,
) -> None:
    with pytest.raises(span_error, match=problem):
        span_type(base, spanclass, npages, sweepgen)


def test_full_span_cannot_be_cached(span_type: type[Span], span_error: type[Exception]) -> None:
    span = cached_span(span_type, 9)
    take(span, 64)
    span.retire(0)
    with pytest.raises(span_error, match="no free slot: 64 of 64"):
        span.cache(0)


def test_span_with_freeindex_at_its_end_cannot_be_cached(
    span_type: type[Span], span_error: type[Exception]
) -> None:
    span = small_span(span_type, 9)
    span.freeindex = 64
    with pytest.raises(span_error, match="freeindex is 64"):
        span.cache(0)


def test_a_span_may_start_in_the_last_generation(span_type: type[Span]) -> None:
    assert small_span(span_type, 9, 0xFFFF_FFFF).snapshot().sweepgen == 0xFFFF_FFFF


def test_only_the_right_sweepgen_is_accepted(
    span_type: type[Span], span_error: type[Exception]
) -> None:
    span = cached_span(span_type, 50, 8)
    span.malloc()
    for sweepgen, allowed in ((6, "claim"), (7, "sweep"), (8, "cache"), (9, ""), (11, "")):
        span.sweepgen = sweepgen
        before = span.snapshot()
        if allowed != "sweep":
            with pytest.raises(span_error, match=f"sweepgen is {sweepgen}, expected 7"):
                span.sweep(8)
        if allowed != "cache":
            with pytest.raises(span_error, match=f"sweepgen is {sweepgen}, expected 8"):
                span.cache(8)
        if sweepgen != 11:
            with pytest.raises(span_error, match=f"sweepgen is {sweepgen}, expected 11"):
                span.retire(8)
        if sweepgen not in (9, 11):
            with pytest.raises(span_error, match=f"sweepgen is {sweepgen}, expected 11"):
                span.uncache(8)
        if allowed != "claim":
            assert span.claim(8) is False
        assert span.snapshot() == before


def test_span_with_free_slots_cannot_be_retired(
    span_type: type[Span], span_error: type[Exception]
) -> None:
    span = cached_span(span_type, 9)
    take(span, 63)
    with pytest.raises(span_error, match="63 of 64"):
        span.retire(0)


def test_span_without_allocations_cannot_be_uncached(
    span_type: type[Span], span_error: type[Exception]
) -> None:
    with pytest.raises(span_error, match="no slot allocated"):
        cached_span(span_type, 9).uncache(0)


def test_sweep_refuses_more_marks_than_allocations(
    span_type: type[Span], span_error: type[Exception]
) -> None:
    span = cached_span(span_type, 9)
    for slot in take(span, 3):
        span.mark(slot)
    span.alloc_count = 2
    span.uncache(2)
    before = span.snapshot()
    with pytest.raises(span_error, match="3 slots are marked, but only 2 are allocated"):
        span.sweep(2)
    assert span.snapshot() == before


@pytest.mark.parametrize(
    ("freeindex", "alloc_count", "problem"),
    [
        (65, 64, "freeindex 65 exceeds nelems 64"),
        (64, 63, "no free slot found, but 63 of 64"),
        (0, 64, "slot 0 is free, but 64 of 64"),
    ],
)
def test_slow_path_refuses_a_contradictory_span(
    span_type: type[Span],
    span_error: type[Exception],
    freeindex: int,
    alloc_count: int,
    problem: str,
) -> None:
    span = cached_span(span_type, 9)
    span.freeindex, span.alloc_count = freeindex, alloc_count
    before = span.snapshot()
    with pytest.raises(span_error, match=problem):
        span.malloc_slow()
    assert span.snapshot() == before


def test_large_slot_is_handed_out_once_and_only_by_large_spans(
    span_type: type[Span], span_error: type[Exception]
) -> None:
    span = span_type(BASE, 0, 1, 0)
    span.malloc_large()
    with pytest.raises(span_error, match="allocated already"):
        span.malloc_large()
    with pytest.raises(span_error, match="span class 18 is not large"):
        small_span(span_type, 9).malloc_large()
