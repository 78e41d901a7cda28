"""The Ps that there are, and which mcache each has: the record, and the steps that change it.

Their number is set with the world stopped. Then those that are missing get an mcache one by one,
upwards, or those that are too many lose theirs, upwards as well.
"""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from spanspec.base.ids import NOBODY, PId
from spanspec.base.records import Record
from spanspec.base.steps import step_of
from spanspec.base.tables import Table
from spanspec.base.words import Count

NO_P: Final = -1
"""The number of the P of a thread that has none."""

FIRST: Final = PId(0)
"""The identity that stands for the first thread, which has an mcache before there is a P."""


def p_id(number: Count) -> PId:
    """Return the identity of the P of a number."""
    return PId(number + 1)


class AllP(Record, frozen=True):
    """How many Ps there are to be, and the mcache of each; NOBODY where there is none.

    Those below `given` have had their mcache; of these, `gone` is the lowest that is too many and
    has it still, or `given` if there is none.
    """

    count: Count
    given: Count
    gone: Count
    mcache: Table[PId, int]


class McacheTable:
    """The mcache of each P, updated in place; `records` has the numbers of those that have one."""

    __slots__ = ("records",)

    def __init__(self) -> None:
        self.records: dict[int, int] = {}

    def __repr__(self) -> str:
        """Return the mcaches by the numbers of their Ps."""
        return repr(self.records)

    def __getitem__(self, p: PId) -> int:
        """Return the mcache of a P, or NOBODY."""
        return self.records.get(p - 1, NOBODY)

    def __iter__(self) -> Iterator[PId]:
        """Iterate over the Ps that have an mcache."""
        return iter([PId(number + 1) for number in self.records])

    def set(self, p: PId, mcache: int) -> "McacheTable":
        """Give a P an mcache, or none if it is NOBODY; return this table."""
        if mcache == NOBODY:
            self.records.pop(p - 1, None)
        else:
            self.records[p - 1] = mcache
        return self


def has_mcache(ps: AllP, p: PId) -> bool:
    """Say which Ps have an mcache: those that there are, as far as they have got it, and those that
    are too many, as far as they have not lost it.

    Rules: MC-1 MC-14.
    """
    return (0 < p <= ps.count and p <= ps.given) or ps.gone < p <= ps.given


def p_is_sound(ps: AllP, p: PId) -> bool:
    """Say of a P that it has an mcache iff it should.

    Rules: MC-1 MC-14.
    """
    return p == FIRST or (ps.mcache[p] != NOBODY) == has_mcache(ps, p)


def are_apart(ps: AllP, p: PId, other: PId) -> bool:
    """Say of two Ps that they share no mcache; P 0 has that of the first thread.

    Rules: MC-1 MC-14.
    """
    if p == other or ps.mcache[p] != ps.mcache[other]:
        return True
    return ps.mcache[p] == NOBODY or (p <= p_id(0) and other <= p_id(0))


def places_hold(ps: AllP) -> bool:
    """Say how far giving and taking away can have come: one is over before the other begins.

    P 0 is never too many.

    Rules: MC-14.
    """
    giving = ps.gone == ps.given <= ps.count
    return giving or 1 <= ps.count <= ps.gone < ps.given


def may_boot(ps: AllP, mcache: int) -> bool:
    """Guard: there is no P yet, and the first thread has no mcache.

    Rules: MC-14 AR-1.
    """
    return ps.given == 0 and ps.mcache[FIRST] == NOBODY and mcache >= 0


def boot(ps: AllP, mcache: int) -> AllP:
    """Give the first thread its mcache.

    Rules: MC-14 AR-1.
    """
    return replace(ps, mcache=ps.mcache.set(FIRST, mcache))


def may_resize(ps: AllP, count: Count) -> bool:
    """Guard: each P that there is has its mcache, and nobody else.

    Rules: MC-14.
    """
    return count >= 1 and ps.gone == ps.given == ps.count


def resize(ps: AllP, count: Count) -> AllP:
    """Set the number of Ps, with the world stopped.

    Rules: MC-14.
    """
    return replace(ps, count=count, gone=min(count, ps.given))


def may_give(ps: AllP, mcache: int) -> bool:
    """Guard: a P is missing, and the mcache is nobody's; that of P 0 is the first thread's.

    Rules: MC-14 T-94.
    """
    missing = ps.gone == ps.given < ps.count and mcache >= 0
    if ps.given == 0:
        return missing and ps.mcache[FIRST] == mcache
    return missing and all(ps.mcache[p] != mcache for p in ps.mcache)


def give(ps: AllP, mcache: int) -> AllP:
    """Give the lowest P that is missing an mcache.

    Rules: MC-14.
    """
    return replace(
        ps,
        given=ps.given + 1,
        gone=ps.given + 1,
        mcache=ps.mcache.set(p_id(ps.given), mcache),
    )


def may_take_away(ps: AllP) -> bool:
    """Guard: a P is too many, and has its mcache.

    Rules: MC-10 MC-14.
    """
    return ps.count <= ps.gone < ps.given


def take_away(ps: AllP) -> AllP:
    """Take the mcache of the lowest P that is too many; after the last, only those are left that
    there are.

    Rules: MC-10 MC-14.
    """
    last = ps.gone + 1 == ps.given
    return replace(
        ps,
        given=ps.count if last else ps.given,
        gone=ps.count if last else ps.gone + 1,
        mcache=ps.mcache.set(p_id(ps.gone), NOBODY),
    )


BOOT: Final = step_of("allp", may_boot, boot, mcache=int)
RESIZE: Final = step_of("allp", may_resize, resize, count=int)
GIVE: Final = step_of("allp", may_give, give, mcache=int)
TAKE_AWAY: Final = step_of("allp", may_take_away, take_away)
