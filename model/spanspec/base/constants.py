"""Constants of the allocator on linux/amd64 (rules CONST-1 to CONST-5)."""

from typing import Final

from spanspec.base.words import U8

PAGE_SHIFT: Final = 13
PAGE_SIZE: Final = 1 << PAGE_SHIFT
"""The allocator's page in bytes, independent of the operating system's page (CONST-1)."""

MAX_SMALL_SIZE: Final = 32768
"""Largest request in bytes that a size class serves (CONST-1)."""

SMALL_SIZE_DIV: Final = 8
SMALL_SIZE_MAX: Final = 1024
"""Granularity and bound in bytes of the first size lookup table (CONST-1)."""

LARGE_SIZE_DIV: Final = 128
"""Granularity of the second lookup table, and the alignment of each class from 1024 bytes on."""

NUM_SIZE_CLASSES: Final = 67
NUM_SPAN_CLASSES: Final = 2 * NUM_SIZE_CLASSES

TINY_SIZE: Final = 16
TINY_SIZE_CLASS: Final = 2
TINY_SPAN_CLASS: Final = 5
"""The tiny allocator takes 16-byte blocks from size class 2, noscan (CONST-1)."""

MAX_OBJECTS_PER_SPAN: Final = 1024
"""Most slots a span can have: one page of 8-byte objects (CONST-1)."""

HEAP_ADDR_BITS: Final = 48
HEAP_ADDR_LIMIT: Final = 1 << HEAP_ADDR_BITS
HEAP_ARENA_BYTES: Final = 1 << 26
PAGES_PER_ARENA: Final = HEAP_ARENA_BYTES // PAGE_SIZE
"""The address space on linux/amd64: arenas of 64 MiB, 8192 pages each (CONST-2)."""

MIN_PHYS_PAGE_SIZE: Final = 4096
"""Smallest page of an operating system that the runtime accepts, in bytes (CONST-3)."""

ARENA_BASE: Final = 0xC0_0000_0000
"""Address of the first arena hint, which is page number 0 of a trace (AR-1)."""


def make_span_class(size_class: U8, noscan: bool) -> U8:
    """Return the span class of a size class 0..66: twice the class, plus 1 for pointer-free data.

    Rules: CONST-5.
    """
    return size_class * 2 + (1 if noscan else 0)


def size_class_of(span_class: U8) -> U8:
    """Return the size class 0..66 of a span class 0..133; 0 means a large object.

    Rules: CONST-5.
    """
    return span_class >> 1


def is_noscan(span_class: U8) -> bool:
    """Tell whether objects of a span class hold no pointers.

    Rules: CONST-5.
    """
    return span_class & 1 == 1
