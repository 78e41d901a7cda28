"""Arenas of mark bits, lists of spans, and interior pointers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanspec.markbits import (
    ARENA_BYTES,
    NO_ARENAS,
    BitsArena,
    BitsArenas,
    bitmap_bytes,
    next_epoch,
    take_bits,
)
from spanspec.mspan import FREE, NO_OBJECT, find_object, init_span
from spanspec.spanlist import SpanList, insert, insert_back, remove, take_all
from spanspec.tables import SpanId

BASE = 0xC000000000


@pytest.mark.parametrize(("nelems", "size"), [(1, 8), (64, 8), (65, 16), (1008, 128), (1024, 128)])
def test_bits_take_whole_words(nelems: int, size: int) -> None:
    assert bitmap_bytes(nelems) == size


def test_an_arena_is_filled_to_its_last_byte() -> None:
    arenas = NO_ARENAS
    for _ in range(ARENA_BYTES // 128):
        arenas = take_bits(arenas, 1024)
    assert arenas.next == (BitsArena(ARENA_BYTES // 128 * 128),)
    rest = (ARENA_BYTES - ARENA_BYTES // 128 * 128) // 8
    for _ in range(rest + 1):
        arenas = take_bits(arenas, 64)
    assert arenas.next == (BitsArena(8), BitsArena(ARENA_BYTES))


def test_bits_larger_than_an_arena_are_fatal() -> None:
    with pytest.raises(AssertionError, match="T-44"):
        take_bits(NO_ARENAS, ARENA_BYTES * 8 + 1)


def test_arenas_age_once_in_a_cycle_and_are_reused_two_later() -> None:
    one, two, three = BitsArena(8), BitsArena(16), BitsArena(24)
    aged = next_epoch(BitsArenas((one,), (two,), (three,), ()))
    assert aged == BitsArenas((), (one,), (two,), (three,))
    assert take_bits(aged, 1) == BitsArenas((BitsArena(8),), (one,), (two,), ())


def test_span_27_bits_stay_out_of_the_free_list_while_a_span_may_hold_them() -> None:
    """Bits of epoch e are marks in e + 1 and allocation bits until the sweep of e + 2.

    Each epoch fills one arena to a mark of its own, by which it is recognized.
    """
    arenas = NO_ARENAS
    for epoch in range(12):
        arenas = take_bits(arenas, 64 * (epoch + 1))
        held = {BitsArena(8 * (known + 1)) for known in (epoch, epoch - 1, epoch - 2) if known >= 0}
        assert not held & set(arenas.free)
        assert held == {*arenas.next, *arenas.current, *arenas.previous}
        arenas = next_epoch(arenas)
        assert len(arenas.free) == min(1, max(0, epoch - 1))


spans = st.lists(st.integers(1, 50).map(SpanId), unique=True, max_size=12)


@settings(max_examples=200, deadline=None)
@given(spans, st.integers(51, 60).map(SpanId))
def test_lists_take_at_both_ends_and_give_back(members: list[SpanId], span: SpanId) -> None:
    some = SpanList(tuple(members))
    assert insert(some, span).spans[0] == span
    assert insert_back(some, span).spans[-1] == span
    assert remove(insert(some, span), span) == some
    assert remove(insert_back(some, span), span) == some
    with pytest.raises(AssertionError, match="T-37"):
        remove(some, span)
    for twice, rule in ((insert, "T-38"), (insert_back, "T-39")):
        with pytest.raises(AssertionError, match=rule):
            twice(insert(some, span), span)


def test_taking_all_puts_the_other_list_in_front() -> None:
    one, other = SpanList((SpanId(1), SpanId(2))), SpanList((SpanId(3), SpanId(4)))
    assert take_all(one, other).spans == (3, 4, 1, 2)


def test_interior_pointers_find_their_object_and_nothing_beyond() -> None:
    span = init_span(BASE, 1, 14, 0, BASE + 85 * 96)
    for slot in (0, 1, 84):
        start = BASE + slot * 96
        assert {find_object(span, start + inner) for inner in (0, 1, 95)} == {(start, slot)}
    for outside in (BASE - 1, BASE + 85 * 96, BASE + 8191, BASE + 8192, 0):
        assert find_object(span, outside) == NO_OBJECT
    assert find_object(span._replace(state=FREE), BASE) == NO_OBJECT


def test_a_large_object_ends_where_the_request_did() -> None:
    span = init_span(BASE, 5, 0, 0, BASE + 33000)
    assert find_object(span, BASE + 32999) == (BASE, 0)
    assert find_object(span, BASE + 33000) == NO_OBJECT
