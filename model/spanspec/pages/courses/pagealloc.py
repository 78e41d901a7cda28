"""Taking spans from the page heap and giving them back (rules HEAP-13, HEAP-24 to HEAP-28)."""

from collections.abc import Generator
from typing import Final

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import SpanId
from spanspec.base.words import U8, U16, U32, U64
from spanspec.events import heap_events as hev
from spanspec.events.fields import EventBase
from spanspec.pages.courses.growth import grow
from spanspec.pages.pageheap import Actor, PageHeap, Steps, about_run, page_number
from spanspec.pages.tables.steps import (
    give_back,
    may_give_back,
    may_take_part,
    may_take_whole,
    may_use,
    may_use_manually,
    take_part,
    take_whole,
    use,
    use_manually,
)
from spanspec.span.mspan import IN_USE

NO_MEMORY: Final = -1
"""The answer of `allocate` when the operating system has nothing more."""


def allocate(heap: PageHeap, actor: Actor, npages: U64) -> Generator[EventBase, None, int]:
    """Take the low end of the lowest free run that fits, growing the heap if none does.

    Return the span, which is neither free nor in use yet, or NO_MEMORY.

    Rules: HEAP-13 HEAP-14 OS-5 I-40 TREAP-2 T-29.
    """
    chosen = heap.free.find(npages)
    if chosen is None:
        # Scavenged runs count as well as others, so the heap grows only if nothing at all fits.
        if not (yield from grow(heap, actor, npages)):
            return NO_MEMORY
        chosen = heap.free.find(npages)
        assert chosen is not None, "T-29: grew heap, but no adequate free span found"
    run = heap.runs[chosen.span]
    span, whole = SpanId(chosen.span), run.npages == npages
    if whole:
        heap.act(actor, may_take_whole, take_whole, span, npages)
    else:
        span = SpanId(heap.descriptors.take(actor.p))
        heap.act(actor, may_take_part, take_part, SpanId(chosen.span), span, npages)
    taken = heap.runs[span]
    # The whole of it, whatever of the run was really released.
    if run.scavenged:
        heap.os.used(taken.base, npages * PAGE_SIZE)
    yield hev.HeapAllocates(
        *about_run(actor, span, taken.base),
        npages=npages,
        chosen=chosen.span,
        chosen_base=page_number(chosen.base),
        chosen_npages=chosen.npages,
        split=int(not whole),
        scavenged=int(run.scavenged),
        rest_scavenged=int(not whole and heap.runs[chosen.span].scavenged),
        needzero=taken.needzero,
    )
    return span


def make_manual(heap: PageHeap, actor: Actor, span: int, purpose: hev.Purpose) -> hev.SpanManual:
    """Let a span that was just taken become a manual one, for stacks or work buffers.

    Rules: HEAP-24 HEAP-25.
    """
    run = heap.runs[span]
    heap.purposes[span] = purpose
    heap.act(actor, may_use_manually, use_manually, SpanId(span))
    return hev.SpanManual(
        *about_run(actor, span, run.base), purpose=purpose, needzero=run.needzero, npages=run.npages
    )


def make_in_use(heap: PageHeap, actor: Actor, span: int) -> None:
    """Let a span that was just taken become one of the collected heap.

    Rules: HEAP-22.
    """
    heap.act(actor, may_use, use, SpanId(span))


def free_in_use(
    heap: PageHeap, actor: Actor, span: int, sweepgen: U32, alloc_count: U16, needzero: U8
) -> Generator[EventBase, None, hev.Coalesces]:
    """Give an in-use span back; generation, count and needzero are what it leaves with.

    Return what its neighbours became, which is still to be told.

    Rules: HEAP-26 HEAP-28.
    """
    yield freed(heap, actor, span, sweepgen, needzero)
    heap.act(actor, may_give_back, give_back, SpanId(span), alloc_count, needzero)
    return heap.coalesce(actor, span)


def free_manual(heap: PageHeap, actor: Actor, span: int, sweepgen: U32) -> Steps:
    """Give a manual span back; `sweepgen` is what it had when it was last in use.

    Rules: HEAP-27 HEAP-28 HEAP-32.
    """
    yield freed(heap, actor, span, sweepgen, needzero=1)
    # Nobody counts what is in a stack or a work buffer, and nobody knows what was written there.
    heap.act(actor, may_give_back, give_back, SpanId(span), 0, 1)
    del heap.purposes[span]
    yield heap.coalesce(actor, span)


def freed(heap: PageHeap, actor: Actor, span: int, sweepgen: U32, needzero: U8) -> hev.HeapFrees:
    """Tell that a span goes back to the page heap."""
    run = heap.runs[span]
    return hev.HeapFrees(
        *about_run(actor, span, run.base),
        state=1 if run.state == IN_USE else 2,
        needzero=needzero,
        npages=run.npages,
        sweepgen=sweepgen,
    )
