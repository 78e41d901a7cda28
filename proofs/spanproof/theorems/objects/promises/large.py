"""A large object has a span of its own, of which it is the only slot."""

from typing import Final

import z3
from msgspec.structs import replace

from spanproof.prove.lemmas import Lemma
from spanproof.prove.proof import Proof, obligation
from spanproof.theorems.objects.promises.places import WORDS
from spanspec.base.constants import PAGE_SIZE, make_span_class, size_class_of
from spanspec.base.words import U32, U64
from spanspec.heap.courses.malloc import pages_for_large
from spanspec.heap.state.contents import with_large_object
from spanspec.span.mspan import (
    Mspan,
    bounds_hold,
    init_span,
    is_allocated,
    is_free,
    layout,
    slot_address,
)


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
