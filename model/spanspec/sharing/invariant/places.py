"""Where a span is: in the page heap, large, in a list, in a cache, or on its way between them.

Each predicate is said for itself; that exactly one of them holds is a theorem.
"""

from spanspec.base.ids import SpanId
from spanspec.sharing.invariant.invariant import is_in_transit
from spanspec.sharing.invariant.threadinvariant import has_popped
from spanspec.sharing.tables.records import (
    EXAMINED,
    SWEEPING,
    TAKING,
    Sharing,
    is_in_unswept,
)
from spanspec.span.listing import EMPTY, NONEMPTY


def is_in_heap(state: Sharing, span: SpanId) -> bool:
    """Tell whether the page heap has the span."""
    return not state.spans[span].in_use


def is_large_object(state: Sharing, span: SpanId) -> bool:
    """Tell whether the span is that of a large object, which is in no list and no cache.

    Rules: CEN-1 MAL-11.
    """
    it = state.spans[span]
    return it.in_use and it.large


def is_being_moved(state: Sharing, span: SpanId) -> bool:
    """Tell whether a thread has a small span in hand, so that its list says nothing about it.

    Besides spans in transit these are spans that a thread sweeps for itself, and those in which
    a sweep has freed slots while the list does not show it yet.
    """
    it = state.spans[span]
    worker = state.threads[it.owner]
    return (
        it.in_use
        and not it.large
        and (
            is_in_transit(state, span)
            or (
                worker.span == span
                and (
                    worker.task == TAKING
                    or (worker.task == SWEEPING and worker.preserve)
                    or (worker.task == EXAMINED and (worker.preserve or worker.freed))
                )
            )
        )
    )


def is_in_cache(state: Sharing, span: SpanId) -> bool:
    """Tell whether a cache slot holds the span."""
    it = state.spans[span]
    return it.in_use and not it.large and state.slots[it.cacher].span == span


def is_in_nonempty(state: Sharing, span: SpanId) -> bool:
    """Tell whether the span rests in the nonempty list."""
    it = state.spans[span]
    return it.in_use and not it.large and it.place == NONEMPTY and not is_being_moved(state, span)


def is_in_empty(state: Sharing, span: SpanId) -> bool:
    """Tell whether the span rests in the empty list, not in a cache: so it is full.

    Rules: CEN-16.
    """
    it = state.spans[span]
    return (
        it.in_use
        and not it.large
        and it.place == EMPTY
        and not is_being_moved(state, span)
        and not is_in_cache(state, span)
    )


def will_be_swept(state: Sharing, span: SpanId) -> bool:
    """Tell whether an unswept span is still in the unswept stack, or a thread has just popped it.

    Rules: SWP-13 SWP-15.
    """
    it = state.spans[span]
    popper = state.threads[it.popper]
    return is_in_unswept(state.sweepgen, it) or (popper.span == span and has_popped(popper))
