"""A sweep that is complete: from when on others may see that (rules SWP-24, SWP-29, CONC-8).

The store of the sweepgen is a step of its own, between what the sweep tells and its next step. No
event tells of it; so whoever sees the span swept lets the step be taken first.
"""

from spanspec.base.ids import ThreadId
from spanspec.heap.state.state import HeapState
from spanspec.heap.state.taking import take
from spanspec.sharing.steps.steps import PUBLISH, PUBLISH_DEAD
from spanspec.sharing.steps.sweeping import may_publish, publishes_alone
from spanspec.sharing.tables.growing import span_id
from spanspec.sharing.tables.records import EXAMINED


def publish_alone(state: HeapState, thread: ThreadId) -> None:
    """Store the heap's sweepgen in a span whose sweep is complete, unless others saw that before.

    Rules: SWP-24 SWP-29 CONC-8.
    """
    if state.sharing.threads[thread].task == EXAMINED:
        take(state, PUBLISH if may_publish(state.sharing, thread) else PUBLISH_DEAD, thread)


def publisher_of(state: HeapState, span: int) -> ThreadId | None:
    """Return who has completed the sweep of a span, so that others may see that any time.

    Rules: SWP-24 SWP-29 CONC-8.
    """
    large, identity = state.shared(span).large, span_id(span)
    for thread, worker in state.tables.threads.records.items():
        if worker.task == EXAMINED and worker.span == identity:
            alone = publishes_alone(large, worker.preserve, worker.freed)
            return thread if alone else None
    return None


def is_publishing(state: HeapState, span: int) -> bool:
    """Tell whether the sweep of a span is complete, and others may see that any time."""
    return publisher_of(state, span) is not None


def see_published(state: HeapState, span: int) -> None:
    """Let others see that the sweep of a span is complete, if it is."""
    publisher = publisher_of(state, span)
    if publisher is not None:
        publish_alone(state, publisher)
