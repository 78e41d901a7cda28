"""What holds after every step of the protocol, said of one span, slot, P or thread at a time.

Together the predicates are inductive: assumed for all identities before a step, they are proved
for arbitrary ones after it.
"""

from spanspec.base.ids import ProcId, SlotId, SpanId
from spanspec.base.words import M32
from spanspec.sharing.invariant.threadinvariant import (
    creator_is_owner,
    filler_has_its_slot,
    has_popped,
    holder_is_owner,
    is_refilling,
    popper_is_right,
    pusher_is_right,
    sweeper_is_owner,
)
from spanspec.sharing.tables.records import (
    CHECKING,
    CREATING,
    EXAMINED,
    FREEING,
    GROWN,
    HELD,
    IDLE,
    NO_SPAN,
    PUSHING,
    RELISTED,
    SWEEPING,
    TAKING,
    UNLISTING,
    Sharing,
    is_flushed,
    is_in_swept,
    is_in_unswept,
    works_on,
)
from spanspec.span.listing import EMPTY, NONEMPTY, NOWHERE
from spanspec.span.sweepgen import (
    is_cached,
    is_in_mcache,
    is_legal,
    is_legal_between_cycles,
    is_stale,
    is_sweeping,
    is_swept,
    needs_sweep,
)

# --- one span -------------------------------------------------------------------------------------


def span_is_legal(state: Sharing, span: SpanId) -> bool:
    """A span in use has one of the five legal generations; one that is not is in no list.

    What is no span is in no stack either.

    Rules: SWP-5 I-22.
    """
    it = state.spans[span]
    if not it.in_use:
        # A freed span may have an old entry in the unswept stack; what is no span never has one.
        stacked = it.in_buffer_0 or it.in_buffer_1
        return it.place == NOWHERE and not (span == NO_SPAN and stacked)
    return span != NO_SPAN and is_legal(state.sweepgen, it.sweepgen)


def span_is_swept_once(state: Sharing, span: SpanId) -> bool:
    """A span counts as swept in this cycle exactly if its generation says so.

    Rules: SWP-1 I-26.
    """
    it = state.spans[span]
    sg = state.sweepgen
    # "Once in a cycle" is about a history; the ghost `swept_at` makes it a property of a state.
    done = is_legal_between_cycles(sg, it.sweepgen)
    return not it.in_use or it.swept_at == (sg if done else (sg - 2) & M32)


def span_has_its_owner(state: Sharing, span: SpanId) -> bool:
    """A span being swept has a thread that sweeps it, a cached one the slot that holds it.

    Rules: SWP-1 CONC-5 I-21.
    """
    it = state.spans[span]
    sg = state.sweepgen
    return not it.in_use or (
        (not is_sweeping(sg, it.sweepgen) or is_being_swept(state, span))
        and (not is_in_mcache(sg, it.sweepgen) or state.slots[it.cacher].span == span)
    )


def is_being_swept(state: Sharing, span: SpanId) -> bool:
    """Tell whether the owner of a span is in the middle of sweeping it."""
    worker = state.threads[state.spans[span].owner]
    return worker.span == span and (
        worker.task == TAKING
        or worker.task == SWEEPING
        or worker.task == EXAMINED
        or worker.task == RELISTED
        or worker.task == UNLISTING
    )


def is_in_transit(state: Sharing, span: SpanId) -> bool:
    """Tell whether the owner of a swept span is moving it from one place to another."""
    worker = state.threads[state.spans[span].owner]
    return worker.span == span and (
        # Without `preserve` the span is published and nobody's, whatever its pusher has still to
        # do.
        (worker.task == PUSHING and worker.preserve)
        or worker.task == CHECKING
        or worker.task == HELD
        or worker.task == GROWN
        or worker.task == UNLISTING
        or worker.task == FREEING
    )


def span_is_in_its_stack(state: Sharing, span: SpanId) -> bool:
    """An unswept span is in the unswept stack or just popped; a swept one is in the swept stack,
    just being pushed, or being freed. Besides, the swept stack has spans about to be in use.

    Rules: SWP-13 SWP-14 I-23.
    """
    it = state.spans[span]
    sg = state.sweepgen
    popper = state.threads[it.popper]
    popped = popper.span == span and has_popped(popper)
    if not it.in_use:
        # A span that the reclaimer freed leaves its entry in the unswept stack.
        stale_entry = is_in_unswept(sg, it)
        return is_in_swept(sg, it) == works_on(state, it.owner, CREATING, span) and (
            not stale_entry or is_swept(sg, it.sweepgen)
        )
    if is_legal_between_cycles(sg, it.sweepgen):
        return (
            is_in_swept(sg, it)
            or works_on(state, it.pusher, PUSHING, span)
            or works_on(state, it.owner, FREEING, span)
        )
    # Stale spans are in no need of an entry: who flushes the mcache sweeps them.
    in_unswept = is_in_unswept(sg, it) or popped
    return not is_in_swept(sg, it) and (not needs_sweep(sg, it.sweepgen) or in_unswept)


def span_is_listed_right(state: Sharing, span: SpanId) -> bool:
    """A listed span is small, in a list of its own class, and in `nonempty` only with a free slot.

    Unless a thread is moving it, a span that is not cached is in `nonempty` iff it has one.

    Rules: CEN-16 SPAN-29 I-19 I-20.
    """
    it = state.spans[span]
    sg = state.sweepgen
    if not it.in_use:
        return True
    if it.large:
        return it.place == NOWHERE
    listed = it.place == NONEMPTY or it.place == EMPTY
    settled = listed and it.has_free == (it.place == NONEMPTY)
    return (
        (it.place == NOWHERE or it.central == it.spanclass)
        and (it.place != NONEMPTY or (it.has_free and not is_in_mcache(sg, it.sweepgen)))
        and (not needs_sweep(sg, it.sweepgen) or settled)
        and (not is_swept(sg, it.sweepgen) or settled or is_in_transit(state, span))
    )


# --- one cache slot, one P ------------------------------------------------------------------------


def slot_is_owner(state: Sharing, slot: SlotId) -> bool:
    """A cache slot is empty, or the only owner of a small span of its class, in `empty`.

    Rules: MC-13 I-19 I-21.
    """
    it = state.slots[slot]
    sg = state.sweepgen
    if it.span == NO_SPAN:
        return True
    cached = state.spans[it.span]
    return (
        cached.in_use
        and not cached.large
        and cached.cacher == slot
        and cached.spanclass == it.spanclass
        and cached.place == EMPTY
        and (
            # Until its P has flushed all its spans are stale, and none after.
            is_cached(sg, cached.sweepgen)
            if is_flushed(state, slot)
            else is_stale(sg, cached.sweepgen)
        )
    )


def proc_is_current(state: Sharing, proc: ProcId) -> bool:
    """A P has flushed in this cycle or in the one before.

    Rules: MC-13 I-35 T-54.
    """
    flush_gen = state.procs[proc].flush_gen
    return flush_gen == state.sweepgen or flush_gen == (state.sweepgen - 2) & M32


# --- the system -----------------------------------------------------------------------------------


def slot_has_its_filler(state: Sharing, slot: SlotId) -> bool:
    """A slot that is being refilled is so by a thread.

    Rules: MC-4.
    """
    it = state.slots[slot]
    return not it.refilling or (
        is_refilling(state, it.filler) and state.threads[it.filler].slot == slot
    )


def is_initial(state: Sharing) -> bool:
    """Tell whether nothing has happened yet: no span in use, all Ps flushed, all threads idle.

    Rules: SWP-2 SWP-39 MC-2.
    """
    return (
        state.sweepgen % 2 == 0
        and all(is_untouched(state, span) for span in state.spans)
        and all(state.slots[slot].span == NO_SPAN for slot in state.slots)
        and all(not state.slots[slot].refilling for slot in state.slots)
        and all(state.procs[proc].flush_gen == state.sweepgen for proc in state.procs)
        and all(state.threads[thread].task == IDLE for thread in state.threads)
    )


def is_untouched(state: Sharing, span: SpanId) -> bool:
    """Tell whether a descriptor was never used: in no list, in no stack.

    Rules: SPAN-3.
    """
    it = state.spans[span]
    return not it.in_use and it.place == NOWHERE and not (it.in_buffer_0 or it.in_buffer_1)


def sharing_holds(state: Sharing) -> bool:
    """Tell whether the whole system is legal: the inductive invariant of the protocol.

    Rules: SWP-2 SWP-5 SWP-13 MC-13 CEN-16 CONC-5.
    """
    return (
        state.sweepgen % 2 == 0
        and all(span_is_legal(state, span) for span in state.spans)
        and all(span_is_swept_once(state, span) for span in state.spans)
        and all(span_has_its_owner(state, span) for span in state.spans)
        and all(span_is_in_its_stack(state, span) for span in state.spans)
        and all(span_is_listed_right(state, span) for span in state.spans)
        and all(slot_is_owner(state, slot) for slot in state.slots)
        and all(slot_has_its_filler(state, slot) for slot in state.slots)
        and all(proc_is_current(state, proc) for proc in state.procs)
        and all(popper_is_right(state, thread) for thread in state.threads)
        and all(sweeper_is_owner(state, thread) for thread in state.threads)
        and all(filler_has_its_slot(state, thread) for thread in state.threads)
        and all(creator_is_owner(state, thread) for thread in state.threads)
        and all(pusher_is_right(state, thread) for thread in state.threads)
        and all(holder_is_owner(state, thread) for thread in state.threads)
    )
