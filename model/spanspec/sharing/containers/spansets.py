"""Span sets: what Go 1.15 has in place of central lists and sweep buffers (VER-4).

Each span class has four sets: of spans with a free slot (`partial`) and without (`full`), each for
swept and for unswept ones. The two exchange their roles when a cycle begins, as the sweep buffers
did. A cached span is in no set. The decisions are those of the lists: what changed is where a span
waits.
"""

from typing import Final, Literal

from msgspec.structs import replace

from spanspec.base.records import Record
from spanspec.base.words import U8, U32
from spanspec.sharing.tables.records import swept_buffer
from spanspec.span.sweepgen import is_in_mcache, is_sweeping, is_swept, needs_sweep

SetKind = Literal[1, 2]

PARTIAL: Final[SetKind] = 1
FULL: Final[SetKind] = 2
"""The kinds of sets."""


class Entries(Record, frozen=True):
    """How many entries lead to a span: in the swept sets, and in the unswept ones."""

    partial_swept: U8
    full_swept: U8
    partial_unswept: U8
    full_unswept: U8

    def with_entry(self, kind: SetKind, swept: bool) -> "Entries":
        """Return the entries with one more."""
        if swept:
            if kind == PARTIAL:
                return replace(self, partial_swept=self.partial_swept + 1)
            return replace(self, full_swept=self.full_swept + 1)
        if kind == PARTIAL:
            return replace(self, partial_unswept=self.partial_unswept + 1)
        return replace(self, full_unswept=self.full_unswept + 1)

    def without(self, kind: SetKind, swept: bool) -> "Entries":
        """Return the entries with one less."""
        if swept:
            if kind == PARTIAL:
                return replace(self, partial_swept=self.partial_swept - 1)
            return replace(self, full_swept=self.full_swept - 1)
        if kind == PARTIAL:
            return replace(self, partial_unswept=self.partial_unswept - 1)
        return replace(self, full_unswept=self.full_unswept - 1)

    def told(self) -> str:
        """Return the entries in words."""
        names = {
            "partial swept": self.partial_swept,
            "full swept": self.full_swept,
            "partial unswept": self.partial_unswept,
            "full unswept": self.full_unswept,
        }
        some = [
            f"{name}{f' {count} times' if count > 1 else ''}"
            for name, count in names.items()
            if count
        ]
        return ", ".join(some) or "no set"


NO_ENTRIES: Final = Entries(0, 0, 0, 0)


def swept_set(sg: U32) -> U8:
    """Return which of the two sets of a kind is the swept one: as with the buffers.

    Rules: VER-4 SWP-8.
    """
    return swept_buffer(sg)


def kind_for(room: bool, large: bool) -> SetKind:
    """Return the kind of set that a span waits in; a large object's is full.

    Rules: VER-4 CEN-16.
    """
    return PARTIAL if room and not large else FULL


def entries_hold(sg: U32, generation: U32, room: bool, large: bool, entries: Entries) -> bool:
    """Tell whether a span in use is in the sets that it should be in, between two operations.

    A span that was claimed by other means than its set leaves an entry in an unswept set, which is
    passed over: so no entry there is wrong of a span that is swept or cached.

    Rules: VER-4 I-19 I-23 CEN-16.
    """
    in_swept = entries.partial_swept + entries.full_swept
    partial = kind_for(room, large) == PARTIAL
    if is_swept(sg, generation):
        return in_swept == 1 and entries.partial_swept == (1 if partial else 0)
    if needs_sweep(sg, generation):
        in_unswept = entries.partial_unswept + entries.full_unswept
        right = entries.partial_unswept == (1 if partial else 0)
        return in_swept == 0 and in_unswept == 1 and right
    return in_swept == 0


def set_of(sg: U32, generation: U32, room: bool, large: bool) -> str:
    """Return the set that a span should be in, in words."""
    if is_in_mcache(sg, generation) or is_sweeping(sg, generation):
        return "no swept set"
    kind = "partial" if kind_for(room, large) == PARTIAL else "full"
    return f"{kind} {'swept' if is_swept(sg, generation) else 'unswept'}"
