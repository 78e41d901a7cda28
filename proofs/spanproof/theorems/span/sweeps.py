"""A sweep keeps the slots that are marked and frees the others; what then becomes of the span."""

import z3

from spanproof.prove.assumptions import MARKER
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.merge import as_bool
from spanproof.theorems.span.cache import WORDS, any_span
from spanproof.theorems.span.counting import BETWEEN, MARKS, marks_allocated
from spanproof.theorems.span.searches import SLOW, parts
from spanspec.base.constants import size_class_of
from spanspec.base.words import U16
from spanspec.span.alloccache import cache_is_exact, next_free_index
from spanspec.span.freeslots import is_passed_over
from spanspec.span.listing import sweep_returns_span
from spanspec.span.mspan import IN_USE, Mspan, count_is_exact, is_allocated, is_free
from spanspec.span.sweep import Swept, frees_some, leaves_nothing, sweep


def may_sweep(span: Mspan) -> bool:
    """The span is in use."""
    return span.state == IN_USE and span.needzero <= 1


def returns_to_heap(swept: Swept, preserve: bool) -> bool:
    """The whole span goes back to the page heap."""
    large = size_class_of(swept.span.spanclass) == 0
    return sweep_returns_span(large, preserve, frees_some(swept), leaves_nothing(swept))


@obligation(
    "span.sweep.keeps-marked",
    "SWP-24 SWP-28 SWP-30 I-27",
    WORDS,
    contracts=SLOW,
    lemmas=(BETWEEN, MARKS),
    assumes=(MARKER,),
)
def sweep_keeps_marked_and_frees_unmarked_slots(p: Proof) -> None:
    """After a sweep a slot is allocated iff it was marked, whatever its state before.

    Also: freeindex is 0, the cache exact, the mark bits clear, and `wasempty` says truly whether
    a slot was free before.
    """
    below = p.arbitrary("below", U16)
    span, swept = any_sweep(p)
    after = swept.span
    slot = p.number(U16, "slot")
    p.assume(z3.ULT(slot, span.nelems))
    marked = span.gcmark_bits.bit(slot)
    p.show("marked stay, others go", p.holds(is_allocated, after, slot) == marked)
    p.show("search restarts", after.freeindex == 0)
    p.show("cache is exact", p.holds(cache_is_exact, after))
    p.show("marks are clear", z3.Not(after.gcmark_bits.bit(slot)))
    p.show("count is the marks", after.alloc_count == span.gcmark_bits.count(span.nelems))
    p.show("freed is the difference", swept.nfreed == span.alloc_count - after.alloc_count)
    p.show(
        "wasempty: none was free", p.holds(is_passed_over, span, span.nelems, below), empty(swept)
    )
    found, _ = parts(p.results_of(next_free_index)[0])
    p.show("not wasempty: one was", p.holds(is_free, span, found), ~empty(swept))
    p.possible("a marked slot", marked)
    p.possible("a dead one", z3.And(~marked, p.holds(is_allocated, span, slot)))


@obligation(
    "span.sweep.needzero",
    "SWP-24 SWP-25 SWP-26 SWP-27",
    WORDS,
    contracts=SLOW,
    lemmas=(BETWEEN, MARKS),
    assumes=(MARKER,),
)
def sweep_decides_zeroing_and_return_to_the_heap(p: Proof) -> None:
    """A small span needs zeroing after a sweep iff it did or something was freed; a large one,
    iff it did or died. A small span goes back to the heap iff something was freed, nothing in
    it lives and its sweeper does not want to keep it; a large one iff it died.
    """
    p.arbitrary("below", U16)
    span, swept = any_sweep(p)
    preserve = p.fresh(bool, "preserve")
    assert isinstance(preserve, z3.BoolRef)
    small, freed = z3.UGE(span.spanclass, 2), swept.nfreed != 0
    dead = swept.span.alloc_count == 0
    zeroing = swept.span.needzero == 1
    p.show("small", z3.Implies(small, zeroing == z3.Or(freed, span.needzero == 1)))
    p.show("large", z3.Implies(~small, zeroing == z3.Or(dead, span.needzero == 1)))
    gone = p.holds(returns_to_heap, swept, preserve)
    p.show("small returns", z3.Implies(small, gone == z3.And(freed, dead, ~preserve)))
    p.show("large returns", z3.Implies(~small, gone == dead))
    p.possible("a small span returns", z3.And(small, gone))
    p.possible("a preserved one stays", z3.And(small, freed, dead, ~gone))


def any_sweep(p: Proof) -> tuple[Mspan, Swept]:
    """Any legal sweep of any span: the span before, and the outcome.

    Only allocated slots are marked (by the assumption `marker`).
    """
    span = any_span(p)
    p.use(BETWEEN, span.alloc_bits, span.freeindex, span.nelems)
    p.use(BETWEEN, span.gcmark_bits, 0, span.nelems)
    p.assume(p.holds(may_sweep, span), p.holds(count_is_exact, span))
    p.use(MARKS, span, every=lambda slot: [p.holds(marks_allocated, span, slot)])
    swept = p.call(sweep, span)
    assert isinstance(swept, Swept)
    return span, swept


def empty(swept: Swept) -> z3.BoolRef:
    """The outcome `wasempty` as a term."""
    return as_bool(swept.was_empty)
