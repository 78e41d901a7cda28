"""What a heap counts: its live bytes, and the objects that were handed out and found dead.

Each change of a count is a step, of the count and of the span that it is for.
"""

from typing import Final

from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE, size_class_of
from spanspec.base.records import Record
from spanspec.base.steps import step_of
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


def is_large(span: Mspan) -> bool:
    """Tell whether a span is that of one large object.

    Rules: MAL-11.
    """
    return size_class_of(span.spanclass) == 0


# --- the objects of a class -----------------------------------------------------------------------


def counts_hold(counts: ClassCounts) -> bool:
    """Say what always holds of a class: nothing was found dead that was not handed out.

    Rules: I-30.
    """
    return 0 <= counts.nfree <= counts.nmalloc


def check_some_free(span: Mspan) -> Mspan:
    """Return a span that is about to be handed out, of which some slot has to be free.

    Rules: CEN-8 T-46.
    """
    assert free_slots(span) > 0, "T-46: span has no free objects"
    return span


def may_hand_out(counts: ClassCounts, span: Mspan) -> bool:
    """Guard: some slot of the span is free.

    Rules: CEN-8.
    """
    return span.alloc_count < span.nelems


def hand_out(counts: ClassCounts, span: Mspan) -> ClassCounts:
    """Count the free slots of a span that goes to an mcache as handed out.

    Rules: CEN-8 CEN-17.
    """
    return replace(counts, nmalloc=counts.nmalloc + free_slots(span))


def may_hand_back(counts: ClassCounts, span: Mspan) -> bool:
    """Guard: some slot is free, and the free ones count among those that are handed out.

    Rules: CEN-12.
    """
    return 1 <= free_slots(span) <= counts.nmalloc - counts.nfree


def hand_back(counts: ClassCounts, span: Mspan) -> ClassCounts:
    """Count the free slots of a span that leaves an mcache as not handed out after all.

    Rules: CEN-12 CEN-17.
    """
    return replace(counts, nmalloc=counts.nmalloc - free_slots(span))


def may_count_dead(counts: ClassCounts, nfreed: U16) -> bool:
    """Guard: some were found dead, and as many are handed out.

    Rules: SWP-24 I-30.
    """
    return 1 <= nfreed <= counts.nmalloc - counts.nfree


def count_dead(counts: ClassCounts, nfreed: U16) -> ClassCounts:
    """Count what a sweep has found dead.

    Rules: SWP-24 HEAP-38.
    """
    return replace(counts, nfree=counts.nfree + nfreed)


# --- live bytes -----------------------------------------------------------------------------------


def accounts_hold(accounts: Accounts) -> bool:
    """Say what always holds: what marking has found alive is live, and nothing large was found dead
    that was not allocated.

    Rules: I-31 I-32.
    """
    return (
        0 <= accounts.live_at_mark <= accounts.heap_live
        and 0 <= accounts.nlargefree <= accounts.nlargealloc
        and 0 <= accounts.largefree <= accounts.largealloc
        and accounts.tiny_allocs >= 0
    )


def charge(span: Mspan) -> U64:
    """Return the bytes that heap_live grows by when an mcache takes a span: all but those in use.

    Rules: CEN-8 CEN-10 CEN-18.
    """
    return span.npages * PAGE_SIZE - span.alloc_count * span.elemsize


def may_charge_cached(accounts: Accounts, span: Mspan) -> bool:
    """Guard: something can be allocated from the span.

    Rules: CEN-8 CEN-10.
    """
    return span.alloc_count < span.nelems and charge(span) > 0


def charge_cached(accounts: Accounts, span: Mspan) -> Accounts:
    """Count what an mcache can allocate from a span as live from now on.

    Rules: CEN-8 CEN-10.
    """
    return replace(accounts, heap_live=accounts.heap_live + charge(span))


def may_refund_uncached(accounts: Accounts, span: Mspan) -> bool:
    """Guard: what was not allocated was charged since the last mark.

    Rules: CEN-12 CEN-18 I-31.
    """
    refund = free_slots(span) * span.elemsize
    return 1 <= refund <= accounts.heap_live - accounts.live_at_mark


def refund_uncached(accounts: Accounts, span: Mspan) -> Accounts:
    """Count what an mcache has not allocated from a span as live no longer.

    What lies behind the last slot was charged, and stays so.

    Rules: CEN-12 CEN-18.
    """
    return replace(accounts, heap_live=accounts.heap_live - free_slots(span) * span.elemsize)


def may_count_marked(accounts: Accounts, marked: U64) -> bool:
    """Guard: marking has found so many bytes.

    Rules: SWP-34.
    """
    return marked >= 0


def count_marked(accounts: Accounts, marked: U64) -> Accounts:
    """Let the bytes that marking has found be those that are live.

    Rules: SWP-34.
    """
    return replace(accounts, heap_live=marked, live_at_mark=marked)


# --- large and tiny objects -----------------------------------------------------------------------


def may_count_large(accounts: Accounts, span: Mspan) -> bool:
    """Guard: the span is that of a large object.

    Rules: MAL-11 HEAP-22.
    """
    return is_large(span) and span.npages >= 1 and span.elemsize >= 1


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


def may_count_large_dead(accounts: Accounts, span: Mspan) -> bool:
    """Guard: the span is that of a large object, which was counted.

    Rules: SWP-24 I-32.
    """
    return (
        is_large(span)
        and accounts.nlargefree < accounts.nlargealloc
        and 1 <= span.elemsize <= accounts.largealloc - accounts.largefree
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


def may_keep_tiny_allocs(accounts: Accounts, tiny_allocs: U64) -> bool:
    """Guard: an mcache has counted so many.

    Rules: MC-11.
    """
    return tiny_allocs >= 0


def keep_tiny_allocs(accounts: Accounts, tiny_allocs: U64) -> Accounts:
    """Keep the count of an mcache that goes.

    Rules: MC-11 HEAP-40.
    """
    return replace(accounts, tiny_allocs=accounts.tiny_allocs + tiny_allocs)


HAND_OUT: Final = step_of("counts", may_hand_out, hand_out, span=Mspan)
HAND_BACK: Final = step_of("counts", may_hand_back, hand_back, span=Mspan)
COUNT_DEAD: Final = step_of("counts", may_count_dead, count_dead, nfreed=int)

COUNT_STEPS: Final = (HAND_OUT, HAND_BACK, COUNT_DEAD)
"""Every step of the counts of a class."""

PART: Final = "accounts"

CHARGE_CACHED: Final = step_of(PART, may_charge_cached, charge_cached, span=Mspan)
REFUND_UNCACHED: Final = step_of(PART, may_refund_uncached, refund_uncached, span=Mspan)
COUNT_MARKED: Final = step_of(PART, may_count_marked, count_marked, marked=int)
COUNT_LARGE: Final = step_of(PART, may_count_large, count_large, span=Mspan)
COUNT_LARGE_DEAD: Final = step_of(PART, may_count_large_dead, count_large_dead, span=Mspan)
KEEP_TINY_ALLOCS: Final = step_of(PART, may_keep_tiny_allocs, keep_tiny_allocs, tiny_allocs=int)

ACCOUNT_STEPS: Final = (
    CHARGE_CACHED,
    REFUND_UNCACHED,
    COUNT_MARKED,
    COUNT_LARGE,
    COUNT_LARGE_DEAD,
    KEEP_TINY_ALLOCS,
)
"""Every step of the counts of a whole heap."""
