"""When a cycle and a sweep are due: held against exact fractions.

The runtime reckons all of this in floats. What is claimed is what it comes to: the figure that
fractions give, but for the rounding, and to the byte where the rules compare.
"""

from collections import Counter
from fractions import Fraction
from itertools import product
from math import floor
from typing import Final

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import every_case, refuses
from spanspec.heap.state.collector import MARK, MARK_TERMINATION, OFF, Collector, is_sound
from spanspec.heap.state.pacing import (
    NEVER,
    Debt,
    SweepPace,
    Trigger,
    correct_ratio,
    debt,
    drop_pace,
    goal_at_start,
    heap_minimum,
    left_of,
    may_correct_ratio,
    may_drop_pace,
    may_raise_goal,
    may_set_pace,
    may_set_trigger,
    raise_goal,
    set_pace,
    set_trigger,
    sweep_pace,
    trigger_for,
)

MIB: Final = 1 << 20


PAGE: Final = 8192


WORD: Final = 1 << 64


PERCENTS: Final = (0, 1, 50, 100, 400)


SIZES: Final = (0, 1, 3 * MIB + 5, 1 << 40)


NEAR: Final = Fraction(1, 1 << 40)
"""The share of a figure by which floats may miss it."""


def close(told: float, exact: Fraction | int, what: str) -> None:
    """Require that a figure is the exact one, but for what floats and rounding to a byte miss."""
    missed = abs(Fraction(told) - exact)
    promise(missed <= 1 + abs(Fraction(exact)) * NEAR, f"{what}: {told}, not {exact}")


def triggers(met: Counter[str]) -> None:
    """A cycle starts where the heap has grown by its share, within what GOGC allows."""
    for percent in PERCENTS:
        promise(heap_minimum(percent) == 4 * MIB * percent // 100, "SWP-20: the smallest trigger")
    for percent, marked, live, ratio, done in product(
        PERCENTS, SIZES, (0, 8 * MIB, 1 << 41), (-1.0, 0.0, 0.375, 0.875, 3.0), (False, True)
    ):
        told = trigger_for(ratio, marked, live, percent, done)
        share = min(max(Fraction(ratio), Fraction(0)), Fraction(95 * percent, 10_000))
        promise(abs(Fraction(told.ratio) - share) <= NEAR, f"SWP-20: a share of {told.ratio}")
        grown = max(Fraction(marked) * (1 + share), Fraction(4 * MIB * percent // 100))
        close(told.heap, grown if done else max(grown, Fraction(live + MIB)), "SWP-20: the trigger")
        goal = marked + marked * percent // 100
        promise(told.goal == max(goal, told.heap), f"SWP-20: a goal of {told.goal}")
        met["trigger"] += 1
    off = trigger_for(-0.5, 3 * MIB, MIB, -1, sweep_is_done=True)
    promise(off == Trigger(NEVER, NEVER, 0.0), f"SCAV-5: GOGC is off, and the trigger {off}")
    huge = (1 << 63) - MIB
    promise(trigger_for(0.0, 0, huge - 1, 100, False).heap == (1 << 63) - 1, "T-90: the last one")
    refuses("T-90", lambda: trigger_for(0.0, 0, huge, 100, sweep_is_done=False))
    for goal, live in ((5 * MIB, 4 * MIB), (5 * MIB - 1, 4 * MIB), (MIB, 4 * MIB), (9 * MIB, 0)):
        promise(goal_at_start(goal, live) == max(goal, live + MIB), "SWP-32: the goal of a cycle")


def sweeping(met: Counter[str]) -> None:
    """The pace has all swept when the heap is a MiB below its trigger, or within a page."""
    before = SweepPace(0.25, 77, 7)
    for trigger, live, in_use, swept, done in product(
        (4 * MIB, 9 * MIB + PAGE - 1, NEVER),
        (0, 3 * MIB, 8 * MIB - 2, 8 * MIB - 1, 8 * MIB, 20 * MIB),
        (0, 1, 5000),
        (0, 1, 6000),
        (False, True),
    ):
        told = sweep_pace(before, trigger, live, in_use, swept, done)
        left = in_use - swept
        if done or left <= 0:
            promise(told == SweepPace(0.0, 77, 7), f"SWP-20: nothing is left, and {told}")
            met["nothing left"] += 1
            continue
        ahead = (-1 if trigger == NEVER else trigger) - live - MIB
        exact = Fraction(left, max(ahead, PAGE))
        promise(abs(Fraction(told.pages_per_byte) - exact) <= exact * NEAR, f"SWP-20: {told}")
        promise((told.live_basis, told.swept_basis) == (live, swept), f"SWP-20: bases of {told}")
        met["pace"] += 1


def debts(met: Counter[str]) -> None:
    """What an allocation owes is what the pace makes of the growth, less what it sweeps itself."""
    for speed, grown, size, mine, swept in product(
        (0.0, 0.25, 2.0**-13), (0, 5, 80_000, -9), (0, PAGE), (0, 1, 300), (0, 9, 10, 11, 25_000)
    ):
        told = debt(SweepPace(speed, 1000, 100), 1000 + grown, 100 + swept, size, mine)
        pages = floor(Fraction(speed) * Fraction(float((grown + size) % WORD)))
        target = pages - mine
        owes = speed != 0 and target > swept
        promise(told == (Debt(target, swept) if owes else None), f"SWP-19: {told} is owed")
        met["owes" if owes else "owes nothing"] += 1
        rest = left_of(Debt(10, 0), SweepPace(speed, 0, 100), 100 + swept)
        promise(rest == (Debt(10, swept) if swept < 10 else None), f"SWP-19: {rest} is left")
    endless = debt(SweepPace(1.0, 1000, 100), 999, 100, 0, 0)
    promise(endless is None, f"SWP-19: pages that fit no int64, and {endless} is owed")


@explored(
    "courses.pacing",
    "SWP-19 SWP-20 SWP-32 SCAV-5 T-90",
    needs="trigger pace owes",
    assumes=(SMALL_SCOPE,),
)
def what_is_due_is_what_fractions_say() -> Ran:
    """For many sizes of the heap, shares and values of GOGC, the trigger and the goal, the pace of
    sweeping, and what an allocation has to sweep, are those that exact fractions give.
    """
    return every_case((("triggers", triggers), ("sweeping", sweeping), ("debts", debts)))


def places() -> list[Collector]:
    """Return each place at which a collector may stand, in some cycle."""
    everywhere = product((OFF, MARK, MARK_TERMINATION), (0, 1), (False, True), (False, True))
    found = [
        Collector(phase, 5 + begun, 0, 5, marked, done) for phase, begun, marked, done in everywhere
    ]
    return [at for at in found if is_sound(at)]


def trigger_steps(met: Counter[str]) -> None:
    """The trigger is set and corrected where a cycle or GOGC may, and starts no cycle too late."""
    before = Trigger(4 * MIB, 6 * MIB, 0.5)
    for at, heap, goal, ratio in product(
        places(), (0, MIB, NEVER), (0, MIB, NEVER), (-1.0, 0.0, 1.0)
    ):
        to = Trigger(heap, goal, ratio)
        allowed = at.phase != MARK_TERMINATION and heap <= goal and ratio >= 0
        promise(may_set_trigger(before, to, at) == allowed, f"SWP-20: {to} is set in {at}")
        promise(set_trigger(before, to, at) == to, f"SWP-20: {to} is set")
        known = at.phase == MARK
        promise(may_correct_ratio(before, ratio, at) == known, f"SWP-20: an error in {at}")
        corrected = Trigger(before.heap, before.goal, ratio)
        promise(correct_ratio(before, ratio, at) == corrected, f"SWP-20: a share of {ratio}")
        met["trigger"] += allowed
    for at, live in product(places(), (0, 8 * MIB)):
        begins = at.phase == OFF and at.cycle == 6
        promise(may_raise_goal(before, live, at) == begins, f"SWP-32: a goal in {at}")
        raised = Trigger(before.heap, max(before.goal, live + MIB), before.ratio)
        promise(raise_goal(before, live, at) == raised, f"SWP-32: a goal for {live}")
        met["goal"] += begins


def pace_steps(met: Counter[str]) -> None:
    """Nobody is given a debt where all is swept, and only there, or nearly, are debts dropped."""
    before = SweepPace(0.25, 77, 7)
    for at, speed in product(places(), (-1.0, 0.0, 0.5)):
        to = SweepPace(speed, 5, 3)
        allowed = at.phase != MARK_TERMINATION and (speed == 0 or (speed > 0 and not at.sweepdone))
        promise(may_set_pace(before, to, at) == allowed, f"SWP-20: {to} is set in {at}")
        promise(set_pace(before, to, at) == to, f"SWP-20: {to} is set")
        met["pace"] += allowed and speed > 0
    for at, unswept in product(places(), (0, 1, 9)):
        swept = at.sweepdone or unswept == 0
        promise(may_drop_pace(before, at, unswept) == swept, f"SWP-19: {unswept} left in {at}")
        dropped = drop_pace(before, at, unswept)
        promise(dropped == SweepPace(0.0, 77, 7), f"SWP-19: {dropped} when all is swept")
        met["dropped"] += swept


@explored(
    "courses.paces",
    "SWP-16 SWP-19 SWP-20 SWP-32 SWP-34 SCAV-5",
    needs="trigger goal pace dropped",
    assumes=(SMALL_SCOPE,),
)
def what_is_due_changes_where_a_cycle_says_so() -> Ran:
    """Wherever a collector stands: the trigger and the pace are set but for mark termination, the
    goal is raised as a cycle begins, the share is corrected where one has marked; where all is
    swept no pace is set, and elsewhere none is dropped while something is on the unswept stack.
    """
    return every_case((("trigger", trigger_steps), ("pace", pace_steps)))
