"""A span's slots: the windowed layer, the abstract one, sweeps, and the worked examples."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from spanspec.base.bitmap import NO_BITS, Bits
from spanspec.base.words import is_trailing_zeros, trailing_zeros
from spanspec.span import freeslots
from spanspec.span.alloccache import (
    NextFree,
    cache_is_exact,
    next_free_fast,
    next_free_index,
    next_free_slow,
    reload_cache,
)
from spanspec.span.freeslots import SlotSet, is_lowest_free
from spanspec.span.mspan import (
    DEAD,
    Mspan,
    bounds_hold,
    count_is_exact,
    has_room,
    init_span,
    is_allocated,
    is_free,
    obj_index,
    set_marked,
    slot_address,
)
from spanspec.span.sweep import frees_some, leaves_nothing, sweep

BASE = 0xC000000000
M64 = (1 << 64) - 1


def span_of(nelems: int) -> Mspan:
    """A fresh span of one page with any number of slots."""
    return replace(init_span(BASE, 1, 3, BASE + 8192), nelems=nelems)


def allocate(span: Mspan) -> tuple[int, str, Mspan]:
    """One allocation as mallocgc does it: slot, path, and the span afterwards."""
    fast = next_free_fast(span)
    if fast.slot != span.nelems:
        return fast.slot, "fast", fast.span
    slow = next_free_slow(span)
    return slow.slot, "slow" if slow.slot != span.nelems else "full", slow.span


def paths(nelems: int) -> list[tuple[int, str]]:
    span, taken = span_of(nelems), []
    while True:
        slot, path, span = allocate(span)
        taken.append((slot, path))
        assert bounds_hold(span)
        assert count_is_exact(span)
        assert cache_is_exact(span)
        if path == "full":
            return taken


def test_ex_4_a_span_of_65_slots() -> None:
    fast = [(slot, "fast") for slot in range(63)]
    assert paths(65) == [*fast, (63, "slow"), (64, "fast"), (65, "full")]


def test_ex_4_the_cache_after_the_slow_step_reads_padding_as_free() -> None:
    span = span_of(65)
    for _ in range(64):
        _, _, span = allocate(span)
    assert (span.freeindex, span.alloc_cache) == (64, M64)


def test_ex_5_a_span_of_64_slots() -> None:
    assert paths(64) == [*[(slot, "fast") for slot in range(64)], (64, "full")]


def test_ex_6_a_span_of_128_slots() -> None:
    expected = [(slot, "slow" if slot == 63 else "fast") for slot in range(128)]
    assert paths(128) == [*expected, (128, "full")]


def test_the_empty_span_fails_and_is_full() -> None:
    empty = replace(span_of(0), alloc_cache=0)
    assert next_free_fast(empty).slot == 0
    assert next_free_index(empty) == NextFree(0, empty)


spans = st.builds(
    lambda nelems, bits, marks, freeindex: _consistent(nelems, bits, marks, freeindex),
    st.sampled_from([1, 2, 63, 64, 65, 127, 128, 129, 1008, 1024]),
    st.integers(0, (1 << 1024) - 1)
    | st.sampled_from([0, M64, M64 << 64, (1 << 1024) - 1, ~(1 << 700) & ((1 << 1024) - 1)]),
    st.integers(0, (1 << 1024) - 1),
    st.integers(0, 1024),
)


def _consistent(nelems: int, bits: int, marks: int, freeindex: int) -> Mspan:
    """A span with arbitrary bits, the count and cache that belong to them, and legal marks."""
    freeindex = min(freeindex, nelems)
    mask = (1 << nelems) - 1
    allocated = (bits | ((1 << freeindex) - 1)) & mask
    span = replace(
        span_of(nelems),
        freeindex=freeindex,
        alloc_bits=Bits(bits & mask),
        gcmark_bits=Bits(marks & allocated),
        alloc_count=allocated.bit_count(),
    )
    full = span.alloc_count == nelems or freeindex == nelems
    return span if full else reload_cache(span)


M32 = (1 << 32) - 1


@settings(max_examples=400)
@given(spans)
def test_both_searches_find_the_lowest_free_slot(span: Mspan) -> None:
    span = span if cache_is_exact(span) else replace(span, freeindex=span.nelems)
    slow = next_free_index(span)
    assert is_lowest_free(span, slow.slot)
    assert cache_is_exact(slow.span)
    fast = next_free_fast(span)
    if fast.slot != span.nelems:
        assert (fast.slot, fast.span.freeindex) == (slow.slot, slow.span.freeindex)
        assert cache_is_exact(fast.span)
    else:
        assert fast.span is span


@settings(max_examples=150)
@given(spans, st.integers(1, 40))
def test_the_windowed_span_follows_the_abstract_one(span: Mspan, times: int) -> None:
    if not cache_is_exact(span):
        return
    allocated = Bits.of(*(slot for slot in range(span.nelems) if is_allocated(span, slot)))
    slots = SlotSet(span.nelems, allocated)
    for _ in range(times):
        taken = freeslots.allocate(slots)
        slot, path, span = allocate(span)
        assert slot == taken.slot
        slots = taken.slots
        if path == "full":
            break
        assert all(
            is_allocated(span, i) == slots.allocated.bit(i) == (not is_free(span, i))
            for i in range(span.nelems)
        )


@settings(max_examples=200)
@given(spans)
def test_a_sweep_keeps_the_marked_slots_and_only_those(span: Mspan) -> None:
    if not cache_is_exact(span):
        return
    swept = sweep(span)
    assert swept.span.alloc_bits == span.gcmark_bits
    assert swept.nfreed == span.alloc_count - span.gcmark_bits.count(span.nelems)
    assert swept.was_empty == (span.alloc_count == span.nelems) == (not has_room(span))
    after = swept.span
    assert bounds_hold(after)
    assert count_is_exact(after)
    assert cache_is_exact(after)
    assert after.gcmark_bits == NO_BITS
    assert after.needzero == (1 if swept.nfreed else 0)
    assert frees_some(swept) == (swept.nfreed > 0)
    assert leaves_nothing(swept) == (after.alloc_count == 0)


def test_a_large_span_dies_with_its_object() -> None:
    span = replace(init_span(BASE, 5, 0, BASE + 40000), freeindex=1, alloc_count=1)
    assert (span.nelems, span.elemsize) == (1, 40960)
    dead = sweep(span)
    assert (dead.large_dead, dead.span.needzero) == (True, 1)
    assert frees_some(dead)
    assert leaves_nothing(dead)
    alive = sweep(set_marked(span, 0))
    assert not frees_some(alive)
    assert (alive.large_dead, alive.nfreed, alive.span.alloc_count) == (False, 0, 1)
    assert (alive.span.freeindex, alive.span.alloc_bits) == (0, Bits(1))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"state": DEAD}, "T-58"),
        ({"gcmark_bits": Bits(0b111)}, "T-59"),
    ],
)
def test_a_sweep_that_must_not_be_is_refused(change: dict[str, object], says: str) -> None:
    _, _, span = allocate(span_of(64))
    with pytest.raises(AssertionError, match=says):
        sweep(replace(span, **change))


def test_marking_a_free_slot_is_refused_and_names_the_rule() -> None:
    _, _, span = allocate(span_of(64))
    assert set_marked(span, 0).gcmark_bits == Bits(1)
    with pytest.raises(AssertionError, match="I-4"):
        set_marked(span, 1)
    with pytest.raises(AssertionError, match="I-4"):
        set_marked(span, 64)


def test_fatal_checks_of_the_searches() -> None:
    with pytest.raises(AssertionError, match="T-81"):
        next_free_index(replace(span_of(8), freeindex=9))
    with pytest.raises(AssertionError, match="T-15"):
        next_free_slow(replace(span_of(8), freeindex=8))
    with pytest.raises(AssertionError, match="T-17"):
        next_free_slow(replace(span_of(8), alloc_count=8))
    with pytest.raises(AssertionError, match="T-46"):
        reload_cache(replace(span_of(8), freeindex=8))


@pytest.mark.parametrize("spanclass", [2, 8, 9, 55, 133])
def test_addresses_and_indices_are_inverse(spanclass: int) -> None:
    pages = {2: 1, 8: 1, 9: 1, 55: 1, 133: 4}[spanclass]
    span = init_span(BASE, pages, spanclass, BASE)
    for slot in range(span.nelems):
        address = slot_address(span, slot)
        assert obj_index(span, address) == slot
        assert obj_index(span, address + span.elemsize - 1) == slot
    with pytest.raises(AssertionError, match="SPAN-18"):
        obj_index(span, BASE - 1)


@settings(max_examples=300)
@given(st.integers(0, M64) | st.integers(0, 63).map(lambda k: 1 << k))
def test_trailing_zeros_meets_its_contract(word: int) -> None:
    count = trailing_zeros(word)
    assert is_trailing_zeros(word, count)
    assert not any(is_trailing_zeros(word, other) for other in range(70) if other != count)


@settings(max_examples=200)
@given(st.integers(0, (1 << 1024) - 1), st.integers(0, 1023))
def test_the_observations_of_a_bitmap_agree(value: int, index: int) -> None:
    """What the proofs assume of `Bitmap`: words and counts are those of the single bits."""
    bits = Bits(value)
    assert bits.bit(index) == ((bits.word(index >> 6) >> (index & 63)) & 1 == 1)
    assert bits.count(0) == 0
    assert bits.count(index + 1) == bits.count(index) + bits.bit(index)
    more = bits.with_bit(index)
    assert more.bit(index)
    assert all(more.bit(i) == bits.bit(i) for i in range(0, 1024, 7) if i != index)
    assert Bits.from_hex(value.to_bytes(128, "little").hex()) == bits
