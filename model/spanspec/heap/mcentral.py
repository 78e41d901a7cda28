"""Central lists: where an mcache gets its spans, and where they go back to (rules CEN-1 to CEN-18).

The walk along a list reads each span's sweepgen without owning the span. What it sees decides,
by `on_nonempty` and `on_empty`.
"""

from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE, size_class_of
from spanspec.base.ids import NOBODY
from spanspec.base.sizeclass import CLASS_TO_PAGES
from spanspec.base.words import U32, U64
from spanspec.events import span_events as ev
from spanspec.heap.newspan import take_span
from spanspec.heap.state import Course, HeapState, Mcentral
from spanspec.heap.sweeping import claim, claimed, deduct_sweep_credit, sweep_span
from spanspec.pages.pageheap import Actor, page_number
from spanspec.span.alloccache import next_free_index
from spanspec.span.listing import (
    CLAIM,
    SKIP,
    STOP,
    leaves_cache_for_nonempty,
    on_empty,
    on_nonempty,
)
from spanspec.span.mspan import Mspan
from spanspec.span.sweepgen import is_stale, leave_cache


def span_bytes(spanclass: int) -> U64:
    """Return the bytes of a span of a class."""
    return CLASS_TO_PAGES[size_class_of(spanclass)] * PAGE_SIZE


def cache_span(state: HeapState, actor: Actor, spanclass: int) -> Course[int]:
    """Find a span with a free slot for an mcache: from the lists, or a new one.

    Return the span, which is then at the back of the empty list; NOBODY without memory.

    Rules: CEN-2 CEN-3 CEN-4 CEN-7.
    """
    yield from deduct_sweep_credit(state, actor, span_bytes(spanclass), 0)
    central = state.central[spanclass]
    span = NOBODY
    while span == NOBODY:
        span = yield from walk_nonempty(state, actor, central)
        if span != NOBODY:
            break
        candidate, stopped_at = yield from walk_empty(state, actor, central)
        if candidate == NOBODY:
            span = yield from grow(state, actor, spanclass, stopped_at)
            if span == NOBODY:
                return NOBODY
        else:
            span = yield from check_room(state, actor, candidate)
    account_cached(state, span)
    return span


def walk_nonempty(state: HeapState, actor: Actor, central: Mcentral) -> Course[int]:
    """Take the first span of the nonempty list that nobody is sweeping; NOBODY if there is none.

    Rules: CEN-3 CEN-6.
    """
    for span in central.nonempty:
        look = on_nonempty(state.sweepgen, state.inputs.seen_generation(span))
        if look == SKIP:
            yield skip(state, actor, span, "N")
            continue
        if look == CLAIM:
            yield claim(state, actor, span, "cs-nonempty")
        state.publish(span)
        central.nonempty.remove(span)
        central.empty.insert_back(span)
        yield take(state, actor, span, 1 if look == CLAIM else 0)
        if look == CLAIM:
            yield from sweep_span(state, actor, span, preserve=True)
        return span
    return NOBODY


def walk_empty(state: HeapState, actor: Actor, central: Mcentral) -> Course[tuple[int, int]]:
    """Claim and sweep the first unswept span at the front of the empty list.

    Return it, or NOBODY and the span at which the walk stopped, if it did.

    Rules: CEN-4 CEN-5.
    """
    for span in central.empty:
        look = on_empty(state.sweepgen, state.inputs.seen_generation(span))
        if look == STOP:
            return NOBODY, span
        if look == SKIP:
            yield skip(state, actor, span, "E")
            continue
        yield claim(state, actor, span, "cs-empty")
        central.empty.remove(span)
        central.empty.insert_back(span)
        yield take(state, actor, span, 2)
        yield from sweep_span(state, actor, span, preserve=True)
        return span, NOBODY
    return NOBODY, NOBODY


def check_room(state: HeapState, actor: Actor, span: int) -> Course[int]:
    """Look for a free slot in a span that was full before its sweep; NOBODY if it still is.

    Rules: CEN-4 SPAN-15.
    """
    found = next_free_index(state.spans[span])
    room = found.slot != found.span.nelems
    state.spans[span] = replace(found.span, freeindex=found.slot) if room else found.span
    record = found.span
    yield ev.CentralChecksRoom(
        p=actor.p,
        thread=actor.thread,
        span=span,
        base_page=page_number(record.base),
        spanclass=record.spanclass,
        room=int(room),
        slot=found.slot,
    )
    return span if room else NOBODY


def grow(state: HeapState, actor: Actor, spanclass: int, stopped_at: int) -> Course[int]:
    """Append a new span to the empty list; NOBODY if there is no memory for it.

    Rules: CEN-7 CEN-11.
    """
    base = NOBODY if stopped_at == NOBODY else page_number(state.spans[stopped_at].base)
    yield ev.CentralMisses(
        p=actor.p,
        thread=actor.thread,
        span=stopped_at,
        base_page=base,
        spanclass=spanclass,
        sweepgen=state.sweepgen,
    )
    npages = CLASS_TO_PAGES[size_class_of(spanclass)]
    span = yield from take_span(state, actor, npages, spanclass)
    if span == NOBODY:
        return NOBODY
    state.central[spanclass].empty.insert_back(span)
    record = state.spans[span]
    yield ev.CentralGrows(
        p=actor.p,
        thread=actor.thread,
        span=span,
        base_page=page_number(record.base),
        spanclass=spanclass,
        nelems=record.nelems,
        sweepgen=record.sweepgen,
    )
    return span


def charge(span: Mspan) -> U64:
    """Return the bytes that heap_live grows by when an mcache takes a span: all but those in use.

    Rules: CEN-8 CEN-10 CEN-18.
    """
    return span.npages * PAGE_SIZE - span.alloc_count * span.elemsize


def account_cached(state: HeapState, span: int) -> None:
    """Count the free slots of a span that goes to an mcache as handed out.

    Rules: CEN-8 CEN-10 CEN-17 CEN-18.
    """
    record = state.spans[span]
    free = record.nelems - record.alloc_count
    assert free > 0, "T-46: span has no free objects"
    state.central[record.spanclass].nmalloc += free
    state.heap_live += charge(record)


def take(state: HeapState, actor: Actor, span: int, source: ev.Source) -> ev.CentralTakes:
    """Tell that a listed span was taken."""
    record = state.spans[span]
    return ev.CentralTakes(
        p=actor.p,
        thread=actor.thread,
        span=span,
        base_page=page_number(record.base),
        spanclass=record.spanclass,
        source=source,
        not_before=state.inputs.not_before(),
        sweepgen=record.sweepgen,
    )


def skip(state: HeapState, actor: Actor, span: int, which: ev.ListName) -> ev.CentralSkips:
    """Tell that the walk passed over a span, and with which sweepgen it compared: the heap's."""
    record = state.spans[span]
    return ev.CentralSkips(
        p=actor.p,
        thread=actor.thread,
        span=span,
        base_page=page_number(record.base),
        spanclass=record.spanclass,
        list=which,
        sweepgen=state.sweepgen,
        not_before=state.inputs.not_before(),
    )


def uncache_span(state: HeapState, actor: Actor, span: int) -> Course[None]:
    """Take a span back from an mcache; one with a free slot goes to the nonempty list's front.

    A stale one is swept at once. Its new sweepgen is seen some time before the next step.

    Rules: CEN-12 CEN-13 CEN-18 MC-6 SWP-37 T-47.
    """
    record = state.spans[span]
    assert record.alloc_count > 0, "T-47: uncaching span but s.allocCount == 0"
    before = record.sweepgen
    stale = is_stale(state.sweepgen, before)
    record = replace(record, sweepgen=leave_cache(state.sweepgen, before))
    state.spans[span] = record
    free = record.nelems - record.alloc_count
    yield uncached(state, actor, span, record, before, stale)
    central = state.central[record.spanclass]
    if leaves_cache_for_nonempty(free > 0):
        central.nmalloc -= free
        central.empty.remove(span)
        central.nonempty.insert(span)
        if not stale:
            state.heap_live -= free * record.elemsize
        yield ev.UncacheToNonempty(
            p=actor.p,
            thread=actor.thread,
            span=span,
            base_page=page_number(record.base),
            spanclass=record.spanclass,
        )
    if stale:
        yield claimed(state, actor, span, record, "uncache")
        yield from sweep_span(state, actor, span, preserve=False)


def uncached(
    state: HeapState, actor: Actor, span: int, record: Mspan, before: U32, stale: bool
) -> ev.Uncache:
    """Tell that a span leaves an mcache."""
    return ev.Uncache(
        p=actor.p,
        thread=actor.thread,
        span=span,
        base_page=page_number(record.base),
        spanclass=record.spanclass,
        stale=int(stale),
        sweepgen_before=before,
        heap_sweepgen=state.sweepgen,
        freeindex=record.freeindex,
        alloc_count=record.alloc_count,
        nelems=record.nelems,
    )
