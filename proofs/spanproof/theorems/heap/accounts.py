"""What a heap counts agrees with what its spans hold, step by step."""

from typing import Final

import z3
from msgspec.structs import replace

from spanproof.prove.assumptions import ATOMICS
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.words import U16, U32, U64
from spanspec.heap import accounts as of
from spanspec.heap import pacing
from spanspec.heap.accounts import Accounts, ClassCounts
from spanspec.heap.pacing import Progress
from spanspec.span.mspan import Mspan

INTEGERS: Final = Integers()


def outstanding(counts: ClassCounts) -> U64:
    """The objects of a class that were handed out, and not found dead."""
    return counts.nmalloc - counts.nfree


def free_pages(progress: Progress, given: U64) -> U64:
    """The pages that were swept free: those given to who wanted some, and the credit."""
    return given + progress.reclaim_credit


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
    p.show("to an mcache", p.integer(outstanding, cached) == before + free, free > 0)
    counted = counts.nmalloc >= free
    back = p.call_given(counted, of.hand_back, counts, span)
    p.show("and back", p.integer(outstanding, back) == before - free, counted)
    dead = p.number(U16, "dead")
    p.assume(dead <= span.alloc_count)
    swept = p.call(of.count_dead, counts, dead)
    p.show("found dead", p.integer(outstanding, swept) == before - dead)
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


@obligation("accounts.reclaim", "SWP-15 SWP-21 SWP-23 SWP-35", INTEGERS, assumes=(ATOMICS,))
def pages_that_are_swept_free_are_used_once(p: Proof) -> None:
    """What a reclaimer has swept free, it uses itself or leaves as credit; from the credit no more
    is taken than there is. A sweep phase begins with no credit, and each page is counted once.
    """
    progress = p.fresh(Progress, "progress")
    assert isinstance(progress, Progress)
    found, wanted = p.number(U64, "found"), p.number(U64, "wanted")
    before = p.integer(free_pages, progress, 0)
    used = p.integer(pacing.credit_taken, found, wanted)
    left = p.integer(pacing.credit_left, found, wanted)
    given = p.call(pacing.give_credit, progress, left)
    assert isinstance(given, Progress)
    p.show("used or left", p.integer(free_pages, given, used) == before + found)
    p.show("enough or all", z3.Or(used == wanted, left == 0))
    taken = p.integer(pacing.credit_taken, progress.reclaim_credit, wanted)
    after = p.call(pacing.use_credit, progress, taken)
    assert isinstance(after, Progress)
    p.show("from the credit", p.integer(free_pages, after, taken) == before)
    stale = p.call(pacing.use_credit, progress, wanted)
    assert isinstance(stale, Progress)
    p.show("never less than none", stale.reclaim_credit >= 0)
    pages = p.number(U32, "pages")
    swept = p.call(pacing.count_swept, progress, pages)
    assert isinstance(swept, Progress)
    p.show("swept", swept.pages_swept == progress.pages_swept + pages)
    begun = p.call(pacing.begin_sweeping, found)
    assert isinstance(begun, Progress)
    p.show("no credit at first", z3.And(begun.reclaim_credit == 0, begun.reclaim_index == 0))
    p.show("all is to be swept", z3.And(begun.pages_swept == 0, begun.pages_to_sweep == found))
    p.possible("some are left", left > 0)
    p.possible("not enough", used < wanted)


@obligation("accounts.chunks", "SWP-21 SWP-22", INTEGERS, assumes=(ATOMICS,))
def the_reclaimer_goes_up(p: Proof) -> None:
    """A chunk that was taken lies below the place of the reclaimer from then on, wherever another
    has gone meanwhile; and once it has ended, it has.
    """
    progress, index = p.fresh(Progress, "progress"), p.number(U64, "index")
    assert isinstance(progress, Progress)
    p.assume(index + pacing.CHUNK_PAGES < 1 << 64)
    after = p.call(pacing.take_chunk, progress, index)
    assert isinstance(after, Progress)
    behind = p.integer(pacing.next_chunk, index)
    p.show("behind the chunk", after.reclaim_index >= behind)
    p.show("never back", after.reclaim_index >= progress.reclaim_index)
    goes = z3.Or(after.reclaim_index == behind, after.reclaim_index == progress.reclaim_index)
    p.show("no further", goes)
    ended = p.call(pacing.end_reclaiming, progress)
    assert isinstance(ended, Progress)
    p.show("ended", ended.reclaim_index >= pacing.NO_MORE_RECLAIM)
    p.possible("another has gone further", progress.reclaim_index > behind)
