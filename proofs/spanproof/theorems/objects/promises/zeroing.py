"""Free memory is zero, unless its span or run says that it needs zeroing."""

import z3

from spanproof.prove.assumptions import MARKER, PHYSICAL_PAGES, ZERO_PAGES
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.merge import as_bool
from spanproof.symbolic.values.values import SymbolicBitmap
from spanproof.theorems.induction import count_starts, count_steps
from spanproof.theorems.objects.promises.large import ONE_SLOT, is_cut_as_large
from spanproof.theorems.objects.promises.places import INTEGERS, WORDS
from spanproof.theorems.pages.tables.tilingreads import is_addressable
from spanproof.theorems.span.counting import BETWEEN, FREED, MARKS, dies, marks_allocated
from spanproof.theorems.span.searches import SLOW
from spanproof.theorems.span.sweeps import any_sweep, returns_to_heap
from spanspec.base.bitmap import Bitmap
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.words import U16, U64
from spanspec.pages.tables.runs import (
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
from spanspec.span.mspan import Mspan, is_allocated, is_free


def is_written(span: Mspan, written: Bitmap, slot: U16) -> bool:
    """Slots that hold something other than zero are allocated, or the span says needzero."""
    return not written.bit(slot) or span.needzero == 1 or is_allocated(span, slot)


@obligation(
    "zero.slots",
    "MAL-23 SWP-27 HEAP-35 I-10 I-39",
    WORDS,
    contracts=SLOW,
    lemmas=(BETWEEN, MARKS, FREED, ONE_SLOT),
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
    lemmas=(BETWEEN, MARKS),
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


@obligation(
    "zero.runs", "HEAP-19 HEAP-30 HEAP-35 I-10", INTEGERS, assumes=(ZERO_PAGES, PHYSICAL_PAGES)
)
def a_free_run_is_zero_unless_it_says_so(p: Proof) -> None:
    """Where needzero is 0, a free run was never written: cutting, merging and growing keep that."""
    below, above = p.fresh(PageRun, "below"), p.fresh(PageRun, "above")
    assert isinstance(below, PageRun)
    assert isinstance(above, PageRun)
    p.take_for_granted(PHYSICAL_PAGES)
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
