"""What happens to the slots of one span, bit by bit: the parts of which steps of a heap are made.

These are shown over 64-bit words, as the searches and bitmaps are. Who speaks of addresses builds
on them, and no longer of words.
"""

from typing import Final

import z3
from msgspec.structs import replace

from spanproof.prove.assumptions import MARKER
from spanproof.prove.lemmas import ShownOfSteps
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.theorems.induction import count_starts, count_steps
from spanproof.theorems.span.cache import BITWISE, ZEROS, any_span, bitwise
from spanproof.theorems.span.counting import (
    BETWEEN,
    FREED,
    FULL,
    MARKS,
    ROOM,
    counts_exactly,
    dies,
    marks_allocated,
)
from spanproof.theorems.span.searches import SLOW, keeps_layout
from spanproof.theorems.span.sweeps import any_sweep
from spanspec.base.bitmap import NO_BITS
from spanspec.base.words import U16, trailing_zeros
from spanspec.span.alloccache import NextFree, next_free_fast, next_free_index, next_free_slow
from spanspec.span.freeslots import is_passed_over
from spanspec.span.mspan import Mspan, is_allocated, is_free
from spanspec.span.sweep import Swept

WORDS: Final = Words(64)


# --- what others build on -------------------------------------------------------------------------


def hands_out(before: Mspan, found: NextFree, other: U16) -> bool:
    """A search hands out a slot that is free, and changes no other; or it finds none."""
    after = found.span
    none = found.slot == before.nelems
    return (
        keeps_layout(before, after)
        and after.needzero == before.needzero
        and found.slot <= before.nelems
        and (none or is_free(before, found.slot))
        and after.gcmark_bits.bit(other) == before.gcmark_bits.bit(other)
        and (
            other >= before.nelems
            or is_allocated(after, other)
            == (is_allocated(before, other) or (not none and other == found.slot))
        )
    )


def sweeps_slot(before: Mspan, swept: Swept, other: U16) -> bool:
    """A sweep keeps a slot that is marked, and frees one that is not; then its memory counts as
    written. Afterwards no slot is marked.
    """
    after = swept.span
    marked = before.gcmark_bits.bit(other)
    return keeps_layout(before, after) and (
        other >= before.nelems
        or (
            is_allocated(after, other) == marked
            and not after.gcmark_bits.bit(other)
            and (not marked or is_allocated(before, other))
            and (marked or not is_allocated(before, other) or after.needzero == 1)
            and (after.needzero == before.needzero or after.needzero == 1)
        )
    )


def is_empty(span: Mspan, other: U16) -> bool:
    """Where none is counted, no slot is allocated."""
    return span.alloc_count != 0 or other >= span.nelems or not is_allocated(span, other)


EMPTY: Final = ShownOfSteps(is_empty, ("objects.slot.empty",))
FAST: Final = "objects.slot.fast"
SWEEP: Final = "objects.slot.sweep"
TAKES: Final = ShownOfSteps(hands_out, (FAST, "objects.slot.slow"))
SWEEPS: Final = ShownOfSteps(sweeps_slot, (SWEEP,))


# --- what shows it --------------------------------------------------------------------------------


@obligation(FAST, "SPAN-8 SPAN-12 SPAN-13 I-38", WORDS, contracts=ZEROS, lemmas=(BITWISE,))
def the_fast_path_hands_out_a_free_slot(p: Proof) -> None:
    """The fast path hands out a slot that was free and is allocated then, and changes no other."""
    span, other = any_span(p), p.number(U16, "other")
    success, failure = p.cases(next_free_fast, span)
    zeros = p.results_of(trailing_zeros)[0]
    assert isinstance(zeros, z3.ExprRef)
    bitwise(p, span, zeros, other - span.freeindex)
    for way in (success, failure):
        p.shows(TAKES, span, way.value, other, given=way.path)
        p.possible("either way", way.path)


@obligation(
    "objects.slot.slow",
    "SPAN-15 SPAN-16 MAL-19 I-38 T-15 T-17",
    WORDS,
    contracts=SLOW,
    lemmas=(BETWEEN, ROOM, FULL),
)
def the_slow_path_hands_out_a_free_slot(p: Proof) -> None:
    """The slow path, too, hands out a slot that was free and changes no other, or finds none; that
    none is free it finds just if all are counted.
    """
    other = p.arbitrary("any_slot", U16)
    p.name("below", other)
    span = any_span(p)
    p.use(BETWEEN, span.alloc_bits, span.freeindex, span.nelems)
    p.assume(p.holds(counts_exactly, span))
    search = p.call(next_free_index, span)
    assert isinstance(search, NextFree)
    passed = [p.holds(is_passed_over, span, search.slot, other)]
    none = search.slot == span.nelems
    p.use(FULL, span, given=none, every=lambda _: passed)
    p.use(ROOM, span, search.slot, given=~none)
    found = p.call(next_free_slow, span)
    assert isinstance(found, NextFree)
    p.shows(TAKES, span, found, other)
    p.possible("a slot", found.slot != span.nelems)
    p.possible("none", none)


@obligation(
    SWEEP,
    "SWP-24 SWP-27 SWP-28 I-27 I-39",
    WORDS,
    contracts=SLOW,
    lemmas=(BETWEEN, MARKS, FREED),
    assumes=(MARKER,),
)
def a_sweep_keeps_what_is_marked(p: Proof) -> None:
    """A sweep keeps each marked slot and frees every other, whose memory then counts as written."""
    p.arbitrary("below", U16)
    span, swept = any_sweep(p)
    other = p.number(U16, "other")
    dead = p.holds(dies, span, other)
    p.use(FREED, span, other, given=dead, every=lambda slot: [p.holds(marks_allocated, span, slot)])
    p.assume(z3.Implies(z3.ULT(span.spanclass, 2), span.nelems == 1))
    p.assume(p.holds(marks_allocated, span, other))
    p.conclude(p.holds(count_starts, span.gcmark_bits), p.holds(count_steps, span.gcmark_bits, 0))
    p.shows(SWEEPS, span, swept, other)
    p.possible("it dies", dead)
    p.possible("it lives", z3.And(z3.ULT(other, span.nelems), span.gcmark_bits.bit(other)))


@obligation("objects.slot.empty", "SPAN-9 HEAP-28 I-2", WORDS, lemmas=(BETWEEN, FREED))
def a_span_that_counts_none_has_none(p: Proof) -> None:
    """A span that counts no allocated slot has none: so nothing lives in one that goes back."""
    span, other = p.fresh(Mspan, "span"), p.number(U16, "other")
    assert isinstance(span, Mspan)
    p.use(BETWEEN, span.alloc_bits, span.freeindex, span.nelems)
    p.assume(p.holds(counts_exactly, span))
    unmarked = replace(span, gcmark_bits=NO_BITS)
    dead = p.holds(dies, unmarked, other)
    p.use(FREED, unmarked, other, given=dead)
    p.shows(EMPTY, span, other)
    p.possible("an empty span", span.alloc_count == 0)
    p.possible("a slot is allocated", p.holds(is_allocated, span, other))
