"""Size classes: the tables that the generator makes have the properties the allocator needs.

Requests, offsets and slots are arbitrary; only the classes are enumerated, because they are 66
constants.
"""

from typing import cast

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.values.merge import as_bool
from spanspec.base.constants import (
    HEAP_ADDR_LIMIT,
    MAX_OBJECTS_PER_SPAN,
    MAX_SMALL_SIZE,
    NUM_SIZE_CLASSES,
    PAGE_SIZE,
    make_span_class,
)
from spanspec.base.sizeclass import (
    CLASS_TO_SIZE,
    NO_MAGIC,
    DivMagic,
    SizeClass,
    divide_by_size,
    round_up_size,
    size_class_for,
)
from spanspec.base.words import M64, U8, U16, U32, U64
from spanspec.span.mspan import FoundObject, Mspan, find_object, init_span, obj_index, slot_address
from spanspec.span.tiny import (
    NO_TINY_BLOCK,
    TinyBlock,
    align_tiny,
    replace_tiny_block,
    take_tiny,
    tiny_fits,
)

INTEGERS = Integers()


def small_classes(p: Proof) -> list[tuple[int, SizeClass]]:
    """The 66 classes of the sources under proof, with their numbers."""
    classes = cast(tuple[SizeClass, ...], p.constant("spanspec.base.sizeclass.CLASSES"))
    return list(enumerate(classes))[1:]


def magic_of(entry: SizeClass) -> DivMagic:
    """The division constants of a class."""
    return DivMagic(entry.div_shift, entry.div_shift2, entry.div_mul, entry.base_mask)


def is_smallest_class(size: U64, size_class: U8) -> bool:
    """The class holds the request, and the class below does not."""
    return (
        1 <= size_class < NUM_SIZE_CLASSES
        and size <= CLASS_TO_SIZE[size_class]
        and CLASS_TO_SIZE[size_class - 1] < size
    )


@obligation("sizeclass.smallest", "SC-9 SC-10 SC-12 MAL-10", INTEGERS)
def every_small_request_gets_the_smallest_class(p: Proof) -> None:
    """Every request of 1 to 32768 bytes is served by the smallest class that holds it."""
    size = p.number(U64, "size")
    p.assume(size >= 1, size <= MAX_SMALL_SIZE)
    size_class = p.integer(size_class_for, size)
    p.show("smallest", p.holds(is_smallest_class, size, size_class))
    for seam in (1, 1016, 1017, 1023, 1024, 1025, MAX_SMALL_SIZE):
        p.possible(f"{seam} bytes", size == seam)


@obligation("sizeclass.rounding", "SC-11", INTEGERS)
def rounding_yields_the_least_size_served(p: Proof) -> None:
    """A request is rounded to its class size or to whole pages, and never below itself.

    Only requests above 2**64 - 8193 stay as they are.
    """
    size = p.number(U64, "size")
    rounded = p.integer(round_up_size, size)
    overflow = size + PAGE_SIZE >= 1 << 64
    large = z3.And(size >= MAX_SMALL_SIZE, z3.Not(overflow))
    p.show("never below", rounded >= size)
    p.show("whole pages", z3.Implies(large, rounded % PAGE_SIZE == 0))
    p.show("fewest pages", z3.Implies(large, rounded < size + PAGE_SIZE))
    p.show("no overflow", z3.Implies(overflow, rounded == size))
    p.possible("the seam", size == MAX_SMALL_SIZE)
    p.possible("the largest that is rounded", size == (1 << 64) - PAGE_SIZE - 1)


@obligation("sizeclass.division", "SC-6 SC-7 SC-13 SPAN-18", INTEGERS)
def division_magic_is_exact(p: Proof) -> None:
    """For all 66 classes and every offset up to the end of the span, the magic divides exactly."""
    offset = p.number(U32, "offset")
    for number, entry in small_classes(p):
        inside = offset <= entry.span_bytes
        index = p.integer(divide_by_size, magic_of(entry), offset)
        p.show(f"class {number}", index == offset / entry.size, inside)
    p.possible("the end of the longest span", offset == 10 * PAGE_SIZE)


@obligation("sizeclass.obj-index", "SPAN-18 MAL-22", INTEGERS)
def index_is_the_slot_of_every_interior_address(p: Proof) -> None:
    """ObjIndex maps every address within a slot back to that slot, for every class and base."""
    base, slot, inner = p.number(U64, "base"), p.number(U16, "slot"), p.number(U32, "inner")
    p.show("large: one slot", p.integer(divide_by_size, NO_MAGIC, inner) == 0)
    for number, entry in small_classes(p):
        span = p.call(init_span, base, entry.npages, make_span_class(number, False), base)
        assert isinstance(span, Mspan)
        inside = z3.And(slot < span.nelems, inner < span.elemsize)
        index = p.integer(obj_index, span, p.integer(slot_address, span, slot) + inner)
        p.show(f"class {number}", index == slot, inside)
    p.possible("an inner byte of a later slot", z3.And(slot == 2, inner == 7))


@obligation("sizeclass.find-object", "SPAN-19 I-37", INTEGERS)
def interior_pointers_find_their_object(p: Proof) -> None:
    """Every address within a slot finds that slot's base; the tail and what lies outside, none."""
    base, slot, inner = p.number(U64, "base"), p.number(U16, "slot"), p.number(U32, "inner")
    other = p.number(U64, "other")
    p.assume(base >= PAGE_SIZE, base < HEAP_ADDR_LIMIT)
    for number, entry in small_classes(p):
        limit = base + entry.objects * entry.size
        span = p.call(init_span, base, entry.npages, make_span_class(number, False), limit)
        assert isinstance(span, Mspan)
        inside = z3.And(slot < span.nelems, inner < span.elemsize)
        start = p.integer(slot_address, span, slot)
        found = p.call(find_object, span, start + inner)
        assert isinstance(found, FoundObject)
        p.show(f"class {number}", z3.And(found.base == start, found.slot == slot), inside)
        nothing = p.call(find_object, span, other)
        assert isinstance(nothing, FoundObject)
        outside = z3.Or(other < base, other >= limit)
        p.show(f"class {number}: outside", nothing.base == 0, outside)
    p.possible("an inner byte of a later slot", z3.And(slot == 2, inner == 7))
    p.possible("the first byte behind the objects", other == base + 1024 * 8)


@obligation("sizeclass.layout", "SC-2 SC-12 SPAN-5 SPAN-6 I-6", INTEGERS)
def every_span_is_cut_as_its_class_says(p: Proof) -> None:
    """A fresh span has 1 to 1024 slots that fit it, and the tail lost is at most an eighth.

    Sizes grow from class to class, in multiples of 8 (16 above 8, 128 from 1024 on).
    """
    base = p.number(U64, "base")
    below = 0
    for number, entry in small_classes(p):
        span = p.call(init_span, base, entry.npages, make_span_class(number, True), base)
        assert isinstance(span, Mspan)
        tail = entry.span_bytes - span.nelems * span.elemsize
        unit = 8 if entry.size == 8 else 16 if entry.size < 1024 else 128
        facts = (
            span.nelems >= 1,
            span.nelems <= MAX_OBJECTS_PER_SPAN,
            span.nelems == entry.objects,
            tail >= 0,
            tail <= entry.span_bytes // 8,
            tail == entry.tail_waste,
            span.freeindex == 0,
            span.alloc_count == 0,
            entry.size % unit == 0,
            entry.size > below,
        )
        below = entry.size
        p.show(f"class {number}", z3.And(*(as_bool(fact) for fact in facts)))
    p.possible("any base", base == 0xC0_0000_0000)


@obligation("sizeclass.waste", "SC-8 SC-12", INTEGERS)
def waste_never_exceeds_the_stated_bound(p: Proof) -> None:
    """Whatever the requests, a full span wastes at most the `max_waste` bytes of its class.

    From 112 bytes on that is at most 16.65 % of the span.
    """
    size = p.number(U64, "size")
    p.assume(size >= 1, size <= MAX_SMALL_SIZE)
    size_class = p.integer(size_class_for, size)
    for number, entry in small_classes(p):
        wasted = (entry.size - size) * entry.objects + entry.tail_waste
        p.show(f"class {number}", wasted <= entry.max_waste, size_class == number)
        if entry.size >= 112:
            bounded = entry.max_waste * 10000 <= 1665 * entry.span_bytes
            p.show(f"class {number} is below 16.65 %", as_bool(bounded))
    p.possible("the worst case is met", z3.And(size == 1, size_class == 1))


@obligation("tiny.inside", "MAL-5 MAL-6 MAL-7 MAL-8 I-36", Words(64))
def tiny_objects_are_aligned_and_inside_their_block(p: Proof) -> None:
    """A tiny object lies in its block, behind all earlier ones, aligned as its size asks.

    After a miss the block with more room left is the current one.
    """
    block, size = p.fresh(TinyBlock, "block"), p.number(U8, "size")
    assert isinstance(block, TinyBlock)
    fresh = p.number(U64, "fresh")
    p.assume(size != 0, z3.ULT(size, 16), z3.ULE(block.offset, 16), fresh != 0)
    p.assume((block.address == NO_TINY_BLOCK.address) == (block.offset == 0))
    hit = p.holds(tiny_fits, block, size)
    offset = p.integer(align_tiny, block.offset, size)
    unit = z3.If(
        size % 8 == 0, 8, z3.If(size % 4 == 0, 4, z3.If(size % 2 == 0, 2, z3.BitVecVal(1, 64)))
    )
    p.show("aligned as its size asks", z3.URem(offset, unit) == 0)
    p.show("not below", z3.UGE(offset, block.offset))
    p.show("at the lowest such offset", z3.ULT(offset - block.offset, unit))
    room = z3.And(block.address != 0, z3.ULE(offset + size, 16))
    p.show("fits where there is room", hit == room)
    # Nobody lives to see the count overflow.
    p.assume(hit, z3.ULT(block.allocs, M64))
    after = p.call(take_tiny, block, size)
    assert isinstance(after, TinyBlock)
    p.show("up to the new offset", after.offset == offset + size)
    current = p.call(replace_tiny_block, block, fresh, size)
    assert isinstance(current, TinyBlock)
    p.show("a block is current", current.address != 0)
    p.show("its offset is used room", z3.And(current.offset != 0, z3.ULE(current.offset, 16)))
    p.show("more room wins", z3.ULE(current.offset, z3.If(block.offset == 0, 16, block.offset)))
    tie = z3.And(block.address != 0, size == block.offset)
    p.show("a tie keeps the block", current.address == block.address, tie)
    p.possible("an exact fit", offset + size == 16)
