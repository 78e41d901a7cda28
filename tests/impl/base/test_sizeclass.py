"""The size-class tables are those of Go 1.13, and the lookups in them are exact."""

from bisect import bisect_left
from itertools import repeat
from types import ModuleType

import pytest

import spanalloc
from spanalloc.base import sizeclass
from spanalloc.base.sizeclass import CLASS_OBJECTS, CLASS_PAGES, CLASS_RECIPROCALS, CLASS_SIZES

# class, size, pages, objects
ROWS = [
    (0, 0, 0, 0),
    (1, 8, 1, 1024),
    (2, 16, 1, 512),
    (3, 32, 1, 256),
    (4, 48, 1, 170),
    (8, 112, 1, 73),
    (9, 128, 1, 64),
    (17, 256, 1, 32),
    (25, 512, 1, 16),
    (31, 1024, 1, 8),
    (34, 1408, 2, 11),
    (36, 1792, 2, 9),
    (42, 3456, 3, 7),
    (44, 4864, 3, 5),
    (49, 6912, 6, 7),
    (50, 8192, 1, 1),
    (51, 9472, 7, 6),
    (59, 18432, 9, 4),
    (62, 21760, 8, 3),
    (64, 27264, 10, 3),
    (65, 28672, 7, 2),
    (66, 32768, 4, 1),
]


@pytest.mark.parametrize(("number", "size", "pages", "objects"), ROWS)
def test_rows_of_the_go_113_table(number: int, size: int, pages: int, objects: int) -> None:
    assert (CLASS_SIZES[number], CLASS_PAGES[number], CLASS_OBJECTS[number]) == (
        size,
        pages,
        objects,
    )


def test_the_tables_are_those_that_the_rules_of_go_choose() -> None:
    # SC-1 to SC-4: the step grows with the size, a span has the fewest pages of which at most an
    # eighth is lost, and objects grow as long as as many fit into the same pages.
    chosen: list[tuple[int, int]] = []
    size = step = 8
    while size <= 32768:
        if size & (size - 1) == 0 and size >= 16:
            step = 256 if size >= 2048 else size // 8 if size >= 128 else 16
        pages = next(n for n in range(1, 11) if n * 8192 % size <= n * 8192 // 8)
        # As many of these fit into the same pages: the smaller ones get slots of this size.
        if (
            chosen
            and pages * 8192 // chosen[-1][0] == pages * 8192 // size
            and chosen[-1][1] == pages
        ):
            chosen.pop()
        chosen.append((size, pages))
        size += step
    larger = [(n * 8192 // (n * 8192 // one) & ~127, n) for one, n in chosen]
    rows = [(max(one, other), n) for (one, n), (other, _) in zip(chosen, larger, strict=True)]
    assert rows == list(zip(CLASS_SIZES[1:], CLASS_PAGES[1:], strict=True))


def test_there_are_67_classes_in_every_table() -> None:
    for table in (CLASS_SIZES, CLASS_PAGES, CLASS_OBJECTS, CLASS_RECIPROCALS):
        assert len(table) == sizeclass.NUM_SIZE_CLASSES == 67
    assert 2 * sizeclass.NUM_SIZE_CLASSES == sizeclass.NUM_SPAN_CLASSES


def test_sizes_have_the_properties_of_sc_12() -> None:
    for number in range(1, 67):
        size, span = CLASS_SIZES[number], CLASS_PAGES[number] * 8192
        assert size > CLASS_SIZES[number - 1]
        assert size % (128 if size >= 1024 else 16 if size > 8 else 8) == 0
        assert CLASS_OBJECTS[number] <= 1024
        tail = span - CLASS_OBJECTS[number] * size
        assert 0 <= tail < size
        assert 8 * tail <= span
    multiples = [number for number in range(1, 67) if CLASS_OBJECTS[number] % 64 == 0]
    assert multiples == [1, 2, 3, 5, 9]


def test_size_class_is_the_smallest_that_fits_for_every_small_size(kernels: ModuleType) -> None:
    sizes = list(CLASS_SIZES)
    expected = [bisect_left(sizes, size) for size in range(1, 32769)]
    assert list(map(kernels.size_class, range(1, 32769))) == expected


def test_round_up_size_is_the_size_of_the_class_for_every_small_size(kernels: ModuleType) -> None:
    sizes = list(CLASS_SIZES)
    expected = [sizes[bisect_left(sizes, size)] for size in range(1, 32769)]
    assert list(map(kernels.round_up_size, range(1, 32769))) == expected


@pytest.mark.parametrize("number", range(1, 67))
def test_obj_index_divides_exactly_at_every_offset(kernels: ModuleType, number: int) -> None:
    offsets = range(CLASS_PAGES[number] * 8192 + 1)
    size, magic = CLASS_SIZES[number], CLASS_RECIPROCALS[number]
    found = list(map(kernels.obj_index, offsets, repeat(magic)))
    assert found == [offset // size for offset in offsets]


def test_obj_index_is_zero_everywhere_in_a_large_span(kernels: ModuleType) -> None:
    assert CLASS_RECIPROCALS[0] == 0
    for offset in (0, 1, 8192, (1 << 48) - 1):
        assert kernels.obj_index(offset, CLASS_RECIPROCALS[0]) == 0


def test_compiled_tells_which_kind_of_module_runs(interpreted: ModuleType) -> None:
    assert spanalloc.kernels.__file__.endswith(".py") is not spanalloc.COMPILED
    assert interpreted.COMPILED is False
    assert interpreted.kernels.__file__.endswith(".py")
