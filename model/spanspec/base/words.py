"""Machine words: the widths of the runtime's integers, and the bit operations rules share.

Values are ordinary non-negative Python integers. An annotation such as `U32` states the range
that the runtime's field has; type checkers see `int`, the prover reads the width.
"""

from typing import Annotated, Final, NamedTuple


class Unsigned(NamedTuple):
    """Marks an integer as an unsigned machine word of `bits` bits: 0 <= value < 2**bits.

    One that `counts` bytes, objects or events is taken never to come to its bound: nobody shows
    that it does not, as a machine would count for centuries.
    """

    bits: int
    counts: bool = False


U8 = Annotated[int, Unsigned(8)]
U16 = Annotated[int, Unsigned(16)]
U32 = Annotated[int, Unsigned(32)]
U64 = Annotated[int, Unsigned(64)]
Count = Annotated[int, Unsigned(64, counts=True)]

M32: Final = 0xFFFF_FFFF
"""Mask of a 32-bit word: arithmetic followed by `& M32` wraps as uint32 does."""

M64: Final = 0xFFFF_FFFF_FFFF_FFFF
"""Mask of a 64-bit word."""

WORD_BITS: Final = 64


def trailing_zeros(word: U64) -> U16:
    """Return the number of zero bits below the lowest set bit of a 64-bit word; 64 for zero.

    Rules: SPAN-12.
    """
    if word == 0:
        return WORD_BITS
    return (word & -word).bit_length() - 1


def is_trailing_zeros(word: U64, count: U16) -> bool:
    """Say what `trailing_zeros` means without computing it.

    Either the word is zero and the count 64, or bit `count` is the lowest set bit.

    Rules: SPAN-12.
    """
    if word == 0:
        return count == WORD_BITS
    return count < WORD_BITS and (word >> count) & 1 == 1 and word & ((1 << count) - 1) == 0
