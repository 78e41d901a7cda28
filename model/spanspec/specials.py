"""Special records: finalizers and profile records, sorted by object (SWP-24 step 2, T-40 to T-43).

An object with a finalizer outlives the sweep that finds it dead: it is marked, its finalizers are
queued, and the next cycle decides anew.
"""

from typing import Final, Literal

from spanspec.mspan import Mspan, set_marked
from spanspec.records import Record
from spanspec.words import U64

FINALIZER: Final = 1
PROFILE: Final = 2
"""Kinds of special records, as the runtime numbers them."""

SpecialKind = Literal["finalizer", "profile"]

KINDS: Final[dict[SpecialKind, int]] = {"finalizer": FINALIZER, "profile": PROFILE}


class Special(Record, frozen=True):
    """A special record: how far above the span's base its object is, in bytes, and its kind."""

    offset: U64
    kind: int


Specials = tuple[Special, ...]
"""The special records of a span, by offset and kind."""


def has_special(specials: Specials, offset: U64, kind: int) -> bool:
    """Tell whether an object has a record of a kind."""
    return Special(offset, kind) in specials


def add_special(specials: Specials, offset: U64, kind: int) -> Specials:
    """Return the records with one more; an object has at most one of a kind.

    A second finalizer changes nothing (the caller is told), a second profile record is fatal.

    Rules: SWP-24 T-42 T-43.
    """
    assert kind in (FINALIZER, PROFILE), "T-43: bad special kind"
    if has_special(specials, offset, kind):
        assert kind != PROFILE, "T-42: setprofilebucket: profile already set"
        return specials
    added = (*specials, Special(offset, kind))
    return tuple(sorted(added, key=lambda special: (special.offset, special.kind)))


def remove_special(specials: Specials, offset: U64, kind: int) -> Specials:
    """Return the records without one of an object, if it has it."""
    return tuple(special for special in specials if special != Special(offset, kind))


class SweptSpecials(Record, frozen=True):
    """What a sweep does with special records: marks, records kept, offsets of finalizers queued."""

    span: Mspan
    kept: Specials
    queued: tuple[U64, ...]


def sweep_specials(span: Mspan, specials: Specials) -> SweptSpecials:
    """Decide on the special records of a span that is being swept, before the marks are counted.

    Those of marked objects stay. A dead object with a finalizer is marked: its finalizers are
    queued, its profile record stays. Those of any other dead object are freed.

    Rules: SWP-24 I-27.
    """
    saved = {special.offset for special in specials if special.kind == FINALIZER}
    kept: list[Special] = []
    queued: list[U64] = []
    after = span
    for special in specials:
        slot = special.offset // span.elemsize
        if span.gcmark_bits.bit(slot):
            kept.append(special)
        elif special.offset in saved:
            after = set_marked(after, slot)
            if special.kind == FINALIZER:
                queued.append(special.offset)
            else:
                kept.append(special)
    return SweptSpecials(after, tuple(kept), tuple(queued))
