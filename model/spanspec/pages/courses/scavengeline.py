"""How much the scavenger is to release, and by when (SCAV-1 to SCAV-5, SCAV-14 to SCAV-18)."""

from typing import Final

from msgspec.structs import replace

from spanspec.base.conversions import to_uint64
from spanspec.base.records import Record
from spanspec.base.words import M64, U64
from spanspec.pages.tables.runs import PhysicalPages, round_down, round_up

PAGE_PERIOD_NS: Final = 1_000_000
"""Nanoseconds that the pacing allows for one physical page, and for one huge page (SCAV-1)."""

RETAIN_EXTRA_DIVISOR: Final = 10
"""The goal is a tenth above what the next cycle is expected to use (SCAV-1)."""


class Line(Record, frozen=True):
    """The line along which the background scavenger lets the retained heap fall to its goal.

    Bytes, and nanoseconds; `rate` is in bytes for each nanosecond, 0 for nothing to do.
    """

    goal: U64 = 0
    basis: U64 = 0
    time_basis: U64 = 0
    rate: float = 0.0
    generation: int = 0


def goal_for(last_heap_inuse: U64, next_gc: U64, last_next_gc: U64, phys_page: U64) -> U64:
    """Return the retained goal in bytes: the heap expected in the next cycle, and a tenth more.

    Rules: SCAV-3.
    """
    # In floating point and in this order, as the runtime does: a trace shows the last bit.
    goal = to_uint64(float(last_heap_inuse) * (float(next_gc) / float(last_next_gc)))
    goal = (goal + goal // RETAIN_EXTRA_DIVISOR) & M64
    return round_up(goal, phys_page) & M64


def total_time_ns(phys: PhysicalPages, total: U64, unscavenged_huge: U64) -> U64:
    """Return the nanoseconds that releasing `total` bytes may take, huge pages first.

    Rules: SCAV-3 SCAV-4.
    """
    regular = total
    huge_time = 0
    if phys.huge != 0:
        # A huge page takes one period like a small one, so they are reckoned first.
        huge = unscavenged_huge * phys.huge
        if huge >= total:
            huge = round_down(total, phys.huge)
        regular = total - huge
        huge_time = huge // phys.huge * PAGE_PERIOD_NS
    return huge_time + regular // phys.size * PAGE_PERIOD_NS


def pace(
    line: Line, phys: PhysicalPages, goal: U64, now: U64, unscavenged_huge: U64, time_ns: U64
) -> Line:
    """Return the line from the `now` retained bytes to the goal, set at a cycle's end.

    Rules: SCAV-3 SCAV-4 SCAV-5.
    """
    if now <= goal:
        return replace(line, goal=goal, rate=0.0)
    total = now - goal
    duration = total_time_ns(phys, total, unscavenged_huge)
    return Line(
        goal=goal,
        basis=now,
        time_basis=time_ns,
        rate=float(total) / float(duration) if duration > 0 else float("inf"),
        generation=line.generation + 1,
    )


def background_work(line: Line, now: U64, time_ns: U64) -> U64 | None:
    """Return the bytes that the background scavenger asks for; None: it parks; 0: it sleeps.

    What it wants retained is not held above the goal, and wraps below zero. So an infinite rate,
    which physical pages above 8 KiB make possible, asks for nothing: 2^63 bytes below the basis.

    Rules: SCAV-4 SCAV-17 SCAV-18.
    """
    if line.rate == 0 or now <= line.goal:
        return None
    return work_to(now, wanted(line.basis, to_uint64(line.rate * float(time_ns - line.time_basis))))


def wanted(basis: U64, distance: U64) -> U64:
    """Return the bytes to be retained once the line has fallen by `distance`; it wraps below zero.

    Rules: SCAV-17 SCAV-18.
    """
    return (basis - distance) & M64


def work_to(now: U64, want: U64) -> U64:
    """Return the bytes to release from `now` retained ones to those wanted; 0 for none.

    Rules: SCAV-17 SCAV-18.
    """
    return now - want if now > want else 0


def growth_work(size: U64, retained_now: U64, goal: U64) -> U64:
    """Return the bytes to release before the heap grows by `size`; 0 for none.

    Rules: SCAV-14 SCAV-15 SCAV-16.
    """
    if retained_now + size <= goal:
        return 0
    above = retained_now + size - goal
    # No more than what the growth adds: it is its own excess that it pays for.
    return above if above < size else size
