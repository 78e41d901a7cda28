"""The methods of the implementation's span that cut it into slots, against the model."""

from typing import cast

import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanalloc.span.kernels import obj_index
from spanalloc.span.span import DEAD, MANUAL
from spanproof.prove.methods import Fields, equal
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.merge import scalar_of
from spanproof.symbolic.values.values import SymbolicObject
from spanproof.theorems.kernels.arithmetic import item
from spanproof.theorems.kernels.methods.spanimage import (
    CHANGED,
    NATIVE,
    VECTORS,
    any_span,
    bitmap,
    ghost,
    keeps,
    refuses,
    searched,
)
from spanproof.theorems.kernels.pages import U48
from spanproof.theorems.kernels.spans import (
    cache_bit_is_exact,
    has_slots,
)
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.sizeclass import CLASSES
from spanspec.base.words import U8, U32
from spanspec.span.mspan import elemsize_of, layout


@obligation("methods.shape", "SPAN-1 SPAN-5 SPAN-6 HEAP-22", NATIVE)
def a_span_is_cut_as_in_the_model(p: Proof) -> None:
    """init_slots cuts a span as the model's init_span does, with every slot free, no mark, and an
    exact cache; a large span has one slot, which is all of it.
    """
    span = any_span(p, exact=False)
    spanclass, limit = p.number(U8, "spanclass"), p.number(U48, "limit")
    base, npages = p.number(U48, "base"), p.number(U32, "npages")
    p.assume(spanclass < 134, npages >= 1)
    span.set("base", base)
    span.set("npages", npages)
    held, below, ahead = span.held(*CHANGED), ghost(p, "below"), ghost(p, "ahead")
    large, sizeclass = spanclass < 2, z3.LShR(spanclass, 1)
    pages = p.integer(item, p.constant("spanalloc.base.sizeclass.CLASS_PAGES"), sizeclass)
    p.assume(z3.Or(large, npages == pages))
    ran = span.run("init_slots", spanclass, limit)
    p.show("it is not refused", z3.Not(ran.raises))
    size = p.integer(elemsize_of, spanclass, npages)
    p.show("slot size", span["elemsize"] == size)
    for number, entry in enumerate(CLASSES):
        cut = layout(entry.npages, entry.size).objects if number else 1
        p.show(f"slots, class {number}", span["nelems"] == cut, sizeclass == number)
    p.show("its class", span["spanclass"] == spanclass)
    reciprocals = p.constant("spanalloc.base.sizeclass.CLASS_RECIPROCALS")
    p.show("its magic", span["magic"] == p.integer(item, reciprocals, sizeclass))
    for name in ("freeindex", "alloc_count"):
        p.show(f"{name} is 0", span[name] == 0)
    for name in VECTORS:
        p.show(f"{name} is clear", z3.Not(bitmap(p, span.words(name)).bit(below)))
        p.show(f"{name} has room", p.holds(has_slots, span.words(name), span["nelems"]))
    exact = p.implied(ahead < 64, cache_bit_is_exact, *searched(span), ahead)
    p.show("the cache is exact", exact)
    p.show("two bitmaps of its own", z3.Not(equal(p, *map(span.value, VECTORS))))
    last = base + span["nelems"] * span["elemsize"]
    p.show("limit", span["limit"] == z3.If(limit == 0, last, limit))
    shaped = ("spanclass", "elemsize", "limit", "nelems", "freeindex", "alloc_count", "magic")
    keeps(p, span, held, "alloc_cache", *shaped, *VECTORS)
    p.possible("a small span", z3.Not(large))
    p.possible("a large one", large)


@obligation("methods.states", "SPAN-2 SPAN-3 SWP-7 HEAP-24 HEAP-22", NATIVE)
def descriptors_begin_in_no_use(p: Proof) -> None:
    """Reset makes a descriptor that of other pages, in no use; make_manual one without slots, that
    ends where its pages do, whatever slots it has had. Neither touches the generation.
    """
    span = any_span(p, exact=False)
    base, npages = p.number(U48, "base"), p.number(U32, "npages")
    gen = span["sweepgen"]
    span.run("reset", base, npages)
    p.show("pages", z3.And(span["base"] == base, span["npages"] == npages))
    for name in ("alloc_count", "spanclass", "elemsize", "needzero", "freeindex", "listed"):
        p.show(f"{name} is 0", span[name] == 0)
    p.show("dead", span["state"] == DEAD)
    p.show("not scavenged", z3.Not(span["scavenged"]))
    for name in ("next", "prev"):
        p.show(f"{name} is none", identity(span, name) == 0)
    end = p.arithmetic.lift(scalar_of(span.run("end").value)).term
    p.show("its end", end == base + npages * PAGE_SIZE)
    for name in ("alloc_count", "spanclass", "elemsize"):
        span.set(name, p.number(U8, f"stale {name}"))
    span.run("make_manual")
    p.show("manual", span["state"] == MANUAL)
    for name in ("alloc_count", "spanclass", "nelems", "elemsize"):
        p.show(f"manual: {name} is 0", span[name] == 0)
    p.show("manual: limit", span["limit"] == end)
    p.show("the generation stays", span["sweepgen"] == gen)
    p.possible("another page", npages > 1)


def identity(span: Fields, name: str) -> z3.ExprRef:
    """The identity of the object in a field."""
    value = span.value(name)
    assert isinstance(value, SymbolicObject)
    return value.identity


@obligation("methods.addresses", "SPAN-12 SPAN-18 MAL-22", NATIVE)
def addresses_and_slots_agree(p: Proof) -> None:
    """Address is where a slot begins, index_of the slot by the magic of the class; what is no slot,
    or no address of the span, is refused.
    """
    span = any_span(p, exact=False)
    slot, address, base = p.number(i64, "slot"), p.number(i64, "address"), p.number(U48, "base")
    p.assume(address >= 0, address < 1 << 48)
    magics = cast(vec[i64], p.constant("spanalloc.base.sizeclass.CLASS_RECIPROCALS"))
    for number, entry in list(enumerate(CLASSES))[1::13]:
        cut = layout(entry.npages, entry.size)
        shape = {"base": base, "npages": entry.npages, "elemsize": entry.size}
        for name, value in (*shape.items(), ("nelems", cut.objects), ("magic", magics[number])):
            span.set(name, value)
        held = span.held(*CHANGED)
        ran = span.run("address", slot)
        inside = z3.And(slot >= 0, slot < cut.objects)
        refuses(p, span, ran, held, z3.Not(inside))
        begins = p.arithmetic.lift(scalar_of(ran.value)).term
        p.show(f"{entry.size}: where it begins", begins == base + slot * entry.size, inside)
        asked = span.run("index_of", address)
        among = z3.And(address >= base, address < base + entry.npages * PAGE_SIZE)
        refuses(p, span, asked, held, z3.Not(among))
        index = p.integer_given(among, obj_index, address - base, magics[number])
        found = p.arithmetic.lift(scalar_of(asked.value)).term
        p.show(f"{entry.size}: the slot", found == index, among)
        keeps(p, span, held)
