"""The windowed layer of a span does what the abstract layer says, for every bitmap.

Bitmaps are 64-bit words of unknown content, spans have 1 to 1024 slots, and the loop of the
slow search is cut at an invariant, so nothing here is bounded.
"""

from typing import cast

import z3
from msgspec.structs import replace

from spanproof.prove.assumptions import MARKER
from spanproof.prove.lemmas import Lemma
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.frames import Contract, LoopInvariant
from spanproof.symbolic.merge import as_bool
from spanproof.theorems.span.counting import MARKS, count_is_between, marks_allocated
from spanspec.base.constants import NUM_SPAN_CLASSES, size_class_of
from spanspec.base.sizeclass import CLASS_TO_PAGES
from spanspec.base.words import U8, U16, U32, U64, is_trailing_zeros, trailing_zeros
from spanspec.span.alloccache import (
    NextFree,
    cache_is_exact,
    next_free_fast,
    next_free_index,
    reload_cache,
    room_found,
    window_at,
)
from spanspec.span.freeslots import ends_search, is_passed_over
from spanspec.span.listing import sweep_returns_span
from spanspec.span.mspan import (
    IN_USE,
    Mspan,
    bounds_hold,
    count_is_exact,
    init_span,
    is_allocated,
    is_free,
)
from spanspec.span.sweep import Swept, frees_some, leaves_nothing, sweep

WORDS = Words(64)
TRUE = z3.BoolVal(True)


# --- predicates that more than one obligation uses, in the language of rules -------------------


def cache_bit_is_exact(span: Mspan, ahead: U16) -> bool:
    """Bit `ahead` of the cache is 1 iff slot freeindex + ahead is free and in the same word."""
    return span.freeindex >= span.nelems or (
        ((span.alloc_cache >> ahead) & 1 == 1)
        == ((span.freeindex & 63) + ahead < 64 and not span.alloc_bits.bit(span.freeindex + ahead))
    )


def took_free_slot(before: Mspan, slot: U16, after: Mspan) -> bool:
    """Slot was free, and the span afterwards starts its search past it and counts it."""
    return (
        before.freeindex <= slot < before.nelems
        and is_free(before, slot)
        and after.nelems == before.nelems
        and after.freeindex == slot + 1
        and after.alloc_count == before.alloc_count + 1
    )


def freeindex_in_bounds(span: Mspan) -> bool:
    """The search starts at a slot of the span or at its end."""
    return span.freeindex <= span.nelems


def window_of(span: Mspan) -> U64:
    """The window at freeindex."""
    return window_at(span.alloc_bits, span.freeindex)


def may_sweep(span: Mspan) -> bool:
    """The span is in use."""
    return span.state == IN_USE and span.needzero <= 1


def returns_to_heap(swept: Swept, preserve: bool) -> bool:
    """The whole span goes back to the page heap."""
    large = size_class_of(swept.span.spanclass) == 0
    return sweep_returns_span(large, preserve, frees_some(swept), leaves_nothing(swept))


def unchanged(before: Mspan, after: Mspan) -> bool:
    """No slot state differs."""
    return (
        after.freeindex == before.freeindex
        and after.alloc_count == before.alloc_count
        and after.alloc_cache == before.alloc_cache
        and after.nelems == before.nelems
    )


def search_loop(span: Mspan, index: U16, cache: U64, below: U16) -> bool:
    """Invariant of the slow search: slots before `index` are taken, the cache is its window."""
    return (
        span.freeindex <= index < span.nelems
        and cache == window_at(span.alloc_bits, index)
        and is_passed_over(span, index, below)
    )


def slots_ahead(span: Mspan, index: U16) -> int:
    """Variant of the slow search."""
    return span.nelems - index


def keeps_layout(before: Mspan, after: Mspan) -> bool:
    """Nothing differs but which slots are allocated and marked."""
    return (
        after.base == before.base
        and after.npages == before.npages
        and after.spanclass == before.spanclass
        and after.state == before.state
        and after.elemsize == before.elemsize
        and after.limit == before.limit
        and after.nelems == before.nelems
    )


def steps_past(span: Mspan, found: NextFree, below: U16) -> bool:
    """Nothing differs after the slow search but where the next one begins, and its cache."""
    after = found.span
    return (
        keeps_layout(span, after)
        and after.freeindex == (span.nelems if found.slot == span.nelems else found.slot + 1)
        and after.alloc_count == span.alloc_count
        and after.needzero == span.needzero
        and after.alloc_bits.bit(below) == span.alloc_bits.bit(below)
        and after.gcmark_bits.bit(below) == span.gcmark_bits.bit(below)
    )


def finds_lowest_free(span: Mspan, found: NextFree, below: U16) -> bool:
    """What the slow search ensures: the lowest free slot, behind which the next one begins."""
    return (
        ends_search(span, found.slot)
        and is_passed_over(span, found.slot, below)
        and steps_past(span, found, below)
    )


def takes_lowest_free(span: Mspan, found: NextFree, below: U16) -> bool:
    """What the fast path ensures: the lowest free slot, counted, or that nothing changed."""
    if found.slot == span.nelems:
        return unchanged(span, found.span)
    return took_free_slot(span, found.slot, found.span) and is_passed_over(span, found.slot, below)


def may_search(span: Mspan) -> bool:
    """What a search needs: a span within bounds, with an exact cache."""
    return bounds_hold(span) and cache_is_exact(span)


SHAPE = ("base", "npages", "spanclass", "state", "elemsize", "limit", "nelems", "needzero")
BITS = ("alloc_bits", "gcmark_bits")


def kept(*fields: str) -> tuple[tuple[str, str], ...]:
    """The parts of a search's outcome that are those of the span."""
    return tuple((f"span.{field}", f"span.{field}") for field in fields)


SLOW_SEARCH = Contract(
    finds_lowest_free,
    may_search,
    proved_by="span.slow.takes-lowest",
    keeps=kept(*SHAPE, *BITS, "alloc_count"),
)
SLOW = {"spanspec.span.alloccache.next_free_index": SLOW_SEARCH}
FAST_SEARCH = Contract(
    takes_lowest_free, may_search, proved_by="span.fast.takes-lowest", keeps=kept(*SHAPE, *BITS)
)
SEARCHES = {**SLOW, "spanspec.span.alloccache.next_free_fast": FAST_SEARCH}
SEARCH = {"spanspec.span.alloccache.next_free_index": LoopInvariant(search_loop, slots_ahead)}
COUNT_OF_ZEROS = Contract(is_trailing_zeros, proved_by="words.trailing-zeros")
ZEROS = {"spanspec.base.words.trailing_zeros": COUNT_OF_ZEROS}


def any_span(p: Proof) -> Mspan:
    """A span within bounds whose cache is exact."""
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    p.assume(p.holds(bounds_hold, span), p.holds(cache_is_exact, span))
    return span


def is_window_bit(span: Mspan, ahead: U16) -> bool:
    """A bit of the window of a span within bounds."""
    return bounds_hold(span) and ahead < 64


def is_exact(span: Mspan, ahead: U16) -> bool:
    """The cache of the span is exact."""
    return cache_is_exact(span)


BITWISE = Lemma("span.cache.bitwise", cache_bit_is_exact, given=(is_window_bit, is_exact))


def bitwise(p: Proof, span: Mspan, *ahead: z3.ExprRef, given: z3.BoolRef = TRUE) -> None:
    """Use the exactness of the cache at some bits."""
    for instance in ahead:
        p.use(BITWISE, span, instance, given=z3.And(given, z3.ULT(instance, 64)))


def parts(found: object) -> tuple[z3.ExprRef, Mspan]:
    """Return the slot and the span of a `NextFree`."""
    assert isinstance(found, NextFree)
    return cast(z3.ExprRef, found.slot), found.span


# --- searches ---------------------------------------------------------------------------------


@obligation("words.trailing-zeros", "SPAN-12", WORDS)
def trailing_zeros_meets_its_contract(p: Proof) -> None:
    """Counting trailing zeros finds the lowest set bit of every 64-bit word, and 64 for zero."""
    word = p.number(U64, "word")
    count = p.integer(trailing_zeros, word)
    p.establish(COUNT_OF_ZEROS, word, count)
    p.possible("a word with only bit 63 set", z3.And(word == 1 << 63, count == 63))
    p.possible("zero", word == 0)


@obligation("span.cache.bitwise", "SPAN-10 SPAN-11", WORDS)
def exact_cache_is_exact_bit_by_bit(p: Proof) -> None:
    """The cache is the window at freeindex iff each of its 64 bits tells whether its slot is free.

    The second half says: if all bits agree then the words are equal, for words differ in a bit.
    """
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    some = p.number(U16, "ahead")
    inside = p.holds(is_window_bit, span, some)
    bit_exact = as_bool(p.call_given(inside, cache_bit_is_exact, span, some))
    window = p.integer(window_of, span)
    differs = z3.Extract(0, 0, z3.LShR(span.alloc_cache ^ window, some)) == 1
    searching = z3.ULT(span.freeindex, span.nelems)
    claim = z3.Implies(z3.And(searching, differs), ~bit_exact)
    p.show("a bit that differs is not exact", claim, inside)
    p.suppose(BITWISE, span, some)
    p.establish(BITWISE, span, some)
    p.possible("a full span", span.freeindex == span.nelems)
    p.possible("the last bit of a word", z3.And(some == 63, searching))


@obligation(
    "span.fast.takes-lowest",
    "SPAN-8 SPAN-12 SPAN-13",
    WORDS,
    contracts=ZEROS,
    lemmas=(BITWISE,),
)
def fast_path_takes_the_lowest_free_slot(p: Proof) -> None:
    """The fast path hands out the lowest free slot, its cache exact, or changes nothing."""
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    p.suppose(FAST_SEARCH, span)
    ahead, below = p.number(U16, "ahead"), p.arbitrary("below", U16)
    success, failure = cases = p.cases(next_free_fast, span)
    zeros = p.results_of(trailing_zeros)[0]
    assert isinstance(zeros, z3.ExprRef)
    bitwise(p, span, zeros, below - span.freeindex)
    for case in cases:
        p.establish(FAST_SEARCH, span, case.value, below, given=case.path)
    p.assume(z3.ULT(ahead, 64))
    bitwise(p, span, ahead + zeros + 1)
    _, after = parts(success.value)
    p.show("cache stays exact", p.implied(success.path, cache_bit_is_exact, after, ahead))
    p.show("stays in bounds", p.holds(freeindex_in_bounds, after), success.path)
    none, _ = parts(failure.value)
    p.show("failure is told by nelems", none == span.nelems, failure.path)
    p.possible("success", success.path)
    p.possible("failure at a word's last slot", z3.And(failure.path, span.alloc_cache != 0))


@obligation(
    "span.slow.takes-lowest",
    "SPAN-15 SPAN-16",
    WORDS,
    loops=SEARCH,
    contracts=ZEROS,
    lemmas=(BITWISE,),
)
def slow_search_finds_the_lowest_free_slot(p: Proof) -> None:
    """The slow search finds the lowest free slot, or that there is none; the cache stays exact."""
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    p.suppose(SLOW_SEARCH, span)
    ahead, below = p.number(U16, "ahead"), p.arbitrary("below", U16)
    cases = p.cases(next_free_index, span)
    at_loop = replace(
        span,
        freeindex=p.at_loop(next_free_index, "index"),
        alloc_cache=p.at_loop(next_free_index, "cache"),
    )
    zeros = p.results_of(trailing_zeros)[0]
    assert isinstance(zeros, z3.ExprRef)
    for case in cases:
        p.establish(SLOW_SEARCH, span, case.value, below, given=case.path)
    p.assume(z3.ULT(ahead, 64))
    exact = p.holds(may_search, at_loop)
    bitwise(p, at_loop, ahead + zeros + 1, given=exact)
    for case in cases:
        _, after = parts(case.value)
        p.show("cache stays exact", p.implied(case.path, cache_bit_is_exact, after, ahead))
        p.possible("each way through the search", case.path)


@obligation(
    "span.fast.fails-only-if",
    "SPAN-12 SPAN-13 SPAN-16",
    WORDS,
    contracts=ZEROS,
    lemmas=(BITWISE,),
)
def fast_path_fails_only_where_it_must(p: Proof) -> None:
    """The fast path fails only if the span is full, if its window is used up, or at the last
    slot of a word that is not the last of the span.
    """
    span = any_span(p)
    p.assume(z3.ULT(span.freeindex, span.nelems))
    _, failure = p.cases(next_free_fast, span)
    zeros = p.results_of(trailing_zeros)[0]
    assert isinstance(zeros, z3.ExprRef)
    slot = p.number(U16, "slot")
    p.assume(p.holds(ends_search, span, slot), slot != span.nelems)
    p.assume(p.holds(is_passed_over, span, slot, span.freeindex + zeros))
    bitwise(p, span, zeros, slot - span.freeindex)
    same_word = z3.LShR(slot, 6) == z3.LShR(span.freeindex, 6)
    p.show("at a word's end", z3.Implies(same_word, (slot + 1) & 63 == 0), failure.path)
    p.possible("at a word's end", z3.And(failure.path, same_word))
    p.possible("window used up", z3.And(failure.path, ~same_word))


# --- where the cache is established -------------------------------------------------------------


@obligation("span.room-found", "CEN-4 CEN-9 SPAN-15", WORDS, contracts=SLOW)
def room_is_found_and_not_taken(p: Proof) -> None:
    """Of a span in which a central list has looked for room, the slot that it found stays free, and
    the next search begins there; no slot is counted, and none changes.
    """
    other = p.arbitrary("below", U16)
    assert isinstance(other, z3.ExprRef)
    span = any_span(p)
    found = p.call(next_free_index, span)
    assert isinstance(found, NextFree)
    kept_for = p.call(room_found, found)
    assert isinstance(kept_for, Mspan)
    room = found.slot != span.nelems
    p.show("free", p.holds(is_free, kept_for, found.slot), room)
    p.show("the search begins there", kept_for.freeindex == found.slot)
    p.show("none is counted", kept_for.alloc_count == span.alloc_count)
    same = p.holds(is_free, kept_for, other) == p.holds(is_free, span, other)
    p.show("no other changes", same, z3.ULT(other, span.nelems))
    p.possible("room", room)
    p.possible("none", z3.Not(room))


def fit_the_class(npages: U32, spanclass: U8) -> bool:
    """A span has the pages of its class; one of a large object as many as that needs (SC-2)."""
    size_class = size_class_of(spanclass)
    return size_class == 0 or npages == CLASS_TO_PAGES[size_class]


@obligation("span.cache.established", "SPAN-6 SPAN-10 CEN-9 SWP-28", WORDS)
def cache_is_exact_wherever_it_is_made(p: Proof) -> None:
    """The cache is exact after initialization, after a reload for an mcache, and after a sweep."""
    base, npages, limit = p.number(U64, "base"), p.number(U32, "npages"), p.number(U64, "limit")
    spanclass = p.number(U8, "spanclass")
    p.assume(z3.ULT(spanclass, NUM_SPAN_CLASSES))
    p.assume(p.holds(fit_the_class, npages, spanclass))
    fresh = p.call(init_span, base, npages, spanclass, limit)
    assert isinstance(fresh, Mspan)
    p.show("initialization", p.holds(cache_is_exact, fresh))
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    p.assume(p.holds(bounds_hold, span), z3.ULT(span.freeindex, span.nelems))
    p.assume(z3.ULT(span.alloc_count, span.nelems))
    reloaded = p.call(reload_cache, span)
    assert isinstance(reloaded, Mspan)
    p.show("reload", p.holds(cache_is_exact, reloaded))
    p.possible("a freeindex inside a word", span.freeindex & 63 == 5)


@obligation(
    "span.sweep.keeps-marked",
    "SWP-24 SWP-28 SWP-30 I-27",
    WORDS,
    contracts=SLOW,
    lemmas=(MARKS,),
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
    lemmas=(MARKS,),
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
    p.conclude(p.holds(count_is_between, span.alloc_bits, span.freeindex, span.nelems))
    p.conclude(p.holds(count_is_between, span.gcmark_bits, 0, span.nelems))
    p.assume(p.holds(may_sweep, span), p.holds(count_is_exact, span))
    p.use(MARKS, span, every=lambda slot: [p.holds(marks_allocated, span, slot)])
    swept = p.call(sweep, span)
    assert isinstance(swept, Swept)
    return span, swept


def empty(swept: Swept) -> z3.BoolRef:
    """The outcome `wasempty` as a term."""
    return as_bool(swept.was_empty)
