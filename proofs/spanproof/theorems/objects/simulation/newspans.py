"""A run becomes a span that objects can live in: of many slots, or of one large object."""

from typing import Final, NamedTuple, cast

import z3
from msgspec.structs import replace

from spanproof.prove.assumptions import ADDRESSES, LOCK_SECTIONS
from spanproof.prove.lemmas import ShownOfSteps
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.merge import as_bool
from spanproof.theorems.objects.promises.large import ONE_SLOT
from spanproof.theorems.objects.promises.places import WORDS
from spanproof.theorems.objects.simulation.heaps import (
    Whole,
    is_in_use,
    with_large_span,
    with_span_in_use,
)
from spanproof.theorems.objects.simulation.layout import INDEX, LARGE_CUT, LAYOUT, laid_out
from spanproof.theorems.objects.simulation.simulation import INTEGERS, ClaimedHeap, table_of
from spanproof.theorems.objects.simulation.told import show_told_by_its_thread
from spanproof.theorems.pages.tables.tilingaround import sound_around
from spanproof.theorems.pages.tables.tilingreads import base_at, end_at, npages_at, term
from spanproof.theorems.sharing.steps.order import USES
from spanproof.theorems.span.sizeclass import small_classes
from spanspec.base.constants import (
    HEAP_ADDR_BITS,
    MAX_SMALL_SIZE,
    PAGE_SHIFT,
    PAGE_SIZE,
    is_noscan,
    make_span_class,
)
from spanspec.base.ids import Address
from spanspec.base.words import U16, U32, U64
from spanspec.heap.courses.malloc import pages_for_large
from spanspec.heap.state.collector import MARK, OFF
from spanspec.objects import steps as abstract
from spanspec.objects.records import NOTHING, Objects
from spanspec.objects.steps import provide
from spanspec.pages.tables.records import Tiling
from spanspec.pages.tables.runs import PageRun
from spanspec.pages.tables.steps import may_use, use
from spanspec.span.mspan import Mspan, init_span, is_allocated


def is_fresh(base: U64, npages: U64, span: Mspan, other: U16) -> bool:
    """A fresh span is laid out in its pages; no slot is allocated or marked, none needs zeroing."""
    return (
        laid_out(span)
        and span.base == base
        and span.npages == npages
        and span.needzero == 0
        and span.alloc_count == 0
        and not (other < span.nelems and is_allocated(span, other))
        and not span.gcmark_bits.bit(other)
    )


LARGE: Final = "objects.slot.fresh-large"
FRESH: Final = ShownOfSteps(is_fresh, ("objects.slot.fresh", LARGE))


@obligation(
    "objects.slot.fresh", "SPAN-3 SPAN-4 SPAN-5 SPAN-6 HEAP-22", INTEGERS, assumes=(ADDRESSES,)
)
def a_fresh_span_is_empty(p: Proof) -> None:
    """A span that is initialized for a class, on pages of any base, is laid out, and empty."""
    page, other = p.number(U32, "page"), p.number(U16, "other")
    p.assume(page >= 1, page <= (1 << HEAP_ADDR_BITS - PAGE_SHIFT) - 16)
    base = page * PAGE_SIZE
    for number, entry in small_classes(p):
        for noscan in (False, True):
            spanclass = make_span_class(number, noscan)
            span = p.call(init_span, base, entry.npages, spanclass, base)
            assert isinstance(span, Mspan)
            span = replace(span, limit=base + span.nelems * span.elemsize)
            p.shows(FRESH, base, entry.npages, span, other)
    p.possible("a later slot", other == 7)


@obligation(LARGE, "SPAN-1 SPAN-5 HEAP-22 MAL-11", WORDS, lemmas=(ONE_SLOT,), assumes=(ADDRESSES,))
def a_fresh_large_span_is_empty(p: Proof) -> None:
    """A span that is initialized for a large object, of any pages, has one slot, and no object."""
    base, npages = p.number(U64, "base"), p.number(U32, "npages")
    other = p.number(U16, "other")
    p.assume(z3.UGE(npages, 1), z3.UGE(base, PAGE_SIZE))
    p.assume(z3.ULT(base, 1 << HEAP_ADDR_BITS))
    p.assume(z3.ULE(base + npages * PAGE_SIZE, 1 << HEAP_ADDR_BITS))
    p.assume(z3.URem(base, PAGE_SIZE) == 0)
    for noscan in (False, True):
        span = p.call(init_span, base, npages, make_span_class(0, noscan), base)
        assert isinstance(span, Mspan)
        p.use(ONE_SLOT, span)
        span = replace(span, limit=base + span.nelems * span.elemsize)
        p.shows(FRESH, base, npages, span, other)
    p.possible("an object of 1 GiB", npages == 1 << 17)


@obligation(
    "objects.use",
    "HEAP-22 HEAP-23 SPAN-6 MAL-23",
    INTEGERS,
    contracts=LAYOUT,
    lemmas=(FRESH, USES),
    assumes=(LOCK_SECTIONS,),
)
def a_new_span_has_no_object(p: Proof) -> None:
    """A run that becomes a span for small objects has none, and its memory is zero by then."""
    scene = ClaimedHeap(p)
    used, fresh, abstraction = a_run_in_use(p, scene)
    p.assume(fresh.spanclass >= 2)
    run = run_of(scene.heap, used.span)
    cleared = p.call(cleared_if, as_bool(run.needzero != 0), abstraction, used.start, used.end)
    assert isinstance(cleared, Objects)
    p.show("nothing lives there", p.holds(abstract.is_vacant, abstraction, used.start, used.end))
    scene.show_same(cleared, used.after)
    scene.show_kept(used.after, used.span)
    p.show("it is in use", p.holds(is_in_use, used.after.tiling, used.span))
    show_told_by_its_thread(scene, USES, used.after, used.span)
    p.possible("an object elsewhere", table_of(abstraction.block_at).get(scene.address) != NOTHING)
    p.possible("it is cleared", run.needzero != 0)


def run_of(heap: Whole, span: z3.ExprRef) -> PageRun:
    """The run of a descriptor."""
    return cast(PageRun, table_of(heap.tiling.runs).get(span))


class Used(NamedTuple):
    """A run that has become a span: which, its addresses, and the heap afterwards."""

    span: z3.ExprRef
    start: z3.ExprRef
    end: z3.ExprRef
    after: Whole


def a_run_in_use(p: Proof, scene: ClaimedHeap) -> tuple[Used, Mspan, Objects]:
    """Any run that becomes a span, which is fresh; what a program saw before."""
    heap, span = scene.heap, scene.span("span")
    fresh = p.fresh(Mspan, "fresh")
    assert isinstance(fresh, Mspan)
    start, end = (term(p, rule, heap.tiling, span) for rule in (base_at, end_at))
    sound_around(p, heap.tiling, [span, scene.leads_to(scene.address)], [scene.address])
    scene.sound([span])
    p.assume(p.holds(may_use, heap.tiling, span))
    p.rely(
        FRESH,
        start,
        term(p, npages_at, heap.tiling, span),
        fresh,
        scene.index(fresh, scene.address),
    )
    tiling = p.call(use, heap.tiling, span)
    assert isinstance(tiling, Tiling)
    after = p.call(with_span_in_use, heap, tiling, span, fresh)
    assert isinstance(after, Whole)
    return Used(span, start, end, after), fresh, scene.seen(heap)


def cleared_if(clears: bool, heap: Objects, start: Address, end: Address) -> Objects:
    """The abstract allocator, after memory was cleared or not."""
    return provide(heap, start, end) if clears else heap


@obligation(
    "objects.malloc-large",
    "MAL-11 MAL-12 MAL-13 MAL-14 MAL-22 MAL-23 I-37",
    INTEGERS,
    contracts=LAYOUT,
    lemmas=(FRESH, INDEX, LARGE_CUT, USES),
    assumes=(LOCK_SECTIONS,),
)
def a_large_object_has_a_span_of_its_own(p: Proof) -> None:
    """A run that becomes the span of a large object becomes a block of its size: nothing lived
    there, it is aligned, in usable memory, and zero if that is promised.
    """
    scene = ClaimedHeap(p)
    heap, size = scene.heap, p.number(U64, "size")
    zero = cast(z3.BoolRef, p.fresh(bool, "zero"))
    used, fresh, seen = a_run_in_use(p, scene)
    tiling, run = used.after.tiling, run_of(heap, used.span)
    p.rely(FRESH, used.start, run.npages, fresh, z3.IntVal(0))
    p.assume(fresh.spanclass < 2, size > MAX_SMALL_SIZE, size < 1 << 48)
    p.assume(run.npages == p.integer(pages_for_large, size))
    p.use(LARGE_CUT, fresh, size)
    phase = z3.If(heap.marking, z3.IntVal(MARK), z3.IntVal(OFF))
    after = p.call(with_large_span, heap, tiling, used.span, fresh, size, zero, phase)
    assert isinstance(after, Whole)
    record = cast(Mspan, table_of(after.contents).get(used.span))
    scene.only_slot(record, z3.IntVal(0), scene.address)
    clears = z3.And(zero, run.needzero != 0)
    ready = p.call(cleared_if, clears, seen, used.start, used.end)
    assert isinstance(ready, Objects)
    noscan = p.holds(is_noscan, fresh.spanclass)
    arguments = used.start, size, size, noscan, zero
    p.show("nothing lives there", p.holds(abstract.is_vacant, seen, used.start, used.end))
    p.show("it is possible", p.holds(abstract.may_malloc, ready, *arguments))
    made = p.call(abstract.malloc, ready, *arguments)
    assert isinstance(made, Objects)
    scene.show_same(made, after)
    scene.show_kept(after, used.span)
    show_told_by_its_thread(scene, USES, after, used.span)
    p.possible("while marking", heap.marking)
    p.possible("cleared", clears)
    p.possible("not whole pages", size % PAGE_SIZE != 0)
