"""Which list a span belongs to: the decisions of the central lists, apart from the lists.

A small span in use is in one of two lists of its class: `nonempty`, if somebody may take it for
its free slots, or `empty`, if it is full or an mcache has it (CEN-1). The rules here say what a
walk along a list does with a span, and when a span changes lists; the heap applies them to its
lists, the protocol to arbitrarily many spans.
"""

from typing import Final, Literal

from spanspec.base.words import U8, U32
from spanspec.span.sweepgen import is_sweeping, needs_sweep

Place = Literal[0, 1, 2]

NOWHERE: Final[Place] = 0
NONEMPTY: Final[Place] = 1
EMPTY: Final[Place] = 2
"""The list that a span is in."""

Look = Literal[0, 1, 2, 3]

CLAIM: Final[Look] = 0
"""Claim the span for sweeping."""
SKIP: Final[Look] = 1
"""Go on to the next: another thread is sweeping this one."""
TAKE: Final[Look] = 2
"""Take the span."""
STOP: Final[Look] = 3
"""End the walk: what follows is taken to be swept."""


def on_nonempty(sg: U32, generation: U32) -> Look:
    """Decide on a span of the nonempty list by its sweepgen.

    Rules: CEN-3 CEN-6.
    """
    if needs_sweep(sg, generation):
        return CLAIM
    return SKIP if is_sweeping(sg, generation) else TAKE


def on_empty(sg: U32, generation: U32) -> Look:
    """Decide on a span of the empty list by its sweepgen.

    An unswept span may stand behind one that is swept; the walk does not get there.

    Rules: CEN-4 CEN-5.
    """
    if needs_sweep(sg, generation):
        return CLAIM
    # What was swept in this cycle went to the back, so the runtime takes it that everything behind
    # the first swept span is swept, too.
    return SKIP if is_sweeping(sg, generation) else STOP


def belongs(large: bool, room: bool, cached: bool) -> Place:
    """Return the list that a span in use belongs in, between two operations.

    Rules: CEN-1 CEN-16 SPAN-29 I-19.
    """
    # A large span has no slot to spare, so nobody looks for it in a list.
    if large:
        return NOWHERE
    return NONEMPTY if room and not cached else EMPTY


def moved(place: U8, origin: U8, target: U8) -> U8:
    """Return where a span is after it was taken out of one place and put into another.

    One that was nowhere is only put into a list: at its front if that is the nonempty one.

    Rules: SPAN-28 T-37 T-38 T-39.
    """
    # The three fatal checks of the list code: what is inserted must be in no list, what is removed
    # must be in the list that it is removed from.
    listed = origin == NOWHERE and place != NOWHERE
    assert not listed or target != NONEMPTY, "T-38: mSpanList.insert"
    assert not listed or target != EMPTY, "T-39: mSpanList.insertBack"
    assert place == origin, "T-37: mSpanList.remove"
    return target


def leaves_cache_for_nonempty(has_free: bool) -> bool:
    """Tell whether an uncached span moves to the nonempty list; a full one stays where it is.

    Rules: CEN-12.
    """
    return has_free


def sweep_moves_to_nonempty(large: bool, preserve: bool, freed: bool, was_empty: bool) -> bool:
    """Tell whether a sweep moves a span to the nonempty list: it was full, and now is not.

    Rules: CEN-14 CEN-15 SWP-25.
    """
    # With `preserve` the caller wants the span for itself, and moves it on its own. One that had
    # room before is in the nonempty list already.
    return not large and not preserve and freed and was_empty


def sweep_returns_span(large: bool, preserve: bool, freed: bool, dead: bool) -> bool:
    """Tell whether a sweep gives the whole span back; `dead` tells that no slot was marked.

    Rules: SWP-25 SWP-26 CEN-14.
    """
    return dead if large else freed and dead and not preserve
