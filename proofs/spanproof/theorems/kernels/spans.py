"""The kernels of spanalloc meet the same specification, proved from their own source.

They compute on signed 64-bit integers, as mypyc compiles them, so each operation must stay in
range: that is part of what is proved here. Their words and caches are unrelated to the model's.
"""

from typing import Final

import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanalloc.span.kernels import (
    bit_of,
    next_free_fast,
    next_free_index,
    shift_out,
    trailing_zeros,
    window,
)
from spanproof.prove.lemmas import Lemma
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Signed
from spanproof.symbolic.evaluation.frames import Contract, LoopInvariant
from spanproof.symbolic.values.merge import scalar_of
from spanproof.symbolic.values.values import Value
from spanspec.base.words import U8, U16

MAX_I64: Final = (1 << 63) - 1
NATIVE = Signed(64)
TRUE = z3.BoolVal(True)


# --- the specification, over words as the kernels hold them --------------------------------------


def is_taken(words: vec[i64], slot: i64) -> bool:
    """Bit `slot` of a bitmap is set."""
    return (words[slot >> 6] >> (slot & 63)) & 1 == 1


def counts_trailing_zeros(x: i64, count: i64) -> bool:
    """Bit `count` is the lowest set bit of `x`; 64 if there is none."""
    if x == 0:
        return count == 64
    return 0 <= count < 64 and (x >> count) & 1 == 1 and x & (MAX_I64 >> (63 - count)) == 0


def in_bounds(freeindex: i64, nelems: i64) -> bool:
    """A span of 1 to 1024 slots, and a place to start searching."""
    return 1 <= nelems <= 1024 and 0 <= freeindex <= nelems


def cache_bit_is_exact(
    words: vec[i64], freeindex: i64, nelems: i64, cache: i64, ahead: i64
) -> bool:
    """Bit `ahead` of the cache is 1 iff slot freeindex + ahead is free and in the same word."""
    return freeindex >= nelems or (
        ((cache >> ahead) & 1 == 1)
        == ((freeindex & 63) + ahead < 64 and not is_taken(words, freeindex + ahead))
    )


def has_slots(words: vec[i64], nelems: i64) -> bool:
    """A bitmap has a bit for each of so many slots, and no more words than the longest span."""
    return (nelems + 63) >> 6 <= len(words) <= 16


def ends_search(words: vec[i64], freeindex: i64, nelems: i64, slot: i64) -> bool:
    """A search may end at a free slot, or at the end of the span."""
    return freeindex <= slot <= nelems and (slot == nelems or not is_taken(words, slot))


def is_passed_over(words: vec[i64], freeindex: i64, slot: i64, below: i64) -> bool:
    """A search that ends at `slot` passes over taken slots only."""
    return not freeindex <= below < slot or is_taken(words, below)


def cache_is_exact(words: vec[i64], freeindex: i64, nelems: i64, cache: i64) -> bool:
    """The cache is the window at freeindex; unspecified at the end of the span."""
    return freeindex >= nelems or cache == window(words, freeindex)


def search_loop(
    words: vec[i64], entry_freeindex: i64, nelems: i64, position: U16, cache: i64, below: i64
) -> bool:
    """Invariant of the slow search: taken up to `position`, whose window the cache is."""
    return (
        entry_freeindex <= position <= nelems + 63
        and (below >= nelems or is_passed_over(words, entry_freeindex, position, below))
        and cache_is_exact(words, position, nelems, cache)
        and (
            below >= nelems
            or not position <= below < position + 64
            or cache_bit_is_exact(words, position, nelems, cache, below - position)
        )
    )


def slots_ahead(nelems: i64, position: i64) -> i64:
    """Variant of the slow search."""
    return nelems + 64 - position


def moves_bit(cache: i64, n: i64, shifted: i64, ahead: i64) -> bool:
    """What shift_out ensures, for one bit: bit `ahead` is what stood n + 1 bits above it."""
    return not 0 <= ahead < 64 or (
        ((shifted >> ahead) & 1 == 1)
        == (ahead + n + 1 < 64 and (cache >> (ahead + n + 1)) & 1 == 1)
    )


def is_shift(cache: i64, n: i64) -> bool:
    """What shift_out needs: a bit of a word to shift out."""
    return 0 <= n < 64


ZEROS: Final = Contract(counts_trailing_zeros, proved_by="kernels.trailing-zeros")
SHIFT: Final = Contract(moves_bit, is_shift, proved_by="kernels.shift-out")
CONTRACTS: Final = {
    "spanalloc.span.kernels.trailing_zeros": ZEROS,
    "spanalloc.span.kernels.shift_out": SHIFT,
}
"""What the searches rely on."""


@obligation("kernels.trailing-zeros", "SPAN-12", NATIVE)
def kernel_finds_the_lowest_set_bit(p: Proof) -> None:
    """trailing_zeros finds the lowest set bit of every word, and 64 for zero."""
    x = p.number(i64, "x")
    p.establish(ZEROS, x, p.integer(trailing_zeros, x))
    p.possible("only the sign bit", x == -(1 << 63))
    p.possible("zero", x == 0)


@obligation("kernels.shift-out", "SPAN-12 SPAN-13", NATIVE)
def kernel_shifts_logically(p: Proof) -> None:
    """shift_out moves each bit n + 1 places down and fills with zeros, for shifts of 1 to 64."""
    x, n, ahead = p.number(i64, "x"), p.number(i64, "n"), p.arbitrary("ahead", i64)
    p.suppose(SHIFT, x, n)
    shifted = p.integer(shift_out, x, n)
    p.establish(SHIFT, x, n, shifted, ahead)
    p.possible("everything is shifted out", z3.And(n == 63, x != 0))


def is_bit_of(slot: i64, bit: i64, ahead: i64) -> bool:
    """A word has bit `ahead` iff that is where `slot` lies in its word."""
    return not 0 <= ahead < 64 or ((bit >> ahead) & 1 == 1) == (ahead == slot & 63)


def is_slot(slot: i64) -> bool:
    """What bit_of needs: a slot."""
    return 0 <= slot < 1 << 16


BIT: Final = Contract(is_bit_of, is_slot, proved_by="kernels.bit")


@obligation("kernels.bit", "SPAN-21", NATIVE)
def kernel_finds_the_bit_of_a_slot(p: Proof) -> None:
    """bit_of is the word with the bit of a slot and no other, the sign's included."""
    slot, ahead = p.number(i64, "slot"), p.arbitrary("ahead", i64)
    p.suppose(BIT, slot)
    bit = p.integer(bit_of, slot)
    p.establish(BIT, slot, bit, ahead)
    p.possible("the sign", bit == -(1 << 63))
    p.possible("the lowest bit of a later word", z3.And(bit == 1, slot > 63))


def can_search(words: vec[i64], freeindex: i64, nelems: i64) -> bool:
    """A bitmap for so many slots, and a place to start searching."""
    return in_bounds(freeindex, nelems) and has_slots(words, nelems)


def is_window_bit(words: vec[i64], freeindex: i64, nelems: i64, cache: i64, ahead: i64) -> bool:
    """A bit of a window."""
    return 0 <= ahead < 64


BITWISE: Final = Lemma(
    "kernels.window", cache_bit_is_exact, given=(can_search, cache_is_exact, is_window_bit)
)


def is_window(words: vec[i64], freeindex: i64, cache: i64, nelems: i64, ahead: U8) -> bool:
    """What window ensures: the exact cache of a span of so many slots."""
    return (
        ahead >= 64
        or not can_search(words, freeindex, nelems)
        or cache_bit_is_exact(words, freeindex, nelems, cache, ahead)
    )


def may_cut(words: vec[i64], freeindex: i64) -> bool:
    """What window needs: a word in which to cut."""
    return freeindex >= 0 and freeindex >> 6 < len(words) <= 16


WINDOW: Final = Contract(is_window, may_cut, proved_by="kernels.window")
WINDOWS: Final = {"spanalloc.span.kernels.window": WINDOW}


@obligation("kernels.window", "SPAN-10 SPAN-11 CEN-9", NATIVE)
def kernel_cuts_the_window(p: Proof) -> None:
    """Window yields the exact cache of any freeindex."""
    words, freeindex, nelems = unknown_words(p)
    ahead, cache = p.number(i64, "ahead"), p.number(i64, "cache")
    below = p.number(U8, "below")
    p.name("nelems", nelems)
    p.name("ahead", below)
    cut = p.holds(may_cut, words, freeindex)
    made = p.integer_given(cut, window, words, freeindex)
    p.establish(WINDOW, words, freeindex, made, nelems, below, given=cut)
    p.suppose(BITWISE, words, freeindex, nelems, cache, ahead)
    p.establish(BITWISE, words, freeindex, nelems, cache, ahead)
    p.assume(freeindex < nelems)
    other = p.number(i64, "other")
    differs = z3.Extract(0, 0, z3.LShR(cache ^ other, ahead)) == 1
    same = p.holds(cache_bit_is_exact, words, freeindex, nelems, other, ahead)
    p.show("nothing else is exact", z3.Implies(differs, z3.Not(same)))
    p.possible("within a word", freeindex & 63 == 9)


def unknown_words(p: Proof) -> tuple[Value, z3.ExprRef, z3.ExprRef]:
    """A bitmap, a freeindex and a number of slots, of which nothing is known."""
    words = p.fresh(vec[i64], "words")
    return words, p.number(U16, "freeindex"), p.number(U16, "nelems")


def bitwise(
    p: Proof,
    words: Value,
    freeindex: z3.ExprRef,
    nelems: z3.ExprRef,
    cache: z3.ExprRef,
    *ahead: z3.ExprRef,
    given: z3.BoolRef = TRUE,
) -> None:
    """Use the exactness of the cache at some of its bits."""
    for instance in ahead:
        inside = z3.And(given, instance >= 0, instance < 64)
        p.use(BITWISE, words, freeindex, nelems, cache, instance, given=inside)


# --- the searches -------------------------------------------------------------------------------


def finds_fast(
    freeindex: i64,
    nelems: i64,
    cache: i64,
    slot: i64,
    words: vec[i64],
    below: U16,
    ahead: U8,
) -> bool:
    """What the fast path ensures of any bitmap of which the cache is exact: the lowest free slot,
    after which the cache is exact when it is shifted; or -1.
    """
    if slot == -1 or not can_search(words, freeindex, nelems):
        return -1 <= slot < nelems
    if not cache_is_exact(words, freeindex, nelems, cache):
        return freeindex <= slot < nelems and slot < freeindex + 64
    return (
        freeindex <= slot < nelems
        and slot < freeindex + 64
        and ends_search(words, freeindex, nelems, slot)
        and is_passed_over(words, freeindex, slot, below)
        and (
            ahead >= 64
            or cache_bit_is_exact(
                words, slot + 1, nelems, shift_out(cache, slot - freeindex), ahead
            )
        )
    )


def may_start(freeindex: i64, nelems: i64, cache: i64) -> bool:
    """What the fast path needs."""
    return in_bounds(freeindex, nelems)


def may_search(words: vec[i64], freeindex: i64, nelems: i64, cache: i64) -> bool:
    """What the slow search needs: an exact cache."""
    return can_search(words, freeindex, nelems) and cache_is_exact(words, freeindex, nelems, cache)


def finds_slow(
    words: vec[i64],
    freeindex: i64,
    nelems: i64,
    cache: i64,
    found: tuple[i64, i64, i64],
    below: U16,
    ahead: U8,
) -> bool:
    """What the slow search ensures: the lowest free slot or the end, and an exact cache."""
    slot, after, rest = found
    return (
        ends_search(words, freeindex, nelems, slot)
        and (below >= nelems or is_passed_over(words, freeindex, slot, below))
        and after == (slot if slot == nelems else slot + 1)
        and (ahead >= 64 or cache_bit_is_exact(words, after, nelems, rest, ahead))
    )


FAST: Final = Contract(finds_fast, may_start, proved_by="kernels.fast")
SLOW: Final = Contract(finds_slow, may_search, proved_by="kernels.slow")
SEARCHES: Final = {
    "spanalloc.span.kernels.next_free_fast": FAST,
    "spanalloc.span.kernels.next_free_index": SLOW,
    "spanalloc.span.kernels.shift_out": SHIFT,
}
"""What the methods of a span rely on."""


@obligation(
    "kernels.fast",
    "SPAN-8 SPAN-12 SPAN-13",
    NATIVE,
    contracts=CONTRACTS,
    lemmas=(BITWISE,),
)
def kernel_fast_path_takes_the_lowest_free_slot(p: Proof) -> None:
    """next_free_fast finds the lowest free slot, and shift_out then keeps the cache exact.

    It fails only past the window, or at the last slot of a word that is not the span's last.
    """
    words, freeindex, nelems = unknown_words(p)
    cache = p.number(i64, "cache")
    below, ahead = p.arbitrary("below", U16), p.arbitrary("ahead", U8)
    p.name("words", words)
    p.suppose(FAST, freeindex, nelems, cache)
    cases = p.cases(next_free_fast, freeindex, nelems, cache)
    zeros = p.results_of(trailing_zeros)[0]
    assert isinstance(zeros, z3.ExprRef)
    fits = p.holds(can_search, words, freeindex, nelems)
    exact = z3.And(fits, p.implied(fits, cache_is_exact, words, freeindex, nelems, cache))
    used = (zeros, ahead + zeros + 1, below - freeindex)
    bitwise(p, words, freeindex, nelems, cache, *used, given=exact)
    for case in cases:
        found = (freeindex, nelems, cache, case.value, words, below, ahead)
        p.establish(FAST, *found, given=case.path)
    for case in cases:
        slot = p.arithmetic.lift(scalar_of(case.value)).term
        after = freeindex + zeros + 1
        missed = z3.And(case.path, slot < 0, zeros < 64, after <= nelems)
        p.show("fails at a word's end", z3.And(after & 63 == 0, after != nelems), missed)
        p.possible("each way through the search", case.path)


@obligation(
    "kernels.slow",
    "SPAN-15 SPAN-16",
    NATIVE,
    contracts=CONTRACTS,
    loops={"spanalloc.span.kernels.next_free_index": LoopInvariant(search_loop, slots_ahead)},
    lemmas=(BITWISE,),
)
def kernel_slow_search_finds_the_lowest_free_slot(p: Proof) -> None:
    """next_free_index finds the lowest free slot, or that there is none, with an exact cache."""
    words, freeindex, nelems = unknown_words(p)
    cache = p.number(i64, "cache")
    below, ahead = p.arbitrary("below", U16), p.arbitrary("ahead", U8)
    p.suppose(SLOW, words, freeindex, nelems, cache)
    bitwise(p, words, freeindex, nelems, cache, below - freeindex)
    cases = p.cases(next_free_index, words, freeindex, nelems, cache)
    zeros = p.results_of(trailing_zeros)[0]
    assert isinstance(zeros, z3.ExprRef)
    position, at_loop = p.at_loop(next_free_index, "position"), p.at_loop(next_free_index, "cache")
    inside = z3.And(position >= 0, position <= nelems)
    exact = p.implied(inside, cache_is_exact, words, position, nelems, at_loop)
    used = (zeros, ahead + zeros + 1)
    bitwise(p, words, position, nelems, at_loop, *used, given=z3.And(inside, exact))
    for case in cases:
        found = (words, freeindex, nelems, cache, case.value, below, ahead)
        p.establish(SLOW, *found, given=case.path)
        p.possible("each way through the search", case.path)
