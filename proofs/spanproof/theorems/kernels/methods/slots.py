"""The methods of the implementation's span that take, look at and mark slots, against the model."""

from typing import Final, cast

import z3
from mypy_extensions import i64

from spanproof.prove.methods import Fields, equal
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.merge import as_bool, scalar_of
from spanproof.theorems.kernels.methods.spanimage import (
    CHANGED,
    NATIVE,
    any_span,
    bitmap,
    bits_of,
    bits_stay,
    ghost,
    image,
    keeps,
    numbers_are_right,
    refuses,
    searched,
    searched_slot,
)
from spanproof.theorems.kernels.spans import (
    BIT,
    SEARCHES,
    cache_bit_is_exact,
)
from spanproof.theorems.span.searches import took_free_slot
from spanspec.span.freeslots import ends_search, is_passed_over
from spanspec.span.mspan import Mspan, is_allocated, is_free


def took(p: Proof, span: Fields, before: Mspan, slot: z3.ExprRef, given: z3.BoolRef) -> None:
    """Show that a slot was taken as the model takes one."""
    after, below, ahead = image(p, span), ghost(p, "below"), ghost(p, "ahead")
    words, freeindex, nelems, cache = searched(span)
    inside = z3.ULT(below, before.nelems)
    p.show("a free slot is taken", p.implied(given, took_free_slot, before, slot, after))
    passed = p.implied(z3.And(given, inside), is_passed_over, before, slot, below)
    p.show("slots below are taken", passed)
    exact = p.implied(
        z3.And(given, ahead < 64), cache_bit_is_exact, words, freeindex, nelems, cache, ahead
    )
    p.show("the cache stays exact", exact)
    p.show("the invariant is kept", numbers_are_right(p, span), given)


@obligation("methods.fast", "SPAN-8 SPAN-12 SPAN-13", NATIVE, contracts=SEARCHES)
def malloc_fast_takes_the_lowest_free_slot(p: Proof) -> None:
    """malloc_fast takes the lowest free slot, as the model does, or says -1 and changes nothing."""
    span = any_span(p)
    room = span["alloc_count"] < span["nelems"]
    before, held, bits = image(p, span), span.held(*CHANGED), bits_of(p, span)
    p.assume(room)
    ran = span.run("malloc_fast")
    slot = cast(z3.ExprRef, p.arithmetic.lift(scalar_of(ran.value)).term)
    found = slot >= 0
    took(p, span, before, slot, found)
    p.show("it is not refused", z3.Not(ran.raises))
    p.show("nothing else", z3.Or(found, slot == -1))
    for name, value in held.items():
        p.show(f"{name} stays", equal(p, span.value(name), value), z3.Not(found))
    keeps(p, span, held, "freeindex", "alloc_count", "alloc_cache")
    bits_stay(p, span, bits)
    p.possible("a slot", found)
    p.possible("none", z3.Not(found))


@obligation("methods.slow", "SPAN-15 SPAN-16 MAL-19 T-15 T-17 T-81", NATIVE, contracts=SEARCHES)
def malloc_slow_takes_the_lowest_free_slot(p: Proof) -> None:
    """malloc_slow takes the lowest free slot, or says -1 if there is none; it refuses a span whose
    count contradicts its bitmap, and only such a one, and leaves that as it was.
    """
    span = any_span(p)
    before, held, bits = image(p, span), span.held(*CHANGED), bits_of(p, span)
    ran = span.run("malloc_slow")
    slot = cast(z3.ExprRef, p.arithmetic.lift(scalar_of(ran.value)).term)
    found = searched_slot(p)
    none, full = found == before.nelems, as_bool(before.alloc_count == before.nelems)
    refuses(p, span, ran, held, none != full)
    given = z3.And(z3.Not(ran.raises), slot >= 0)
    took(p, span, before, slot, given)
    p.show("none exactly if none is free", (slot == -1) == none, z3.Not(ran.raises))
    stopped = z3.And(z3.Not(ran.raises), slot == -1)
    p.show("at its end", span["freeindex"] == before.nelems, stopped)
    p.show("not counted", span["alloc_count"] == before.alloc_count, stopped)
    p.show("the invariant is kept", numbers_are_right(p, span), stopped)
    keeps(p, span, held, "freeindex", "alloc_count", "alloc_cache")
    bits_stay(p, span, bits)


@obligation("methods.malloc", "MAL-10 MAL-19 SPAN-12 SPAN-15", NATIVE, contracts=SEARCHES)
def malloc_takes_the_lowest_free_slot(p: Proof) -> None:
    """Malloc, the fast path and then the slow one, takes the lowest free slot; -1 says that all
    slots are taken.
    """
    span = any_span(p)
    before, below = image(p, span), ghost(p, "below")
    p.assume(before.alloc_count < before.nelems)
    ran = span.run("malloc")
    slot = cast(z3.ExprRef, p.arithmetic.lift(scalar_of(ran.value)).term)
    some = z3.And(z3.Not(ran.raises), slot >= 0)
    took(p, span, before, slot, some)
    all_taken = p.implied(z3.ULT(below, before.nelems), is_allocated, before, below)
    p.show("none: all are taken", all_taken, z3.And(z3.Not(ran.raises), slot < 0))
    p.possible("a slot", some)


@obligation("methods.large", "MAL-12 I-37", NATIVE)
def malloc_large_takes_the_only_slot(p: Proof) -> None:
    """malloc_large takes slot 0 of a large span with nothing taken, and refuses any other."""
    span = any_span(p, exact=False)
    before, held, bits = image(p, span), span.held(*CHANGED), bits_of(p, span)
    ran = span.run("malloc_large")
    refused = z3.Or(before.spanclass > 1, before.alloc_count != 0, before.freeindex != 0)
    refuses(p, span, ran, held, refused)
    after, taken = image(p, span), z3.Not(ran.raises)
    p.show("slot 0", p.arithmetic.lift(scalar_of(ran.value)).term == 0, taken)
    p.show("as the model takes it", p.implied(taken, took_free_slot_0, before, after))
    keeps(p, span, held, "freeindex", "alloc_count")
    bits_stay(p, span, bits)


def took_free_slot_0(before: Mspan, after: Mspan) -> bool:
    """The first slot is allocated, and counted."""
    return (
        before.freeindex == 0
        and is_allocated(after, 0)
        and after.freeindex == 1
        and after.alloc_count == before.alloc_count + 1
    )


@obligation("methods.first-free", "SPAN-15", NATIVE, contracts=SEARCHES)
def first_free_is_the_lowest_free_slot(p: Proof) -> None:
    """first_free is the lowest free slot, nelems if there is none, and changes nothing."""
    span = any_span(p)
    before, held, bits = image(p, span), span.held(*CHANGED), bits_of(p, span)
    below = ghost(p, "below")
    ran = span.run("first_free")
    slot = cast(z3.ExprRef, p.arithmetic.lift(scalar_of(ran.value)).term)
    p.show("free or the end", p.holds(ends_search, before, slot))
    inside = z3.ULT(below, before.nelems)
    p.show("slots below are taken", p.implied(inside, is_passed_over, before, slot, below))
    keeps(p, span, held)
    bits_stay(p, span, bits)
    p.possible("a free slot", slot < before.nelems)


@obligation("methods.look", "SPAN-8 SPAN-17 SPAN-20", NATIVE)
def looking_at_a_slot_agrees_with_the_model(p: Proof) -> None:
    """is_taken, is_free and is_marked say what the model's rules say; is_free refuses what is no
    slot. None of them changes anything.
    """
    span = any_span(p, exact=False)
    before, held, bits = image(p, span), span.held(*CHANGED), bits_of(p, span)
    slot = p.number(i64, "slot")
    inside = z3.And(slot >= 0, slot < before.nelems)
    asked = span.run("is_free", slot)
    refuses(p, span, asked, held, z3.Not(inside))
    free = p.implied(inside, is_free, before, slot)
    p.show("is_free", as_bool(asked.value) == free, inside)
    taken = span.run("is_taken", slot, given=inside)
    p.show("is_taken", as_bool(taken.value) == z3.Not(free), inside)
    marked = span.run("is_marked", slot, given=inside)
    p.show("is_marked", as_bool(marked.value) == before.gcmark_bits.bit(slot), inside)
    keeps(p, span, held)
    bits_stay(p, span, bits)


MARKING: Final = {"spanalloc.span.kernels.bit_of": BIT}


@obligation("methods.mark", "SPAN-21 I-4", NATIVE, contracts=MARKING)
def marking_sets_the_bit_of_a_slot_that_is_taken(p: Proof) -> None:
    """Mark sets the mark of one slot and no other; a free slot, and what is no slot, is refused."""
    span = any_span(p, exact=False)
    below, slot = ghost(p, "below"), p.number(i64, "slot")
    p.name("ahead", below & 63)
    before, held, bits = image(p, span), span.held(*CHANGED), bits_of(p, span)
    inside = z3.And(slot >= 0, slot < before.nelems)
    ran = span.run("mark", slot)
    taken = z3.And(inside, p.implied(inside, is_allocated, before, slot))
    refuses(p, span, ran, held, z3.Not(taken))
    now = bitmap(p, span.words("gcmark_bits")).bit(below)
    meant = before.gcmark_bits.with_bit(slot).bit(below)
    p.show("its mark and no other", now == meant, z3.And(z3.Not(ran.raises), below < before.nelems))
    keeps(p, span, held)
    bits_stay(p, span, bits, "gcmark_bits")
    p.possible("another is marked", z3.And(taken, below != slot, before.gcmark_bits.bit(below)))
