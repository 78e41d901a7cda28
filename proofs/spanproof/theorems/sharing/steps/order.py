"""When the slots of a span may change: what the steps of threads are to the objects in it.

A span's slots change when a search takes one, when a sweep makes the marks its slots, and when it
comes into use or goes out of it. That each of these happens at its time, and nothing else happens
to slots, is claimed of every step of the protocol beside its invariant.
"""

from typing import Final, NamedTuple

from spanproof.prove.lemmas import ShownOfSteps
from spanproof.prove.proof import Proof
from spanproof.symbolic.values.values import Value
from spanspec.base.ids import SlotId, SpanId, ThreadId
from spanspec.sharing.invariant.places import will_be_swept
from spanspec.sharing.tables.records import (
    EXAMINED,
    FREEING,
    RELISTED,
    SWEEPING,
    TAKING,
    UNLISTING,
    Sharing,
)
from spanspec.span.sweepgen import is_legal_between_cycles, is_stale, is_sweeping


def has_swept_slots(state: Sharing, span: SpanId) -> bool:
    """The slots of a span are those that its last sweep has left, and it was in this cycle; others
    may not have been told.
    """
    it = state.spans[span]
    worker = state.threads[it.owner]
    examined = worker.task == EXAMINED or worker.task == RELISTED
    return is_legal_between_cycles(state.sweepgen, it.sweepgen) or (
        is_sweeping(state.sweepgen, it.sweepgen) and worker.span == span and examined
    )


def leaves_slots_alone(before: Sharing, after: Sharing, span: SpanId) -> bool:
    """A step changes nothing about the slots of a span: neither whether there are any, nor whether
    they were swept in this cycle.
    """
    used = before.spans[span].in_use
    return after.spans[span].in_use == used and (
        not used or has_swept_slots(after, span) == has_swept_slots(before, span)
    )


def allocates_where_swept(before: Sharing, slot: SlotId, thread: ThreadId) -> bool:
    """Slots are taken in a span in use that was swept, and that no thread sweeps or frees."""
    span = before.slots[slot].span
    worker = before.threads[thread]
    sweeps = worker.span == span and (SWEEPING <= worker.task <= RELISTED or worker.task == FREEING)
    return before.spans[span].in_use and has_swept_slots(before, span) and not sweeps


def sweeps_once(before: Sharing, after: Sharing, thread: ThreadId, span: SpanId) -> bool:
    """A sweep changes the slots of its own span, in use, which was not swept in this cycle."""
    if before.threads[thread].span != span:
        return leaves_slots_alone(before, after, span)
    in_use = before.spans[span].in_use and after.spans[span].in_use
    return in_use and not has_swept_slots(before, span) and has_swept_slots(after, span)


def uses_fresh(before: Sharing, after: Sharing, thread: ThreadId, span: SpanId) -> bool:
    """A span comes into use that was not, and counts as swept."""
    if before.threads[thread].span != span:
        return leaves_slots_alone(before, after, span)
    fresh = not before.spans[span].in_use and after.spans[span].in_use
    return fresh and has_swept_slots(after, span)


def frees_swept(before: Sharing, after: Sharing, thread: ThreadId, span: SpanId) -> bool:
    """A span goes out of use that was swept; no other does."""
    if before.threads[thread].span != span:
        return leaves_slots_alone(before, after, span)
    used = before.spans[span].in_use and has_swept_slots(before, span)
    return used and not after.spans[span].in_use


def begins_with_all_swept(before: Sharing, after: Sharing, span: SpanId) -> bool:
    """A cycle begins when all slots are swept, and then none are; no span comes or goes."""
    used = before.spans[span].in_use
    return after.spans[span].in_use == used and (
        not used or (has_swept_slots(before, span) and not has_swept_slots(after, span))
    )


ALONE: Final = ShownOfSteps(
    leaves_slots_alone,
    (
        "protocol.pop",
        "protocol.look",
        "protocol.drop",
        "protocol.compare-and-swap",
        "protocol.claim-directly",
        "protocol.relist",
        "protocol.publish",
        "protocol.push",
        "protocol.publish-dead",
        "protocol.claim-listed",
        "protocol.move-claimed",
        "protocol.take-listed",
        "protocol.check-room",
        "protocol.grow",
        "protocol.list-grown",
        "protocol.install",
        "protocol.allocate",
        "protocol.retire",
        "protocol.uncache",
        "protocol.move-uncached",
        "protocol.flush",
    ),
)
"""All steps but the four that do something to the slots of a whole span. They are named, and not
taken from the table of steps, so that who builds on it does not rest on every step's text.
"""

ALLOCATES: Final = ShownOfSteps(allocates_where_swept, ("protocol.allocate",))
SWEEPS_ONCE: Final = ShownOfSteps(sweeps_once, ("protocol.examine",))
USES: Final = ShownOfSteps(uses_fresh, ("protocol.use",))
FREES: Final = ShownOfSteps(frees_swept, ("protocol.free",))
BEGINS: Final = ShownOfSteps(begins_with_all_swept, ("protocol.start-cycle",))


class Order(NamedTuple):
    """What a step may do to the slots of a span, and whether it is one of the step's own thread."""

    shown: ShownOfSteps
    of_a_thread: bool
    allocates: bool


def order_of(step: str) -> Order:
    """Return what is to be shown of a step.

    Raises: ValueError for a step of which others do not know that it is shown.
    """
    of_a_span = {"examine": SWEEPS_ONCE, "use": USES, "free": FREES}
    shown = BEGINS if step == "start-cycle" else of_a_span.get(step, ALONE)
    if f"protocol.{step}" not in shown.shown_by:
        raise ValueError(f"{step} is none of the steps of which {shown.name} is shown")
    return Order(shown, step in of_a_span, step == "allocate")


def show_order(
    p: Proof, order: Order, before: Sharing, after: Sharing, chosen: dict[str, Value]
) -> None:
    """Claim of a step what it may do to the slots of an arbitrary span."""
    span = p.fresh(SpanId, "any_span")
    if order.of_a_thread:
        p.shows(order.shown, before, after, chosen["thread"], span)
    else:
        p.shows(order.shown, before, after, span)
    if order.allocates:
        p.shows(ALLOCATES, before, chosen["slot"], p.fresh(ThreadId, "any_thread"))


def is_to_be_swept(state: Sharing, span: SpanId) -> bool:
    """A span is in the unswept stack or just popped, in a cache that has to be flushed, or with a
    thread that sweeps it.
    """
    it = state.spans[span]
    worker = state.threads[it.owner]
    with_sweeper = worker.span == span and (
        worker.task == TAKING or worker.task == SWEEPING or worker.task == UNLISTING
    )
    return (
        will_be_swept(state, span)
        or (is_stale(state.sweepgen, it.sweepgen) and state.slots[it.cacher].span == span)
        or (is_sweeping(state.sweepgen, it.sweepgen) and with_sweeper)
    )


def waits_for_a_sweep(state: Sharing, span: SpanId) -> bool:
    """A span in use that was not swept in this cycle is still to be swept."""
    swept = not state.spans[span].in_use or has_swept_slots(state, span)
    return swept or is_to_be_swept(state, span)


WAITS: Final = ShownOfSteps(waits_for_a_sweep, ("objects.no-slot-lost",))
