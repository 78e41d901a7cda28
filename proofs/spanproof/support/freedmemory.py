"""Memory that is freed stays with the process, for what needs as much again at once."""

import ctypes
from functools import cache
from typing import Final

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3

LARGEST: Final = 32 << 20
"""Blocks up to this many bytes are cut from memory that is at hand; glibc allows no more."""

AT_HAND: Final = 512 << 20
"""How many bytes at most wait at the end of the heap to be used again."""


@cache
def stays() -> bool:
    """Ask the C library to keep what is freed; tell whether it does so. glibc can be asked.

    A context of Z3's has a block of 16 MB. Left alone, glibc gives such a block back at once, and
    the next one is made of pages that the kernel has to clear one by one.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return all(
        mallopt(option, value) == 1
        for option, value in ((M_MMAP_THRESHOLD, LARGEST), (M_TRIM_THRESHOLD, AT_HAND))
    )
