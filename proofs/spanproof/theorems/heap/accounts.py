"""What a heap counts agrees with what its spans hold, step by step."""

from typing import Final

import z3
from msgspec.structs import replace

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanproof.theorems.heap.keeping import keep_invariant
from spanproof.theorems.span.sizeclass import small_classes
from spanspec.base.constants import PAGE_SIZE, make_span_class
from spanspec.base.words import U16, U64
from spanspec.heap.courses.mcentral import span_bytes
from spanspec.heap.state import accounts as of
from spanspec.heap.state.accounts import (
    ACCOUNT_STEPS,
    COUNT_STEPS,
    Accounts,
    ClassCounts,
    charge,
    is_large,
)
from spanspec.span.mspan import Mspan, init_span

INTEGERS: Final = Integers()


def outstanding(counts: ClassCounts) -> U64:
    """The objects of a class that were handed out, and not found dead."""
    return counts.nmalloc - counts.nfree


def any_counted(p: Proof) -> Mspan:
    """A span with some of its slots allocated."""
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    p.assume(span.alloc_count <= span.nelems)
    p.assume(span.nelems * span.elemsize <= span.npages * PAGE_SIZE)
    return span


@obligation("accounts.objects", "CEN-8 CEN-12 CEN-17 HEAP-38 HEAP-39 I-30 T-46", INTEGERS)
def objects_are_counted_once(p: Proof) -> None:
    """Of a class, the objects that are counted and those in its spans change alike: a span counts
    for all its slots while an mcache has it, and for those that are allocated otherwise.
    """
    counts, span = p.fresh(ClassCounts, "counts"), any_counted(p)
    assert isinstance(counts, ClassCounts)
    before = p.integer(outstanding, counts)
    free = span.nelems - span.alloc_count
    cached = p.call_given(free > 0, of.hand_out, counts, span)
    p.call_given(free > 0, of.check_some_free, span)
    p.show("to an mcache", p.integer(outstanding, cached) == before + free, free > 0)
    counted = counts.nmalloc >= free
    back = p.call_given(counted, of.hand_back, counts, span)
    p.show("and back", p.integer(outstanding, back) == before - free, counted)
    dead = p.number(U16, "dead")
    p.assume(dead <= span.alloc_count)
    swept = p.call(of.count_dead, counts, dead)
    p.show("found dead", p.integer(outstanding, swept) == before - dead)
    handed = p.holds(of.may_hand_out, counts, span)
    p.show("handed out just if some are free", handed == (free > 0))
    p.possible("some are free, some die", z3.And(free > 0, dead > 0))


@obligation("accounts.live", "CEN-8 CEN-10 CEN-12 CEN-18 SWP-34 I-31", INTEGERS)
def live_bytes_follow_the_objects(p: Proof) -> None:
    """A span that goes to an mcache and back leaves heap_live greater by what was allocated from it
    meanwhile, and by what lies behind its last slot. Marking sets it to what was found.
    """
    accounts, span = p.fresh(Accounts, "accounts"), any_counted(p)
    assert isinstance(accounts, Accounts)
    later = p.number(U16, "later")
    p.assume(later >= span.alloc_count, later <= span.nelems)
    charged = p.call(of.charge_cached, accounts, span)
    after = p.call(of.refund_uncached, charged, replace(span, alloc_count=later))
    assert isinstance(after, Accounts)
    made = (later - span.alloc_count) * span.elemsize
    waste = span.npages * PAGE_SIZE - span.nelems * span.elemsize
    p.show("what was allocated", after.heap_live == accounts.heap_live + made + waste)
    found = p.number(U64, "found")
    marked = p.call(of.count_marked, accounts, found)
    assert isinstance(marked, Accounts)
    p.show("what was marked", z3.And(marked.heap_live == found, marked.live_at_mark == found))
    p.possible("some were allocated", later > span.alloc_count)


@obligation("accounts.large", "MAL-11 HEAP-22 HEAP-38 MC-11 HEAP-40 I-32", INTEGERS)
def large_objects_are_counted(p: Proof) -> None:
    """A large object that comes and goes leaves the counts of large objects as they were, and
    counts with all its pages while it is there. What an mcache has counted is not lost with it.
    """
    accounts, span = p.fresh(Accounts, "accounts"), any_counted(p)
    assert isinstance(accounts, Accounts)
    there = p.call(of.count_large, accounts, span)
    assert isinstance(there, Accounts)
    p.show("all its pages", there.heap_live == accounts.heap_live + span.npages * PAGE_SIZE)
    gone = p.call(of.count_large_dead, there, span)
    assert isinstance(gone, Accounts)
    number = gone.nlargealloc - gone.nlargefree
    p.show("objects", number == accounts.nlargealloc - accounts.nlargefree)
    p.show("one more meanwhile", there.nlargealloc - there.nlargefree == number + 1)
    size = gone.largealloc - gone.largefree
    p.show("bytes", size == accounts.largealloc - accounts.largefree)
    p.show("its bytes meanwhile", there.largealloc - there.largefree == size + span.elemsize)
    hits = p.number(U64, "hits")
    kept = p.call(of.keep_tiny_allocs, accounts, hits)
    assert isinstance(kept, Accounts)
    p.show("tiny objects", kept.tiny_allocs == accounts.tiny_allocs + hits)
    p.possible("several pages", z3.And(span.npages > 1, accounts.nlargealloc > accounts.nlargefree))


@obligation("accounts.counts", "CEN-8 CEN-12 SWP-24 I-30 T-46", INTEGERS)
def no_more_die_than_were_handed_out(p: Proof) -> None:
    """Of each class no more objects are found dead than were handed out, whatever is counted; none
    at first.
    """
    keep_invariant(p, COUNT_STEPS, ClassCounts, of.counts_hold)
    p.show("at first", p.holds(of.counts_hold, ClassCounts()))


@obligation("accounts.heap", "CEN-8 CEN-12 CEN-18 SWP-24 SWP-34 MC-11 I-31 I-32", INTEGERS)
def what_was_marked_stays_live(p: Proof) -> None:
    """What marking has found is live until the next mark, whatever mcaches take and give back; and
    no more large objects are found dead than there are, nor more bytes of them. Nothing at first.
    """
    keep_invariant(p, ACCOUNT_STEPS, Accounts, of.accounts_hold)
    p.show("at first", p.holds(of.accounts_hold, Accounts()))


@obligation("accounts.guards", "CEN-12 CEN-18 SWP-24 MAL-11 HEAP-22 I-30 I-31 I-32", INTEGERS)
def what_is_there_may_be_counted_and_nothing_else(p: Proof) -> None:
    """A guard admits what there is, down to one object or byte and up to all: a span's free slots
    that are out are handed back, and their bytes if none of them was marked; bytes of a span are
    charged just if a slot is free; no more objects die than are out; a large object has a page and
    a byte.
    """
    counts, accounts = p.fresh(ClassCounts, "counts"), p.fresh(Accounts, "accounts")
    span, dead = any_counted(p), p.number(U16, "dead")
    assert isinstance(counts, ClassCounts)
    assert isinstance(accounts, Accounts)
    free, out = span.nelems - span.alloc_count, p.integer(outstanding, counts)
    back = p.holds(of.may_hand_back, counts, span)
    p.show("some are handed back", back == z3.And(free > 0, free <= out))
    died = p.holds(of.may_count_dead, counts, dead)
    p.show("some die", died == z3.And(dead > 0, dead <= out))
    charge = p.integer(of.charge, span)
    charged = p.holds(of.may_charge_cached, accounts, span)
    p.show("some bytes are charged", charged == z3.And(free > 0, charge > 0))
    refund = free * span.elemsize
    unmarked = refund <= accounts.heap_live - accounts.live_at_mark
    refunded = p.holds(of.may_refund_uncached, accounts, span)
    p.show("some bytes go back", refunded == z3.And(refund > 0, unmarked))
    large, size = p.holds(is_large, span), span.elemsize
    counted = p.holds(of.may_count_large, accounts, span)
    p.show("a large object", counted == z3.And(large, span.npages > 0, size > 0))
    alive = accounts.largealloc - accounts.largefree
    number = accounts.nlargealloc - accounts.nlargefree
    gone = p.holds(of.may_count_large_dead, accounts, span)
    p.show("a large one dies", gone == z3.And(large, number > 0, size > 0, size <= alive))
    p.possible("a full span has a tail", z3.And(free == 0, charge > 0))
    p.possible("the last free slot", z3.And(back, free == 1, out == 1))
    p.possible("the last byte", z3.And(gone, size == 1, alive == 1))


@obligation("central.charge", "CEN-2 CEN-8 CEN-10 CEN-18 I-31", INTEGERS)
def a_cached_span_is_charged_for_what_it_can_give(p: Proof) -> None:
    """What heap_live grows by when an mcache takes a span covers every object that can be allocated
    from it, and nothing that was in use before. What is swept for it first is paid for by the bytes
    of the whole span.
    """
    base = p.number(U64, "base")
    used = p.number(U16, "used")
    for number, entry in small_classes(p):
        fresh = p.call(init_span, base, entry.npages, make_span_class(number, True), base)
        assert isinstance(fresh, Mspan)
        span = replace(fresh, alloc_count=used)
        bound = z3.And(used >= 0, used <= span.nelems)
        charged = p.integer(charge, span)
        p.show(f"{entry.size}: all free slots", charged >= (span.nelems - used) * entry.size, bound)
        spent = charged + used * entry.size
        p.show(f"{entry.size}: no more", spent <= entry.span_bytes, bound)
        paid = p.integer(span_bytes, fresh.spanclass)
        p.show(f"{entry.size}: the whole span is paid for", paid == entry.span_bytes)
    p.possible("a partly used span", used == 3)
