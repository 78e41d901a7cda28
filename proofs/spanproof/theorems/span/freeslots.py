"""A span of Go hands out what the abstract one does, and no slot twice between two sweeps."""

from collections.abc import Callable

import z3

from spanproof.prove.assumptions import MARKER
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.evaluation.frames import LoopInvariant
from spanproof.symbolic.values.values import Value
from spanproof.theorems.span.cache import WORDS, any_span
from spanproof.theorems.span.counting import BETWEEN, MARKS, NOT_AGAIN
from spanproof.theorems.span.counts import INTEGERS, any_counted_span
from spanproof.theorems.span.searches import SEARCHES, parts
from spanproof.theorems.span.sweeps import any_sweep
from spanspec.base.bitmap import Bitmap
from spanspec.base.constants import MAX_OBJECTS_PER_SPAN
from spanspec.base.words import U16
from spanspec.span.alloccache import NextFree, next_free_fast, next_free_index
from spanspec.span.freeslots import SlotSet, Taken, allocate, is_lowest_free, lowest_free
from spanspec.span.mspan import Mspan, is_allocated, is_free


def passes_allocated(slots: SlotSet, slot: U16, below: U16) -> bool:
    """Invariant of the abstract search: every slot before this one is allocated."""
    return slot <= slots.nelems and (not below < slot or slots.allocated.bit(below))


def slots_left(slots: SlotSet, slot: U16) -> int:
    """Variant of the abstract search."""
    return slots.nelems - slot


ABSTRACT_SEARCH = {
    "spanspec.span.freeslots.lowest_free": LoopInvariant(passes_allocated, slots_left)
}


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


def handed_is_allocated(span: Mspan, handed: Bitmap, slot: U16) -> bool:
    """A slot that was handed out since it was last found dead is allocated."""
    return not handed.bit(slot) or is_allocated(span, slot)


@obligation(
    "span.once",
    "SPAN-8 SPAN-15 SWP-28 I-38",
    WORDS,
    contracts=SEARCHES,
    lemmas=(BETWEEN, MARKS),
    assumes=(MARKER,),
)
def no_slot_is_handed_out_twice(p: Proof) -> None:
    """Between two sweeps no slot is handed out twice; after a sweep only dead slots can be."""
    other = p.arbitrary("below", U16)
    any_span, any_slot = p.fresh(Mspan, "any_span"), p.number(U16, "any_slot")
    p.suppose(NOT_AGAIN, any_span, any_slot, other)
    p.establish(NOT_AGAIN, any_span, any_slot, other)
    span, swept = any_sweep(p)
    handed = p.fresh(Bitmap, "handed")
    p.assume(z3.ULT(other, span.nelems))
    for name, find in (("fast", next_free_fast), ("slow", next_free_index)):
        slot, after = parts(p.call(find, span))
        found = slot != span.nelems
        right = z3.And(*(p.holds(handed_is_allocated, span, handed, i) for i in (slot, other)))
        given = p.call(hand_out, handed, slot)
        was = p.holds(was_handed, handed, slot)
        p.show(f"not handed out before, {name}", z3.Not(was), z3.And(found, right))
        stays = p.holds(handed_is_allocated, after, given, other)
        p.show(f"the ledger stays right, {name}", stays, z3.And(found, right))
        p.possible(f"another was handed out, {name}", z3.And(found, right, other != slot))
    survivors = p.fresh(Bitmap, "survivors")
    live = p.holds(was_handed, survivors, other)
    marked = span.gcmark_bits.bit(other)
    p.assume(z3.Implies(live, z3.And(p.holds(was_handed, handed, other), marked)))
    kept = p.holds(handed_is_allocated, swept.span, survivors, other)
    p.show("a sweep keeps it right", kept)
    p.possible("one survives", live)


def hand_out(handed: Bitmap, slot: U16) -> Bitmap:
    """Enter a slot in the ledger of handed-out slots."""
    return handed.with_bit(slot)


def was_handed(handed: Bitmap, slot: U16) -> bool:
    """Read the ledger."""
    return handed.bit(slot)


@obligation(
    "span.refines-abstract", "SPAN-8 SPAN-15", WORDS, loops=ABSTRACT_SEARCH, contracts=SEARCHES
)
def windowed_span_refines_the_abstract_one(p: Proof) -> None:
    """The windowed span hands out the slot that the abstract one does, and stays its image.

    The image of a span is the set of its allocated slots.
    """
    span = any_span(p)
    image = p.fresh(SlotSet, "image")
    assert isinstance(image, SlotSet)
    other = p.number(U16, "other")
    p.assume(image.nelems == span.nelems, z3.ULT(other, span.nelems))
    for name, find in (("fast", next_free_fast), ("slow", next_free_index)):
        slot, after = parts(passing(p, find, span, other))
        p.name("below", slot)
        taken = p.call(allocate, image)
        lowest = p.results_of(lowest_free)[-1]
        assert isinstance(taken, Taken)
        assert isinstance(lowest, z3.ExprRef)
        passing(p, find, span, lowest)
        known = z3.And(*(p.holds(is_imaged, span, image, i) for i in (slot, lowest, other)))
        given = known if find is next_free_index else z3.And(known, slot != span.nelems)
        p.show(f"handed out, {name}", taken.slot == slot, given)
        same = p.holds(is_in, taken.slots, other) == p.holds(is_allocated, after, other)
        p.show(f"the same image, {name}", same, given)
        p.possible(f"a slot in the middle, {name}", z3.And(given, slot != 0, z3.UGT(other, slot)))


def passing(p: Proof, find: Callable[[Mspan], NextFree], span: Mspan, *below: Value) -> Value:
    """Return what a search finds, and build on that it passes rightly over some slots."""
    for slot in below:
        p.name("below", slot)
        found = p.call(find, span)
    return found


def is_imaged(span: Mspan, image: SlotSet, slot: U16) -> bool:
    """The abstract span says of a slot what the windowed one does."""
    return slot >= span.nelems or image.allocated.bit(slot) == is_allocated(span, slot)


def is_in(slots: SlotSet, slot: U16) -> bool:
    """Tell whether a slot is allocated in the abstract span."""
    return slots.allocated.bit(slot)
