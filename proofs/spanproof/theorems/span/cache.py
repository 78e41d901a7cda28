"""The cache of a span is the window at freeindex, bit by bit, wherever it is made.

Bitmaps are 64-bit words of unknown content, and spans have 1 to 1024 slots.
"""

import z3

from spanproof.prove.lemmas import Lemma
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.evaluation.frames import Contract
from spanproof.symbolic.values.merge import as_bool
from spanspec.base.constants import NUM_SPAN_CLASSES, size_class_of
from spanspec.base.sizeclass import CLASS_TO_PAGES
from spanspec.base.words import U8, U16, U32, U64, is_trailing_zeros, trailing_zeros
from spanspec.span.alloccache import cache_is_exact, reload_cache, window_at
from spanspec.span.mspan import Mspan, bounds_hold, init_span

WORDS = Words(64)


TRUE = z3.BoolVal(True)


def cache_bit_is_exact(span: Mspan, ahead: U16) -> bool:
    """Bit `ahead` of the cache is 1 iff slot freeindex + ahead is free and in the same word."""
    return span.freeindex >= span.nelems or (
        ((span.alloc_cache >> ahead) & 1 == 1)
        == ((span.freeindex & 63) + ahead < 64 and not span.alloc_bits.bit(span.freeindex + ahead))
    )


def window_of(span: Mspan) -> U64:
    """The window at freeindex."""
    return window_at(span.alloc_bits, span.freeindex)


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
