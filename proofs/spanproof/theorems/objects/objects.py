"""What a program may rely on: its objects do not overlap, are aligned, live as long as they are
marked, and are zero where that was promised.
"""

from typing import Final

import z3
from msgspec.structs import replace

from spanproof.prove.assumptions import MARKER, ZERO_PAGES
from spanproof.prove.lemmas import Lemma
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.merge import as_bool
from spanproof.symbolic.values import SymbolicBitmap
from spanproof.theorems.induction import count_starts, count_steps
from spanproof.theorems.pages.tilingreads import is_addressable
from spanproof.theorems.span.cache import any_span
from spanproof.theorems.span.counting import (
    FREED,
    MARKS,
    NOT_AGAIN,
    dies,
    is_free_slot,
    is_handed_out,
    marks_allocated,
)
from spanproof.theorems.span.searches import SLOW
from spanproof.theorems.span.sizeclass import small_classes
from spanproof.theorems.span.sweeps import any_sweep, returns_to_heap
from spanspec.base.bitmap import Bitmap
from spanspec.base.constants import (
    PAGE_SIZE,
    TINY_SIZE,
    TINY_SPAN_CLASS,
    make_span_class,
    size_class_of,
)
from spanspec.base.words import M64, U8, U16, U32, U64
from spanspec.heap.collector import MARK
from spanspec.heap.contents import allocate_black, with_large_object
from spanspec.heap.malloc import pages_for_large
from spanspec.heap.marking import with_object_marked
from spanspec.pages.runs import (
    AMD64,
    PageRun,
    Split,
    cut_run,
    end_of,
    merge_above,
    merge_below,
    page_run,
    split_run,
)
from spanspec.span.mspan import (
    IN_USE,
    Mspan,
    bounds_hold,
    init_span,
    is_allocated,
    is_free,
    layout,
    slot_address,
    with_small_limit,
)
from spanspec.span.tiny import TinyBlock, align_tiny, replace_tiny_block, take_tiny, tiny_fits

WORDS: Final = Words(64)
INTEGERS: Final = Integers()


# --- tiny objects ---------------------------------------------------------------------------------


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


# --- large objects --------------------------------------------------------------------------------


def is_cut_as_large(span: Mspan) -> bool:
    """A span in use for one large object is cut as `layout` says. No search or sweep changes how
    a span is cut: their contracts keep it.
    """
    return (
        size_class_of(span.spanclass) == 0
        and span.npages >= 1
        and span.nelems == layout(span.npages, span.npages * PAGE_SIZE).objects
    )


def has_one_slot(span: Mspan) -> bool:
    """The span has one slot."""
    return span.nelems == 1


ONE_SLOT: Final = Lemma("large.layout", has_one_slot, given=(is_cut_as_large,))


@obligation("large.layout", "SPAN-1 SPAN-5 HEAP-22 MAL-11", WORDS)
def a_large_span_is_one_slot(p: Proof) -> None:
    """A fresh span for a large object, whatever its pages, has one slot, which is all of it."""
    any_large = p.fresh(Mspan, "any_large")
    p.suppose(ONE_SLOT, any_large)
    p.establish(ONE_SLOT, any_large)
    base, npages = p.number(U64, "base"), p.number(U32, "npages")
    p.assume(z3.UGE(npages, 1))
    span = p.call(init_span, base, npages, make_span_class(0, False), base)
    assert isinstance(span, Mspan)
    p.lemma("all pages", span.elemsize == npages * PAGE_SIZE)
    p.show("cut as large", p.holds(is_cut_as_large, span))
    p.show("one slot", span.nelems == 1)
    p.show("free", p.holds(is_free, span, 0))
    p.show("the slot is the span", p.integer(slot_address, span, 0) == base)
    p.possible("an object of 1 GiB", npages == 1 << 17)


@obligation("large.fits", "MAL-11 MAL-12 I-6 I-37 T-21", WORDS)
def a_large_object_fits_its_span(p: Proof) -> None:
    """A large object gets the fewest pages that hold it, its one slot is taken, and it lies within
    the span's limit; a size near 2^64 is refused (T-21), never wrapped.
    """
    size, base = p.number(U64, "size"), p.number(U64, "base")
    p.assume(z3.UGT(size, 32768), z3.ULT(size, 1 << 44), z3.ULT(base, 1 << 48))
    npages = p.integer(pages_for_large, size)
    p.show("holds it", z3.UGE(npages * PAGE_SIZE, size))
    p.show("no page too many", z3.ULT((npages - 1) * PAGE_SIZE, size))
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    span = replace(span, base=base, nelems=1, freeindex=0, alloc_count=0)
    after = p.call(with_large_object, span, size)
    assert isinstance(after, Mspan)
    p.show("bounds", p.holds(bounds_hold, after))
    p.show("allocated", p.holds(is_allocated, after, 0))
    p.show("counted", after.alloc_count == 1)
    p.show("ends at the limit", after.limit == base + size)
    p.show("inside", z3.ULE(after.limit, base + npages * PAGE_SIZE))
    p.possible("not whole pages", size % PAGE_SIZE != 0)


# --- zeroing --------------------------------------------------------------------------------------


def is_written(span: Mspan, written: Bitmap, slot: U16) -> bool:
    """Slots that hold something other than zero are allocated, or the span says needzero."""
    return not written.bit(slot) or span.needzero == 1 or is_allocated(span, slot)


@obligation(
    "zero.slots",
    "MAL-23 SWP-27 HEAP-35 I-10 I-39",
    WORDS,
    contracts=SLOW,
    lemmas=(MARKS, FREED, ONE_SLOT),
    assumes=(MARKER,),
)
def a_free_slot_is_zero_unless_its_span_says_so(p: Proof) -> None:
    """Where needzero is 0, every free slot is zero: slots are written only when allocated, and a
    sweep that frees one sets needzero. So an object is zero if its span says that it need not be
    cleared.
    """
    p.arbitrary("below", U16)
    span, swept = any_sweep(p)
    written, slot = p.fresh(Bitmap, "written"), p.number(U16, "slot")
    assert isinstance(written, SymbolicBitmap)
    p.assume(z3.ULT(slot, span.nelems), p.holds(is_written, span, written, slot))
    freed = p.holds(dies, span, slot)
    p.use(FREED, span, slot, given=freed, every=lambda slot: [p.holds(marks_allocated, span, slot)])
    large = z3.ULT(span.spanclass, 2)
    p.assume(z3.Implies(large, p.holds(is_cut_as_large, span)))
    p.use(ONE_SLOT, span, given=large)
    p.conclude(p.holds(count_starts, span.gcmark_bits), p.holds(count_steps, span.gcmark_bits, 0))
    p.show("after a sweep", p.holds(is_written, swept.span, written, slot))
    taken, zeroed = p.number(U16, "taken"), span.needzero == 0
    p.assume(z3.ULT(taken, span.nelems), p.holds(is_written, span, written, taken))
    free = p.holds(is_free, span, taken)
    p.show("a free slot", z3.Implies(z3.And(free, zeroed), z3.Not(written.bit(taken))))
    p.possible("a written slot is freed", z3.And(freed, written.bit(slot)))
    p.possible("nothing needs zeroing", z3.And(free, zeroed))


@obligation(
    "zero.returned",
    "SWP-26 SWP-27 HEAP-35",
    WORDS,
    contracts=SLOW,
    lemmas=(MARKS,),
    assumes=(MARKER,),
)
def a_returned_span_needs_zeroing(p: Proof) -> None:
    """Every span that a sweep gives back to the page heap has needzero 1."""
    p.arbitrary("below", U16)
    _, swept = any_sweep(p)
    preserve = p.fresh(bool, "preserve")
    gone = p.holds(returns_to_heap, swept, preserve)
    p.show("needzero", z3.Implies(gone, swept.span.needzero == 1))
    p.possible("a span goes back", gone)


def run_is_clean(run: PageRun, written: bool, address: U64) -> bool:
    """An address in a run that need not be zeroed was never written."""
    inside = run.base <= address < end_of(run)
    return not (inside and written) or run.needzero != 0


@obligation("zero.runs", "HEAP-19 HEAP-30 HEAP-35 I-10", INTEGERS, assumes=(ZERO_PAGES,))
def a_free_run_is_zero_unless_it_says_so(p: Proof) -> None:
    """Where needzero is 0, a free run was never written: cutting, merging and growing keep that."""
    below, above = p.fresh(PageRun, "below"), p.fresh(PageRun, "above")
    assert isinstance(below, PageRun)
    assert isinstance(above, PageRun)
    written, address = p.fresh(bool, "written"), p.number(U64, "address")
    npages, at = p.number(U64, "npages"), p.number(U64, "at")
    p.assume(above.base == p.integer(end_of, below))
    p.assume(*(p.holds(run_is_clean, run, written, address) for run in (below, above)))
    p.assume(*(p.holds(is_addressable, run) for run in (below, above)))
    for name, merged in (
        ("the lower absorbed", p.call(merge_below, AMD64, below, above)),
        ("the upper absorbed", p.call(merge_above, AMD64, below, above)),
    ):
        p.show(name, p.holds(run_is_clean, merged, written, address))
    inside = z3.And(at > below.base, at < p.integer(end_of, below), npages < below.npages)
    cut = p.call_given(inside, cut_run, below, at)
    split = p.call_given(inside, split_run, AMD64, below, npages)
    for name, two in (("cut", cut), ("split", split)):
        assert isinstance(two, Split)
        for part in (two.taken, two.rest):
            clean = p.holds(run_is_clean, part, written, address)
            seam = z3.Implies((at - below.base) % PAGE_SIZE == 0, clean)
            p.show(f"both parts, {name}", z3.Implies(inside, seam))
    fresh = p.call(page_run, below.base, npages)
    assert isinstance(fresh, PageRun)
    p.show("a grown run", p.holds(run_is_clean, fresh, False, address))
    p.show("a grown run is zero", as_bool(fresh.needzero == 0))
    p.possible("one needs zeroing, the other not", below.needzero != above.needzero)


# --- slots ----------------------------------------------------------------------------------------


@obligation("object.slots", "MAL-22 SPAN-4 SPAN-5 HEAP-22 I-6 I-37 I-39", INTEGERS)
def slots_do_not_overlap_and_are_aligned(p: Proof) -> None:
    """Two slots of a span have no byte in common, lie within its limit and its pages, and begin at
    a multiple of every power of two that divides their size. With pages.no-overlap, no two objects
    of the heap overlap.
    """
    page = p.number(U32, "page")
    one, other = p.number(U16, "one"), p.number(U16, "other")
    base = page * PAGE_SIZE
    p.assume(one < other)
    for number, entry in small_classes(p):
        span = p.call(init_span, base, entry.npages, make_span_class(number, True), base)
        assert isinstance(span, Mspan)
        start, next_start = (p.integer(slot_address, span, slot) for slot in (one, other))
        used = other < span.nelems
        end = base + entry.npages * PAGE_SIZE
        p.show(f"{entry.size}: apart", start + entry.size <= next_start, used)
        p.show(f"{entry.size}: inside", next_start + entry.size <= end, used)
        limited = p.call(with_small_limit, span)
        assert isinstance(limited, Mspan)
        p.show(f"{entry.size}: below the limit", next_start + entry.size <= limited.limit, used)
        p.show(f"{entry.size}: the limit is inside", limited.limit <= end)
        unit = entry.size & -entry.size
        p.show(f"{entry.size}: aligned", next_start % min(unit, PAGE_SIZE) == 0)
    p.possible("the last slots of the smallest class", z3.And(one == 1022, other == 1023))


@obligation("object.lowest-pages", "HEAP-13 TREAP-2 I-40 T-30 T-31", INTEGERS)
def an_allocation_takes_the_low_end(p: Proof) -> None:
    """Of the run that first fit chose, exactly the pages asked for are taken, from its low end."""
    run, npages = p.fresh(PageRun, "run"), p.number(U64, "npages")
    assert isinstance(run, PageRun)
    p.assume(npages >= 1, npages < run.npages, p.holds(is_addressable, run))
    cut = p.call(split_run, AMD64, run, npages)
    assert isinstance(cut, Split)
    p.show("the low end", z3.And(cut.taken.base == run.base, cut.taken.npages == npages))
    p.show("the rest follows", cut.rest.base == p.integer(end_of, cut.taken))
    p.show("nothing more", cut.rest.npages == run.npages - npages)
    p.possible("a scavenged run", z3.And(run.scavenged, npages > 1))
