"""A span's state as plain numbers, for comparing and printing.

What may be a number beyond 62 bits is computed by functions of `operator`: where compiled code
computes it and there is no memory for it, the process ends, while a function can raise MemoryError.
"""

from operator import and_, sub
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

    Raises: MemoryError.
    """
    if word >> 62 == 0:
        return word
    masked: int = and_(word, UNSIGNED_64)
    return masked


def joined(words: vec[i64], nelems: int) -> int:
    """Return the first `nelems` bits of a bitmap as one number, bit i for slot i.

    Raises: MemoryError.
    """
    used: i64 = len(words)
    while used > 0 and words[used - 1] == 0:
        used -= 1
    if used == 0:
        return 0
    if nelems < 62:
        return words[0] & ((1 << nelems) - 1)
    parts = bytearray()
    for word in words:
        parts += int(word).to_bytes(8, "little", signed=True)
    bits: int = and_(int.from_bytes(parts, "little"), sub(1 << nelems, 1))
    return bits
