"""What each step of the sharing protocol must be able to meet.

A guard that is too strong keeps every invariant: the step is only taken too seldom. So for every
way in which a guard can be met, and every way through the step, there is a situation here that has
to be possible. Each is a predicate of the system and of what is chosen for the step.
"""

from collections.abc import Callable
from typing import Final

from spanspec.base.ids import ProcId, SlotId, SpanId, ThreadId
from spanspec.sharing.tables.records import EXAMINED, NO_SPAN, RELISTED, Sharing, is_in_unswept
from spanspec.span.listing import EMPTY, NONEMPTY
from spanspec.span.sweepgen import is_cached, is_stale, is_sweeping, is_swept, needs_sweep

# --- of a thread's span ---------------------------------------------------------------------------


def its_span_is_in_use(state: Sharing, thread: ThreadId) -> bool:
    """The thread's span is in use."""
    return state.spans[state.threads[thread].span].in_use


def its_span_is_unused(state: Sharing, thread: ThreadId) -> bool:
    """The thread's span is not in use."""
    return not state.spans[state.threads[thread].span].in_use


def its_span_is_large(state: Sharing, thread: ThreadId) -> bool:
    """The thread's span is that of a large object."""
    return state.spans[state.threads[thread].span].large


def its_span_is_small(state: Sharing, thread: ThreadId) -> bool:
    """The thread's span is a small one."""
    return not state.spans[state.threads[thread].span].large


def its_span_has_room(state: Sharing, thread: ThreadId) -> bool:
    """The thread's span has a free slot."""
    return state.spans[state.threads[thread].span].has_free


def its_span_is_full(state: Sharing, thread: ThreadId) -> bool:
    """The thread's span has no free slot."""
    return not state.spans[state.threads[thread].span].has_free


def its_span_needs_sweeping(state: Sharing, thread: ThreadId) -> bool:
    """The thread's span is at sg-2."""
    return needs_sweep(state.sweepgen, state.spans[state.threads[thread].span].sweepgen)


def its_span_is_being_swept(state: Sharing, thread: ThreadId) -> bool:
    """The thread's span is at sg-1."""
    return is_sweeping(state.sweepgen, state.spans[state.threads[thread].span].sweepgen)


def its_span_is_swept(state: Sharing, thread: ThreadId) -> bool:
    """The thread's span is at sg."""
    return is_swept(state.sweepgen, state.spans[state.threads[thread].span].sweepgen)


def its_span_is_cached(state: Sharing, thread: ThreadId) -> bool:
    """The thread's span is at sg+3."""
    return is_cached(state.sweepgen, state.spans[state.threads[thread].span].sweepgen)


def it_wants_the_span(state: Sharing, thread: ThreadId) -> bool:
    """The thread sweeps for itself."""
    return state.threads[thread].preserve


def it_does_not_want_the_span(state: Sharing, thread: ThreadId) -> bool:
    """The thread sweeps for others."""
    return not state.threads[thread].preserve


# --- of a sweep's outcome -------------------------------------------------------------------------


def a_large_object_lives(state: Sharing, thread: ThreadId, freed: bool, dead: bool) -> bool:
    """A large object is found marked."""
    return state.spans[state.threads[thread].span].large and not dead


def a_large_object_dies(state: Sharing, thread: ThreadId, freed: bool, dead: bool) -> bool:
    """A large object is found unmarked."""
    return state.spans[state.threads[thread].span].large and dead


def every_object_lives(state: Sharing, thread: ThreadId, freed: bool, dead: bool) -> bool:
    """In a small span every object is marked."""
    return not state.spans[state.threads[thread].span].large and not freed


def some_objects_die(state: Sharing, thread: ThreadId, freed: bool, dead: bool) -> bool:
    """In a small span some objects are marked, and some are not."""
    return not state.spans[state.threads[thread].span].large and freed and not dead


def every_object_dies(state: Sharing, thread: ThreadId, freed: bool, dead: bool) -> bool:
    """In a small span no object is marked."""
    return not state.spans[state.threads[thread].span].large and dead


def after_relisting(state: Sharing, thread: ThreadId) -> bool:
    """The span has just moved to the nonempty list."""
    return state.threads[thread].task == RELISTED


def a_large_one_stays(state: Sharing, thread: ThreadId) -> bool:
    """A large object was marked."""
    return state.spans[state.threads[thread].span].large


def a_small_one_stays(state: Sharing, thread: ThreadId) -> bool:
    """Nothing in a small span has died."""
    worker = state.threads[thread]
    return worker.task == EXAMINED and not state.spans[worker.span].large and not worker.freed


def one_with_room_stays(state: Sharing, thread: ThreadId) -> bool:
    """Objects died in a small span that had a free slot, and is in the nonempty list already."""
    worker = state.threads[thread]
    return worker.task == EXAMINED and worker.freed and not worker.was_empty


def one_with_nothing_left_is_kept(state: Sharing, thread: ThreadId) -> bool:
    """All objects died in a small span that the thread wants for itself."""
    worker = state.threads[thread]
    return worker.task == EXAMINED and worker.preserve and worker.dead


def a_full_one_died(state: Sharing, thread: ThreadId) -> bool:
    """A small span with nothing left was full before."""
    worker = state.threads[thread]
    return not state.spans[worker.span].large and worker.was_empty


def one_with_room_died(state: Sharing, thread: ThreadId) -> bool:
    """A small span with nothing left had a free slot before."""
    worker = state.threads[thread]
    return not state.spans[worker.span].large and not worker.was_empty


# --- of a chosen span -----------------------------------------------------------------------------


def the_span_needs_sweeping(state: Sharing, thread: ThreadId, span: SpanId) -> bool:
    """The span is at sg-2."""
    return needs_sweep(state.sweepgen, state.spans[span].sweepgen)


def the_span_was_claimed(state: Sharing, thread: ThreadId, span: SpanId) -> bool:
    """Another thread was faster."""
    return is_sweeping(state.sweepgen, state.spans[span].sweepgen)


def the_entry_is_stale(state: Sharing, thread: ThreadId, span: SpanId) -> bool:
    """The span has gone back to the page heap since it was pushed."""
    return not state.spans[span].in_use


def it_is_in_nonempty(state: Sharing, thread: ThreadId, span: SpanId, slot: SlotId) -> bool:
    """The span is in the nonempty list."""
    return state.spans[span].place == NONEMPTY


def it_is_in_empty(state: Sharing, thread: ThreadId, span: SpanId, slot: SlotId) -> bool:
    """The span is in the empty list."""
    return state.spans[span].place == EMPTY


def a_large_span_is_made(
    state: Sharing, thread: ThreadId, span: SpanId, slot: SlotId, large: bool
) -> bool:
    """The span is for a large object."""
    return large


def a_small_span_is_made(
    state: Sharing, thread: ThreadId, span: SpanId, slot: SlotId, large: bool
) -> bool:
    """The span is for small objects."""
    return not large


def the_descriptor_is_still_in_the_stack(
    state: Sharing, thread: ThreadId, span: SpanId, slot: SlotId, large: bool
) -> bool:
    """The unswept stack has an entry of the descriptor's former life."""
    return is_in_unswept(state.sweepgen, state.spans[span])


# --- of a cache slot, or a P ----------------------------------------------------------------------


def the_last_slot_is_taken(state: Sharing, slot: SlotId, last: bool) -> bool:
    """The cached span is full afterwards."""
    return last


def more_slots_are_left(state: Sharing, slot: SlotId, last: bool) -> bool:
    """The cached span has another free slot."""
    return not last


def a_stale_one_with_room(state: Sharing, thread: ThreadId, slot: SlotId) -> bool:
    """The cached span is stale, and has a free slot."""
    it = state.spans[state.slots[slot].span]
    return is_stale(state.sweepgen, it.sweepgen) and it.has_free


def a_stale_full_one(state: Sharing, thread: ThreadId, slot: SlotId) -> bool:
    """The cached span is stale, and full."""
    it = state.spans[state.slots[slot].span]
    return is_stale(state.sweepgen, it.sweepgen) and not it.has_free


def a_current_one_with_room(state: Sharing, thread: ThreadId, slot: SlotId) -> bool:
    """The cached span was cached in this cycle, and has a free slot."""
    it = state.spans[state.slots[slot].span]
    return is_cached(state.sweepgen, it.sweepgen) and it.has_free


def a_current_full_one(state: Sharing, thread: ThreadId, slot: SlotId) -> bool:
    """The cached span was cached in this cycle, and is full."""
    it = state.spans[state.slots[slot].span]
    return is_cached(state.sweepgen, it.sweepgen) and not it.has_free


def another_proc_holds_a_span(state: Sharing, proc: ProcId) -> bool:
    """Some slot of another P holds a span."""
    return any(
        state.slots[slot].proc != proc and state.slots[slot].span != NO_SPAN for slot in state.slots
    )


def the_proc_has_empty_slots(state: Sharing, proc: ProcId) -> bool:
    """Some slot of the P is empty."""
    return any(
        state.slots[slot].proc == proc and state.slots[slot].span == NO_SPAN for slot in state.slots
    )


def some_span_is_cached(state: Sharing) -> bool:
    """Some span in use is in a cache."""
    return any(
        state.spans[span].in_use and is_cached(state.sweepgen, state.spans[span].sweepgen)
        for span in state.spans
    )


def some_span_is_unused(state: Sharing) -> bool:
    """Some descriptor is not in use."""
    return any(not state.spans[span].in_use and span != NO_SPAN for span in state.spans)


SITUATIONS: Final[dict[str, tuple[Callable[..., bool], ...]]] = {
    "pop": (the_span_needs_sweeping, the_span_was_claimed, the_entry_is_stale),
    "look": (its_span_is_in_use, its_span_is_unused),
    "drop": (its_span_is_swept, its_span_is_cached),
    "compare-and-swap": (its_span_needs_sweeping, its_span_is_being_swept),
    "claim-directly": (the_span_needs_sweeping, the_span_was_claimed),
    "examine": (
        a_large_object_lives,
        a_large_object_dies,
        every_object_lives,
        some_objects_die,
        every_object_dies,
    ),
    "publish": (
        after_relisting,
        a_large_one_stays,
        a_small_one_stays,
        one_with_room_stays,
        one_with_nothing_left_is_kept,
    ),
    "push": (it_wants_the_span, it_does_not_want_the_span, its_span_is_cached),
    "publish-dead": (its_span_is_large, a_full_one_died, one_with_room_died),
    "free": (its_span_is_large, its_span_is_small),
    "claim-listed": (it_is_in_nonempty, it_is_in_empty),
    "move-claimed": (its_span_has_room, its_span_is_full),
    "check-room": (its_span_has_room, its_span_is_full),
    "grow": (
        a_large_span_is_made,
        a_small_span_is_made,
        the_descriptor_is_still_in_the_stack,
    ),
    "use": (its_span_is_large, its_span_is_small),
    "allocate": (the_last_slot_is_taken, more_slots_are_left),
    "uncache": (
        a_stale_one_with_room,
        a_stale_full_one,
        a_current_one_with_room,
        a_current_full_one,
    ),
    "move-uncached": (its_span_is_being_swept, its_span_is_swept),
    "flush": (another_proc_holds_a_span, the_proc_has_empty_slots),
    "start-cycle": (some_span_is_cached, some_span_is_unused),
}
"""The situations of each step, by its name."""


def in_words(situation: Callable[..., bool]) -> str:
    """Return a situation's name as words."""
    return situation.__name__.replace("_", " ")
