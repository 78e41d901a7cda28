"""Taking spans from the page heap and giving them back (rules HEAP-13, HEAP-24 to HEAP-28)."""

from collections.abc import Generator
from typing import Final, Literal

from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.words import U8, U16, U32, U64
from spanspec.events import heap_events as hev
from spanspec.events.fields import EventBase
from spanspec.pages.growth import grow
from spanspec.pages.pageheap import Actor, PageHeap, Steps, page_number
from spanspec.pages.runs import check_can_be_allocated, check_can_be_freed, released, split_run
from spanspec.pages.statistics import into_manual, into_use, out_of_manual, out_of_use, taken_out
from spanspec.span.mspan import FREE, IN_USE, MANUAL

Purpose = Literal["stack", "gc", "other"]

NO_MEMORY: Final = -1
"""The answer of `allocate` when the operating system has nothing more."""


def allocate(heap: PageHeap, actor: Actor, npages: U64) -> Generator[EventBase, None, int]:
    """Take the low end of the lowest free run that fits, growing the heap if none does.

    Return the span, which is neither free nor in use yet, or NO_MEMORY.

    Rules: HEAP-13 HEAP-14 OS-5 I-40 TREAP-2 T-29.
    """
    chosen = heap.free.find(npages)
    if chosen is None:
        if not (yield from grow(heap, actor, npages)):
            return NO_MEMORY
        chosen = heap.free.find(npages)
        assert chosen is not None, "T-29: grew heap, but no adequate free span found"
    run = heap.runs[chosen.span]
    check_can_be_allocated(run, npages)
    unreleased = released(heap.phys, run)
    span, rest_scavenged = chosen.span, False
    if run.npages == npages:
        heap.remove_free(span)
        taken = run
    else:
        span = heap.descriptors.take()
        split = split_run(heap.phys, run, npages, heap.last_sweepgen(span))
        taken, rest = split.taken, split.rest
        heap.mutate_free(chosen.span, rest)
        heap.map.set_span(rest.base, chosen.span)
        unreleased -= released(heap.phys, rest)
        rest_scavenged = rest.scavenged
    if taken.scavenged:
        heap.os.used(taken.base, npages * PAGE_SIZE)
    heap.runs[span] = replace(taken, scavenged=False)
    heap.map.set_spans(taken.base, npages, span)
    heap.use_pages(taken.base, npages)
    heap.stats = taken_out(heap.stats, npages * PAGE_SIZE, unreleased)
    yield hev.HeapAllocates(
        p=actor.p,
        thread=actor.thread,
        span=span,
        base_page=page_number(taken.base),
        npages=npages,
        chosen=chosen.span,
        chosen_base=page_number(chosen.base),
        chosen_npages=chosen.npages,
        split=int(span != chosen.span),
        scavenged=int(run.scavenged),
        rest_scavenged=int(rest_scavenged),
        needzero=taken.needzero,
    )
    return span


def make_manual(heap: PageHeap, actor: Actor, span: int, purpose: Purpose) -> hev.SpanManual:
    """Let a span that was just taken become a manual one, for stacks or work buffers.

    Rules: HEAP-24 HEAP-25.
    """
    run = heap.runs[span]
    heap.runs[span] = replace(run, state=MANUAL)
    heap.purposes[span] = purpose
    heap.stats = into_manual(heap.stats, run.npages * PAGE_SIZE, purpose == "stack")
    return hev.SpanManual(
        p=actor.p,
        thread=actor.thread,
        span=span,
        base_page=page_number(run.base),
        purpose=purpose,
        needzero=run.needzero,
        npages=run.npages,
    )


def make_in_use(heap: PageHeap, span: int, sweepgen: U32) -> None:
    """Let a span that was just taken become one of the collected heap.

    Rules: HEAP-22.
    """
    run = heap.runs[span]
    heap.runs[span] = replace(run, state=IN_USE, sweepgen=sweepgen)
    heap.stats = into_use(heap.stats, run.npages * PAGE_SIZE, run.npages)


def free_in_use(
    heap: PageHeap, actor: Actor, span: int, sg: U32, sweepgen: U32, alloc_count: U16, needzero: U8
) -> Steps:
    """Give an in-use span back; generation, count and needzero are those of its `Mspan`.

    Rules: HEAP-26 HEAP-28 T-34.
    """
    run = replace(heap.runs[span], sweepgen=sweepgen, needzero=needzero)
    check_can_be_freed(sg, run, alloc_count)
    heap.stats = out_of_use(heap.stats, run.npages * PAGE_SIZE, run.npages)
    heap.runs[span] = run
    yield from _free(heap, actor, span)


def free_manual(heap: PageHeap, actor: Actor, span: int) -> Steps:
    """Give a manual span back.

    Rules: HEAP-27 HEAP-28 HEAP-32.
    """
    run = replace(heap.runs[span], needzero=1)
    check_can_be_freed(0, run, 0)
    size = run.npages * PAGE_SIZE
    heap.stats = out_of_manual(heap.stats, size, heap.purposes.pop(span) == "stack")
    heap.runs[span] = run
    yield from _free(heap, actor, span)


def _free(heap: PageHeap, actor: Actor, span: int) -> Steps:
    run = heap.runs[span]
    yield hev.HeapFrees(
        p=actor.p,
        thread=actor.thread,
        span=span,
        base_page=page_number(run.base),
        state=1 if run.state == IN_USE else 2,
        needzero=run.needzero,
        npages=run.npages,
        sweepgen=run.sweepgen,
    )
    heap.runs[span] = replace(run, state=FREE)
    merged = heap.coalesce(actor, span)
    heap.insert_free(span)
    yield merged
