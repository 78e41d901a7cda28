"""Steps of what a cache slot holds: it is installed, taken from, retired, and uncached.

For each step, `may_...` is the guard; the asserts inside are the runtime's fatal checks, and are
proved from guard and invariant (rules MC-4 to MC-8, CEN-12).
"""

from msgspec.structs import replace

from spanspec.base.ids import ProcId, SlotId, ThreadId
from spanspec.sharing.steps.sweeping import resting, with_both
from spanspec.sharing.tables.records import (
    HELD,
    IDLE,
    NO_SPAN,
    SWEEPING,
    UNLISTING,
    Sharing,
    is_flushed,
    is_idle,
)
from spanspec.span.listing import EMPTY, NONEMPTY, leaves_cache_for_nonempty, moved
from spanspec.span.sweepgen import enter_cache, is_cached, is_sweeping, leave_cache, retire_full


def may_install(state: Sharing, thread: ThreadId) -> bool:
    """Guard: the thread has a span for its slot: that it is still empty is proved.

    Rules: MC-4.
    """
    return state.threads[thread].task == HELD


def install(state: Sharing, thread: ThreadId) -> Sharing:
    """Install a span in the cache slot that it was looked for: the end of refill.

    Rules: SWP-3 MC-4 MC-5 T-53.
    """
    worker = state.threads[thread]
    span = worker.span
    it = state.spans[span]
    # It was chosen for its free slot. Without one the allocation would come back at once.
    assert it.has_free, "T-53: span has no free space"
    slot = state.slots[worker.slot]
    assert slot.span == NO_SPAN, "MC-4: the slot holds a span already"
    cached = replace(it, sweepgen=enter_cache(state.sweepgen, it.sweepgen), cacher=worker.slot)
    return replace(
        with_both(state, thread, resting(worker), span, cached),
        slots=state.slots.set(worker.slot, replace(slot, span=span, refilling=False)),
    )


def may_allocate(state: Sharing, slot: SlotId, last: bool) -> bool:
    """Guard: the slot holds a span with a free slot, and its P has flushed before it allocates.

    `last` tells that no slot is free afterwards.

    Rules: MC-8 MAL-10.
    """
    span = state.slots[slot].span
    return span != NO_SPAN and is_flushed(state, slot) and state.spans[span].has_free


def allocate(state: Sharing, slot: SlotId, last: bool) -> Sharing:
    """Take an object's slot from a cached span.

    Rules: SWP-6 MAL-10.
    """
    span = state.slots[slot].span
    # No thread is named: whoever runs on the P may allocate, and only one thread does at a time.
    it = state.spans[span]
    assert is_cached(state.sweepgen, it.sweepgen), "SWP-6: allocation from an unswept span"
    return replace(state, spans=state.spans.set(span, replace(it, has_free=not last)))


def may_retire(state: Sharing, slot: SlotId) -> bool:
    """Guard: the slot holds a full span, and its P has flushed (it allocates).

    Rules: MC-4 T-50.
    """
    span = state.slots[slot].span
    return span != NO_SPAN and is_flushed(state, slot) and not state.spans[span].has_free


def retire(state: Sharing, slot: SlotId) -> Sharing:
    """Let go of a full cached span, which stays in the empty list: the beginning of refill.

    Rules: SWP-3 MC-4 T-51.
    """
    span = state.slots[slot].span
    it = state.spans[span]
    # At sg from now on, in the empty list: full spans are not in any cache, and wait for the next
    # sweep.
    full = replace(it, sweepgen=retire_full(state.sweepgen, it.sweepgen))
    return replace(
        state,
        spans=state.spans.set(span, full),
        slots=state.slots.set(slot, replace(state.slots[slot], span=NO_SPAN)),
    )


def may_uncache(state: Sharing, thread: ThreadId, slot: SlotId) -> bool:
    """Guard: the thread is idle, runs on the slot's P, and the slot holds a span.

    Rules: CEN-12 MC-6.
    """
    it = state.slots[slot]
    return is_idle(state, thread) and it.proc == state.threads[thread].proc and it.span != NO_SPAN


def uncache(state: Sharing, thread: ThreadId, slot: SlotId) -> Sharing:
    """Take a span out of a cache; a stale one is from then on swept by that thread.

    Rules: SWP-3 SWP-37 CEN-12 CEN-13.
    """
    span = state.slots[slot].span
    it = state.spans[span]
    left = replace(it, sweepgen=leave_cache(state.sweepgen, it.sweepgen), owner=thread)
    sweeps = is_sweeping(state.sweepgen, left.sweepgen)
    task = SWEEPING if sweeps else IDLE
    if leaves_cache_for_nonempty(it.has_free):
        task = UNLISTING
    worker = replace(
        state.threads[thread],
        task=task,
        span=NO_SPAN if task == IDLE else span,
        preserve=False,
    )
    return replace(
        with_both(state, thread, worker, span, left),
        slots=state.slots.set(slot, replace(state.slots[slot], span=NO_SPAN)),
    )


def may_move_uncached(state: Sharing, thread: ThreadId) -> bool:
    """Guard: the thread has uncached a span with a free slot."""
    return state.threads[thread].task == UNLISTING


def move_uncached(state: Sharing, thread: ThreadId) -> Sharing:
    """Move an uncached span with a free slot to the front of the nonempty list of its class.

    Rules: CEN-12 CEN-13.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    sweeps = is_sweeping(state.sweepgen, it.sweepgen)
    listed = replace(it, place=moved(it.place, EMPTY, NONEMPTY), central=it.spanclass)
    after = replace(worker, task=SWEEPING) if sweeps else resting(worker)
    return with_both(state, thread, after, worker.span, listed)


def may_flush(state: Sharing, proc: ProcId) -> bool:
    """Guard: every slot of the P has been emptied.

    Rules: MC-6 MC-7.
    """
    return all(
        state.slots[slot].proc != proc or state.slots[slot].span == NO_SPAN for slot in state.slots
    )


def flush(state: Sharing, proc: ProcId) -> Sharing:
    """Note that a P has flushed its mcache in this cycle.

    Rules: MC-7.
    """
    flushed = replace(state.procs[proc], flush_gen=state.sweepgen)
    return replace(state, procs=state.procs.set(proc, flushed))
