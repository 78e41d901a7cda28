"""Both searches of a span find its lowest free slot, for every bitmap.

Bitmaps are 64-bit words of unknown content, spans have 1 to 1024 slots, and the loop of the
slow search is cut at an invariant, so nothing here is bounded.
"""

from typing import cast

import z3
from msgspec.structs import replace

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.evaluation.frames import Contract, LoopInvariant
from spanproof.theorems.span.cache import (
    BITWISE,
    WORDS,
    ZEROS,
    any_span,
    bitwise,
    cache_bit_is_exact,
)
from spanspec.base.words import U16, U64, trailing_zeros
from spanspec.span.alloccache import (
    NextFree,
    cache_is_exact,
    next_free_fast,
    next_free_index,
    room_found,
    window_at,
)
from spanspec.span.freeslots import ends_search, is_passed_over
from spanspec.span.mspan import Mspan, bounds_hold, is_free


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


def parts(found: object) -> tuple[z3.ExprRef, Mspan]:
    """Return the slot and the span of a `NextFree`."""
    assert isinstance(found, NextFree)
    return cast(z3.ExprRef, found.slot), found.span


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
