"""Special records: finalizers and profile records, by address (SWP-24 step 2, T-42, T-43).

A record belongs to an address, not to a slot: a tiny block holds several objects, and each may have
a finalizer of its own. What dies is the slot. One with a finalizer outlives the sweep that finds it
dead: it is marked, its finalizers are queued, and the next cycle decides anew.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Literal

from spanspec.base.records import Record
from spanspec.base.words import U64
from spanspec.span.mspan import Mspan

FINALIZER: Final = 1
PROFILE: Final = 2
"""Kinds of special records, as the runtime numbers them."""

SpecialKind = Literal["finalizer", "profile"]

KINDS: Final[dict[SpecialKind, int]] = {"finalizer": FINALIZER, "profile": PROFILE}


class Special(Record, frozen=True):
    """A special record: its kind, and how far above the span's base its address is, in bytes."""

    offset: U64
    kind: int


Specials = tuple[Special, ...]
"""The special records of a span, by offset and kind."""


def place_of(special: Special) -> tuple[U64, int]:
    """Return by what records are ordered: offset and kind."""
    return special.offset, special.kind


def in_order(specials: Sequence[Special]) -> bool:
    """Tell whether records are in order of offset and kind, no address with two of a kind.

    Rules: SWP-24.
    """
    keys = [place_of(special) for special in specials]
    return all(one < next_one for one, next_one in pairwise(keys))


def has_special(specials: Specials, offset: U64, kind: int) -> bool:
    """Tell whether an address has a record of a kind.

    Rules: SWP-24.
    """
    # A sweep asks of each record about all others, so not one by one.
    at = bisect_left(specials, (offset, kind), key=place_of)
    return at < len(specials) and place_of(specials[at]) == (offset, kind)


def add_special(specials: Specials, offset: U64, kind: int) -> Specials:
    """Return the records with one more, in order; an address has at most one of a kind.

    A second finalizer changes nothing (the caller is told), a second profile record is fatal.

    Rules: SWP-24 T-42 T-43.
    """
    assert kind in (FINALIZER, PROFILE), "T-43: bad special kind"
    if has_special(specials, offset, kind):
        assert kind != PROFILE, "T-42: setprofilebucket: profile already set"
        return specials
    added = (*specials, Special(offset, kind))
    return tuple(sorted(added, key=place_of))


def remove_special(specials: Specials, offset: U64, kind: int) -> Specials:
    """Return the records without one: that of this very address and kind, if there is one.

    Rules: SWP-24.
    """
    return tuple(special for special in specials if special != Special(offset, kind))


Fate = Literal[0, 1, 2]

FREED: Final[Fate] = 0
KEPT: Final[Fate] = 1
QUEUED: Final[Fate] = 2
"""What becomes of a special record in a sweep: it is freed, it stays, or its finalizer is due."""


def survives(marked: bool, finalized: bool) -> bool:
    """Tell whether a slot outlives a sweep: it is marked, or `finalized`, which saves it once.

    Rules: SWP-24 I-27.
    """
    return marked or finalized


def fate_of(kind: int, marked: bool, finalized: bool) -> int:
    """Decide on a special record, for an address in a slot that may be `marked`, in a sweep.

    `finalized`: some address in the slot has a finalizer. Then all finalizers of the slot, if it is
    dead, are queued, and its other records stay with it.

    Rules: SWP-24 I-27.
    """
    if not survives(marked, finalized):
        return FREED
    return QUEUED if kind == FINALIZER and not marked else KEPT


def fates_of(span: Mspan, specials: Specials) -> tuple[int, ...]:
    """Decide on the special records of a span that is being swept, one by one in their order.

    Those of marked slots stay. Of a dead slot with a finalizer, at whatever address in it, all
    finalizers are queued, and the profile records stay. The records of any other dead slot are
    freed.

    Rules: SWP-24 I-27.
    """
    # Records are by address, and one slot may hold several tiny objects: so it is decided for slots
    # first, and for records then.
    slots = [special.offset // span.elemsize for special in specials]
    finalized = {
        slot
        for slot, special in zip(slots, specials, strict=True)
        if special.kind == FINALIZER and not span.gcmark_bits.bit(slot)
    }
    return tuple(
        fate_of(special.kind, span.gcmark_bits.bit(slot), slot in finalized)
        for slot, special in zip(slots, specials, strict=True)
    )
