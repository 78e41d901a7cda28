"""Counting slots: allocCount is right after each search and sweep, and a sweep frees what is dead.

Bits are an arbitrary predicate here, spans have any number of slots up to 1024, and every claim
about a count is by induction over the slots.
"""

from collections.abc import Callable

import z3

from spanproof.prove.assumptions import MARKER
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanproof.theorems.induction import by_induction, count_starts, steps
from spanproof.theorems.span.cache import WORDS, any_span
from spanproof.theorems.span.counting import (
    BETWEEN,
    FREED,
    FULL,
    MARKS,
    ROOM,
    TAKEN,
    is_not_free,
    marks_allocated,
)
from spanproof.theorems.span.searches import SEARCHES, SLOW, parts
from spanproof.theorems.span.sweeps import any_sweep
from spanspec.base.words import U16
from spanspec.span.alloccache import (
    NextFree,
    next_free_fast,
    next_free_index,
    next_free_slow,
    searched_full,
)
from spanspec.span.freeslots import is_passed_over
from spanspec.span.mspan import (
    Mspan,
    allocated_below,
    bounds_hold,
    count_alloc,
    count_is_exact,
    is_allocated,
)

INTEGERS = Integers()


def any_counted_span(p: Proof) -> Mspan:
    """A span within bounds whose allocCount is the number of its allocated slots."""
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    p.assume(p.holds(bounds_hold, span), p.holds(count_is_exact, span))
    p.assume(p.holds(count_starts, span.alloc_bits), p.holds(count_starts, span.gcmark_bits))
    return span


def any_exact_span(p: Proof) -> Mspan:
    """A span that is counted exactly, and whose cache is exact: any that a P searches."""
    span = any_span(p)
    p.use(BETWEEN, span.alloc_bits, span.freeindex, span.nelems)
    p.assume(p.holds(count_is_exact, span))
    return span


def search(
    p: Proof, span: Mspan, find: Callable[[Mspan], NextFree]
) -> tuple[z3.ExprRef, z3.BoolRef]:
    """Search, and build on what is known of the slots passed over: the slot, and whether one was
    found.
    """
    slot, _ = parts(p.call(find, span))
    found = slot != span.nelems
    p.use(BETWEEN, span.alloc_bits, slot + 1, span.nelems)

    def every(below: z3.ExprRef) -> list[z3.BoolRef]:
        return [p.holds(is_passed_over, span, slot, below)]

    p.use(TAKEN, span, slot, given=found, every=every)
    p.use(ROOM, span, slot, given=found)
    return slot, found


def search_to_the_end(p: Proof, span: Mspan) -> z3.BoolRef:
    """Search slowly, and build on it that all slots are counted where none is found; return whether
    one was found.
    """
    slot, found = search(p, span, next_free_index)
    p.use(
        FULL,
        span,
        given=z3.Not(found),
        every=lambda below: [p.holds(is_passed_over, span, slot, below)],
    )
    return found


@obligation(
    "count.allocate",
    "SPAN-9 SPAN-12 MAL-19 I-2 T-15 T-17",
    WORDS,
    contracts=SEARCHES,
    lemmas=(BETWEEN, TAKEN, ROOM, FULL),
)
def allocation_keeps_the_count(p: Proof) -> None:
    """Either search keeps allocCount equal to the number of allocated slots, and the span within
    bounds. The slow one finds no slot exactly if all are counted, so neither T-15 nor T-17 fires.
    """
    p.arbitrary("below", U16)
    span = any_exact_span(p)
    fast, taken = search(p, span, next_free_fast)
    found = search_to_the_end(p, span)
    for name, find in (("fast", next_free_fast), ("slow", next_free_slow)):
        _, after = parts(p.call(find, span))
        p.show(f"count, {name}", p.holds(count_is_exact, after))
        p.show(f"bounds, {name}", p.holds(bounds_hold, after))
    p.show("full if none is found", span.alloc_count == span.nelems, z3.Not(found))
    p.possible("slots are passed over", z3.And(taken, z3.UGT(fast, span.freeindex + 2)))
    p.possible("a full span", z3.And(z3.Not(found), z3.ULT(span.freeindex, span.nelems)))


@obligation(
    "count.refill", "MC-4 MAL-19 T-50", WORDS, contracts=SEARCHES, lemmas=(BETWEEN, TAKEN, ROOM)
)
def a_full_span_is_let_go_of(p: Proof) -> None:
    """Of a span in which all slots are counted neither search finds one, so that T-50 does not fire
    when refill lets go of it.
    """
    p.arbitrary("below", U16)
    span = any_exact_span(p)
    p.assume(span.alloc_count == span.nelems)
    search(p, span, next_free_fast)
    search(p, span, next_free_index)
    left = p.call(searched_full, span)
    assert isinstance(left, Mspan)
    p.show("at its end", left.freeindex == span.nelems)
    p.possible("not yet at its end", z3.ULT(span.freeindex, span.nelems))


@obligation("count.taken", "SPAN-9 SPAN-12 MAL-19 I-2", INTEGERS)
def a_slot_that_is_taken_is_counted(p: Proof) -> None:
    """If a slot is free, and all that were passed over are not, then one more is allocated."""
    span, slot = any_bits(p), p.number(U16, "slot")
    p.suppose(TAKEN, span, slot)
    bits = span.alloc_bits

    def run(end: z3.ExprRef) -> z3.BoolRef:
        return bits.count(end) - bits.count(span.freeindex) == end - span.freeindex

    by_induction(
        p,
        "the slots passed over are all allocated",
        run,
        span.freeindex,
        slot,
        lambda j: [*steps(p, j, bits), p.holds(is_passed_over, span, slot, j)],
    )
    p.conclude(*steps(p, slot, bits))
    p.establish(TAKEN, span, slot)
    p.possible("slots are passed over", slot > span.freeindex + 2)


def any_bits(p: Proof) -> Mspan:
    """A span of which nothing is known but what its bits' counts are."""
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    p.conclude(p.holds(count_starts, span.alloc_bits), p.holds(count_starts, span.gcmark_bits))
    return span


@obligation("count.between", "SPAN-8 SPAN-9 SPAN-20 I-2 I-27", INTEGERS)
def no_more_slots_are_counted_than_there_are(p: Proof) -> None:
    """No stretch of slots has more bits set than slots, and below no place are more allocated. All
    that the last sweep has kept are among these: where allocCount is exact, I-27 holds.
    """
    span, low, high = any_bits(p), p.number(U16, "low"), p.number(U16, "high")
    bits = span.alloc_bits
    p.suppose(BETWEEN, bits, low, high)
    by_induction(
        p,
        "below the stretch",
        lambda j: bits.count(j) <= j,
        z3.IntVal(0),
        low,
        lambda j: steps(p, j, bits),
    )
    by_induction(
        p,
        "in the stretch",
        lambda j: z3.And(
            bits.count(low) <= bits.count(j), bits.count(j) - bits.count(low) <= j - low
        ),
        low,
        high,
        lambda j: steps(p, j, bits),
    )
    p.establish(BETWEEN, bits, low, high)
    by_induction(
        p,
        "what was kept is allocated, and lies below",
        lambda j: z3.And(
            bits.count(j) <= p.integer(allocated_below, span, j),
            p.integer(allocated_below, span, j) <= j,
        ),
        z3.IntVal(0),
        span.nelems,
        lambda j: steps(p, j, bits),
    )
    exact = p.holds(count_is_exact, span)
    p.show("all that was kept is counted", bits.count(span.nelems) <= span.alloc_count, exact)
    p.show("no more are counted than there are", span.alloc_count <= span.nelems, exact)
    p.possible(
        "kept, allocated since, and free",
        z3.And(
            exact,
            bits.count(span.nelems) > 1,
            bits.count(span.nelems) + 1 < span.alloc_count,
            span.alloc_count + 1 < span.nelems,
            span.freeindex > 3,
        ),
    )
    p.possible(
        "some are set, others are not",
        z3.And(low > 1, bits.count(high) - bits.count(low) == 2, high > low + 5),
    )


@obligation("count.room", "SPAN-9 SPAN-16 MAL-19 CEN-8", INTEGERS)
def a_free_slot_is_not_counted(p: Proof) -> None:
    """If a slot is free, allocCount is less than nelems."""
    span, free = any_bits(p), p.number(U16, "free")
    p.suppose(ROOM, span, free)
    by_induction(
        p,
        "a free slot is not counted",
        lambda j: p.integer(allocated_below, span, j) + z3.If(free < j, 1, 0) <= j,
        z3.IntVal(0),
        span.nelems,
        lambda j: steps(p, j, span.alloc_bits),
    )
    p.establish(ROOM, span)
    p.possible("a free slot", free > span.freeindex)


@obligation("count.full", "SPAN-9 SPAN-16 MAL-19 MC-4", INTEGERS)
def all_are_counted_if_none_is_free(p: Proof) -> None:
    """If no slot is free, allocCount equals nelems."""
    span = any_bits(p)
    p.suppose(FULL, span)
    by_induction(
        p,
        "all are counted",
        lambda j: p.integer(allocated_below, span, j) == j,
        z3.IntVal(0),
        span.nelems,
        lambda j: [*steps(p, j, span.alloc_bits), p.holds(is_not_free, span, j)],
    )
    p.establish(FULL, span)
    p.possible("none is free", span.freeindex < span.nelems)


@obligation("count.marks", "SWP-24 SPAN-20 I-4", INTEGERS)
def marks_never_exceed_the_count(p: Proof) -> None:
    """If only allocated slots are marked, a sweep never raises allocCount."""
    span = any_bits(p)
    p.suppose(MARKS, span)
    by_induction(
        p,
        "marked slots are among the allocated",
        lambda j: span.gcmark_bits.count(j) <= p.integer(allocated_below, span, j),
        z3.IntVal(0),
        span.nelems,
        lambda j: [
            *steps(p, j, span.alloc_bits, span.gcmark_bits),
            p.holds(marks_allocated, span, j),
        ],
    )
    p.establish(MARKS, span)
    p.possible("some are marked", p.integer(count_alloc, span) > 1)


@obligation("count.freed", "SWP-24 SWP-26 I-27", INTEGERS)
def a_dead_object_is_freed(p: Proof) -> None:
    """If an allocated slot is not marked, a sweep frees some."""
    span, dead = any_bits(p), p.number(U16, "dead")
    marks = span.gcmark_bits
    p.suppose(FREED, span, dead)
    by_induction(
        p,
        "a dead object is counted but not marked",
        lambda j: marks.count(j) + z3.If(dead < j, 1, 0) <= p.integer(allocated_below, span, j),
        z3.IntVal(0),
        span.nelems,
        lambda j: [*steps(p, j, span.alloc_bits, marks), p.holds(marks_allocated, span, j)],
    )
    p.establish(FREED, span)
    p.possible("one dies, another lives", p.integer(count_alloc, span) > 1)


@obligation("count.kept", "SWP-24 SWP-26 I-27", INTEGERS)
def nothing_is_freed_if_every_object_lives(p: Proof) -> None:
    """If every allocated slot is marked, and no other, a sweep frees nothing."""
    span = any_counted_span(p)
    marks = span.gcmark_bits
    by_induction(
        p,
        "if all live, the counts agree",
        lambda j: marks.count(j) == p.integer(allocated_below, span, j),
        z3.IntVal(0),
        span.nelems,
        lambda j: [
            *steps(p, j, span.alloc_bits, marks),
            p.holds(is_allocated, span, j) == marks.bit(j),
        ],
    )
    p.show("nothing is freed", p.integer(count_alloc, span) == span.alloc_count)
    p.possible("all live", p.integer(count_alloc, span) > 1)


@obligation(
    "count.sweep",
    "SPAN-9 SWP-24 SWP-28 I-2",
    WORDS,
    contracts=SLOW,
    lemmas=(BETWEEN, MARKS),
    assumes=(MARKER,),
)
def sweep_leaves_the_count_exact(p: Proof) -> None:
    """After a sweep allocCount is the number of allocated slots, and within bounds."""
    p.arbitrary("below", U16)
    span, swept = any_sweep(p)
    p.conclude(p.holds(count_starts, span.gcmark_bits))
    p.show("count", p.holds(count_is_exact, swept.span))
    p.show("bounds", p.holds(bounds_hold, swept.span))
    p.possible("something survives", z3.UGT(swept.span.alloc_count, 1))
