"""Counting slots: allocCount is right, sweeps free what they should, nothing is handed out twice.

Bits are an arbitrary predicate here, spans have any number of slots up to 1024, and every claim
about a count is by induction over the slots.
"""

import z3
from msgspec.structs import replace

from spanproof.prove.assumptions import MARKER
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.frames import LoopInvariant
from spanproof.symbolic.integers import Integers
from spanproof.theorems.induction import by_induction, count_starts, steps
from spanproof.theorems.span.counting import (
    FREED,
    FULL,
    MARKS,
    ROOM,
    is_free_slot,
    is_not_free,
    marks_allocated,
)
from spanproof.theorems.span.span import SLOW, WORDS, any_sweep, took_free_slot
from spanspec.base.bitmap import Bitmap
from spanspec.base.constants import MAX_OBJECTS_PER_SPAN
from spanspec.base.words import U16
from spanspec.span.freeslots import (
    SlotSet,
    Taken,
    allocate,
    ends_search,
    is_lowest_free,
    is_passed_over,
    lowest_free,
)
from spanspec.span.mspan import (
    Mspan,
    allocated_below,
    bounds_hold,
    count_alloc,
    count_is_exact,
    is_allocated,
    is_free,
)

INTEGERS = Integers()


def passes_allocated(slots: SlotSet, slot: U16, below: U16) -> bool:
    """Invariant of the abstract search: every slot before this one is allocated."""
    return slot <= slots.nelems and (not below < slot or slots.allocated.bit(below))


def slots_left(slots: SlotSet, slot: U16) -> int:
    """Variant of the abstract search."""
    return slots.nelems - slot


ABSTRACT_SEARCH = {
    "spanspec.span.freeslots.lowest_free": LoopInvariant(passes_allocated, slots_left)
}


def any_counted_span(p: Proof) -> Mspan:
    """A span within bounds whose allocCount is the number of its allocated slots."""
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    p.assume(p.holds(bounds_hold, span), p.holds(count_is_exact, span))
    p.assume(p.holds(count_starts, span.alloc_bits), p.holds(count_starts, span.gcmark_bits))
    return span


def take_lowest(p: Proof, span: Mspan) -> tuple[z3.ExprRef, Mspan]:
    """The effect of either search, as proved in span.fast.takes-lowest and span.slow.*."""
    slot = p.number(U16, "slot")
    after = p.fresh(Mspan, "after")
    assert isinstance(after, Mspan)
    after = replace(after, alloc_bits=span.alloc_bits)
    p.assume(p.holds(ends_search, span, slot), p.holds(took_free_slot, span, slot, after))
    return slot, after


@obligation("span.free-or-allocated", "SPAN-8 SPAN-17", INTEGERS)
def every_slot_is_free_or_allocated(p: Proof) -> None:
    """A slot is free exactly if it is not allocated; a span has at most 1024 of them."""
    span = any_counted_span(p)
    slot = p.number(U16, "slot")
    p.assume(slot < span.nelems)
    p.show("at most 1024 slots", span.nelems <= MAX_OBJECTS_PER_SPAN)
    p.show("complement", p.holds(is_free, span, slot) == z3.Not(p.holds(is_allocated, span, slot)))
    p.possible("below freeindex, bit clear", z3.And(slot < span.freeindex, slot > 0))


@obligation("span.lowest-is-unique", "SPAN-8 SPAN-15", INTEGERS)
def the_lowest_free_slot_is_unique(p: Proof) -> None:
    """At most one slot is the lowest free one, and it is free unless the span is full.

    So two searches that both find it agree.
    """
    span = any_counted_span(p)
    one, other = p.number(U16, "one"), p.number(U16, "other")
    p.assume(p.holds(is_lowest_free, span, one), p.holds(is_lowest_free, span, other))
    p.show("unique", one == other)
    p.show("free", z3.Or(one == span.nelems, p.holds(is_free, span, one)))
    p.possible("slots are passed over", one > span.freeindex + 2)


@obligation("count.allocate", "SPAN-9 SPAN-12 MAL-19 I-2", INTEGERS, lemmas=(ROOM,))
def allocation_keeps_the_count(p: Proof) -> None:
    """Taking the lowest free slot keeps allocCount equal to the number of allocated slots."""
    span = any_counted_span(p)
    slot, after = take_lowest(p, span)
    bits = span.alloc_bits

    def run(end: z3.ExprRef) -> z3.BoolRef:
        return bits.count(end) - bits.count(span.freeindex) == end - span.freeindex

    by_induction(
        p,
        "the slots passed over are all allocated",
        run,
        span.freeindex,
        slot,
        lambda j: [*steps(p, j, bits), p.holds(is_passed_over, span, slot, j)],
    )
    p.assume(*steps(p, slot, bits))
    p.use(ROOM, span, slot, given=p.holds(is_free_slot, span, slot))
    p.show("count", p.holds(count_is_exact, after))
    p.show("bounds", p.holds(bounds_hold, after))
    p.possible("slots are passed over", slot > span.freeindex + 2)


def any_bits(p: Proof) -> Mspan:
    """A span of which nothing is known but what its bits' counts are."""
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    p.conclude(p.holds(count_starts, span.alloc_bits), p.holds(count_starts, span.gcmark_bits))
    return span


@obligation("count.room", "SPAN-9 SPAN-16 MAL-19 CEN-8", INTEGERS)
def a_free_slot_is_not_counted(p: Proof) -> None:
    """If a slot is free, allocCount is less than nelems."""
    span, free = any_bits(p), p.number(U16, "free")
    p.suppose(ROOM, span, free)
    by_induction(
        p,
        "a free slot is not counted",
        lambda j: p.integer(allocated_below, span, j) + z3.If(free < j, 1, 0) <= j,
        z3.IntVal(0),
        span.nelems,
        lambda j: steps(p, j, span.alloc_bits),
    )
    p.establish(ROOM, span)
    p.possible("a free slot", free > span.freeindex)


@obligation("count.full", "SPAN-9 SPAN-16 MAL-19 MC-4", INTEGERS)
def all_are_counted_if_none_is_free(p: Proof) -> None:
    """If no slot is free, allocCount equals nelems."""
    span = any_bits(p)
    p.suppose(FULL, span)
    by_induction(
        p,
        "all are counted",
        lambda j: p.integer(allocated_below, span, j) == j,
        z3.IntVal(0),
        span.nelems,
        lambda j: [*steps(p, j, span.alloc_bits), p.holds(is_not_free, span, j)],
    )
    p.establish(FULL, span)
    p.possible("none is free", span.freeindex < span.nelems)


@obligation("count.marks", "SWP-24 SPAN-20 I-4", INTEGERS)
def marks_never_exceed_the_count(p: Proof) -> None:
    """If only allocated slots are marked, a sweep never raises allocCount."""
    span = any_bits(p)
    p.suppose(MARKS, span)
    by_induction(
        p,
        "marked slots are among the allocated",
        lambda j: span.gcmark_bits.count(j) <= p.integer(allocated_below, span, j),
        z3.IntVal(0),
        span.nelems,
        lambda j: [
            *steps(p, j, span.alloc_bits, span.gcmark_bits),
            p.holds(marks_allocated, span, j),
        ],
    )
    p.establish(MARKS, span)
    p.possible("some are marked", p.integer(count_alloc, span) > 1)


@obligation("count.freed", "SWP-24 SWP-26 I-27", INTEGERS)
def a_dead_object_is_freed(p: Proof) -> None:
    """If an allocated slot is not marked, a sweep frees some."""
    span, dead = any_bits(p), p.number(U16, "dead")
    marks = span.gcmark_bits
    p.suppose(FREED, span, dead)
    by_induction(
        p,
        "a dead object is counted but not marked",
        lambda j: marks.count(j) + z3.If(dead < j, 1, 0) <= p.integer(allocated_below, span, j),
        z3.IntVal(0),
        span.nelems,
        lambda j: [*steps(p, j, span.alloc_bits, marks), p.holds(marks_allocated, span, j)],
    )
    p.establish(FREED, span)
    p.possible("one dies, another lives", p.integer(count_alloc, span) > 1)


@obligation("count.kept", "SWP-24 SWP-26 I-27", INTEGERS)
def nothing_is_freed_if_every_object_lives(p: Proof) -> None:
    """If every allocated slot is marked, and no other, a sweep frees nothing."""
    span = any_counted_span(p)
    marks = span.gcmark_bits
    by_induction(
        p,
        "if all live, the counts agree",
        lambda j: marks.count(j) == p.integer(allocated_below, span, j),
        z3.IntVal(0),
        span.nelems,
        lambda j: [
            *steps(p, j, span.alloc_bits, marks),
            p.holds(is_allocated, span, j) == marks.bit(j),
        ],
    )
    p.show("nothing is freed", p.integer(count_alloc, span) == span.alloc_count)
    p.possible("all live", p.integer(count_alloc, span) > 1)


@obligation(
    "count.sweep",
    "SPAN-9 SWP-24 SWP-28 I-2",
    WORDS,
    contracts=SLOW,
    lemmas=(MARKS,),
    assumes=(MARKER,),
)
def sweep_leaves_the_count_exact(p: Proof) -> None:
    """After a sweep allocCount is the number of allocated slots, and within bounds."""
    p.arbitrary("below", U16)
    span, swept = any_sweep(p)
    p.conclude(p.holds(count_starts, span.gcmark_bits))
    p.show("count", p.holds(count_is_exact, swept.span))
    p.show("bounds", p.holds(bounds_hold, swept.span))
    p.possible("something survives", z3.UGT(swept.span.alloc_count, 1))


def handed_is_allocated(span: Mspan, handed: Bitmap, slot: U16) -> bool:
    """A slot that was handed out since it was last found dead is allocated."""
    return not handed.bit(slot) or is_allocated(span, slot)


@obligation("span.once", "SPAN-8 SPAN-15 SWP-28 I-38", INTEGERS)
def no_slot_is_handed_out_twice(p: Proof) -> None:
    """Between two sweeps no slot is handed out twice; after a sweep only dead slots can be."""
    span = any_counted_span(p)
    handed = p.fresh(Bitmap, "handed")
    slot, after = take_lowest(p, span)
    other = p.number(U16, "other")
    p.assume(other < span.nelems, p.holds(is_passed_over, span, slot, other))
    p.assume(*(p.holds(handed_is_allocated, span, handed, i) for i in (slot, other)))
    given = p.call(hand_out, handed, slot)
    p.show("the slot was not handed out before", z3.Not(p.holds(was_handed, handed, slot)))
    p.show("the ledger stays right", p.holds(handed_is_allocated, after, given, other))
    survivors = p.fresh(Bitmap, "survivors")
    live = p.holds(was_handed, survivors, other)
    p.assume(live == z3.And(p.holds(was_handed, handed, other), span.gcmark_bits.bit(other)))
    swept = replace(span, freeindex=0, alloc_bits=span.gcmark_bits)
    p.show("a sweep keeps it right", p.holds(handed_is_allocated, swept, survivors, other))
    p.possible("another slot was handed out", z3.And(live, other != slot))


def hand_out(handed: Bitmap, slot: U16) -> Bitmap:
    """Enter a slot in the ledger of handed-out slots."""
    return handed.with_bit(slot)


def was_handed(handed: Bitmap, slot: U16) -> bool:
    """Read the ledger."""
    return handed.bit(slot)


@obligation("span.refines-abstract", "SPAN-8 SPAN-15", INTEGERS, loops=ABSTRACT_SEARCH)
def windowed_span_refines_the_abstract_one(p: Proof) -> None:
    """The windowed span hands out the slot that the abstract one does, and stays its image.

    The image of a span is the set of its allocated slots.
    """
    span = any_counted_span(p)
    image = p.fresh(SlotSet, "image")
    assert isinstance(image, SlotSet)
    slot, after = take_lowest(p, span)
    p.name("below", slot)
    taken = p.call(allocate, image)
    assert isinstance(taken, Taken)
    lowest = p.results_of(lowest_free)[0]
    assert isinstance(lowest, z3.ExprRef)
    other = p.number(U16, "other")
    p.assume(image.nelems == span.nelems, other < span.nelems)
    for instance in (slot, lowest, other):
        p.assume(p.holds(is_passed_over, span, slot, instance))
        same = p.holds(is_in, image, instance) == p.holds(is_allocated, span, instance)
        p.assume(z3.Implies(instance < span.nelems, same))
    p.show("handed out", taken.slot == slot)
    p.show(
        "the same image",
        p.holds(is_in, taken.slots, other) == p.holds(is_allocated, after, other),
    )
    p.possible("a slot in the middle", z3.And(slot > 1, other > slot))


def is_in(slots: SlotSet, slot: U16) -> bool:
    """Tell whether a slot is allocated in the abstract span."""
    return slots.allocated.bit(slot)
