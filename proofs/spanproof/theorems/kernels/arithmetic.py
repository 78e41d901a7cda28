"""The counting and size kernels of spanalloc, proved from their own source."""

from collections.abc import Iterable
from typing import cast

import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanalloc.base.sizeclass import CLASS_SIZES
from spanalloc.span.kernels import (
    byte_counts,
    count_ones,
    obj_index,
    popcount,
    round_up_size,
    size_class,
)
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Signed
from spanproof.symbolic.evaluation.frames import Contract, LoopInvariant
from spanproof.symbolic.integers import Integers
from spanproof.theorems.kernels.spans import has_slots
from spanspec.base.words import U16, U32

NATIVE = Signed(64)
INTEGERS = Integers()
SIZES = "spanalloc.base.sizeclass.CLASS_SIZES"
PAGES = "spanalloc.base.sizeclass.CLASS_PAGES"
RECIPROCALS = "spanalloc.base.sizeclass.CLASS_RECIPROCALS"


# --- counting -----------------------------------------------------------------------------------


def are_byte_counts(x: i64, counters: i64) -> bool:
    """What byte_counts ensures: four counters of at most 16."""
    return 0 <= counters <= 0x10101010 and all(
        (counters >> (8 * byte)) & 0xFF <= 16 for byte in range(4)
    )


BYTES = Contract(are_byte_counts, proved_by="kernels.byte-counts")


def item(numbers: vec[i64], index: i64) -> i64:
    """One of a list of numbers."""
    return numbers[index]


def are_totals(prefix: vec[i64]) -> bool:
    """There is a running total for each word of the longest bitmap, and the total of all."""
    return len(prefix) == 17 and prefix[0] == 0


def adds_up(words: vec[i64], prefix: vec[i64], index: i64) -> bool:
    """`prefix` at an index is the number of ones in the words below it: at most 64 for each."""
    return not 0 <= index < len(words) or (
        0 <= prefix[index] <= 64 * index
        and prefix[index + 1] == prefix[index] + popcount(words[index])
    )


def count_loop(prefix: vec[i64], whole: i64, count: i64, index: i64) -> bool:
    """Invariant of count_ones: exactly the words below `index` are counted."""
    return 0 <= index <= whole and 0 <= count <= 64 * index and count == prefix[index]


def words_left(whole: i64, index: i64) -> i64:
    """Variant of count_ones."""
    return whole - index


def sum_of(terms: Iterable[z3.ExprRef]) -> z3.ExprRef:
    """The sum of some terms."""
    first, *rest = terms
    for term in rest:
        first = first + term
    return first


def bits_of(x: z3.ExprRef, positions: Iterable[int]) -> list[z3.ExprRef]:
    """Some bits of a word, each as a number."""
    return [z3.ZeroExt(63, z3.Extract(k, k, x)) for k in positions]


@obligation("kernels.byte-counts", "SPAN-20", NATIVE)
def kernel_counts_the_ones_of_each_byte(p: Proof) -> None:
    """byte_counts holds, in byte b, the number of ones of bytes b and b + 4 of its word."""
    x = p.number(i64, "x")
    counters = p.integer(byte_counts, x)
    p.establish(BYTES, x, counters)
    for byte in range(4):
        positions = [*range(8 * byte, 8 * byte + 8), *range(8 * byte + 32, 8 * byte + 40)]
        counter = z3.LShR(counters, 8 * byte) & 0xFF
        p.show(f"byte {byte}", counter == sum_of(bits_of(x, positions)))
    p.possible("every bit", z3.And(x == -1, counters == 0x10101010))


def is_count(x: i64, count: i64) -> bool:
    """What popcount ensures."""
    return 0 <= count <= 64


def may_count(words: vec[i64], nelems: i64) -> bool:
    """What count_ones needs: a bitmap of a span."""
    return 1 <= nelems <= 1024 and has_slots(words, nelems)


def is_count_of_slots(words: vec[i64], nelems: i64, count: i64) -> bool:
    """What count_ones ensures: no more than all bits of the longest bitmap."""
    return 0 <= count <= 1024 + 64


COUNT = Contract(is_count_of_slots, may_count, proved_by="kernels.count-ones")
ONES = Contract(is_count, proved_by="kernels.popcount")


@obligation(
    "kernels.popcount",
    "SPAN-20",
    NATIVE,
    contracts={"spanalloc.span.kernels.byte_counts": BYTES},
)
def kernel_counts_the_ones_of_a_word(p: Proof) -> None:
    """Popcount is the sum of the four counters, and so of the 64 bits of its word."""
    x = p.number(i64, "x")
    count = p.integer(popcount, x)
    counters = p.results_of(byte_counts)[0]
    assert isinstance(counters, z3.ExprRef)
    total = sum_of(z3.LShR(counters, 8 * byte) & 0xFF for byte in range(4))
    p.show("sum", count == total)
    p.establish(ONES, x, count)
    p.possible("every bit", count == 64)


@obligation(
    "kernels.count-ones",
    "SPAN-20 SWP-24",
    NATIVE,
    contracts={"spanalloc.span.kernels.popcount": ONES},
    loops={"spanalloc.span.kernels.count_ones": LoopInvariant(count_loop, words_left, adds_up)},
)
def kernel_counts_the_ones_of_a_span(p: Proof) -> None:
    """count_ones adds the ones of all whole words, and of the part of the last that is slots.

    `prefix` is the running total that defines "the ones of the first words".
    """
    words, prefix = p.fresh(vec[i64], "words"), p.fresh(vec[i64], "prefix")
    p.name("prefix", prefix)
    nelems = p.number(U16, "nelems")
    p.suppose(COUNT, words, nelems)
    # The running totals are defined by the words, so that some are there for any words.
    p.conclude(p.holds(are_totals, prefix))
    count = p.integer(count_ones, words, nelems)
    p.establish(COUNT, words, nelems, count)
    whole, partial = z3.LShR(nelems, 6), nelems & 63
    held = p.integer_given(partial != 0, item, words, whole)
    last = held & ((z3.BitVecVal(1, 64) << partial) - 1)
    rest = z3.If(partial == 0, 0, p.integer(popcount, last))
    p.show("count", count == p.integer(item, prefix, whole) + rest)
    p.possible("a partial word after whole ones", z3.And(whole == 3, partial == 5))
    p.possible("whole words only", z3.And(whole == 16, partial == 0))


# --- sizes --------------------------------------------------------------------------------------


def is_smallest_class(size: i64, number: i64) -> bool:
    """The class holds the request, and the class below does not."""
    return 1 <= number <= 66 and CLASS_SIZES[number - 1] < size <= CLASS_SIZES[number]


@obligation("kernels.size-class", "SC-9 SC-10 SC-11", NATIVE)
def kernel_finds_the_smallest_class(p: Proof) -> None:
    """size_class finds the smallest class for 1 to 32768 bytes; round_up_size is its size."""
    size = p.number(U16, "size")
    p.assume(size >= 1, size <= 32768)
    number = p.integer(size_class, size)
    p.show("smallest", p.holds(is_smallest_class, size, number))
    p.show("rounding", p.integer(round_up_size, size) == p.integer(size_of, number))
    for seam in (1, 8, 9, 1024, 1025, 32768):
        p.possible(f"{seam} bytes", size == seam)


def size_of(number: i64) -> i64:
    """Slot size of a class."""
    return CLASS_SIZES[number]


@obligation("kernels.obj-index", "SC-7 SPAN-18", INTEGERS)
def kernel_divides_exactly(p: Proof) -> None:
    """obj_index is the exact quotient for all 66 classes and offsets to the end of the span."""
    offset = p.number(U32, "offset")
    sizes, pages, reciprocals = (
        cast(vec[i64], p.constant(name)) for name in (SIZES, PAGES, RECIPROCALS)
    )
    p.show("large", p.integer(obj_index, offset, reciprocals[0]) == 0)
    for number in range(1, len(sizes)):
        inside = offset <= pages[number] * 8192
        index = p.integer(obj_index, offset, reciprocals[number])
        p.show(f"class {number}", index == offset / sizes[number], inside)
    p.possible("the end of the longest span", offset == 10 * 8192)


@obligation("kernels.obj-index-in-range", "SPAN-18", NATIVE)
def kernel_division_stays_in_range(p: Proof) -> None:
    """The product in obj_index fits a native integer for every offset and every class."""
    offset = p.number(U32, "offset")
    p.assume(offset <= 10 * 8192)
    for number, magic in enumerate(cast(vec[i64], p.constant(RECIPROCALS))):
        index = p.integer(obj_index, offset, magic)
        p.show(f"class {number}", z3.And(index >= 0, index <= 10 * 8192))
    p.possible("the end of the longest span", offset == 10 * 8192)
