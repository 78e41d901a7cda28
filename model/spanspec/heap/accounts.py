"""What a heap counts: its live bytes, and the objects that were handed out and found dead.

Each change of a count is a function here, of the count and of the span that it is for.
"""

from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.records import Record
from spanspec.base.words import U16, U64, Count
from spanspec.span.mspan import Mspan


class ClassCounts(Record, frozen=True):
    """Objects of one span class: those handed out so far, and those of them found dead.

    What an mcache has counts as handed out, allocated or not.
    """

    nmalloc: Count = 0
    nfree: Count = 0


class Accounts(Record, frozen=True):
    """Counts of a whole heap: bytes that are live, and were at the last mark; large objects.

    `largealloc` and `largefree` are bytes, `tiny_allocs` the tiny objects of mcaches that are gone
    that went into a block that was there.
    """

    heap_live: Count = 0
    live_at_mark: Count = 0
    nlargealloc: Count = 0
    largealloc: Count = 0
    nlargefree: Count = 0
    largefree: Count = 0
    tiny_allocs: Count = 0


def free_slots(span: Mspan) -> U16:
    """Return how many slots of a span are free.

    Rules: CEN-8 CEN-18.
    """
    return span.nelems - span.alloc_count


# --- the objects of a class -----------------------------------------------------------------------


def hand_out(counts: ClassCounts, span: Mspan) -> ClassCounts:
    """Count the free slots of a span that goes to an mcache as handed out.

    Rules: CEN-8 CEN-17 T-46.
    """
    assert free_slots(span) > 0, "T-46: span has no free objects"
    return replace(counts, nmalloc=counts.nmalloc + free_slots(span))


def hand_back(counts: ClassCounts, span: Mspan) -> ClassCounts:
    """Count the free slots of a span that leaves an mcache as not handed out after all.

    Rules: CEN-12 CEN-17.
    """
    return replace(counts, nmalloc=counts.nmalloc - free_slots(span))


def count_dead(counts: ClassCounts, nfreed: U16) -> ClassCounts:
    """Count what a sweep has found dead.

    Rules: SWP-24 HEAP-38.
    """
    return replace(counts, nfree=counts.nfree + nfreed)


# --- live bytes -----------------------------------------------------------------------------------


def charge(span: Mspan) -> U64:
    """Return the bytes that heap_live grows by when an mcache takes a span: all but those in use.

    Rules: CEN-8 CEN-10 CEN-18.
    """
    return span.npages * PAGE_SIZE - span.alloc_count * span.elemsize


def charge_cached(accounts: Accounts, span: Mspan) -> Accounts:
    """Count what an mcache can allocate from a span as live from now on.

    Rules: CEN-8 CEN-10.
    """
    return replace(accounts, heap_live=accounts.heap_live + charge(span))


def refund_uncached(accounts: Accounts, span: Mspan) -> Accounts:
    """Count what an mcache has not allocated from a span as live no longer.

    What lies behind the last slot was charged, and stays so.

    Rules: CEN-12 CEN-18.
    """
    return replace(accounts, heap_live=accounts.heap_live - free_slots(span) * span.elemsize)


def count_marked(accounts: Accounts, marked: U64) -> Accounts:
    """Let the bytes that marking has found be those that are live.

    Rules: SWP-34.
    """
    return replace(accounts, heap_live=marked, live_at_mark=marked)


# --- large and tiny objects -----------------------------------------------------------------------


def count_large(accounts: Accounts, span: Mspan) -> Accounts:
    """Count a large object, whose span this is.

    Rules: MAL-11 HEAP-22 HEAP-38.
    """
    return replace(
        accounts,
        heap_live=accounts.heap_live + span.npages * PAGE_SIZE,
        nlargealloc=accounts.nlargealloc + 1,
        largealloc=accounts.largealloc + span.elemsize,
    )


def count_large_dead(accounts: Accounts, span: Mspan) -> Accounts:
    """Count a large object that was found dead.

    Rules: SWP-24 HEAP-38.
    """
    return replace(
        accounts,
        nlargefree=accounts.nlargefree + 1,
        largefree=accounts.largefree + span.elemsize,
    )


def keep_tiny_allocs(accounts: Accounts, tiny_allocs: U64) -> Accounts:
    """Keep the count of an mcache that goes.

    Rules: MC-11 HEAP-40.
    """
    return replace(accounts, tiny_allocs=accounts.tiny_allocs + tiny_allocs)
