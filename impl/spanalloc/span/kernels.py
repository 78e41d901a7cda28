"""The bit arithmetic of a span: pure functions over signed 64-bit integers.

A 64-slot word of a bitmap, and the allocCache that is cut from one, is held as the signed
number with the same 64 bits, from -2^63 to 2^63 - 1. No step of any function leaves that range,
so the compiled code, where an overflow would be undefined, and the interpreted code, where
integers have no bound, compute the same thing.

Words of a bitmap are little-endian in slots: slot i is bit i % 64 of word i // 64.
"""

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from spanalloc.base.sizeclass import CLASS_OF_UNIT, CLASS_SIZES

# No literal reaches 2^62, because the compiled code would load it as a Python object, and none is
# the left operand of a shift, because the compiled code would shift it as a 32-bit number.
LOW_62: Final = 0x3FFF_FFFF_FFFF_FFFF
LOW_32: Final = 0xFFFF_FFFF
LOW_16: Final = 0xFFFF
BITS_OF_PAIRS: Final = 0x5555_5555
PAIRS_OF_NIBBLES: Final = 0x3333_3333
NIBBLES_OF_BYTES: Final = 0x0F0F_0F0F


def trailing_zeros(x: i64) -> i64:
    """Return the number of zero bits below the lowest one bit of `x`, 0..63; 64 if `x` is 0."""
    # In a span with free slots in a row, the next slot is mostly the one asked for.
    if x & 1 != 0:
        return 0
    if x == 0:
        return 64
    count: i64 = 0
    # The shifts drag the sign in from above, where no later test looks.
    if x & LOW_32 == 0:
        count += 32
        x >>= 32
    if x & LOW_16 == 0:
        count += 16
        x >>= 16
    if x & 0xFF == 0:
        count += 8
        x >>= 8
    if x & 0xF == 0:
        count += 4
        x >>= 4
    if x & 0x3 == 0:
        count += 2
        x >>= 2
    if x & 0x1 == 0:
        count += 1
    return count


def shift_out(cache: i64, n: i64) -> i64:
    """Return `cache` shifted right logically by `n` + 1 bits, for `n` in 0..63.

    These are the bits left once slot `n` of the window has been handed out (SPAN-12 step 4); for
    `n` = 63 there are none, and the result is 0 (SPAN-13).
    """
    # The shift by two leaves 62 genuine bits below copies of the sign; the bit that the shift by
    # one should have kept is put back.
    upper = (cache >> 2) & LOW_62
    return ((upper << 1) | ((cache >> 1) & 1)) >> n


def bit_of(slot: i64) -> i64:
    """Return the word of a bitmap in which only the bit of `slot`, 0 or more, is set."""
    offset = slot & 63
    below = shift_out(-1, 63 - offset)
    # Bit 63 is the sign: the word with that bit alone is -2^63, and 2^63 is out of range.
    return below + 1 if offset < 63 else ~below


def next_free_fast(freeindex: i64, nelems: i64, cache: i64) -> i64:
    """Return the slot that the fast path hands out, or -1 if it must leave that to the slow path.

    `cache` is the allocCache of `freeindex`, 0 <= `freeindex` <= `nelems`. A result r is a free
    slot with freeindex <= r < nelems; -1 says only that the window is used up, that the padding
    was reached, or that handing out the slot would require a refill (SPAN-12, SPAN-13).
    """
    skipped = trailing_zeros(cache)
    if skipped == 64:
        return -1
    slot = freeindex + skipped
    if slot >= nelems:
        return -1
    following = slot + 1
    if following & 63 == 0 and following != nelems:
        return -1
    return slot


def window(words: vec[i64], freeindex: i64) -> i64:
    """Return the allocCache of `freeindex`: bit 0 is set iff slot `freeindex` has a zero bit.

    `words` is the allocBits bitmap, 0 <= `freeindex` < nelems (SPAN-10, CEN-9).
    """
    cache = ~words[freeindex >> 6]
    offset = freeindex & 63
    if offset == 0:
        return cache
    return shift_out(cache, offset - 1)


def next_free_index(
    words: vec[i64], freeindex: i64, nelems: i64, cache: i64
) -> tuple[i64, i64, i64]:
    """Return the lowest free slot at or above `freeindex`, the new freeindex and allocCache.

    `words` is the allocBits bitmap of at least `nelems` bits, `cache` the allocCache of
    `freeindex`, 0 <= `freeindex` <= `nelems`. With no free slot left, the slot and the new
    freeindex are both `nelems` and the new cache has no meaning (SPAN-15, SPAN-16).
    """
    position = freeindex
    while cache == 0 and position < nelems:
        position = (position | 63) + 1
        if position < nelems:
            cache = ~words[position >> 6]
    # A window that ran out, an empty one and one with nothing but padding all end up here: the
    # first has 64 trailing zeros, so it lands beyond nelems just as the padding does.
    skipped = trailing_zeros(cache)
    slot = position + skipped
    if slot >= nelems:
        return nelems, nelems, cache
    cache = shift_out(cache, skipped)
    following = slot + 1
    if following & 63 == 0 and following != nelems:
        cache = ~words[following >> 6]
    return slot, following, cache


def byte_counts(x: i64) -> i64:
    """Return four counters of a byte each: counter b holds the ones of bytes b and b + 4 of `x`.

    Each counter is at most 16; the result lies in 0..0x10101010.
    """
    low = x & LOW_32
    high = (x >> 32) & LOW_32
    low -= (low >> 1) & BITS_OF_PAIRS
    high -= (high >> 1) & BITS_OF_PAIRS
    # A pair counts up to 2, so a nibble has room for the four pairs of both halves.
    low = (low & PAIRS_OF_NIBBLES) + ((low >> 2) & PAIRS_OF_NIBBLES)
    high = (high & PAIRS_OF_NIBBLES) + ((high >> 2) & PAIRS_OF_NIBBLES)
    nibbles = low + high
    return (nibbles & NIBBLES_OF_BYTES) + ((nibbles >> 4) & NIBBLES_OF_BYTES)


def popcount(x: i64) -> i64:
    """Return the number of one bits among the 64 of `x`, 0..64."""
    total = byte_counts(x)
    total += total >> 16
    total += total >> 8
    return total & 0x7F


def count_ones(words: vec[i64], nelems: i64) -> i64:
    """Return the number of ones among the first `nelems` bits of `words` (SPAN-20).

    `words` has at least `nelems` bits, `nelems` >= 0. Bits beyond them are not counted.
    """
    whole = nelems >> 6
    count: i64 = 0
    index: i64 = 0
    while index < whole:
        count += popcount(words[index])
        index += 1
    partial = nelems & 63
    if partial != 0:
        count += popcount(words[whole] & shift_out(-1, 63 - partial))
    return count


def size_class(size: i64) -> i64:
    """Return the smallest size class, 1..66, whose slots hold `size` bytes, 1..32768 (SC-10)."""
    unit = (size + 7) >> 3 if size <= 1024 else 120 + ((size + 127) >> 7)
    return CLASS_OF_UNIT[unit]


def round_up_size(size: i64) -> i64:
    """Return the bytes of the slot that a request of `size` bytes, 1..32768, gets (SC-11)."""
    return CLASS_SIZES[size_class(size)]


def obj_index(offset: i64, magic: i64) -> i64:
    """Return the slot that the byte at `offset` from the base of a span lies in (SPAN-18).

    `magic` is the entry of the size class in sizeclass.CLASS_RECIPROCALS. For a small class the
    result is exact for offsets from 0 to the length of the span, inclusive: the tail beyond the
    last slot counts as slot nelems. For a large span, whose magic is 0, it is always 0.
    """
    return (offset * magic) >> 32
