"""Where the collector stands: the record, and the steps that alone change it (SWP-32 to SWP-35).

A cycle begins with the world stopped, has swept what the one before has left, marks, ends marking,
and raises the heap's sweepgen; from then on all is to be swept. No field tells by itself how far a
cycle has come, all of them together do.
"""

from typing import Final

from msgspec.structs import replace

from spanspec.base.records import Record
from spanspec.base.steps import step_of
from spanspec.base.words import U8, U64, Count
from spanspec.events.span_events import Phase

OFF: Final[Phase] = 0
MARK: Final[Phase] = 1
MARK_TERMINATION: Final[Phase] = 2
"""Phases of a cycle (gcphase)."""

CONCURRENT: Final = 0
STOPPED_TO_MARK: Final = 1
STOPPED_TO_SWEEP: Final = 2
"""Modes of a cycle: the usual one, and those of GODEBUG=gcstoptheworld=1 and =2 (gcMode)."""


class Collector(Record, frozen=True):
    """Where the collector stands.

    `cycle` counts the cycles that have begun, `mode` is what the last was begun with, and `epoch`
    counts those that have begun to mark: by it mark bits age. `marked`: marking has begun, and the
    sweepgen has not been raised since. `sweepdone`: somebody has found nothing left to sweep.
    `scanned` has the bytes of the objects that the last cycle to mark has looked through for their
    finalizers, whether or not it marks them.
    """

    phase: "Phase" = OFF
    cycle: Count = 0
    mode: U8 = 0
    epoch: Count = 0
    marked: bool = False
    sweepdone: bool = False
    scanned: Count = 0


def is_sound(at: Collector) -> bool:
    """Say what always holds: the steps of a cycle come in their order, and cycles one by one.

    Mark bits age once in a cycle; while they are of use, everything is swept.

    Rules: SWP-32 SWP-33 SPAN-26 I-24 I-25.
    """
    waits_to_mark = at.cycle == at.epoch + 1 and at.phase == OFF and not at.marked
    return (
        (at.cycle == at.epoch or waits_to_mark)
        and (at.phase == OFF or at.marked)
        and (not at.marked or at.sweepdone)
    )


def may_begin_cycle(at: Collector, mode: U8) -> bool:
    """Guard: the cycle before is over, but for its sweeping.

    Rules: SWP-32.
    """
    return at.phase == OFF and not at.marked and at.cycle == at.epoch


def begin_cycle(at: Collector, mode: U8) -> Collector:
    """Begin a cycle, with the world stopped: what is unswept is swept next.

    Rules: SWP-32.
    """
    return replace(at, cycle=at.cycle + 1, mode=mode)


def may_begin_marking(at: Collector, with_finalizers: U64) -> bool:
    """Guard: a cycle has begun, and everything is swept.

    Rules: SWP-32 SWP-33.
    """
    return at.phase == OFF and at.cycle == at.epoch + 1 and at.sweepdone


def begin_marking(at: Collector, with_finalizers: U64) -> Collector:
    """Begin to mark: what were mark bits are older by one cycle.

    The objects that have a finalizer are looked through, so many bytes, and nothing else yet.

    Rules: SWP-32 SWP-34 SPAN-26.
    """
    return replace(at, phase=MARK, epoch=at.epoch + 1, marked=True, scanned=with_finalizers)


def may_look_through(at: Collector, size: U64) -> bool:
    """Guard: the cycle is marking. Otherwise the next one looks through all that have a finalizer.

    Rules: SWP-34.
    """
    return at.phase == MARK and size >= 1


def look_through(at: Collector, size: U64) -> Collector:
    """Count an object of so many bytes that gets its finalizer while marking: it is looked through.

    Rules: SWP-34.
    """
    return replace(at, scanned=at.scanned + size)


def may_stop_marking(at: Collector) -> bool:
    """Guard: the cycle is marking.

    Rules: SWP-34.
    """
    return at.phase == MARK


def stop_marking(at: Collector) -> Collector:
    """Complete marking, with the world stopped: nothing is allocated.

    Rules: SWP-34 T-89.
    """
    return replace(at, phase=MARK_TERMINATION)


def may_end_marking(at: Collector) -> bool:
    """Guard: marking is complete.

    Rules: SWP-34.
    """
    return at.phase == MARK_TERMINATION


def end_marking(at: Collector) -> Collector:
    """Turn marking off, with the world still stopped.

    Rules: SWP-34 T-89.
    """
    return replace(at, phase=OFF)


def may_begin_sweep_phase(at: Collector) -> bool:
    """Guard: marking is over, and nobody has swept by its marks.

    Rules: SWP-35 T-87.
    """
    return at.phase == OFF and at.marked


def begin_sweep_phase(at: Collector) -> Collector:
    """Let everything be unswept: the heap's sweepgen is raised with this.

    Rules: SWP-35.
    """
    return replace(at, marked=False, sweepdone=False)


def may_note_all_swept(at: Collector) -> bool:
    """Guard: no marks are being made, which the sweeping that ends would have to heed.

    Rules: SWP-16.
    """
    return at.phase == OFF and not at.marked


def note_all_swept(at: Collector) -> Collector:
    """Note that nothing is left to sweep, as there is nothing before the first cycle.

    Rules: SWP-16.
    """
    return replace(at, sweepdone=True)


PART: Final = "collector"

BEGIN_CYCLE: Final = step_of(PART, may_begin_cycle, begin_cycle, mode=int)
BEGIN_MARKING: Final = step_of(PART, may_begin_marking, begin_marking, with_finalizers=int)
LOOK_THROUGH: Final = step_of(PART, may_look_through, look_through, size=int)
STOP_MARKING: Final = step_of(PART, may_stop_marking, stop_marking)
END_MARKING: Final = step_of(PART, may_end_marking, end_marking)
BEGIN_SWEEP_PHASE: Final = step_of(PART, may_begin_sweep_phase, begin_sweep_phase)
NOTE_ALL_SWEPT: Final = step_of(PART, may_note_all_swept, note_all_swept)

CYCLE_STEPS: Final = (
    BEGIN_CYCLE,
    BEGIN_MARKING,
    STOP_MARKING,
    END_MARKING,
    BEGIN_SWEEP_PHASE,
)
"""The steps of a cycle in their order, round and round."""

COLLECTOR_STEPS: Final = (*CYCLE_STEPS, NOTE_ALL_SWEPT, LOOK_THROUGH)
"""Every step of the collector."""
