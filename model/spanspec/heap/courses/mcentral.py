"""Central lists: where an mcache gets its spans, and where they go back to (rules CEN-1 to CEN-18).

The walk along a list reads each span's sweepgen without owning the span. What it sees decides,
by `on_nonempty` and `on_empty`.
"""

from spanspec.base.constants import PAGE_SIZE, size_class_of
from spanspec.base.ids import NOBODY, SlotId, ThreadId
from spanspec.base.sizeclass import CLASS_TO_PAGES
from spanspec.base.words import U32, U64
from spanspec.events import span_events as ev
from spanspec.heap.courses.course import Course
from spanspec.heap.courses.newspan import take_span
from spanspec.heap.courses.publishing import see_published
from spanspec.heap.courses.sweeping import deduct_sweep_credit
from spanspec.heap.courses.sweepspan import claimed, sweep_span
from spanspec.heap.state.accounts import (
    CHARGE_CACHED,
    HAND_BACK,
    HAND_OUT,
    REFUND_UNCACHED,
    check_some_free,
)
from spanspec.heap.state.advancing import advance
from spanspec.heap.state.contents import LOOK_FOR_ROOM
from spanspec.heap.state.state import HeapState, Mcentral
from spanspec.heap.state.taking import take, take_both
from spanspec.pages.pageheap import Actor, about_span, page_number, slots_of, who
from spanspec.sharing.steps.caching import may_move_uncached
from spanspec.sharing.steps.steps import (
    CHECK_ROOM,
    CLAIM_LISTED,
    LIST_GROWN,
    MOVE_CLAIMED,
    MOVE_UNCACHED,
    TAKE_LISTED,
    UNCACHE,
)
from spanspec.sharing.tables.growing import span_id
from spanspec.sharing.tables.records import HELD
from spanspec.span.listing import CLAIM, SKIP, STOP, on_empty, on_nonempty
from spanspec.span.mspan import Mspan
from spanspec.span.sweepgen import is_stale


def span_bytes(spanclass: int) -> U64:
    """Return the bytes of a span of a class."""
    return CLASS_TO_PAGES[size_class_of(spanclass)] * PAGE_SIZE


def cache_span(state: HeapState, actor: Actor, slot: SlotId) -> Course[tuple[ThreadId, int]]:
    """Find a span with a free slot for a slot of an mcache: from the lists, or a new one.

    Return who holds it, and the span, which is at the back of the empty list; NOBODY without
    memory.

    Rules: CEN-2 CEN-3 CEN-4 CEN-7.
    """
    spanclass = state.sharing.slots[slot].spanclass
    # Before the lock of the lists is taken: sweeping takes that lock itself.
    yield from deduct_sweep_credit(state, actor, span_bytes(spanclass), 0)
    # Chosen after the sweeping for credit, in which the same M acts as a sweeper.
    thread, span = state.thread_of(actor), NOBODY
    while span == NOBODY:
        span = yield from walk_nonempty(state, actor, thread, slot)
        if span != NOBODY:
            break
        candidate, stopped_at = yield from walk_empty(state, actor, thread, slot)
        # Still full after its sweep, the span stays in the empty list and the walk starts over: the
        # lock was given up for the sweep, and others may have changed the lists.
        if candidate == NOBODY:
            span = yield from grow(state, actor, thread, slot, stopped_at)
            if span == NOBODY:
                break
        else:
            span = yield from check_room(state, actor, thread, candidate)
    if span != NOBODY:
        account_cached(state, span)
    return thread, span


def lists_of(state: HeapState, slot: SlotId) -> Mcentral:
    """Return the lists of the class of a cache slot."""
    return state.central[state.sharing.slots[slot].spanclass]


def walk_nonempty(state: HeapState, actor: Actor, thread: ThreadId, slot: SlotId) -> Course[int]:
    """Take the first span of the nonempty list that nobody is sweeping; NOBODY if there is none.

    Rules: CEN-3 CEN-6.
    """
    for span in lists_of(state, slot).nonempty:
        look = on_nonempty(state.sweepgen, state.inputs.seen_generation(span))
        if look == SKIP:
            yield skip(state, actor, span, "N")
            continue
        if look == CLAIM:
            # Claimed at the front, it goes to the back of the empty list before it is swept: so
            # nobody meets it in a walk meanwhile. It has a free slot without a look, since it had
            # one before.
            yield from claim_listed(state, actor, thread, span, slot, "cs-nonempty")
            take(state, CHECK_ROOM, thread)
        else:
            # What the walk has read may be the store of a sweep whose own step has not been taken
            # yet.
            see_published(state, span)
            take(state, TAKE_LISTED, thread, span_id(span), slot)
            yield taken(state, actor, span, 0)
        return span
    return NOBODY


def claim_listed(
    state: HeapState, actor: Actor, thread: ThreadId, span: int, slot: SlotId, by: ev.Claimer
) -> Course[None]:
    """Claim a listed span, move it to the back of the empty list, and sweep it to keep it.

    Rules: CEN-3 CEN-4 SWP-25.
    """
    take(state, CLAIM_LISTED, thread, span_id(span), slot)
    yield claimed(state, actor, span, by)
    take(state, MOVE_CLAIMED, thread)
    yield taken(state, actor, span, 1 if by == "cs-nonempty" else 2)
    yield from sweep_span(state, actor, thread, span, preserve=True)


def walk_empty(
    state: HeapState, actor: Actor, thread: ThreadId, slot: SlotId
) -> Course[tuple[int, int]]:
    """Claim and sweep the first unswept span at the front of the empty list.

    Return it, or NOBODY and the span at which the walk stopped, if it did.

    Rules: CEN-4 CEN-5.
    """
    for span in lists_of(state, slot).empty:
        look = on_empty(state.sweepgen, state.inputs.seen_generation(span))
        # What stands behind it is taken to be swept. An unswept span that stands there all the same
        # is missed, and the heap grows (CEN-5).
        if look == STOP:
            return NOBODY, span
        if look == SKIP:
            yield skip(state, actor, span, "E")
            continue
        yield from claim_listed(state, actor, thread, span, slot, "cs-empty")
        return span, NOBODY
    return NOBODY, NOBODY


def check_room(state: HeapState, actor: Actor, thread: ThreadId, span: int) -> Course[int]:
    """Look for a free slot in a span that was full before its sweep; NOBODY if it still is.

    Rules: CEN-4 SPAN-15.
    """
    record = take_both(state, span, LOOK_FOR_ROOM, thread)
    room = state.sharing.threads[thread].task == HELD
    # The next search begins where this one has ended.
    slot = record.freeindex
    yield ev.CentralChecksRoom(*about_span(actor, span, record), room=int(room), slot=slot)
    return span if room else NOBODY


def grow(
    state: HeapState, actor: Actor, thread: ThreadId, slot: SlotId, stopped_at: int
) -> Course[int]:
    """Append a new span to the empty list; NOBODY if there is no memory for it.

    Rules: CEN-7 CEN-11.
    """
    spanclass = state.sharing.slots[slot].spanclass
    base = NOBODY if stopped_at == NOBODY else page_number(state.spans[stopped_at].base)
    yield ev.CentralMisses(
        *who(actor), span=stopped_at, base_page=base, spanclass=spanclass, sweepgen=state.sweepgen
    )
    npages = CLASS_TO_PAGES[size_class_of(spanclass)]
    span = yield from take_span(state, actor, thread, npages, slot)
    if span == NOBODY:
        return NOBODY
    # In the empty list although all its slots are free: an mcache gets it, and what is cached is
    # there.
    take(state, LIST_GROWN, thread)
    record = state.spans[span]
    yield ev.CentralGrows(
        *about_span(actor, span, record),
        nelems=record.nelems,
        sweepgen=state.generation(span),
    )
    return span


def account_cached(state: HeapState, span: int) -> None:
    """Count the free slots of a span that goes to an mcache as handed out.

    Rules: CEN-8 CEN-10 CEN-17 CEN-18 T-46.
    """
    # All of them at once, as if each were allocated: an allocation from the cache counts nothing
    # then. What nobody took is taken back by `uncache_span`.
    record = check_some_free(state.spans[span])
    advance(state.central[record.spanclass], HAND_OUT, record)
    advance(state, CHARGE_CACHED, record)


def taken(state: HeapState, actor: Actor, span: int, source: ev.Source) -> ev.CentralTakes:
    """Tell that a listed span was taken."""
    record = state.spans[span]
    return ev.CentralTakes(
        *about_span(actor, span, record),
        source=source,
        not_before=state.inputs.not_before(),
        sweepgen=state.generation(span),
    )


def skip(state: HeapState, actor: Actor, span: int, which: ev.ListName) -> ev.CentralSkips:
    """Tell that the walk passed over a span, and with which sweepgen it compared: the heap's."""
    record = state.spans[span]
    return ev.CentralSkips(
        *about_span(actor, span, record),
        list=which,
        sweepgen=state.sweepgen,
        not_before=state.inputs.not_before(),
    )


def uncache_span(state: HeapState, actor: Actor, slot: SlotId) -> Course[None]:
    """Take a span back from an mcache; one with a free slot goes to the nonempty list's front.

    A stale one is swept at once. Its new sweepgen is seen some time before the next step.

    Rules: CEN-12 CEN-13 CEN-18 MC-6 SWP-37 T-47.
    """
    held = state.sharing.slots[slot]
    span = held.span - 1
    record = state.spans[span]
    assert record.alloc_count > 0, "T-47: uncaching span but s.allocCount == 0"
    before = state.generation(span)
    stale = is_stale(state.sweepgen, before)
    thread = state.thread_of(actor, held.proc)
    take(state, UNCACHE, thread, slot)
    yield uncached(state, actor, span, record, before, stale)
    # Handed back are the slots that nobody took. That is counted before the sweep of a stale span,
    # which counts what it finds dead on its own.
    if may_move_uncached(state.sharing, thread):
        advance(state.central[record.spanclass], HAND_BACK, record)
        take(state, MOVE_UNCACHED, thread)
        # heap_live of a stale span was set anew when marking ended, from what was marked; it holds
        # no allowance of this span any more.
        if not stale:
            advance(state, REFUND_UNCACHED, record)
        yield ev.UncacheToNonempty(*about_span(actor, span, record))
    if stale:
        yield claimed(state, actor, span, "uncache")
        yield from sweep_span(state, actor, thread, span, preserve=False)


def uncached(
    state: HeapState, actor: Actor, span: int, record: Mspan, before: U32, stale: bool
) -> ev.Uncache:
    """Tell that a span leaves an mcache."""
    return ev.Uncache(
        *about_span(actor, span, record),
        int(stale),
        before,
        state.sweepgen,
        *slots_of(record),
    )
