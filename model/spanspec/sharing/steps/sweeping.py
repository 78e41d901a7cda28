"""Steps of a sweep, from the claim to the push (rules SWP-14, SWP-15, SWP-24 to SWP-29, CEN-14).

For each step, `may_...` is the guard; the asserts inside are the runtime's fatal checks, and are
proved from guard and invariant.
"""

from msgspec.structs import replace

from spanspec.base.ids import SpanId, ThreadId
from spanspec.base.words import M32, U8, U32
from spanspec.sharing.tables.records import (
    CHECKING,
    EXAMINED,
    FREEING,
    IDLE,
    NO_SPAN,
    POPPED,
    PUSHING,
    RELISTED,
    SAW_UNUSED,
    SAW_USED,
    SWEEPING,
    SharedSpan,
    Sharing,
    Thread,
    is_idle,
    is_in_swept,
    is_in_unswept,
    swept_buffer,
)
from spanspec.span.listing import (
    EMPTY,
    NONEMPTY,
    NOWHERE,
    moved,
    sweep_moves_to_nonempty,
    sweep_returns_span,
)
from spanspec.span.sweepgen import (
    check_unused,
    claim_for_sweep,
    is_in_mcache,
    is_sweeping,
    is_swept,
    needs_sweep,
    publish_swept,
)


def resting(thread: Thread) -> Thread:
    """Return a thread whose operation is over."""
    return replace(thread, task=IDLE, span=NO_SPAN)


def with_both(
    state: Sharing, thread: ThreadId, worker: Thread, span: SpanId, it: SharedSpan
) -> Sharing:
    """Return the system with new records for a thread and a span."""
    return replace(
        state,
        threads=state.threads.set(thread, worker),
        spans=state.spans.set(span, it),
    )


# --- the unswept stack --------------------------------------------------------------------------


def may_pop(state: Sharing, thread: ThreadId, span: SpanId) -> bool:
    """Guard: the thread is idle, and the unswept stack has an entry for the span."""
    return (
        is_idle(state, thread)
        and span != NO_SPAN
        and is_in_unswept(state.sweepgen, state.spans[span])
    )


def pop(state: Sharing, thread: ThreadId, span: SpanId) -> Sharing:
    """Pop a span from the unswept stack.

    Rules: SWP-11 SWP-15.
    """
    it = state.spans[span]
    # The entry alone is taken; the span may have been freed since it was pushed, or even be another
    # span of the same descriptor. So its state and sweepgen are read next, each by a step of its
    # own.
    without = (
        replace(it, in_buffer_0=False, popper=thread)
        if swept_buffer(state.sweepgen) == 1
        else replace(it, in_buffer_1=False, popper=thread)
    )
    worker = replace(state.threads[thread], task=POPPED, span=span)
    return with_both(state, thread, worker, span, without)


def may_look(state: Sharing, thread: ThreadId) -> bool:
    """Guard: the thread has popped a span."""
    return state.threads[thread].task == POPPED


def look(state: Sharing, thread: ThreadId) -> Sharing:
    """Read the state of a popped span, without a lock.

    Rules: SWP-14 SWP-15.
    """
    worker = state.threads[thread]
    # Read without a lock: what is seen may be out of date when the thread goes on. That it does no
    # harm is what the invariants `popper_is_right` and `span_is_in_its_stack` are for.
    seen = SAW_USED if state.spans[worker.span].in_use else SAW_UNUSED
    return replace(state, threads=state.threads.set(thread, replace(worker, task=seen)))


def may_drop(state: Sharing, thread: ThreadId) -> bool:
    """Guard: the thread saw that the popped span is not in use."""
    return state.threads[thread].task == SAW_UNUSED


def drop(state: Sharing, thread: ThreadId) -> Sharing:
    """Leave a popped span that was not in use alone.

    Rules: SWP-14 T-55.
    """
    worker = state.threads[thread]
    checked = check_unused(state.sweepgen, state.spans[worker.span].sweepgen)
    after = resting(worker) if checked else worker
    return replace(state, threads=state.threads.set(thread, after))


def may_compare_and_swap(state: Sharing, thread: ThreadId) -> bool:
    """Guard: the thread saw that the popped span is in use."""
    return state.threads[thread].task == SAW_USED


def compare_and_swap(state: Sharing, thread: ThreadId) -> Sharing:
    """Claim a popped span, unless its sweepgen is no longer sg-2.

    Rules: SWP-3 SWP-15 CONC-5.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    # Somebody else has claimed it since: the reclaimer, or a walk along a central list, finds spans
    # without popping them. The entry is gone, and that is right, as who has claimed it will push
    # it.
    if not needs_sweep(state.sweepgen, it.sweepgen):
        return replace(state, threads=state.threads.set(thread, resting(worker)))
    owner = replace(worker, task=SWEEPING, preserve=False)
    claimed = replace(it, sweepgen=claim_for_sweep(state.sweepgen, it.sweepgen), owner=thread)
    return with_both(state, thread, owner, worker.span, claimed)


def may_claim_directly(state: Sharing, thread: ThreadId, span: SpanId) -> bool:
    """Guard: the thread is idle, and the span in use, which the lock or the caller ensures."""
    return is_idle(state, thread) and state.spans[span].in_use


def claim_directly(state: Sharing, thread: ThreadId, span: SpanId) -> Sharing:
    """Try the compare-and-swap on a span that was found by other means than the stack.

    This is the page reclaimer, and whoever changes the specials of a span.

    Rules: SWP-3 SWP-18 SWP-22.
    """
    # The entry in the unswept stack stays. Whoever pops it later finds the span swept, and drops
    # it.
    it = state.spans[span]
    if not needs_sweep(state.sweepgen, it.sweepgen):
        return state
    owner = replace(state.threads[thread], task=SWEEPING, span=span, preserve=False)
    claimed = replace(it, sweepgen=claim_for_sweep(state.sweepgen, it.sweepgen), owner=thread)
    return with_both(state, thread, owner, span, claimed)


# --- the sweep itself ---------------------------------------------------------------------------


def may_examine(state: Sharing, thread: ThreadId, freed: bool, dead: bool) -> bool:
    """Guard: the thread owns a sweep, and the outcome is a possible one.

    In a small span that was in use some slot was allocated, so if all are dead some died. A large
    span has one slot.

    Rules: SWP-24 SWP-26.
    """
    worker = state.threads[thread]
    large = state.spans[worker.span].large
    return worker.task == SWEEPING and (freed == dead if large else freed or not dead)


def examine(state: Sharing, thread: ThreadId, freed: bool, dead: bool) -> Sharing:
    """Make the mark bits the new allocBits; only the owner sees it.

    Rules: SWP-24 T-58.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    assert it.in_use, "T-58: mspan.sweep: bad span state"
    assert is_sweeping(state.sweepgen, it.sweepgen), "T-58: mspan.sweep: bad span state"
    outcome = replace(worker, task=EXAMINED, was_empty=not it.has_free, freed=freed, dead=dead)
    # Still at sg-1, so nobody else may touch the span, although its new bits are complete.
    swept = replace(it, has_free=it.has_free or freed)
    return with_both(state, thread, outcome, worker.span, swept)


def is_due(sg: U32, swept_at: U32) -> bool:
    """Tell whether a span was last swept in the cycle before.

    Rules: I-26.
    """
    return swept_at == (sg - 2) & M32


def is_to_relist(worker: Thread, it: SharedSpan) -> bool:
    """Tell whether a swept span, not published yet, first moves to the nonempty list."""
    returns = sweep_returns_span(it.large, worker.preserve, worker.freed, worker.dead)
    return (
        worker.task == EXAMINED
        and not returns
        and sweep_moves_to_nonempty(it.large, worker.preserve, worker.freed, worker.was_empty)
    )


def may_relist(state: Sharing, thread: ThreadId) -> bool:
    """Guard: the swept span was full, and now has a free slot."""
    worker = state.threads[thread]
    return is_to_relist(worker, state.spans[worker.span])


def relist(state: Sharing, thread: ThreadId) -> Sharing:
    """Move a swept span from the empty to the nonempty list of its class.

    Rules: CEN-14 CEN-15.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    relisted = replace(it, place=moved(it.place, EMPTY, NONEMPTY), central=it.spanclass)
    return with_both(state, thread, replace(worker, task=RELISTED), worker.span, relisted)


def publishes_alone(large: bool, preserve: bool, freed: bool) -> bool:
    """Tell whether a sweep ends with a store of its own, not under the lock of a list.

    Others may see it any time between what the sweep tells and its next step.

    Rules: SWP-24 SWP-29 CEN-14.
    """
    return large or preserve or not freed


def may_publish(state: Sharing, thread: ThreadId) -> bool:
    """Guard: the sweep is complete, the span is in its list, and stays in use."""
    worker = state.threads[thread]
    it = state.spans[worker.span]
    returns = sweep_returns_span(it.large, worker.preserve, worker.freed, worker.dead)
    return worker.task == RELISTED or (
        worker.task == EXAMINED and not returns and not is_to_relist(worker, it)
    )


def publish(state: Sharing, thread: ThreadId) -> Sharing:
    """Store sg in a span whose sweep is complete: from now on others may take it.

    Rules: SWP-3 SWP-24 SWP-29 CEN-14 T-48 T-49 T-60.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    assert it.in_use, "T-60: mspan.sweep: bad span state after sweep"
    assert not is_in_mcache(state.sweepgen, it.sweepgen), "T-48: freeSpan given cached span"
    # A span that is swept for an mcache was moved to the empty list before its sweep.
    unlinked = worker.preserve and worker.freed and it.place == NOWHERE
    assert not unlinked, "T-49: can't preserve unlinked span"
    # The ghost turns "swept once in a cycle", which is about histories, into a claim about one
    # step.
    assert is_due(state.sweepgen, it.swept_at), "I-26: the span is swept twice in a cycle"
    # From here on the thread does not own the span any more: another may take it, cache it and fill
    # it before the push that follows. So the push has a ghost of its own.
    swept = replace(
        it,
        sweepgen=publish_swept(state.sweepgen, it.sweepgen),
        swept_at=state.sweepgen,
        pusher=thread,
    )
    return with_both(state, thread, replace(worker, task=PUSHING), worker.span, swept)


def may_push(state: Sharing, thread: ThreadId) -> bool:
    """Guard: the thread has published a sweep."""
    return state.threads[thread].task == PUSHING


def pushed(sg: U32, it: SharedSpan) -> SharedSpan:
    """Return a span with an entry in the swept stack, which must be the only one.

    Rules: SWP-9 SWP-10 SWP-13.
    """
    assert not is_in_swept(sg, it), "SWP-13: the span is in the swept stack already"
    return replace(it, in_buffer_1=True) if swept_buffer(sg) == 1 else replace(it, in_buffer_0=True)


def push(state: Sharing, thread: ThreadId) -> Sharing:
    """Push a swept span on the swept stack; another thread may have cached it already.

    Rules: SWP-9 SWP-29 CONC-8.
    """
    worker = state.threads[thread]
    # With `preserve` the span is the thread's own still, and it goes on to look for a free slot.
    after = replace(worker, task=CHECKING) if worker.preserve else resting(worker)
    entered = pushed(state.sweepgen, state.spans[worker.span])
    return with_both(state, thread, after, worker.span, entered)


# --- a span with nothing left ---------------------------------------------------------------------


def may_publish_dead(state: Sharing, thread: ThreadId) -> bool:
    """Guard: the sweep is complete, and the span goes back to the page heap."""
    worker = state.threads[thread]
    it = state.spans[worker.span]
    returns = sweep_returns_span(it.large, worker.preserve, worker.freed, worker.dead)
    return worker.task == EXAMINED and returns


def unlisted(place: U8, was_empty: bool) -> U8:
    """Return where a small span with nothing left is after it left the lists.

    One that was full moves to the nonempty list first.

    Rules: CEN-14.
    """
    return moved(moved(place, EMPTY, NONEMPTY) if was_empty else place, NONEMPTY, NOWHERE)


def publish_dead(state: Sharing, thread: ThreadId) -> Sharing:
    """Take a span with nothing left out of its list and store sg, under the lock of the list.

    Rules: SWP-24 SWP-26 CEN-14 T-48 T-60.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    assert it.in_use, "T-60: mspan.sweep: bad span state after sweep"
    assert not is_in_mcache(state.sweepgen, it.sweepgen), "T-48: freeSpan given cached span"
    assert is_due(state.sweepgen, it.swept_at), "I-26: the span is swept twice in a cycle"
    # One step, as the lock of the list is held throughout: nobody can find the span in the list
    # once it counts as swept.
    swept = replace(
        it,
        sweepgen=publish_swept(state.sweepgen, it.sweepgen),
        swept_at=state.sweepgen,
        place=it.place if it.large else unlisted(it.place, worker.was_empty),
    )
    return with_both(state, thread, replace(worker, task=FREEING), worker.span, swept)


def may_free(state: Sharing, thread: ThreadId) -> bool:
    """Guard: the thread has published that nothing in its span lives."""
    return state.threads[thread].task == FREEING


def free(state: Sharing, thread: ThreadId) -> Sharing:
    """Give a span back to the page heap.

    Rules: HEAP-26 HEAP-28 T-34.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    assert it.in_use, "T-35: mheap.freeSpanLocked - invalid span state"
    assert is_swept(state.sweepgen, it.sweepgen), "T-34: mheap.freeSpanLocked - invalid free"
    assert it.place == NOWHERE, "T-32: still in list"
    # The sweepgen stays. An old entry of the unswept stack may lead here, and is dropped because
    # the span counts as swept.
    freed = replace(it, in_use=False)
    return with_both(state, thread, resting(worker), worker.span, freed)
