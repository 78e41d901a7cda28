"""The marker marks objects that are allocated, and the reclaimer passes over the spans of them."""

from typing import Final

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanproof.theorems.objects.simulation.layout import LAYOUT, laid_out
from spanspec.base.words import U16, U32, U64
from spanspec.heap.state import collector as cycles
from spanspec.heap.state import marking as of
from spanspec.heap.state.collector import Collector
from spanspec.heap.state.marking import MarkedSpan
from spanspec.span.mspan import obj_index

INTEGERS: Final = Integers()


def is_marked(at: MarkedSpan, slot: U16) -> bool:
    """A slot is marked."""
    return at.record.gcmark_bits.bit(slot)


def same_otherwise(before: MarkedSpan, after: MarkedSpan, slot: U16) -> bool:
    """A slot has the mark that it had, and nothing is allocated or freed."""
    was, now = before.record, after.record
    return (
        now.gcmark_bits.bit(slot) == was.gcmark_bits.bit(slot)
        and now.alloc_bits.bit(slot) == was.alloc_bits.bit(slot)
        and now.freeindex == was.freeindex
        and now.alloc_count == was.alloc_count
    )


@obligation("marking.grey", "SPAN-21 MAL-15 SWP-22 SPAN-26 I-4", INTEGERS, contracts=LAYOUT)
def a_span_with_a_grey_object_is_not_reclaimed(p: Proof) -> None:
    """The marker marks an allocated object, and the first page of its span: so the reclaimer of
    this cycle passes over the span. Once another cycle marks, its page counts as unmarked again.
    """
    at, collector = p.fresh(MarkedSpan, "at"), p.fresh(Collector, "collector")
    assert isinstance(at, MarkedSpan)
    assert isinstance(collector, Collector)
    address, other = p.number(U64, "address"), p.number(U16, "other")
    sg, generation = p.number(U32, "sg"), p.number(U32, "generation")
    p.assume(p.holds(laid_out, at.record), p.holds(of.marks_hold, at, collector))
    p.assume(p.holds(cycles.is_sound, collector))
    epoch = collector.epoch
    begun = p.call(cycles.begin_marking, collector, z3.IntVal(0))
    assert isinstance(begun, Collector)
    p.show("page marks age", z3.Not(p.holds(of.page_is_marked, at, begun.epoch)))
    p.show("they stay sound", p.holds(of.marks_hold, at, begun))
    p.show("nothing is marked at first", z3.Not(p.holds(of.page_is_marked, at, z3.IntVal(0))))
    greys = z3.And(p.holds(of.may_grey, at, collector, address), epoch > 0)
    after = p.call_given(greys, of.grey, at, collector, address)
    slot = p.integer_given(greys, obj_index, at.record, address)
    p.show("its object", p.implied(greys, is_marked, after, slot))
    p.show("its page", p.implied(greys, of.page_is_marked, after, epoch))
    p.show("others stay", p.implied(z3.And(greys, other != slot), same_otherwise, at, after, other))
    p.show("it stays sound", p.implied(greys, of.marks_hold, after, collector))
    reclaims = p.implied(greys, of.may_reclaim, after, epoch, sg, generation)
    p.show("it is not reclaimed", z3.Not(reclaims), greys)
    clear = p.holds(of.may_reclaim, at, epoch, sg, generation)
    p.possible("it is marked", greys)
    p.possible("another is reclaimed", clear)
