"""The generated size classes are those of Go 1.13.15 (rules SC-1 to SC-16)."""

from pathlib import Path
from runpy import run_path

import pytest

import spanspec
from spanspec.base import sizeclass
from spanspec.base.constants import (
    MAX_SMALL_SIZE,
    PAGE_SIZE,
    is_noscan,
    make_span_class,
    size_class_of,
)
from spanspec.base.sizeclass import CLASS_TO_MAGIC, CLASSES, SIZE_TO_CLASS8, SIZE_TO_CLASS128

# class: size, pages, objects, tail, max waste in %, divShift, divShift2, divMul, baseMask
KNOWN_ROWS = {
    1: (8, 1, 1024, 0, 87.50, 3, 0, 1, 65528),
    2: (16, 1, 512, 0, 43.75, 4, 0, 1, 65520),
    4: (48, 1, 170, 32, 31.52, 4, 11, 683, 0),
    10: (144, 1, 56, 128, 11.82, 4, 13, 911, 0),
    27: (640, 1, 12, 512, 15.48, 7, 9, 103, 0),
    33: (1280, 1, 6, 512, 15.55, 8, 6, 13, 0),
    36: (1792, 2, 9, 256, 15.57, 8, 8, 37, 0),
    44: (4864, 3, 5, 256, 16.65, 8, 9, 27, 0),
    50: (8192, 1, 1, 0, 15.61, 13, 0, 1, 57344),
    59: (18432, 9, 4, 0, 11.11, 11, 8, 29, 0),
    64: (27264, 10, 3, 128, 10.00, 7, 14, 77, 0),
    66: (32768, 4, 1, 0, 12.50, 15, 0, 1, 32768),
}

# The last index of each class in the two lookup tables, from class 0 (31) on.
LAST_OF_CLASS_8 = [0, 1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 36, 40, 44]
LAST_OF_CLASS_8 += [48, 52, 56, 60, 64, 72, 80, 88, 96, 112, 128]
LAST_OF_CLASS_128 = [0, 1, 2, 3, 4, 6, 8, 10, 13, 16, 17, 19, 24, 30, 34, 40, 43, 45, 46, 56, 66]
LAST_OF_CLASS_128 += [68, 72, 77, 88, 98, 104, 120, 136, 141, 152, 162, 184, 205, 216, 248]


@pytest.mark.parametrize("number", sorted(KNOWN_ROWS))
def test_class_has_the_columns_of_the_runtime(number: int) -> None:
    size, pages, objects, tail, waste, *magic = KNOWN_ROWS[number]
    entry = CLASSES[number]
    assert (entry.size, entry.npages, entry.objects, entry.tail_waste) == (
        size,
        pages,
        objects,
        tail,
    )
    assert round(100 * entry.max_waste / entry.span_bytes, 2) == pytest.approx(waste, abs=0.006)
    assert list(CLASS_TO_MAGIC[number]) == magic


def test_there_are_67_classes_and_the_tables_have_their_runs() -> None:
    assert len(CLASSES) == 67
    assert [i for i in range(129) if i == 128 or SIZE_TO_CLASS8[i] != SIZE_TO_CLASS8[i + 1]] == (
        LAST_OF_CLASS_8
    )
    table = SIZE_TO_CLASS128
    assert [i for i in range(249) if i == 248 or table[i] != table[i + 1]] == LAST_OF_CLASS_128
    assert SIZE_TO_CLASS128[0] == 31


def test_every_request_gets_the_smallest_class() -> None:
    expected = 1
    for size in range(1, MAX_SMALL_SIZE + 1):
        if size > CLASSES[expected].size:
            expected += 1
        assert sizeclass.size_class_for(size) == expected


def test_every_offset_divides_exactly() -> None:
    for entry, magic in zip(CLASSES[1:], CLASS_TO_MAGIC[1:], strict=True):
        for offset in range(entry.span_bytes + 1):
            assert sizeclass.divide_by_size(magic, offset) == offset // entry.size


def test_eighteen_classes_were_widened_and_no_object_was_lost() -> None:
    narrow = sizeclass._merged_sizes()
    widened = [
        entry for (size, _), entry in zip(narrow, CLASSES[1:], strict=True) if size != entry.size
    ]
    assert len(widened) == 18
    for (size, pages), entry in zip(narrow, CLASSES[1:], strict=True):
        assert pages * PAGE_SIZE // size == entry.objects


def test_division_magic_accepts_only_what_divides_everywhere() -> None:
    """The shortcut of two probes agrees with trying every offset, for each class."""
    for entry in CLASSES[1:]:
        magic = sizeclass._division_magic(entry.size, entry.span_bytes)
        divisor = entry.size >> magic.div_shift
        smaller = magic.div_shift2 - 1
        if smaller >= 0:
            mul = -(-(1 << smaller) // divisor)
            largest = entry.span_bytes >> magic.div_shift
            assert any(n * mul >> smaller != n // divisor for n in range(largest + 1))


@pytest.mark.parametrize(
    ("size", "rounded"),
    [
        (0, 0),
        (1, 8),
        (1025, 1152),
        (32767, 32768),
        (32768, 32768),
        (32769, 40960),
        ((1 << 64) - PAGE_SIZE, (1 << 64) - PAGE_SIZE),
        ((1 << 64) - PAGE_SIZE - 1, (1 << 64) - PAGE_SIZE),
        ((1 << 64) - 1, (1 << 64) - 1),
    ],
)
def test_round_up_size_at_its_seams(size: int, rounded: int) -> None:
    assert sizeclass.round_up_size(size) == rounded


def test_requests_above_the_small_sizes_have_no_class() -> None:
    with pytest.raises(AssertionError, match="SC-10"):
        sizeclass.size_class_for(MAX_SMALL_SIZE + 1)


def test_span_classes_pair_size_class_and_noscan() -> None:
    for size_class in range(67):
        for noscan in (False, True):
            spanclass = make_span_class(size_class, noscan)
            assert (size_class_of(spanclass), is_noscan(spanclass)) == (size_class, noscan)


def test_a_generator_that_goes_wrong_says_so() -> None:
    # Where the module is compiled, a function of it cannot be exchanged.
    source = run_path(str(Path(spanspec.__file__).parent / "base" / "sizeclass.py"))
    generate, magic = source["generate_classes"], source["_division_magic"]
    generate.__globals__["_merged_sizes"] = lambda: [(8, 1), (16, 1)]
    with pytest.raises(ValueError, match="generated 3 size classes"):
        generate()
    with pytest.raises(ValueError, match="power of two"):
        magic(8, 1 << 16)
    with pytest.raises(ValueError, match="32-bit"):
        magic(7, 1 << 20)
