"""The class whose span is fresh from a refill: the next allocation is the one that asked for it.

It takes its slot by the slow search, whatever the span has cached, and nobody else allocates from
that mcache before (MAL-19).
"""

from typing import Final

from spanspec.base.constants import NUM_SPAN_CLASSES
from spanspec.base.ids import NOBODY
from spanspec.base.steps import step_of

NO_REFILL: Final = -1
"""What stands for no class: no allocation is owed its slot."""


def is_sound(refilled: int) -> bool:
    """Say what always holds: it is a class that has a cache slot, or none.

    Rules: MAL-19.
    """
    return refilled == NO_REFILL or 0 <= refilled < NUM_SPAN_CLASSES


def may_note_refill(refilled: int, spanclass: int, span: int) -> bool:
    """Guard: the last refill has served who asked for it, and the class has a span again.

    Rules: MC-4 MAL-19.
    """
    return refilled == NO_REFILL and 0 <= spanclass < NUM_SPAN_CLASSES and span != NOBODY


def note_refill(refilled: int, spanclass: int, span: int) -> int:
    """Note for which class a span has come.

    Rules: MC-4 MAL-19.
    """
    return spanclass


def may_use_refill(refilled: int, spanclass: int) -> bool:
    """Guard: the allocation is one of the class that was refilled.

    Rules: MAL-19.
    """
    return spanclass != NO_REFILL and refilled == spanclass


def use_refill(refilled: int, spanclass: int) -> int:
    """Let the allocation that has asked for the refill have its slot.

    Rules: MAL-19.
    """
    return NO_REFILL


NOTE_REFILL: Final = step_of("refilled", may_note_refill, note_refill, spanclass=int, span=int)
USE_REFILL: Final = step_of("refilled", may_use_refill, use_refill, spanclass=int)

REFILL_STEPS: Final = (NOTE_REFILL, USE_REFILL)
"""Every step of what a refill owes."""
