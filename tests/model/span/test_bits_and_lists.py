"""Arenas of mark bits, lists of spans, and interior pointers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from spanspec.sharing.containers.spanlist import SpanList
from spanspec.span.markbits import (
    ARENA_BYTES,
    NO_ARENAS,
    BitsArenas,
    Generation,
    bitmap_bytes,
    may_next_epoch,
    may_take_bits,
    next_epoch,
    take_bits,
)
from spanspec.span.mspan import FREE, NO_OBJECT, FoundObject, find_object, init_span

BASE = 0xC000000000


@pytest.mark.parametrize(("nelems", "size"), [(1, 8), (64, 8), (65, 16), (1008, 128), (1024, 128)])
def test_bits_take_whole_words(nelems: int, size: int) -> None:
    assert bitmap_bytes(nelems) == size


def test_an_arena_is_filled_to_its_last_byte() -> None:
    arenas = NO_ARENAS
    for _ in range(ARENA_BYTES // 128):
        arenas = take_bits(arenas, 1024, 0)
    assert arenas.next.arenas == 1
    rest = (ARENA_BYTES - ARENA_BYTES // 128 * 128) // 8
    for _ in range(rest):
        arenas = take_bits(arenas, 64, 0)
    assert arenas.next == Generation(0, 1, ARENA_BYTES, ARENA_BYTES)
    arenas = take_bits(arenas, 64, 0)
    assert arenas.next == Generation(0, 2, 8, ARENA_BYTES + 8)


def test_bits_larger_than_an_arena_are_fatal() -> None:
    with pytest.raises(AssertionError, match="T-44"):
        take_bits(NO_ARENAS, ARENA_BYTES * 8 + 1, 0)


def test_arenas_age_once_in_a_cycle_and_are_reused_two_later() -> None:
    one, two, three = (Generation(5 - age, 1, 8, 8) for age in range(3))
    aged = next_epoch(BitsArenas(one, two, three, 0), 6)
    assert aged == BitsArenas(Generation(6), one, two, 1)
    assert take_bits(aged, 1, 6) == BitsArenas(Generation(6, 1, 8, 8), one, two, 0)


def test_bits_are_taken_in_the_epoch_that_it_is() -> None:
    assert may_take_bits(NO_ARENAS, 1, 0)
    assert not may_take_bits(NO_ARENAS, 1, 1)
    assert not may_next_epoch(NO_ARENAS, 2)


def test_span_27_bits_stay_out_of_the_free_arenas_while_a_span_may_hold_them() -> None:
    """Bits of epoch e are marks in e + 1 and allocation bits until the sweep of e + 2.

    Each epoch fills one arena to a mark of its own, by which it is recognized.
    """
    arenas = NO_ARENAS
    for epoch in range(12):
        arenas = take_bits(arenas, 64 * (epoch + 1), epoch)
        held = [known for known in (epoch, epoch - 1, epoch - 2) if known >= 0]
        kept = [one for one in (arenas.next, arenas.current, arenas.previous) if one.arenas]
        assert [(one.epoch, one.taken) for one in kept] == [(it, 8 * (it + 1)) for it in held]
        arenas = next_epoch(arenas, epoch + 1)
        assert arenas.free == min(1, max(0, epoch - 1))


spans = st.lists(st.integers(1, 50), unique=True, max_size=12)


def list_of(members: list[int]) -> SpanList:
    made = SpanList()
    for span in members:
        made.insert_back(span)
    return made


@settings(max_examples=200)
@given(spans, st.integers(51, 60))
def test_lists_take_at_both_ends_and_give_back(members: list[int], span: int) -> None:
    some = list_of(members)
    with pytest.raises(AssertionError, match="SPAN-28"):
        some.remove(span)
    some.insert(span)
    assert list(some) == [span, *members]
    for twice in (some.insert, some.insert_back):
        with pytest.raises(AssertionError, match="SPAN-28"):
            twice(span)
    some.remove(span)
    some.insert_back(span)
    assert list(some) == [*members, span]
    some.remove(span)
    assert list(some) == members
    assert len(some) == len(members)


def test_taking_all_puts_the_other_list_in_front() -> None:
    one, other = list_of([1, 2]), list_of([3, 4])
    one.take_all(other)
    assert list(one) == [3, 4, 1, 2]
    assert list(other) == []


def test_interior_pointers_find_their_object_and_nothing_beyond() -> None:
    span = init_span(BASE, 1, 14, BASE + 85 * 96)
    for slot in (0, 1, 84):
        start = BASE + slot * 96
        found = {find_object(span, start + inner) for inner in (0, 1, 95)}
        assert found == {FoundObject(start, slot)}
    for outside in (BASE - 1, BASE + 85 * 96, BASE + 8191, BASE + 8192, 0):
        assert find_object(span, outside) == NO_OBJECT
    assert find_object(replace(span, state=FREE), BASE) == NO_OBJECT


def test_a_large_object_ends_where_the_request_did() -> None:
    span = init_span(BASE, 5, 0, BASE + 33000)
    assert find_object(span, BASE + 32999) == FoundObject(BASE, 0)
    assert find_object(span, BASE + 33000) == NO_OBJECT
