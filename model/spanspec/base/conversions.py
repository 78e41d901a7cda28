"""Integers made of floats, as Go 1.13 makes them on amd64, where the language leaves it open.

The instruction answers with the smallest int64 whatever does not fit one, or is no number.
"""

from typing import Final

from spanspec.base.words import M64, U64

TOP_BIT: Final = 1 << 63


def signed(value: U64) -> int:
    """Return the int64 that has the bits of a word."""
    return value - (1 << 64) if value >= TOP_BIT else value


def to_int64(value: float) -> int:
    """Convert a float, towards zero."""
    return int(value) if -float(TOP_BIT) <= value < float(TOP_BIT) else -TOP_BIT


def to_uint64(value: float) -> U64:
    """Convert a float, towards zero.

    From 2^63 on, and where it is no number, what is above 2^63 is converted, and the highest bit
    set. So 2^64 or more gives 2^63.
    """
    if value < float(TOP_BIT):
        return to_int64(value) & M64
    return (to_int64(value - float(TOP_BIT)) & M64) | TOP_BIT
