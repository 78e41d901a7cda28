"""Each kernel agrees with an obvious restatement in unbounded unsigned integers."""

from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from librt.vecs import vec
from mypy_extensions import i64

BITS_64 = (1 << 64) - 1
MIN_I64 = -(1 << 63)
MAX_I64 = (1 << 63) - 1
SLOT_COUNTS = (1, 2, 63, 64, 65, 127, 128, 129, 170, 1008, 1024)


def signed(bits: int) -> int:
    return bits - (1 << 64) if bits >> 63 else bits


EDGE_WORDS = (
    [0, -1, MIN_I64, MIN_I64 + 1, MAX_I64, -2, -113, 0x5555_5555_5555_5555]
    + [signed(1 << bit) for bit in range(64)]
    + [signed(BITS_64 ^ (1 << bit)) for bit in range(64)]
)

words_64 = st.one_of(st.sampled_from(EDGE_WORDS), st.integers(MIN_I64, MAX_I64))


@st.composite
def bitmaps(draw: st.DrawFn) -> tuple[list[int], int, int]:
    """Return the words of a bitmap, padding included, a freeindex in 0..nelems, and nelems."""
    nelems = draw(st.one_of(st.sampled_from(SLOT_COUNTS), st.integers(1, 1024)))
    size = (nelems + 63) // 64
    # Without long runs of full words the slow search would hardly ever cross a word boundary.
    word = st.one_of(st.just(-1), words_64)
    words = draw(st.lists(word, min_size=size, max_size=size))
    freeindex = draw(st.one_of(st.integers(0, nelems), st.just(0), st.just(nelems)))
    return words, freeindex, nelems


def bit_at(words: list[int], slot: int) -> int:
    return (words[slot // 64] & BITS_64) >> (slot % 64) & 1


def ctz(bits: int) -> int:
    return 64 if bits == 0 else f"{bits:b}"[::-1].index("1")


def window_by_bits(words: list[int], freeindex: int) -> int:
    end = freeindex - freeindex % 64 + 64
    free = [1 - bit_at(words, slot) for slot in range(freeindex, end)]
    return signed(sum(bit << place for place, bit in enumerate(free)))


def slow_search_by_steps(
    words: list[int], freeindex: int, nelems: int, cache: int
) -> tuple[int, int, int]:
    """Return what SPAN-15 says, step by step, in unsigned arithmetic."""

    def refill(slot: int) -> int:
        return ~words[slot // 64] & BITS_64

    cache &= BITS_64
    if freeindex == nelems:
        return nelems, nelems, signed(cache)
    found = freeindex
    while cache == 0:
        found = (found + 64) // 64 * 64
        if found >= nelems:
            return nelems, nelems, 0
        cache = refill(found)
    result = found + ctz(cache)
    if result >= nelems:
        return nelems, nelems, signed(cache)
    cache >>= ctz(cache) + 1
    following = result + 1
    if following % 64 == 0 and following != nelems:
        cache = refill(following)
    return result, following, signed(cache)


@pytest.mark.parametrize("word", EDGE_WORDS)
def test_trailing_zeros_and_popcount_at_edge_words(kernels: ModuleType, word: int) -> None:
    assert kernels.trailing_zeros(word) == ctz(word & BITS_64)
    assert kernels.popcount(word) == (word & BITS_64).bit_count()


@given(word=words_64)
def test_trailing_zeros_and_popcount(kernels: ModuleType, word: int) -> None:
    assert kernels.trailing_zeros(word) == ctz(word & BITS_64)
    assert kernels.popcount(word) == (word & BITS_64).bit_count()


def test_shift_out_is_a_logical_shift_for_every_count_at_edge_words(kernels: ModuleType) -> None:
    for word in EDGE_WORDS:
        for count in range(64):
            assert kernels.shift_out(word, count) == signed((word & BITS_64) >> (count + 1))


@given(word=words_64, count=st.integers(0, 63))
def test_shift_out_is_a_logical_shift(kernels: ModuleType, word: int, count: int) -> None:
    assert kernels.shift_out(word, count) == signed((word & BITS_64) >> (count + 1))


@given(bitmap=bitmaps(), cache=words_64)
def test_fast_path_follows_span_12(
    kernels: ModuleType, bitmap: tuple[list[int], int, int], cache: int
) -> None:
    _, freeindex, nelems = bitmap
    skipped = ctz(cache & BITS_64)
    slot = freeindex + skipped
    fails = skipped == 64 or slot >= nelems or ((slot + 1) % 64 == 0 and slot + 1 != nelems)
    assert kernels.next_free_fast(freeindex, nelems, cache) == (-1 if fails else slot)


@given(bitmap=bitmaps())
def test_window_is_the_complement_of_the_bits_from_freeindex_on(
    kernels: ModuleType, bitmap: tuple[list[int], int, int]
) -> None:
    words, freeindex, nelems = bitmap
    if freeindex < nelems:
        assert kernels.window(vec[i64](words), freeindex) == window_by_bits(words, freeindex)


def test_window_at_every_freeindex_of_edge_words(kernels: ModuleType) -> None:
    for word in EDGE_WORDS:
        for freeindex in range(64):
            assert kernels.window(vec[i64]([word]), freeindex) == window_by_bits([word], freeindex)


@given(bitmap=bitmaps())
def test_slow_search_finds_the_lowest_free_slot_and_keeps_the_cache_identity(
    kernels: ModuleType, bitmap: tuple[list[int], int, int]
) -> None:
    words, freeindex, nelems = bitmap
    before = window_by_bits(words, freeindex) if freeindex < nelems else 0
    free = [slot for slot in range(freeindex, nelems) if bit_at(words, slot) == 0]
    slot, following, cache = kernels.next_free_index(vec[i64](words), freeindex, nelems, before)
    assert slot == (free[0] if free else nelems)
    assert following == min(slot + 1, nelems)
    if following < nelems:
        assert cache == window_by_bits(words, following)


@given(bitmap=bitmaps(), cache=st.one_of(st.just(0), words_64))
def test_slow_search_follows_span_15_for_any_cache(
    kernels: ModuleType, bitmap: tuple[list[int], int, int], cache: int
) -> None:
    words, freeindex, nelems = bitmap
    expected = slow_search_by_steps(words, freeindex, nelems, cache)
    assert kernels.next_free_index(vec[i64](words), freeindex, nelems, cache) == expected


@given(bitmap=bitmaps())
def test_count_ones_ignores_the_padding(
    kernels: ModuleType, bitmap: tuple[list[int], int, int]
) -> None:
    words, _, nelems = bitmap
    expected = sum(bit_at(words, slot) for slot in range(nelems))
    assert kernels.count_ones(vec[i64](words), nelems) == expected


def test_count_ones_of_full_words_is_the_slot_count(kernels: ModuleType) -> None:
    for nelems in range(1025):
        assert kernels.count_ones(vec[i64]([-1] * 16), nelems) == nelems
        assert kernels.count_ones(vec[i64]([0] * 16), nelems) == 0


def drain(kernels: ModuleType, nelems: int) -> list[tuple[str, int]]:
    """Return the path and slot of each allocation from a span with all slots free."""
    words = vec[i64]([0] * ((nelems + 63) // 64))
    freeindex, cache = 0, -1
    taken: list[tuple[str, int]] = []
    while True:
        slot = kernels.next_free_fast(freeindex, nelems, cache)
        if slot >= 0:
            cache = kernels.shift_out(cache, slot - freeindex)
            freeindex = slot + 1
            taken.append(("fast", slot))
            continue
        slot, freeindex, cache = kernels.next_free_index(words, freeindex, nelems, cache)
        taken.append(("slow", slot))
        if slot == nelems:
            return taken


def test_example_4_sixty_five_slots_take_the_slow_path_at_63_and_at_the_end(
    kernels: ModuleType,
) -> None:
    fast = [("fast", slot) for slot in range(63)]
    assert drain(kernels, 65) == [*fast, ("slow", 63), ("fast", 64), ("slow", 65)]
    assert kernels.next_free_fast(63, 65, 1) == -1
    assert kernels.next_free_index(vec[i64]([0, 0]), 63, 65, 1) == (63, 64, -1)
    assert kernels.next_free_fast(65, 65, MAX_I64) == -1


def test_example_5_the_last_of_sixty_four_slots_is_taken_fast(kernels: ModuleType) -> None:
    assert drain(kernels, 64) == [*(("fast", slot) for slot in range(64)), ("slow", 64)]
    assert kernels.next_free_fast(0, 64, MIN_I64) == 63
    assert kernels.shift_out(MIN_I64, 63) == 0


def test_example_6_a_hundred_and_twenty_eight_slots_take_one_slow_step(
    kernels: ModuleType,
) -> None:
    paths = [("slow" if slot == 63 else "fast", slot) for slot in range(128)]
    assert drain(kernels, 128) == [*paths, ("slow", 128)]


@pytest.mark.parametrize("nelems", SLOT_COUNTS)
def test_every_slot_is_handed_out_once_in_order(kernels: ModuleType, nelems: int) -> None:
    assert [slot for _, slot in drain(kernels, nelems)] == list(range(nelems + 1))


def within_64_bits(value: int) -> "Word":
    assert MIN_I64 <= value <= MAX_I64
    return Word(value)


class Word(int):
    """A number whose every sum, product and shift is checked to stay a signed 64-bit number."""

    def __add__(self, other: int) -> "Word":
        return within_64_bits(int(self) + int(other))

    def __sub__(self, other: int) -> "Word":
        return within_64_bits(int(self) - int(other))

    def __rsub__(self, other: int) -> "Word":
        return within_64_bits(int(other) - int(self))

    def __mul__(self, other: int) -> "Word":
        return within_64_bits(int(self) * int(other))

    def __and__(self, other: int) -> "Word":
        return within_64_bits(int(self) & int(other))

    def __or__(self, other: int) -> "Word":
        return within_64_bits(int(self) | int(other))

    def __invert__(self) -> "Word":
        return within_64_bits(~int(self))

    def __lshift__(self, other: int) -> "Word":
        assert 0 <= other <= 63
        return within_64_bits(int(self) << int(other))

    def __rshift__(self, other: int) -> "Word":
        assert 0 <= other <= 63
        return within_64_bits(int(self) >> int(other))

    __radd__ = __add__
    __rmul__ = __mul__
    __rand__ = __and__
    __ror__ = __or__


@given(bitmap=bitmaps(), cache=words_64, count=st.integers(0, 63))
def test_no_step_leaves_the_signed_64_bit_range(
    interpreted: ModuleType, bitmap: tuple[list[int], int, int], cache: int, count: int
) -> None:
    kernels = interpreted.kernels
    words, freeindex, nelems = [Word(word) for word in bitmap[0]], Word(bitmap[1]), Word(bitmap[2])
    word = Word(cache)
    kernels.trailing_zeros(word)
    kernels.popcount(word)
    kernels.shift_out(word, Word(count))
    kernels.next_free_fast(freeindex, nelems, word)
    kernels.next_free_index(words, freeindex, nelems, word)
    kernels.count_ones(words, nelems)
    if freeindex < nelems:
        kernels.window(words, freeindex)


@pytest.mark.parametrize(
    "call",
    [
        lambda kernels: kernels.size_class(Word(1)),
        lambda kernels: kernels.size_class(Word(32768)),
        lambda kernels: kernels.round_up_size(Word(32768)),
        lambda kernels: kernels.obj_index(Word(81920), Word(1 << 29)),
    ],
)
def test_no_step_of_a_lookup_leaves_the_range(
    interpreted: ModuleType, call: Callable[[ModuleType], int]
) -> None:
    assert call(interpreted.kernels) >= 0
