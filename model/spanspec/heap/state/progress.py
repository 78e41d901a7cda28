"""How far a sweep phase has come: the record, and the steps that alone change it (SWP-24).

All of it is in pages. What is swept free beyond the need of who sweeps is credit, for whoever wants
pages next.
"""

from typing import Final

from msgspec.structs import replace

from spanspec.base.constants import PAGES_PER_ARENA
from spanspec.base.records import Record
from spanspec.base.steps import step_of
from spanspec.base.words import U64, Count

NO_MORE_RECLAIM: Final = 1 << 63
"""The reclaim index once the reclaimer has passed all arenas (SWP-21)."""

CHUNK_PAGES: Final = 512
"""Pages that the reclaimer takes at a time; chunks divide an arena evenly (SWP-22)."""


class Progress(Record, frozen=True):
    """How far a sweep phase has come, in pages: swept so far, and in use when it began.

    `reclaim_index` is the place of the reclaimer; `reclaim_credit` what was swept free, and nobody
    has used yet. `sweep_arenas` is the number of arenas that there were when the phase began: those
    that are added later hold new spans only, which need no sweep in this cycle.
    """

    pages_swept: Count = 0
    pages_to_sweep: Count = 0
    reclaim_index: Count = 0
    reclaim_credit: Count = 0
    sweep_arenas: Count = 0


def is_sound(progress: Progress) -> bool:
    """Say what always holds: no page is swept twice, none is credit that was not swept, and the
    reclaimer stands at a chunk.

    Rules: I-28 SWP-21 SWP-22 SWP-23.
    """
    return (
        0 <= progress.reclaim_credit <= progress.pages_swept <= progress.pages_to_sweep
        and progress.reclaim_index % CHUNK_PAGES == 0
    )


def may_begin_sweeping(progress: Progress, pages_in_use: U64, arenas: Count) -> bool:
    """Guard: all that the phase before had to sweep is swept.

    Rules: SWP-35 I-28.
    """
    return progress.pages_swept == progress.pages_to_sweep and pages_in_use >= 0


def begin_sweeping(progress: Progress, pages_in_use: U64, arenas: Count) -> Progress:
    """Begin a sweep phase, of all pages in use and in the arenas that there are, with no credit.

    Rules: SWP-23 SWP-35.
    """
    return Progress(0, pages_in_use, 0, 0, arenas)


def may_count_swept(progress: Progress, npages: U64) -> bool:
    """Guard: so many pages are left to sweep.

    Rules: SWP-24 I-28.
    """
    return 1 <= npages <= progress.pages_to_sweep - progress.pages_swept


def count_swept(progress: Progress, npages: U64) -> Progress:
    """Count the pages of a span that was swept.

    Rules: SWP-19 SWP-24.
    """
    return replace(progress, pages_swept=progress.pages_swept + npages)


def may_give_credit(progress: Progress, npages: U64) -> bool:
    """Guard: the pages were swept, beside those that are credit already.

    Rules: SWP-23.
    """
    return 1 <= npages <= progress.pages_swept - progress.reclaim_credit


def give_credit(progress: Progress, npages: U64) -> Progress:
    """Leave pages that went back to the page heap to whoever wants some next.

    Rules: SWP-15 SWP-23.
    """
    return replace(progress, reclaim_credit=progress.reclaim_credit + npages)


def credit_taken(found: U64, wanted: U64) -> U64:
    """Return how many of the pages that are free already serve those that are wanted.

    Rules: SWP-21.
    """
    return found if found < wanted else wanted


def credit_left(found: U64, wanted: U64) -> U64:
    """Return how many of the pages that are free already are left for others.

    Rules: SWP-21.
    """
    return found - credit_taken(found, wanted)


def may_use_credit(progress: Progress, taken: U64) -> bool:
    """Guard: who takes has seen some.

    Rules: SWP-21.
    """
    return taken >= 1


def use_credit(progress: Progress, taken: U64) -> Progress:
    """Take pages from the credit; what was read of it may be out of date, and too much.

    Rules: SWP-21.
    """
    return replace(progress, reclaim_credit=credit_left(progress.reclaim_credit, taken))


def is_beyond(index: U64, arenas: U64) -> bool:
    """Tell whether a place of the reclaimer is behind the last arena.

    Rules: SWP-21.
    """
    return index // PAGES_PER_ARENA >= arenas


def next_chunk(index: U64) -> U64:
    """Return the place of the reclaimer after the chunk at a place was taken.

    Rules: SWP-21 SWP-22.
    """
    return index + CHUNK_PAGES


def may_take_chunk(progress: Progress, index: U64) -> bool:
    """Guard: at the place that was taken a chunk begins, of an arena that is to be swept.

    Rules: SWP-21 SWP-22.
    """
    return index >= 0 and index % CHUNK_PAGES == 0 and not is_beyond(index, progress.sweep_arenas)


def take_chunk(progress: Progress, index: U64) -> Progress:
    """Go on behind a chunk, unless somebody else has gone on further.

    Rules: SWP-21 SWP-22.
    """
    after = next_chunk(index)
    if progress.reclaim_index >= after:
        return progress
    return replace(progress, reclaim_index=after)


def may_end_reclaiming(progress: Progress, index: U64) -> bool:
    """Guard: the place that was taken is behind the last arena.

    Rules: SWP-21.
    """
    return is_beyond(index, progress.sweep_arenas)


def end_reclaiming(progress: Progress, index: U64) -> Progress:
    """Let nobody look for chunks any more: the last arena was passed.

    Rules: SWP-21.
    """
    return replace(progress, reclaim_index=NO_MORE_RECLAIM)


PART: Final = "progress"

BEGIN_SWEEPING: Final = step_of(
    PART, may_begin_sweeping, begin_sweeping, pages_in_use=int, arenas=int
)
COUNT_SWEPT: Final = step_of(PART, may_count_swept, count_swept, npages=int)
GIVE_CREDIT: Final = step_of(PART, may_give_credit, give_credit, npages=int)
USE_CREDIT: Final = step_of(PART, may_use_credit, use_credit, taken=int)
TAKE_CHUNK: Final = step_of(PART, may_take_chunk, take_chunk, index=int)
END_RECLAIMING: Final = step_of(PART, may_end_reclaiming, end_reclaiming, index=int)

PROGRESS_STEPS: Final = (
    BEGIN_SWEEPING,
    COUNT_SWEPT,
    GIVE_CREDIT,
    USE_CREDIT,
    TAKE_CHUNK,
    END_RECLAIMING,
)
"""Every step of a sweep phase's progress."""
