"""What holds after every step of what one thread does: the span at its task is as it should be.

These are conjuncts of the invariant (`invariant`, beside it), which is inductive as a whole.
"""

from spanspec.base.ids import ThreadId
from spanspec.sharing.tables.records import (
    CHECKING,
    CREATING,
    EXAMINED,
    FREEING,
    GROWN,
    HELD,
    NO_SPAN,
    POPPED,
    PUSHING,
    RELISTED,
    SAW_UNUSED,
    SAW_USED,
    SWEEPING,
    TAKING,
    UNLISTING,
    Sharing,
    Thread,
    is_flushed,
    is_in_swept,
    is_in_unswept,
    works_on,
)
from spanspec.span.listing import EMPTY, NONEMPTY, NOWHERE
from spanspec.span.sweepgen import is_legal_between_cycles, is_sweeping, is_swept


def has_popped(worker: Thread) -> bool:
    """Tell whether a thread has popped a span, and neither claimed it nor left it alone yet.

    Rules: SWP-14 SWP-15.
    """
    return worker.task == POPPED or worker.task == SAW_USED or worker.task == SAW_UNUSED


def popper_is_right(state: Sharing, thread: ThreadId) -> bool:
    """Of a popped span there is no entry left, and one that is not in use was swept before.

    Rules: SWP-11 SWP-14.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    sg = state.sweepgen
    return not has_popped(worker) or (
        worker.span != NO_SPAN
        and it.popper == thread
        and not is_in_unswept(sg, it)
        and (it.in_use or is_swept(sg, it.sweepgen))
        and (worker.task != SAW_UNUSED or is_legal_between_cycles(sg, it.sweepgen))
    )


def sweeper_is_owner(state: Sharing, thread: ThreadId) -> bool:
    """A thread in the middle of a sweep is the only owner of a span at sg-1, and knows its list.

    Rules: SWP-1 CONC-5 CEN-13 CEN-15 SWP-30.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    generation = is_sweeping(state.sweepgen, it.sweepgen)
    sweeping = (
        worker.task == TAKING
        or worker.task == SWEEPING
        or worker.task == EXAMINED
        or worker.task == RELISTED
    )
    if not sweeping:
        return True
    if not (worker.span != NO_SPAN and it.in_use and it.owner == thread and generation):
        return False
    if worker.task == TAKING:
        place = NONEMPTY if worker.roomy else EMPTY
        return (
            worker.preserve
            and not it.large
            and it.place == place
            and it.has_free == worker.roomy
            and it.spanclass == state.slots[worker.slot].spanclass
        )
    known = worker.task == SWEEPING or (
        it.has_free == (worker.freed or not worker.was_empty)
        and (worker.freed or it.large or not worker.dead)
    )
    if it.large:
        return not worker.preserve and known and worker.task != RELISTED
    if worker.preserve:
        return (
            known
            and it.place == EMPTY
            and it.spanclass == state.slots[worker.slot].spanclass
            and (it.has_free or not worker.roomy)
            and worker.task != RELISTED
        )
    if worker.task == RELISTED:
        return it.place == NONEMPTY and it.has_free
    had_free = it.has_free if worker.task == SWEEPING else not worker.was_empty
    return known and it.place == (NONEMPTY if had_free else EMPTY)


def pusher_is_right(state: Sharing, thread: ThreadId) -> bool:
    """A span that is still to be pushed is swept, and not in the swept stack.

    Rules: SWP-13 SWP-29.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    return worker.task != PUSHING or (
        worker.span != NO_SPAN
        and it.in_use
        and it.pusher == thread
        and is_legal_between_cycles(state.sweepgen, it.sweepgen)
        and not is_in_swept(state.sweepgen, it)
    )


def holder_is_owner(state: Sharing, thread: ThreadId) -> bool:
    """A thread that moves a swept span is its only owner, and nobody else can find it in a list.

    Rules: MC-5 CEN-6 CEN-7 CEN-12 SWP-26 CONC-5.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    for_cache = worker.task == CHECKING or worker.task == HELD or worker.task == GROWN
    if worker.task == PUSHING:
        for_cache = worker.preserve
    if not (for_cache or worker.task == UNLISTING or worker.task == FREEING):
        return True
    if not (worker.span != NO_SPAN and it.in_use and it.owner == thread):
        return False
    swept = is_swept(state.sweepgen, it.sweepgen)
    if worker.task == UNLISTING:
        return (
            not it.large
            and it.place == EMPTY
            and it.has_free
            and not worker.preserve
            and (swept or is_sweeping(state.sweepgen, it.sweepgen))
        )
    if worker.task == FREEING:
        return (
            swept
            and it.place == NOWHERE
            and not is_in_swept(state.sweepgen, it)
            and not works_on(state, it.pusher, PUSHING, worker.span)
        )
    room = it.has_free or not (worker.task == HELD or worker.task == GROWN or worker.roomy)
    return (
        swept
        and not it.large
        and it.spanclass == state.slots[worker.slot].spanclass
        and it.place == (NOWHERE if worker.task == GROWN else EMPTY)
        and room
    )


def is_refilling(state: Sharing, thread: ThreadId) -> bool:
    """Tell whether a thread is looking for a span for a cache slot, or has one for it."""
    worker = state.threads[thread]
    return (
        worker.task == TAKING
        or worker.task == CHECKING
        or worker.task == GROWN
        or worker.task == HELD
        or (worker.task == CREATING and not state.spans[worker.span].large)
        or (
            worker.preserve
            and (worker.task == SWEEPING or worker.task == EXAMINED or worker.task == PUSHING)
        )
    )


def filler_has_its_slot(state: Sharing, thread: ThreadId) -> bool:
    """A thread in a refill has an empty slot of its P for it, which has flushed, to itself.

    Rules: MC-4 MC-8 CEN-2.
    """
    slot = state.slots[state.threads[thread].slot]
    return not is_refilling(state, thread) or (
        slot.span == NO_SPAN
        and slot.proc == state.threads[thread].proc
        and slot.refilling
        and slot.filler == thread
        and is_flushed(state, state.threads[thread].slot)
    )


def creator_is_owner(state: Sharing, thread: ThreadId) -> bool:
    """A span that is about to be in use looks like a swept one already, but for its state.

    Rules: HEAP-22 SWP-7.
    """
    worker = state.threads[thread]
    it = state.spans[worker.span]
    sg = state.sweepgen
    return worker.task != CREATING or (
        worker.span != NO_SPAN
        and not it.in_use
        and it.owner == thread
        and is_swept(sg, it.sweepgen)
        and it.swept_at == sg
        and it.place == NOWHERE
        and it.has_free == (not it.large)
        and it.spanclass == state.slots[worker.slot].spanclass
    )
