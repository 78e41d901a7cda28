"""The tiny allocator: objects of less than 16 bytes without pointers share a block (MAL-5)."""

from typing import Final

from mypy_extensions import i64

TINY_SIZE: Final = 16
TINY_SPAN_CLASS: Final = 5


def place_in_block(offset: i64, size: i64) -> i64:
    """Return where an object of 1..15 bytes goes in a block filled up to `offset`; -1 if nowhere.

    A size that 8, 4 or 2 divides is aligned to that (MAL-5, MAL-6).
    """
    if size & 7 == 0:
        offset = (offset + 7) & ~7
    elif size & 3 == 0:
        offset = (offset + 3) & ~3
    elif size & 1 == 0:
        offset = (offset + 1) & ~1
    return offset if offset + size <= TINY_SIZE else -1


def takes_over(tiny: i64, offset: i64, size: i64) -> bool:
    """Tell whether a new block with `size` bytes in it becomes the current one (MAL-8).

    It does if it has more room left than the old one, or if there is none.
    """
    return tiny == 0 or size < offset
