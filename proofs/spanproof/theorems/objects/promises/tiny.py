"""Tiny objects that share a block do not overlap, and die with it."""

import z3
from msgspec.structs import replace

from spanproof.prove.assumptions import MARKER
from spanproof.prove.proof import Proof, obligation
from spanproof.theorems.objects.promises.places import WORDS
from spanproof.theorems.span.cache import any_span
from spanproof.theorems.span.counting import NOT_AGAIN, is_free_slot, is_handed_out
from spanproof.theorems.span.sizeclass import small_classes
from spanspec.base.constants import PAGE_SIZE, TINY_SIZE, TINY_SPAN_CLASS, size_class_of
from spanspec.base.words import M64, U8, U16, U64
from spanspec.heap.state.collector import MARK
from spanspec.heap.state.contents import allocate_black
from spanspec.heap.state.marking import with_object_marked
from spanspec.span.mspan import IN_USE, Mspan, is_allocated, layout, slot_address
from spanspec.span.tiny import TinyBlock, align_tiny, replace_tiny_block, take_tiny, tiny_fits


def ends_within(block: TinyBlock, start: U8, size: U8) -> bool:
    """An object of a block lies below the block's offset."""
    return start + size <= block.offset


def is_in_pages(span: Mspan, address: U64) -> bool:
    """An address lies in a span."""
    return span.base <= address < span.base + span.npages * PAGE_SIZE


def a_fresh_block(p: Proof, block: TinyBlock) -> z3.ExprRef:
    """The address of a free slot of any tiny span. If the current block lies in the span, it is in
    one of its slots, and allocated.
    """
    span = p.fresh(Mspan, "span")
    slot, current = p.number(U16, "slot"), p.number(U16, "current")
    assert isinstance(span, Mspan)
    _, entry = small_classes(p)[size_class_of(TINY_SPAN_CLASS) - 1]
    cut = layout(entry.npages, entry.size)
    span = replace(span, npages=entry.npages, elemsize=cut.size, nelems=cut.objects)
    p.assume(span.base != 0, z3.ULT(span.base, 1 << 48), z3.ULT(slot, span.nelems))
    here = p.holds(is_in_pages, span, block.address)
    p.assume(p.holds(is_free_slot, span, slot))
    p.assume(z3.Implies(here, p.holds(is_handed_out, span, slot, current)))
    p.assume(z3.Implies(here, p.integer(slot_address, span, current) == block.address))
    p.use(NOT_AGAIN, span, slot, current, given=here)
    return p.integer(slot_address, span, slot)


@obligation("tiny.disjoint", "MAL-5 MAL-6 MAL-7 MAL-8 I-37", WORDS, lemmas=(NOT_AGAIN,))
def tiny_objects_do_not_overlap(p: Proof) -> None:
    """Tiny objects of one block never overlap: each ends below the block's offset, and the next
    begins at it or above. A block that replaces another has one object, its first.
    """
    block, size = p.fresh(TinyBlock, "block"), p.number(U8, "size")
    assert isinstance(block, TinyBlock)
    start, earlier = p.number(U8, "start"), p.number(U8, "earlier")
    p.assume(size != 0, z3.ULT(size, 16), earlier != 0, z3.ULE(block.offset, 16))
    p.assume(p.holds(ends_within, block, start, earlier))
    fresh = a_fresh_block(p, block)
    hit = p.holds(tiny_fits, block, size)
    # Nobody lives to see the count overflow.
    p.assume(z3.ULT(block.allocs, M64))
    offset = p.integer(align_tiny, block.offset, size)
    p.show("behind the earlier one", z3.UGE(offset, start + earlier), hit)
    after = p.call_given(hit, take_tiny, block, size)
    assert isinstance(after, TinyBlock)
    p.show("the earlier one stays below", p.implied(hit, ends_within, after, start, earlier))
    p.show("the new one is below", p.implied(hit, ends_within, after, offset, size))
    current = p.call(replace_tiny_block, block, fresh, size)
    assert isinstance(current, TinyBlock)
    kept = current.address == block.address
    p.show("a kept block keeps its objects", z3.Implies(kept, current.offset == block.offset))
    first = p.holds(ends_within, current, 0, size)
    p.show("a new block has its first", z3.Implies(z3.Not(kept), first))
    p.possible("two in a block", z3.And(hit, z3.UGT(offset, start + earlier)))


@obligation("tiny.survives", "MAL-9 MAL-14 MAL-24 SWP-28", WORDS, assumes=(MARKER,))
def tiny_objects_die_only_with_their_block(p: Proof) -> None:
    """The block that is current when marking starts is marked, and one taken while marking is born
    marked; no other step clears a mark. So the sweep keeps it, with all tiny objects in it.
    """
    span = replace(any_span(p), spanclass=TINY_SPAN_CLASS, elemsize=TINY_SIZE, state=IN_USE)
    slot, other = p.number(U16, "slot"), p.number(U16, "other")
    p.assume(z3.ULT(slot, span.nelems), p.holds(is_allocated, span, slot))
    p.assume(z3.ULT(span.base, 1 << 48))
    address = p.integer(slot_address, span, slot)
    marked = p.call(with_object_marked, span, address)
    fresh = p.call(allocate_black, span, slot, MARK)
    for name, after in (("at the start", marked), ("at birth", fresh)):
        assert isinstance(after, Mspan)
        p.show(f"marked {name}", p.holds(is_marked, after, slot))
        earlier = p.holds(is_marked, span, other)
        p.show(f"other marks stay {name}", z3.Implies(earlier, p.holds(is_marked, after, other)))
    p.possible("another object is marked", z3.And(other != slot, p.holds(is_marked, span, other)))


def is_marked(span: Mspan, slot: U16) -> bool:
    """A slot's mark bit is set."""
    return span.gcmark_bits.bit(slot)
