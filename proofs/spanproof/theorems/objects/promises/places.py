"""Where objects are: slots do not overlap and are aligned; pages are taken from the low end."""

from typing import Final

import z3

from spanproof.prove.assumptions import PHYSICAL_PAGES
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.integers import Integers
from spanproof.theorems.pages.tables.tilingreads import is_addressable
from spanproof.theorems.span.sizeclass import small_classes
from spanspec.base.constants import PAGE_SIZE, make_span_class
from spanspec.base.words import U16, U32, U64
from spanspec.pages.tables.runs import AMD64, PageRun, Split, end_of, split_run
from spanspec.span.mspan import Mspan, init_span, slot_address, with_small_limit

WORDS: Final = Words(64)


INTEGERS: Final = Integers()


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


@obligation(
    "object.lowest-pages", "HEAP-13 TREAP-2 I-40 T-30 T-31", INTEGERS, assumes=(PHYSICAL_PAGES,)
)
def an_allocation_takes_the_low_end(p: Proof) -> None:
    """Of the run that first fit chose, exactly the pages asked for are taken, from its low end."""
    run, npages = p.fresh(PageRun, "run"), p.number(U64, "npages")
    assert isinstance(run, PageRun)
    p.take_for_granted(PHYSICAL_PAGES)
    p.assume(npages >= 1, npages < run.npages, p.holds(is_addressable, run))
    cut = p.call(split_run, AMD64, run, npages)
    assert isinstance(cut, Split)
    p.show("the low end", z3.And(cut.taken.base == run.base, cut.taken.npages == npages))
    p.show("the rest follows", cut.rest.base == p.integer(end_of, cut.taken))
    p.show("nothing more", cut.rest.npages == run.npages - npages)
    p.possible("a scavenged run", z3.And(run.scavenged, npages > 1))
