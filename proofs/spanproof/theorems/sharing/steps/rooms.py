"""What threads are told of a span in use: its class, and whether it has room.

The record of the span says the same (`heap.state.contents`), since each step that tells something
new of a span is taken together with one of its slots. That all other steps tell nothing new is
claimed of every step of the protocol beside its invariant.
"""

from typing import Final

import z3

from spanproof.prove.lemmas import ShownOfSteps
from spanproof.prove.proof import Proof
from spanproof.symbolic.values.values import Value
from spanproof.theorems.sharing.steps.order import ALONE
from spanspec.base.ids import SlotId, SpanId, ThreadId
from spanspec.sharing.tables.records import SharedSpan, Sharing


def keeps_class(old: SharedSpan, new: SharedSpan) -> bool:
    """A span is of the class that it was made ready for."""
    return new.large == old.large and new.spanclass == old.spanclass


def is_as_before(old: SharedSpan, new: SharedSpan) -> bool:
    """A span is of the class that it was made ready for, and has room if it had."""
    return keeps_class(old, new) and new.has_free == old.has_free


def tells_nothing_new(before: Sharing, after: Sharing, span: SpanId) -> bool:
    """A step tells nothing new of a span."""
    old, new = before.spans[span], after.spans[span]
    return new.in_use == old.in_use and (not old.in_use or is_as_before(old, new))


def tells_of_use(before: Sharing, after: Sharing, thread: ThreadId, span: SpanId) -> bool:
    """A span comes into use, as it was made ready."""
    if before.threads[thread].span != span:
        return tells_nothing_new(before, after, span)
    old, new = before.spans[span], after.spans[span]
    return not old.in_use and new.in_use and is_as_before(old, new)


def tells_of_freed(
    before: Sharing, after: Sharing, thread: ThreadId, freed: bool, span: SpanId
) -> bool:
    """A swept span has room if it had, or something was freed."""
    if before.threads[thread].span != span:
        return tells_nothing_new(before, after, span)
    old, new = before.spans[span], after.spans[span]
    return (
        old.in_use
        and new.in_use
        and keeps_class(old, new)
        and new.has_free == (old.has_free or freed)
    )


def tells_of_last(before: Sharing, after: Sharing, slot: SlotId, last: bool, span: SpanId) -> bool:
    """A cached span had room, and has until its last slot is taken."""
    if before.slots[slot].span != span:
        return tells_nothing_new(before, after, span)
    old, new = before.spans[span], after.spans[span]
    return (
        old.in_use
        and old.has_free
        and new.in_use
        and keeps_class(old, new)
        and new.has_free != last
    )


def tells_of_end(before: Sharing, after: Sharing, thread: ThreadId, span: SpanId) -> bool:
    """A span leaves use."""
    if before.threads[thread].span != span:
        return tells_nothing_new(before, after, span)
    return before.spans[span].in_use and not after.spans[span].in_use


NOTHING_NEW: Final = ShownOfSteps(
    tells_nothing_new,
    (*(step for step in ALONE.shown_by if step != "protocol.allocate"), "protocol.start-cycle"),
)
OF_USE: Final = ShownOfSteps(tells_of_use, ("protocol.use",))
OF_FREED: Final = ShownOfSteps(tells_of_freed, ("protocol.examine",))
OF_LAST: Final = ShownOfSteps(tells_of_last, ("protocol.allocate",))
OF_END: Final = ShownOfSteps(tells_of_end, ("protocol.free",))

CHOSEN: Final[dict[str, tuple[ShownOfSteps, tuple[str, ...]]]] = {
    "use": (OF_USE, ("thread",)),
    "examine": (OF_FREED, ("thread", "freed")),
    "allocate": (OF_LAST, ("slot", "last")),
    "free": (OF_END, ("thread",)),
}
"""The steps that tell something new of a span, and what is chosen for them that matters."""


def show_what_is_told(
    p: Proof, step: str, before: Sharing, after: Sharing, chosen: dict[str, Value]
) -> None:
    """Claim of a step what it tells of an arbitrary span."""
    span = p.fresh(SpanId, "any_span")
    assert isinstance(span, z3.ExprRef)
    shown, names = CHOSEN.get(step, (NOTHING_NEW, ()))
    p.shows(shown, before, after, *(chosen[name] for name in names), span)
