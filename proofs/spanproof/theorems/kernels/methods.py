"""The methods of the implementation's span do what the model's rules about spans say.

A span of the implementation is an object that its methods change. Its image is a span of the model:
field by field the same numbers, its bitmaps the words of its vectors. What is claimed of the image
is said in the model's own rules.
"""

from typing import Final, cast

import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanalloc.kernels import count_ones, next_free_index, obj_index
from spanalloc.span import DEAD, MANUAL, Span
from spanproof.prove.methods import Fields, Ran, equal
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Signed
from spanproof.symbolic.merge import as_bool, scalar_of
from spanproof.symbolic.values import SymbolicBitmap, SymbolicObject, SymbolicWords
from spanproof.theorems.kernels.arithmetic import COUNT, item
from spanproof.theorems.kernels.pages import U48
from spanproof.theorems.kernels.spans import (
    BIT,
    SEARCHES,
    WINDOWS,
    cache_bit_is_exact,
    cache_is_exact,
    can_search,
    has_slots,
)
from spanproof.theorems.span.span import took_free_slot
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.sizeclass import CLASSES
from spanspec.base.words import U8, U16, U32
from spanspec.span.freeslots import ends_search, is_passed_over
from spanspec.span.mspan import Mspan, elemsize_of, is_allocated, is_free, layout
from spanspec.span.sweepgen import (
    claim_for_sweep,
    enter_cache,
    is_cached,
    is_stale,
    is_sweeping,
    is_swept,
    leave_cache,
    needs_sweep,
    retire_full,
)

NATIVE: Final = Signed(64)
NUMBERS: Final = (
    "base",
    "npages",
    "spanclass",
    "state",
    "elemsize",
    "limit",
    "nelems",
    "freeindex",
    "alloc_count",
    "needzero",
)
"""The fields that a span has in common with its image."""

VECTORS: Final = ("alloc_bits", "gcmark_bits")
CHANGED: Final = (*NUMBERS, *VECTORS, "alloc_cache", "sweepgen", "magic", "was_empty", "dirty")
"""The fields that its methods change."""


# --- the map of fields ----------------------------------------------------------------------------


def bit(words: vec[i64], index: i64) -> bool:
    """A bit of a bitmap; none beyond its words."""
    return 0 <= index < 64 * len(words) and (words[index >> 6] >> (index & 63)) & 1 == 1


def bitmap(p: Proof, words: SymbolicWords) -> SymbolicBitmap:
    """What a vector of words is as a bitmap of the model."""
    return SymbolicBitmap(lambda index: p.holds(bit, words, index), None, None)


def image(p: Proof, span: Fields) -> Mspan:
    """The span of the model that a span is now. Its cache is in no rule that is used here."""
    numbers = {name: span[name] for name in NUMBERS}
    bits = {name: bitmap(p, span.words(name)) for name in VECTORS}
    return Mspan(**numbers, **bits, alloc_cache=0)  # type: ignore[arg-type]


def is_span(
    nelems: i64, freeindex: i64, alloc_count: i64, sweepgen: i64, spanclass: i64, needzero: i64
) -> bool:
    """What holds of the numbers of every span between two calls of its methods."""
    return (
        1 <= nelems <= 1024
        and 0 <= freeindex <= nelems
        and 0 <= alloc_count <= nelems
        and 0 <= sweepgen <= 0xFFFF_FFFF
        and 0 <= spanclass < 134
        and 0 <= needzero <= 1
    )


def numbers_are_right(p: Proof, span: Fields) -> z3.BoolRef:
    """The invariant of a span's numbers, and that its bitmaps have room for its slots."""
    names = ("nelems", "freeindex", "alloc_count", "sweepgen", "spanclass", "needzero")
    held = p.holds(is_span, *(span[name] for name in names))
    rooms = (p.implied(held, has_slots, span.words(name), span["nelems"]) for name in VECTORS)
    return z3.And(held, *rooms)


def searched(span: Fields) -> tuple[SymbolicWords, z3.ExprRef, z3.ExprRef, z3.ExprRef]:
    """What the search of a span rests on."""
    return span.words("alloc_bits"), span["freeindex"], span["nelems"], span["alloc_cache"]


def any_span(p: Proof, *, exact: bool = True) -> Fields:
    """A span of which the invariant holds, and whose cache is exact if that is asked for."""
    p.arbitrary("ahead", U8)
    p.arbitrary("below", U16)
    span = Fields(p, Span, "span")
    p.name("words", span.words("alloc_bits"))
    p.name("nelems", span["nelems"])
    p.assume(numbers_are_right(p, span))
    if exact:
        fits = p.holds(can_search, *searched(span)[:3])
        p.assume(p.implied(fits, cache_is_exact, *searched(span)))
    return span


def any_generation(p: Proof) -> z3.ExprRef:
    """The sweep generation of a heap."""
    return p.number(U32, "sg")


def ghost(p: Proof, name: str) -> z3.ExprRef:
    """An arbitrary number that the searches speak of."""
    return cast(z3.ExprRef, p.translator.ghosts[name])


def keeps(p: Proof, span: Fields, before: dict[str, object], *changed: str) -> None:
    """Show that a method changed nothing but some fields."""
    for name, held in before.items():
        if name not in changed:
            p.show(f"{name} stays", equal(p, span.value(name), held))


def bits_stay(p: Proof, span: Fields, before: dict[str, SymbolicBitmap], *changed: str) -> None:
    """Show that a method changed no bit of a bitmap, but of some."""
    slot = ghost(p, "below")
    for name, held in before.items():
        if name not in changed:
            now = bitmap(p, span.words(name)).bit(slot)
            p.show(f"the bits of {name} stay", now == held.bit(slot))


def bits_of(p: Proof, span: Fields) -> dict[str, SymbolicBitmap]:
    """The bitmaps of a span as they are now."""
    return {name: bitmap(p, span.words(name)) for name in VECTORS}


def refuses(p: Proof, span: Fields, ran: Ran, before: dict[str, object], when: z3.BoolRef) -> None:
    """Show that a method raises an exception exactly there, and leaves the span as it was."""
    p.show("refused exactly where it must be", ran.raises == when)
    p.show("a refusal changes nothing", span.same_where_raised(ran, before))
    p.possible("it is refused", when)
    p.possible("it is not refused", z3.Not(when))


# --- taking slots ---------------------------------------------------------------------------------


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


def searched_slot(p: Proof) -> z3.ExprRef:
    """What the last slow search found, which may end at a free slot or where there is none."""
    found = p.results_of(next_free_index)[-1]
    assert isinstance(found, tuple)
    return cast(z3.ExprRef, p.arithmetic.lift(scalar_of(found[0])).term)


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


# --- looking at slots, and marking them -----------------------------------------------------------


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


MARKING: Final = {"spanalloc.kernels.bit_of": BIT}


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


# --- sweepgen -------------------------------------------------------------------------------------


@obligation("methods.cache", "CEN-8 CEN-9 MC-4 SWP-3 T-46", NATIVE, contracts=WINDOWS)
def caching_reloads_the_window(p: Proof) -> None:
    """Cache takes a swept span with room, its cache exact from then on, its generation that of the
    model's rule; any other is refused and stays as it was.
    """
    span, sg = any_span(p, exact=False), any_generation(p)
    before, held, bits = image(p, span), span.held(*CHANGED), bits_of(p, span)
    gen, ahead = span["sweepgen"], ghost(p, "ahead")
    ran = span.run("cache", sg)
    full = z3.Or(before.alloc_count == before.nelems, before.freeindex == before.nelems)
    refuses(p, span, ran, held, z3.Or(z3.Not(p.holds(is_swept, sg, gen)), full))
    done = z3.Not(ran.raises)
    p.show("generation", span["sweepgen"] == p.integer_given(done, enter_cache, sg, gen), done)
    inside = z3.And(done, ahead < 64)
    p.show("exact", p.implied(inside, cache_bit_is_exact, *searched(span), ahead))
    p.show("the invariant is kept", numbers_are_right(p, span), done)
    keeps(p, span, held, "alloc_cache", "sweepgen")
    bits_stay(p, span, bits)


@obligation("methods.sweepgen", "SWP-1 SWP-3 MC-4 CEN-12 T-47 T-51", NATIVE)
def generations_change_as_in_the_model(p: Proof) -> None:
    """Claim, retire, uncache and publish change the generation as the model's rules do, and nothing
    else; who calls one in another state is refused, or, by claim, told so.
    """
    span, sg = any_span(p, exact=False), any_generation(p)
    held, bits = span.held(*CHANGED), bits_of(p, span)
    before, gen = image(p, span), span["sweepgen"]

    def again() -> None:
        for name, value in held.items():
            span.set(name, value)

    won = as_bool(span.run("claim", sg).value)
    needs = p.holds(needs_sweep, sg, gen)
    p.show("claim: exactly if it needs a sweep", won == needs)
    claimed = p.integer_given(needs, claim_for_sweep, sg, gen)
    p.show("claim", span["sweepgen"] == z3.If(needs, claimed, gen))
    keeps(p, span, held, "sweepgen")
    again()
    full, cached = as_bool(before.alloc_count == before.nelems), p.holds(is_cached, sg, gen)
    ran = span.run("retire", sg)
    refuses(p, span, ran, held, z3.Not(z3.And(full, cached)))
    retired = p.integer_given(cached, retire_full, sg, gen)
    p.show("retire", span["sweepgen"] == retired, z3.Not(ran.raises))
    keeps(p, span, held, "sweepgen")
    again()
    stale = p.holds(is_stale, sg, gen)
    ran = span.run("uncache", sg)
    refused = z3.Or(before.alloc_count == 0, z3.Not(z3.Or(stale, cached)))
    refuses(p, span, ran, held, refused)
    left = z3.Not(ran.raises)
    p.show("uncache: it says whether it is stale", as_bool(ran.value) == stale, left)
    released = p.integer_given(left, leave_cache, sg, gen)
    p.show("uncache", span["sweepgen"] == released, left)
    keeps(p, span, held, "sweepgen")
    again()
    span.run("publish", sg)
    p.show("publish", p.holds(is_swept, sg, span["sweepgen"]))
    keeps(p, span, held, "sweepgen")
    bits_stay(p, span, bits)


# --- sweeping -------------------------------------------------------------------------------------


@obligation(
    "methods.sweep",
    "SWP-24 SWP-27 SWP-28 SWP-30 I-27 T-59",
    NATIVE,
    contracts={**SEARCHES, "spanalloc.kernels.count_ones": COUNT},
)
def a_sweep_keeps_marked_and_frees_unmarked_slots(p: Proof) -> None:
    """After a sweep a slot is allocated iff it was marked; the marks are clear, the cache exact,
    the count that of the marks, needzero and was_empty as the model has them. A span in another
    state, or with more marks than objects, is refused and stays as it was.
    """
    span, sg = any_span(p), any_generation(p)
    before, held, gen = image(p, span), span.held(*CHANGED), span["sweepgen"]
    below, ahead = ghost(p, "below"), ghost(p, "ahead")
    ran = span.run("sweep", sg)
    live = cast(z3.ExprRef, p.results_of(count_ones)[0])
    freed = before.alloc_count - live
    owned = p.holds(is_sweeping, sg, gen)
    refuses(p, span, ran, held, z3.Or(z3.Not(owned), freed < 0))
    done, after = z3.Not(ran.raises), image(p, span)
    slot = z3.And(done, below < before.nelems)
    marked = before.gcmark_bits.bit(below)
    kept = p.implied(slot, is_allocated, after, below)
    p.show("marked stay, others go", kept == marked, slot)
    p.show("marks are clear", z3.Not(after.gcmark_bits.bit(below)), slot)
    p.show("search restarts", span["freeindex"] == 0, done)
    p.show("count is the marks", span["alloc_count"] == live, done)
    p.show("freed", p.arithmetic.lift(scalar_of(ran.value)).term == freed, done)
    p.show("published", p.holds(is_swept, sg, span["sweepgen"]), done)
    exact = p.implied(z3.And(done, ahead < 64), cache_bit_is_exact, *searched(span), ahead)
    p.show("cache is exact", exact)
    some = z3.Or(freed > 0, z3.And(before.spanclass <= 1, live == 0))
    zeroing = z3.If(some, z3.BitVecVal(1, 64), before.needzero)
    p.show("needzero", span["needzero"] == zeroing, done)
    p.show("dirty", span["dirty"] == z3.Or(some, as_bool(held["dirty"])), done)
    none = searched_slot(p) == before.nelems
    p.show("was_empty: no slot was free", span["was_empty"] == none, done)
    vectors = [span.value(name) for name in VECTORS]
    p.show("two bitmaps of its own", z3.Not(equal(p, *vectors)))
    p.show("the invariant is kept", numbers_are_right(p, span), z3.And(done, live <= before.nelems))
    unswept = ("freeindex", "alloc_count", "alloc_cache", "needzero", "sweepgen", *VECTORS)
    keeps(p, span, held, "dirty", "was_empty", *unswept)
    p.possible("something dies", z3.And(done, freed > 0, live > 0))


# --- shapes ---------------------------------------------------------------------------------------


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
    pages = p.integer(item, p.constant("spanalloc.sizeclass", "CLASS_PAGES"), sizeclass)
    p.assume(z3.Or(large, npages == pages))
    ran = span.run("init_slots", spanclass, limit)
    p.show("it is not refused", z3.Not(ran.raises))
    size = p.integer(elemsize_of, spanclass, npages)
    p.show("slot size", span["elemsize"] == size)
    for number, entry in enumerate(CLASSES):
        cut = layout(entry.npages, entry.size).objects if number else 1
        p.show(f"slots, class {number}", span["nelems"] == cut, sizeclass == number)
    p.show("its class", span["spanclass"] == spanclass)
    reciprocals = p.constant("spanalloc.sizeclass", "CLASS_RECIPROCALS")
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
    ends where its pages do. Neither touches the generation.
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
    magics = cast(vec[i64], p.constant("spanalloc.sizeclass", "CLASS_RECIPROCALS"))
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
