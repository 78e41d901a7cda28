"""A span's state as plain numbers, for comparing and printing."""

from typing import Final, NamedTuple

from librt.vecs import vec
from mypy_extensions import i64

UNSIGNED_64: Final = 0xFFFF_FFFF_FFFF_FFFF


class SpanSnapshot(NamedTuple):
    """The fields of a span that decide what it does next, at one moment (SPAN-1).

    `alloc_cache` is unsigned, 0..2^64 - 1; it has no meaning where `freeindex` == `nelems`.
    Bit i of `alloc_bits` and `mark_bits` belongs to slot i; there are no bits beyond `nelems`.
    """

    nelems: int
    freeindex: int
    alloc_cache: int
    alloc_bits: int
    mark_bits: int
    alloc_count: int
    sweepgen: int
    needzero: int


def unsigned(word: int) -> int:
    """Return the number in 0..2^64 - 1 that has the same lowest 64 bits as `word`.

    A small number is returned as it is: a mask of 64 bits makes an object, for which there may be
    no memory, and compiled code does not come back from that.
    """
    return word if word >> 62 == 0 else word & UNSIGNED_64


def joined(words: vec[i64], nelems: int) -> int:
    """Return the first `nelems` bits of a bitmap as one number, bit i for slot i."""
    bits = 0
    shift = 0
    for word in words:
        bits |= unsigned(word) << shift
        shift += 64
    return bits & ((1 << nelems) - 1)
