"""Which mcaches there are: one comes and goes as a P does (MC-2, MC-3, MC-10, MC-11)."""

from typing import Final

from spanspec.base.records import Record
from spanspec.base.steps import step_of
from spanspec.heap.state.refilling import NO_REFILL
from spanspec.heap.state.refilling import is_sound as refill_is_sound
from spanspec.span.tiny import NO_TINY_BLOCK, TinyBlock
from spanspec.span.tiny import is_sound as tiny_is_sound


class OwnPart(Record, frozen=True):
    """What an mcache has for itself, if it is there: the class that is refilled, and a tiny block.

    What it has beside is shared: its slots, and the cycle in which it was flushed.
    """

    there: bool
    refilled: int
    tiny: TinyBlock


NO_MCACHE: Final = OwnPart(False, NO_REFILL, NO_TINY_BLOCK)
"""What there is of an mcache that was not made."""


def is_sound(at: OwnPart) -> bool:
    """Say what always holds: its parts are sound, and of one that is not there nothing is left.

    Rules: I-36 MAL-19.
    """
    empty = at.refilled == NO_REFILL and at.tiny.address == 0 and at.tiny.allocs == 0
    return refill_is_sound(at.refilled) and tiny_is_sound(at.tiny) and (at.there or empty)


def may_make_mcache(at: OwnPart, held: bool) -> bool:
    """Guard: it is not there, and so no P has it.

    Rules: MC-2.
    """
    return not at.there and not held


def make_mcache(at: OwnPart, held: bool) -> OwnPart:
    """Make an mcache, which has nothing.

    Rules: MC-2 MC-3.
    """
    return OwnPart(True, NO_REFILL, NO_TINY_BLOCK)


def may_drop_mcache(at: OwnPart, held: bool) -> bool:
    """Guard: no P has it, nothing is owed by a refill, and no tiny block is left in it.

    Rules: MC-9 MC-10.
    """
    return at.there and not held and at.refilled == NO_REFILL and at.tiny.address == 0


def drop_mcache(at: OwnPart, held: bool) -> OwnPart:
    """Drop an mcache; what it has counted is kept elsewhere (`accounts.keep_tiny_allocs`).

    Rules: MC-10 MC-11.
    """
    return NO_MCACHE


PART: Final = "mcaches"

MAKE_MCACHE: Final = step_of(PART, may_make_mcache, make_mcache, held=bool)
DROP_MCACHE: Final = step_of(PART, may_drop_mcache, drop_mcache, held=bool)

MCACHE_STEPS: Final = (MAKE_MCACHE, DROP_MCACHE)
"""Every step by which an mcache comes or goes."""
