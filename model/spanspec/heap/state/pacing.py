"""When the next cycle starts, and how much an allocation has to sweep before (SWP-19, SWP-20)."""

from typing import Final

from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.conversions import TOP_BIT, signed, to_int64, to_uint64
from spanspec.base.records import Record
from spanspec.base.steps import step_of
from spanspec.base.words import M64, U64
from spanspec.heap.state.collector import MARK, MARK_TERMINATION, OFF, Collector

SWEEP_MIN_HEAP_DISTANCE: Final = 1 << 20
"""Bytes of heap growth that are kept for concurrent sweeping at least (CONST-1)."""

DEFAULT_HEAP_MINIMUM: Final = 4 << 20
"""Bytes of heap below which no cycle starts by itself, with GOGC at its 100."""

FIRST_TRIGGER_RATIO: Final = 7 / 8
"""How far the heap grows beyond what was marked, as a share of it, before a cycle starts."""

FIRST_MARKED: Final = int(float(DEFAULT_HEAP_MINIMUM) / (1 + FIRST_TRIGGER_RATIO))
"""Bytes that count as marked before the first cycle, so that it starts at the minimum."""

MIN_GOAL_DISTANCE: Final = 1 << 20
"""Bytes by which the goal lies above the live heap at least, once a cycle has begun."""

GOAL_UTILIZATION: Final = 0.30
"""The share of all Ps' time that a cycle is to take, with assists."""

BACKGROUND_UTILIZATION: Final = 0.25
"""The share of it that is the background workers', taken to be what they have had."""

TRIGGER_GAIN: Final = 0.5
"""The share of an error by which a cycle corrects the trigger."""

NEVER: Final = M64
"""The trigger and the goal of a heap that is not collected: GOGC is off."""


class Trigger(Record, frozen=True):
    """The heap at which the next cycle starts, and at which it is to be over, in bytes.

    `ratio` is the share of the marked heap by which the live one may grow before the cycle starts.
    """

    heap: U64
    goal: U64
    ratio: float


FIRST_TRIGGER: Final = Trigger(DEFAULT_HEAP_MINIMUM, 2 * FIRST_MARKED, FIRST_TRIGGER_RATIO)
"""When the first cycle starts, unless GOGC is set."""


class Effort(Record, frozen=True):
    """What a cycle has taken that began by itself, in nanoseconds.

    `duration` is the time for which it marked, `assists` what of all Ps' time allocating goroutines
    have spent on helping it.
    """

    duration: U64
    assists: U64


class SweepPace(Record, frozen=True):
    """Pages to be swept for each byte of growth since `live_basis`, beyond `swept_basis` pages."""

    pages_per_byte: float = 0.0
    live_basis: U64 = 0
    swept_basis: U64 = 0


class Debt(Record, frozen=True):
    """Pages to have been swept since the pacing basis, and pages swept since then."""

    target: int
    swept: int


def heap_minimum(gc_percent: int) -> U64:
    """Return the bytes of heap below which no cycle starts by itself.

    Rules: SWP-20.
    """
    return DEFAULT_HEAP_MINIMUM * gc_percent // 100


def trigger_for(
    ratio: float, marked: U64, heap_live: U64, gc_percent: int, sweep_is_done: bool
) -> Trigger:
    """Return when the next cycle starts, and its goal, after `marked` bytes were found alive.

    The ratio is that of `ratio_after`, or after a cycle that somebody asked for what it was. It is
    held a little below the growth that GOGC allows. A negative `gc_percent` is GOGC off.

    Rules: SWP-20 SCAV-5 T-90.
    """
    if gc_percent < 0:
        return Trigger(NEVER, NEVER, max(ratio, 0.0))
    # In the runtime's own order, with its conversions: one rounding less, and a trace differs.
    goal = (marked + (marked * gc_percent & M64) // 100) & M64
    # At 0.95 of the growth the cycle has room to end before the goal is reached.
    ratio = min(max(ratio, 0.0), 0.95 * float(gc_percent) / 100)
    heap = max(to_uint64(float(marked) * (1 + ratio)), heap_minimum(gc_percent))
    # A trigger that is too near leaves no growth in which to sweep; so there is a least distance.
    if not sweep_is_done:
        heap = max(heap, (heap_live + SWEEP_MIN_HEAP_DISTANCE) & M64)
    assert heap < TOP_BIT, "T-90: gc_trigger underflow"
    return Trigger(heap, max(goal, heap), ratio)


def utilization(effort: Effort, procs: int) -> float:
    """Return the share of all Ps' time that a cycle has taken, as the pacer reckons it.

    Rules: SWP-20.
    """
    if effort.duration == 0:
        return BACKGROUND_UTILIZATION
    return BACKGROUND_UTILIZATION + float(effort.assists) / float(effort.duration * procs)


def ratio_after(trigger: Trigger, marked: U64, heap_live: U64, effort: Effort, procs: int) -> float:
    """Return the share of the marked heap by which it may grow before the next cycle starts.

    A cycle that began by itself should end when the heap has grown to its goal. What the heap has
    grown by meanwhile is scaled to the utilization that is aimed at; half the error is corrected.
    `marked` and the trigger are those before the cycle, `heap_live` that at its end. It may be
    negative, or more than GOGC allows, until `trigger_for` has bounded it.

    Rules: SWP-20.
    """
    # Words, as in the runtime: a goal below what was marked makes a very large number.
    goal = float((trigger.goal - marked) & M64) / float(marked)
    actual = float(heap_live) / float(marked) - 1
    scale = utilization(effort, procs) / GOAL_UTILIZATION
    error = goal - trigger.ratio - scale * (actual - trigger.ratio)
    return trigger.ratio + TRIGGER_GAIN * error


def goal_at_start(goal: U64, heap_live: U64) -> U64:
    """Return the goal of a cycle that begins: some way above the heap, which may be beyond it.

    Rules: SWP-32.
    """
    return max(goal, (heap_live + MIN_GOAL_DISTANCE) & M64)


def distance_to(trigger: U64, heap_live: U64) -> int:
    """Return by how many bytes the heap may grow until all is to be swept: a page at least.

    Rules: SWP-20.
    """
    distance = signed(trigger) - signed(heap_live) - SWEEP_MIN_HEAP_DISTANCE
    return distance if distance > PAGE_SIZE else PAGE_SIZE


def without_pace(pace: SweepPace) -> SweepPace:
    """Return the pace once nothing is left to sweep: whoever allocates owes nothing.

    Rules: SWP-19 SWP-20.
    """
    return replace(pace, pages_per_byte=0.0)


def sweep_pace(
    pace: SweepPace,
    trigger: U64,
    heap_live: U64,
    pages_in_use: U64,
    pages_swept: U64,
    sweep_is_done: bool,
) -> SweepPace:
    """Return the pace that has everything swept when the heap reaches its trigger.

    A trigger that is never reached is no number of bytes ahead: as an int64 it is -1, so that all
    is swept within a page of growth. Where nothing is left to sweep the bases stay.

    Rules: SWP-20.
    """
    # More may have been swept than was in use when the pace is set anew within a cycle.
    pages = signed((pages_in_use - pages_swept) & M64)
    if sweep_is_done or pages <= 0:
        return without_pace(pace)
    distance = distance_to(trigger, heap_live)
    return SweepPace(float(pages) / float(distance), heap_live, pages_swept)


def grown_since(live_basis: U64, heap_live: U64, span_bytes: U64) -> U64:
    """Return by how many bytes the heap has grown since the basis, with a span that is to come.

    Rules: SWP-19.
    """
    return (heap_live - live_basis + span_bytes) & M64


def owed(pages: int, caller_pages: U64) -> int:
    """Return how many pages are to be swept, less those that the caller sweeps itself.

    Rules: SWP-19.
    """
    return signed((pages - caller_pages) & M64)


def debt(
    pace: SweepPace, heap_live: U64, pages_swept: U64, span_bytes: U64, caller_pages: U64
) -> Debt | None:
    """Return what is to be swept before a span of `span_bytes` is taken; None if nothing.

    A heap that has shrunk below the basis has grown by almost 2^64 bytes, in words. What the pace
    makes of that may fit no int64, and then it is the smallest of them.

    Rules: SWP-19.
    """
    if pace.pages_per_byte == 0:
        return None
    # The same order of operations as in the runtime, since the product is cut to an integer.
    live = grown_since(pace.live_basis, heap_live, span_bytes)
    pages = to_int64(pace.pages_per_byte * float(live))
    target = owed(pages, caller_pages)
    swept = signed((pages_swept - pace.swept_basis) & M64)
    return Debt(target, swept) if target > swept else None


def left_of(owed: Debt, pace: SweepPace, pages_swept: U64) -> Debt | None:
    """Return what is left of a debt after a sweep; the target stays what it was at first.

    Rules: SWP-19.
    """
    swept = pages_swept - pace.swept_basis
    return Debt(owed.target, swept) if owed.target > swept else None


# --- when what is due may change ------------------------------------------------------------------


def may_set_trigger(at: Trigger, trigger: Trigger, collector: Collector) -> bool:
    """Guard: marking is not just being completed, and the cycle starts before it is to be over.

    GOGC may be set in any phase else; in that one the world is stopped.

    Rules: SWP-20 SWP-34 SCAV-5.
    """
    paced = collector.phase != MARK_TERMINATION
    return paced and trigger.heap <= trigger.goal and trigger.ratio >= 0


def set_trigger(at: Trigger, trigger: Trigger, collector: Collector) -> Trigger:
    """Set when the next cycle starts: marking is over, or GOGC was set.

    Rules: SWP-20 SCAV-5.
    """
    return trigger


def may_raise_goal(at: Trigger, heap_live: U64, collector: Collector) -> bool:
    """Guard: a cycle has begun, and does not mark yet.

    Rules: SWP-32.
    """
    return collector.phase == OFF and collector.cycle == collector.epoch + 1


def raise_goal(at: Trigger, heap_live: U64, collector: Collector) -> Trigger:
    """Let the goal be some way above the heap at which a cycle begins.

    Rules: SWP-32.
    """
    return replace(at, goal=goal_at_start(at.goal, heap_live))


def may_correct_ratio(at: Trigger, ratio: float, collector: Collector) -> bool:
    """Guard: a cycle has marked, so that its error is known.

    Rules: SWP-20.
    """
    return collector.phase == MARK


def correct_ratio(at: Trigger, ratio: float, collector: Collector) -> Trigger:
    """Take over what a cycle has told of the next one's trigger, before that is bounded.

    Rules: SWP-20.
    """
    return replace(at, ratio=ratio)


def may_set_pace(at: SweepPace, to: SweepPace, collector: Collector) -> bool:
    """Guard: marking is not just being completed; nothing is owed where all is swept.

    Rules: SWP-20 SWP-34.
    """
    owes = to.pages_per_byte > 0
    none = to.pages_per_byte == 0
    return collector.phase != MARK_TERMINATION and (none or (owes and not collector.sweepdone))


def set_pace(at: SweepPace, to: SweepPace, collector: Collector) -> SweepPace:
    """Set how much an allocation has to sweep: a sweep phase begins, or GOGC was set.

    Rules: SWP-20.
    """
    return to


def may_drop_pace(at: SweepPace, collector: Collector, unswept: int) -> bool:
    """Guard: all is swept, or nothing is left on the unswept stack, and somebody notes that soon.

    Rules: SWP-19 SWP-16.
    """
    return collector.sweepdone or unswept == 0


def drop_pace(at: SweepPace, collector: Collector, unswept: int) -> SweepPace:
    """Let nobody owe anything: who was to pay has found nothing left to sweep.

    Rules: SWP-19.
    """
    return without_pace(at)


SET_TRIGGER: Final = step_of(
    "trigger", may_set_trigger, set_trigger, trigger=Trigger, collector=Collector
)
RAISE_GOAL: Final = step_of(
    "trigger", may_raise_goal, raise_goal, heap_live=int, collector=Collector
)
CORRECT_RATIO: Final = step_of(
    "trigger", may_correct_ratio, correct_ratio, ratio=float, collector=Collector
)
SET_PACE: Final = step_of("pace", may_set_pace, set_pace, to=SweepPace, collector=Collector)
DROP_PACE: Final = step_of("pace", may_drop_pace, drop_pace, collector=Collector, unswept=int)
