"""Steps by which a thread gets a span for a cache slot: from a list, or the page heap (cacheSpan).

For each step, `may_...` is the guard; the asserts inside are the runtime's fatal checks, and are
proved from guard and invariant (rules CEN-3 to CEN-7, MC-8).
"""

from msgspec.structs import replace

from spanspec.base.ids import SlotId, SpanId, ThreadId
from spanspec.sharing.steps.sweeping import pushed, resting, with_both
from spanspec.sharing.tables.records import (
    CHECKING,
    CREATING,
    GROWN,
    HELD,
    NO_SPAN,
    SWEEPING,
    TAKING,
    SharedSpan,
    Sharing,
    Thread,
    is_flushed,
    is_idle,
    works_on,
)
from spanspec.span.listing import (
    CLAIM,
    EMPTY,
    NONEMPTY,
    NOWHERE,
    TAKE,
    moved,
    on_empty,
    on_nonempty,
)
from spanspec.span.sweepgen import claim_for_sweep, generation_of_new_span, is_swept


def is_vacant(state: Sharing, thread: ThreadId, slot: SlotId) -> bool:
    """Tell whether a thread may look for a span for a slot: empty, of its P, which has flushed.

    Rules: MC-4 MC-8.
    """
    # The protocol lets any thread run on a P. While one is in a refill for a slot, `refilling`
    # keeps the others of the P away from it.
    it = state.slots[slot]
    return (
        it.proc == state.threads[thread].proc
        and it.span == NO_SPAN
        and not it.refilling
        and is_flushed(state, slot)
    )


def in_refill(
    state: Sharing, thread: ThreadId, worker: Thread, span: SpanId, it: SharedSpan
) -> Sharing:
    """Return the system in which a thread has a span for the slot that it refills."""
    slot = replace(state.slots[worker.slot], refilling=True, filler=thread)
    return replace(
        with_both(state, thread, worker, span, it), slots=state.slots.set(worker.slot, slot)
    )


def may_claim_listed(state: Sharing, thread: ThreadId, span: SpanId, slot: SlotId) -> bool:
    """Guard: the walk along a list of the slot's class has come to a span that it is to claim.

    Rules: CEN-3 CEN-4.
    """
    it = state.spans[span]
    sg = state.sweepgen
    return (
        is_idle(state, thread)
        and is_vacant(state, thread, slot)
        and it.central == state.slots[slot].spanclass
        and (
            (it.place == NONEMPTY and on_nonempty(sg, it.sweepgen) == CLAIM)
            or (it.place == EMPTY and on_empty(sg, it.sweepgen) == CLAIM)
        )
    )


def claim_listed(state: Sharing, thread: ThreadId, span: SpanId, slot: SlotId) -> Sharing:
    """Win the compare-and-swap on a listed span, to sweep it and keep it.

    Rules: SWP-3 SWP-25 CEN-3 CEN-4.
    """
    # Found by its list, not by the stack, so `preserve`: the sweep is not to move it, and the
    # thread keeps it if it has room.
    it = state.spans[span]
    owner = replace(
        state.threads[thread],
        task=TAKING,
        span=span,
        slot=slot,
        preserve=True,
        roomy=it.place == NONEMPTY,
    )
    claimed = replace(it, sweepgen=claim_for_sweep(state.sweepgen, it.sweepgen), owner=thread)
    return in_refill(state, thread, owner, span, claimed)


def may_move_claimed(state: Sharing, thread: ThreadId) -> bool:
    """Guard: the thread has claimed a listed span."""
    return state.threads[thread].task == TAKING


def move_claimed(state: Sharing, thread: ThreadId) -> Sharing:
    """Move a claimed span to the end of the empty list.

    Rules: CEN-3 CEN-4.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    # Where it was is noted before: another thread may not move the span meanwhile, as it is at
    # sg-1, and that this is so is proved.
    origin = NONEMPTY if worker.roomy else EMPTY
    at_end = replace(it, place=moved(it.place, origin, EMPTY), central=it.spanclass)
    return with_both(state, thread, replace(worker, task=SWEEPING), worker.span, at_end)


def may_take_listed(state: Sharing, thread: ThreadId, span: SpanId, slot: SlotId) -> bool:
    """Guard: the walk along the nonempty list of the slot's class has come to a span that it takes.

    Rules: CEN-3.
    """
    it = state.spans[span]
    return (
        is_idle(state, thread)
        and is_vacant(state, thread, slot)
        and it.central == state.slots[slot].spanclass
        and it.place == NONEMPTY
        and on_nonempty(state.sweepgen, it.sweepgen) == TAKE
    )


def take_listed(state: Sharing, thread: ThreadId, span: SpanId, slot: SlotId) -> Sharing:
    """Move a swept span to the end of the empty list, for an mcache.

    Rules: CEN-3 SWP-6.
    """
    it = state.spans[span]
    assert is_swept(state.sweepgen, it.sweepgen), "SWP-6: only a swept span may be taken"
    holder = replace(state.threads[thread], task=HELD, span=span, slot=slot)
    place = moved(it.place, NONEMPTY, EMPTY)
    # No compare-and-swap: the lock of the list is held, and who holds it may take what is swept.
    taken = replace(it, place=place, central=it.spanclass, owner=thread)
    return in_refill(state, thread, holder, span, taken)


def may_check_room(state: Sharing, thread: ThreadId) -> bool:
    """Guard: the thread has swept a span for itself."""
    return state.threads[thread].task == CHECKING


def check_room(state: Sharing, thread: ThreadId) -> Sharing:
    """Keep a span with a free slot; leave a full one in the empty list, and search again.

    Rules: CEN-4 CEN-6 T-46.
    """
    worker = state.threads[thread]
    room = state.spans[worker.span].has_free
    # A span of the nonempty list had a free slot before its sweep, and a sweep takes none away.
    assert room or not worker.roomy, "T-46: span has no free objects"
    if room:
        return replace(state, threads=state.threads.set(thread, replace(worker, task=HELD)))
    # The full span stays where it is, at the back of the empty list, and the search starts over.
    searching = replace(state.slots[worker.slot], refilling=False)
    return replace(
        state,
        threads=state.threads.set(thread, resting(worker)),
        slots=state.slots.set(worker.slot, searching),
    )


def may_grow(state: Sharing, thread: ThreadId, span: SpanId, slot: SlotId, large: bool) -> bool:
    """Guard: the thread is idle; the descriptor that the page heap gives is neither in use nor
    being taken into use, for which the lock of the page heap is held.

    A large object goes into no slot; all that counts then is that the P has flushed.

    Rules: MC-8 CEN-7.
    """
    it = state.spans[span]
    for_whom = is_flushed(state, slot) if large else is_vacant(state, thread, slot)
    return (
        is_idle(state, thread)
        and for_whom
        and state.slots[slot].proc == state.threads[thread].proc
        and span != NO_SPAN
        and not it.in_use
        and all(not works_on(state, other, CREATING, span) for other in state.threads)
    )


def grow(state: Sharing, thread: ThreadId, span: SpanId, slot: SlotId, large: bool) -> Sharing:
    """Prepare a descriptor from the page heap: swept, in the swept stack, not yet in use.

    A thread that popped the descriptor's former life may look at it without the lock.

    Rules: SWP-3 SWP-7 SWP-9 HEAP-22 T-32.
    """
    it = state.spans[span]
    assert it.place == NOWHERE, "T-32: still in list"
    # Its sweepgen is written before it is in use: a thread that popped an old entry of this
    # descriptor may look any time, and where it finds a span that is not in use, T-55 asks for sg.
    fresh = replace(
        pushed(state.sweepgen, it),
        large=large,
        spanclass=state.slots[slot].spanclass,
        sweepgen=generation_of_new_span(state.sweepgen),
        has_free=not large,
        swept_at=state.sweepgen,
        owner=thread,
    )
    worker = replace(state.threads[thread], task=CREATING, span=span, slot=slot)
    if large:
        return with_both(state, thread, worker, span, fresh)
    return in_refill(state, thread, worker, span, fresh)


def may_use(state: Sharing, thread: ThreadId) -> bool:
    """Guard: the thread has a descriptor ready."""
    return state.threads[thread].task == CREATING


def use(state: Sharing, thread: ThreadId) -> Sharing:
    """Let a descriptor that is ready be in use, and give up the lock of the page heap.

    Rules: HEAP-22 MAL-12.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    # The order matters to who looks without a lock: everything else is written before the state.
    after = resting(worker) if it.large else replace(worker, task=GROWN)
    return with_both(state, thread, after, worker.span, replace(it, in_use=True))


def may_list_grown(state: Sharing, thread: ThreadId) -> bool:
    """Guard: the thread has a fresh span."""
    return state.threads[thread].task == GROWN


def list_grown(state: Sharing, thread: ThreadId) -> Sharing:
    """Put a fresh span at the end of the empty list of its class.

    Rules: CEN-7 T-39.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    listed = replace(it, place=moved(it.place, NOWHERE, EMPTY), central=it.spanclass)
    return with_both(state, thread, replace(worker, task=HELD), worker.span, listed)
