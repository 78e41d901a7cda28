"""How the memory of a span is cut into slots, said without a product, for all classes at once.

The classes are 66 constants, so what is claimed here is claimed of each; who builds on it speaks of
any span, and asks no solver about a product of two unknown numbers.
"""

from typing import Final, cast

import z3
from msgspec.structs import replace

from spanproof.prove.lemmas import Lemma, ShownOfSteps
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.evaluation.frames import Contract
from spanproof.symbolic.integers import Integers
from spanproof.theorems.span.sizeclass import small_classes
from spanspec.base.constants import (
    HEAP_ADDR_BITS,
    NUM_SPAN_CLASSES,
    PAGE_SIZE,
    make_span_class,
    size_class_of,
)
from spanspec.base.sizeclass import CLASSES
from spanspec.base.words import U16, U32, U64
from spanspec.heap.courses.malloc import NO_SMALL_CLASS, span_class_for
from spanspec.span.mspan import IN_USE, Mspan, obj_index, slot_address

INTEGERS: Final = Integers()


def laid_out(span: Mspan) -> bool:
    """A span in use has pages of the address space, cut into slots as its class says; a large one
    has one slot.

    Its objects end at its limit: behind the last slot, or behind the bytes of the large object.
    """
    if span.state != IN_USE or span.spanclass >= NUM_SPAN_CLASSES:
        return False
    if span.npages < 1 or span.base < PAGE_SIZE or span.base % PAGE_SIZE != 0:
        return False
    total = span.npages * PAGE_SIZE
    if span.base + total > 1 << HEAP_ADDR_BITS:
        return False
    if size_class_of(span.spanclass) == 0:
        whole = span.nelems == 1 and span.elemsize == total
        return whole and span.base < span.limit <= span.base + total
    entry = CLASSES[size_class_of(span.spanclass)]
    return (
        span.npages == entry.npages
        and span.elemsize == entry.size
        and span.nelems == entry.objects
        and span.limit == span.base + total - entry.tail_waste
    )


def what_layout_means(span: Mspan, cut: bool) -> bool:
    """A span that is laid out has pages, from some page on, and its objects end within them."""
    return not cut or (
        span.state == IN_USE
        and span.spanclass < NUM_SPAN_CLASSES
        and span.npages >= 1
        and span.base >= PAGE_SIZE
        and span.base % PAGE_SIZE == 0
        and span.base + span.npages * PAGE_SIZE <= 1 << HEAP_ADDR_BITS
        and span.base < span.limit <= span.base + span.npages * PAGE_SIZE
        and 1 <= span.nelems <= 1024
        and (size_class_of(span.spanclass) != 0 or span.elemsize == span.npages * PAGE_SIZE)
    )


def serves(span: Mspan, size: U64) -> bool:
    """The slots of a span hold a request; so it is of the span class that serves the request."""
    return not laid_out(span) or size <= span.elemsize


def slot_end(span: Mspan, slot: U16) -> U64:
    """The address behind a slot, or behind a large object, which does not fill its pages."""
    if size_class_of(span.spanclass) == 0:
        return span.limit
    return slot_address(span, slot) + span.elemsize


def slot_holds(span: Mspan, slot: U16, address: U64) -> bool:
    """An address lies in a slot."""
    return slot_address(span, slot) <= address < slot_end(span, slot)


def begins_inside(span: Mspan, slot: U16, start: int) -> bool:
    """A slot lies within its span's limit, and begins at a multiple of 8, or of 16 from 16 on."""
    fits = size_class_of(span.spanclass) == 0 or start + span.elemsize <= span.limit
    aligned = start % 16 == 0 if span.elemsize >= 16 else start % 8 == 0
    return not (laid_out(span) and slot < span.nelems) or (
        span.base <= start < span.limit and fits and aligned and (slot != 0 or start == span.base)
    )


def lies_in_its_slot(span: Mspan, address: U64, slot: U16) -> bool:
    """The index of an address up to the limit is that of a slot, and the address lies in it."""
    return not is_inside(span, address) or (slot < span.nelems and slot_holds(span, slot, address))


def is_at_or_above(span: Mspan, address: U64) -> bool:
    """An address is not below a span."""
    return address >= span.base


def is_inside(span: Mspan, address: U64) -> bool:
    """An address is one of those that objects of a span can have."""
    return laid_out(span) and span.base <= address < span.limit


def is_slot(span: Mspan, slot: U16) -> bool:
    """A slot of a span that is laid out."""
    return laid_out(span) and slot < span.nelems


def holds_it(span: Mspan, slot: U16, address: U64) -> bool:
    """An address lies in a slot; it is an address."""
    return span.base <= address < 1 << 64 and slot_holds(span, slot, address)


def is_its_index(span: Mspan, slot: U16, address: U64) -> bool:
    """The index of an address is a slot."""
    return obj_index(span, address) == slot


PLACED: Final = Contract(begins_inside, proved_by="objects.layout.slots")
INDEXED: Final = Contract(
    lies_in_its_slot, is_at_or_above, proved_by="objects.layout.index", fits=is_inside
)
INDEX: Final = Lemma("objects.layout.index", is_its_index, given=(is_slot, holds_it))


def is_large(span: Mspan) -> bool:
    """A span that is laid out for a large object."""
    return laid_out(span) and size_class_of(span.spanclass) == 0


def fits_pages(span: Mspan, size: U64) -> bool:
    """An object is no larger than a span's pages."""
    return 1 <= size <= span.npages * PAGE_SIZE


def holds_one(span: Mspan, size: U64) -> bool:
    """A large span has one slot, and is laid out with an object of that size."""
    return span.nelems == 1 and laid_out(replace(span, limit=span.base + size))


LARGE_CUT: Final = Lemma("objects.layout.slots", holds_one, given=(is_large, fits_pages))
CUT: Final = Contract(what_layout_means, proved_by="objects.layout.slots")
SERVES: Final = ShownOfSteps(serves, ("objects.layout.serves",))
LAYOUT: Final = {
    f"{__name__}.laid_out": CUT,
    "spanspec.span.mspan.slot_address": PLACED,
    "spanspec.span.mspan.obj_index": INDEXED,
}
"""That a span is laid out, where a slot begins and which slot an address lies in: each is some
function of the span."""


EVERY_CLASS: Final = "every class is claimed of"
"""The goal that says that the spans of each class stand for all that are laid out."""


def spans_of_each_class(p: Proof) -> list[tuple[str, Mspan]]:
    """A span of each span class, of any base, and of any pages if it is large."""
    base, npages = p.number(U64, "base"), p.number(U32, "npages")
    limit = p.number(U64, "limit")
    anything = p.fresh(Mspan, "span")
    assert isinstance(anything, Mspan)
    found = []
    for spanclass in (0, 1):
        large = replace(anything, base=base, npages=npages, spanclass=spanclass, nelems=1)
        large = replace(large, elemsize=npages * PAGE_SIZE, limit=limit, state=IN_USE)
        found.append((f"class {spanclass}", large))
    for number, entry in small_classes(p):
        for noscan in (False, True):
            spanclass = make_span_class(number, noscan)
            span = replace(
                anything,
                base=base,
                npages=entry.npages,
                spanclass=spanclass,
                elemsize=entry.size,
                nelems=entry.objects,
                limit=base + entry.objects * entry.size,
                state=IN_USE,
            )
            found.append((f"class {spanclass}", span))
    return found


def is_cut_like(span: Mspan, other: Mspan) -> bool:
    """Two spans of one class and base have the same slots, and, if they are small, one limit."""
    return (
        span.elemsize == other.elemsize
        and span.nelems == other.nelems
        and span.npages == other.npages
        and (size_class_of(span.spanclass) == 0 or span.limit == other.limit)
    )


def show_every_class(p: Proof, spans: list[tuple[str, Mspan]]) -> None:
    """Claim that a span that is laid out is like the one of its class: so none is left out."""
    span = p.fresh(Mspan, "some_span")
    assert isinstance(span, Mspan)
    cut = p.holds(laid_out, span)
    alike = []
    for _, one in spans:
        same = z3.And(span.spanclass == one.spanclass, span.base == one.base)
        pages = same if one.spanclass > 1 else z3.And(same, span.npages == one.npages)
        alike.append(z3.Implies(pages, p.holds(is_cut_like, span, one)))
    p.show(EVERY_CLASS, z3.Implies(cut, z3.And(*alike)))
    p.show("there are no more", z3.Implies(cut, span.spanclass < len(spans)))


@obligation("objects.layout.slots", "SPAN-5 MAL-22 I-37 I-39", INTEGERS)
def slots_lie_in_their_span(p: Proof) -> None:
    """A slot of a span of any class lies within its limit, and begins at a multiple of 8, or of 16
    if it has 16 bytes or more.
    """
    slot, size = p.number(U16, "slot"), p.number(U64, "size")
    large = p.fresh(Mspan, "large")
    assert isinstance(large, Mspan)
    fits = z3.And(p.holds(is_large, large), p.holds(fits_pages, large, size))
    p.establish(LARGE_CUT, large, size, given=fits)
    for label, span in spans_of_each_class(p):
        start = p.integer(slot_address, span, slot)
        p.establish(PLACED, span, slot, start, among=EVERY_CLASS)
        if span.spanclass in (0, 1, 4, 133):
            p.possible(label, p.holds(is_slot, span, slot))
        p.establish(CUT, span, p.holds(laid_out, span), among=EVERY_CLASS)
    show_every_class(p, spans_of_each_class(p))


@obligation("objects.layout.index", "SPAN-18 SPAN-19 MAL-22 I-37", INTEGERS)
def an_address_has_one_slot(p: Proof) -> None:
    """The index of an address up to the limit is that of the slot that it lies in, and of no other:
    for every class and every address.
    """
    slot, address = p.number(U16, "slot"), p.number(U64, "address")
    for label, span in spans_of_each_class(p):
        above = p.holds(is_at_or_above, span, address)
        index = p.integer_given(above, obj_index, span, address)
        p.establish(INDEXED, span, address, index, given=above, among=EVERY_CLASS)
        given = z3.And(p.holds(is_slot, span, slot), p.holds(holds_it, span, slot, address))
        p.establish(INDEX, span, slot, address, given=given, among=EVERY_CLASS)
        if span.spanclass in (0, 1, 4, 133):
            p.possible(f"{label}: an inner address", z3.And(given, address > span.base))
    show_every_class(p, spans_of_each_class(p))


@obligation("objects.layout.serves", "MAL-4 MAL-10 SC-10 SC-12", INTEGERS)
def a_request_fits_the_slots_of_its_class(p: Proof) -> None:
    """A request that a span class serves, tiny or small, fits a slot of a span of that class."""
    size = p.number(U64, "size")
    noscan = cast(z3.BoolRef, p.fresh(bool, "noscan"))
    p.assume(size >= 1)
    spanclass = p.integer(span_class_for, size, noscan)
    for _, span in spans_of_each_class(p):
        p.shows(SERVES, span, size, given=spanclass == span.spanclass)
    p.show("a class", z3.Or(spanclass == NO_SMALL_CLASS, z3.And(spanclass > 1, spanclass < 134)))
    p.possible("the largest", z3.And(spanclass == 132, size == 32768))
    p.possible("a tiny one", z3.And(noscan, size == 8))
