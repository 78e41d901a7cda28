"""The size classes of the Go 1.13 allocator, and the tables that the kernels look things up in.

Only the sizes and the span lengths are written down; every other table is computed from them
when the module is imported. Index 0 of each table belongs to size class 0, the class of large
spans, whose size and length differ from span to span: its entries are 0.
"""

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

PAGE_SIZE: Final = 8192
"""Bytes in an allocator page (CONST-1); not the page size of the operating system."""

MAX_SMALL_SIZE: Final = 32768
"""Largest request in bytes that a size class serves, inclusive (CONST-1)."""

NUM_SIZE_CLASSES: Final = 67
"""Number of size classes, class 0 included (CONST-1)."""

NUM_SPAN_CLASSES: Final = 134
"""Number of span classes: each size class with and without pointers (CONST-5)."""

# fmt: off
CLASS_SIZES: Final = vec[i64]([
    0,
    8, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160,
    176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416,
    448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280,
    1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864,
    5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288,
    13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
])
"""Bytes in a slot of each size class (SC-4)."""

CLASS_PAGES: Final = vec[i64]([
    0,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    2, 1, 2, 1, 2, 1, 3, 2, 3, 1, 3,
    2, 3, 4, 5, 6, 1, 7, 6, 5, 4, 3,
    5, 7, 2, 9, 7, 5, 8, 3, 10, 7, 4,
])
"""Pages in a span of each size class (SC-2)."""
# fmt: on


def objects_per_span() -> list[i64]:
    """Return the number of whole slots in a span of each size class (SC-8)."""
    counts: list[i64] = [0]
    for sizeclass in range(1, NUM_SIZE_CLASSES):
        counts.append(CLASS_PAGES[sizeclass] * PAGE_SIZE // CLASS_SIZES[sizeclass])
    return counts


def reciprocals() -> list[i64]:
    """Return ceil(2^32 / size) for each size class: the multiplier of kernels.obj_index.

    Rounding the reciprocal up makes the quotient too large by less than offset / 2^32 slots,
    which is less than 1 / size for every offset inside a span, so the integer part is exact.
    """
    multipliers: list[i64] = [0]
    for size in CLASS_SIZES[1:]:
        multipliers.append(((1 << 32) + size - 1) // size)
    return multipliers


def classes_by_unit() -> list[i64]:
    """Return the lookup table of kernels.size_class.

    Entry u for u in 1..128 is the class of requests of 8 * u bytes, entry 120 + u for u in 9..256
    the class of requests of 128 * u bytes: beyond 1024 bytes every class size is a multiple of
    128, below it every class size is a multiple of 8 (SC-12). Entry 0 is not used.
    """
    table: list[i64] = [0]
    sizeclass = 1
    for unit in range(1, 377):
        size = 8 * unit if unit <= 128 else 128 * (unit - 120)
        while CLASS_SIZES[sizeclass] < size:
            sizeclass += 1
        table.append(sizeclass)
    return table


CLASS_OBJECTS: Final = vec[i64](objects_per_span())
"""Slots in a span of each size class (SC-8)."""

CLASS_RECIPROCALS: Final = vec[i64](reciprocals())
"""The multiplier of kernels.obj_index for each size class; 0 for large spans (SPAN-18)."""

CLASS_OF_UNIT: Final = vec[i64](classes_by_unit())
"""Size class by rounded-up request; indexed as kernels.size_class says."""
