"""How much the scavenger releases, and when: the line along which the retained heap falls.

The line is taken with exact quotients, where the runtime has 64-bit floats; false claims about it
are kept as situations that must be possible.
"""

from itertools import product

import z3

from spanproof.prove.assumptions import REALS
from spanproof.prove.proof import Proof, obligation
from spanproof.theorems.pages.courses.scavenge import HUGE, INTEGERS, WORDS
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.words import U64
from spanspec.pages.courses.bgscavenge import Scavenger, wake
from spanspec.pages.courses.scavengeline import (
    PAGE_PERIOD_NS,
    growth_work,
    total_time_ns,
    wanted,
    work_to,
)
from spanspec.pages.tables.runs import PhysicalPages


@obligation("scavenge.growth", "SCAV-14 SCAV-15 SCAV-16", INTEGERS)
def growth_is_paid_for(p: Proof) -> None:
    """Before the heap grows, at most as much is asked back as it grows by, and enough to stay at
    the goal unless that is more.
    """
    size, now, goal = p.number(U64, "size"), p.number(U64, "retained"), p.number(U64, "goal")
    work = p.integer(growth_work, size, now, goal)
    p.show("not more than the growth", z3.And(work >= 0, work <= size))
    p.show("the goal, or all of it", z3.Or(now + size - work <= goal, work == size))
    p.show("no more than needed", z3.Implies(work > 0, now + size - work >= goal))
    p.possible("a part of it", z3.And(work > 0, work < size))


@obligation("scavenge.duration", "SCAV-3 SCAV-4", INTEGERS)
def the_line_takes_time(p: Proof) -> None:
    """The line takes a period for each huge page that it can release and for each physical page of
    the rest. That is not zero if physical pages are at most 8 KiB, or if what is
    to be released is a multiple of theirs. With larger ones it can be zero: then the rate is
    infinite (counterexample kept).
    """
    total, available = p.number(U64, "total"), p.number(U64, "unscavenged_huge")
    p.assume(total > 0, total % PAGE_SIZE == 0)
    for size, huge in product((4096, 8192, 65536), (0, HUGE)):
        phys = PhysicalPages(size, huge)
        spent = p.integer(total_time_ns, phys, total, available)
        multiple = total % size == 0
        p.show(f"{size}, {huge}: not zero", z3.Implies(multiple, spent > 0))
        pages = total / size
        if huge != 0:
            whole = total / huge
            used = z3.If(available < whole, available, whole)
            pages = used + (total - used * huge) / size
        period = PAGE_PERIOD_NS
        p.show(f"{size}, {huge}: a period for each page", spent == pages * period)
        if size > PAGE_SIZE:
            p.possible(f"{size}, {huge}: zero for less than a physical page", spent == 0)
        p.possible(f"{size}, {huge}: some time", spent > 0)


def on_the_line(
    total: z3.ExprRef, duration: z3.ExprRef, elapsed: z3.ExprRef, distance: z3.ExprRef
) -> z3.BoolRef:
    """The line has fallen by `distance`: total * elapsed / duration, rounded down."""
    exact = total * elapsed
    return z3.And(distance >= 0, distance * duration <= exact, exact < (distance + 1) * duration)


def never_rises(p: Proof, duration: z3.ExprRef, first: z3.ExprRef, second: z3.ExprRef) -> None:
    """Claim that a later point of the line is not above an earlier one, and build on it."""
    p.lemma("the distance grows", first <= second)


@obligation("scavenge.line", "SCAV-3 SCAV-17 SCAV-18", INTEGERS, assumes=(REALS,))
def the_line_falls_to_the_goal(p: Proof) -> None:
    """Until its time is over the line falls steadily and never below the goal, which it meets
    exactly at the end. Afterwards it is below the goal, and at last wraps to a huge number: that it
    were always at or above the goal is false (counterexamples kept).
    """
    goal, basis, duration = p.number(U64, "goal"), p.number(U64, "basis"), p.number(U64, "duration")
    early, late = p.number(U64, "early"), p.number(U64, "late")
    first, second = p.number(U64, "first"), p.number(U64, "second")
    now = p.number(U64, "now")
    total = basis - goal
    p.assume(goal < basis, duration > 0, early <= late)
    p.assume(on_the_line(total, duration, early, first), on_the_line(total, duration, late, second))
    never_rises(p, duration, first, second)
    sooner, later = p.integer(wanted, basis, first), p.integer(wanted, basis, second)
    in_time = late <= duration
    p.show("falls", z3.Implies(in_time, later <= sooner))
    p.show("not below the goal", z3.Implies(in_time, later >= goal))
    p.show("meets the goal", z3.Implies(late == duration, later == goal))
    work = p.integer(work_to, now, later)
    p.show(
        "asks for no more than lies above the goal",
        z3.Implies(z3.And(in_time, now >= goal), work <= now - goal),
    )
    p.show("asks for no more than there is", z3.And(work >= 0, work <= now))
    p.possible("false: always at or above the goal", z3.And(later < goal, late > duration))
    p.possible("false: never wraps", z3.And(later > basis, late > duration))


@obligation("scavenge.clamped", "SCAV-18", INTEGERS, assumes=(REALS,))
def a_clamped_line_would_never_be_below_the_goal(p: Proof) -> None:
    """Held at the goal, the line would fall steadily and never be below it, at any time: what Go
    does not do.
    """
    goal, basis, duration = p.number(U64, "goal"), p.number(U64, "basis"), p.number(U64, "duration")
    early, late = p.number(U64, "early"), p.number(U64, "late")
    first, second = p.number(U64, "first"), p.number(U64, "second")
    total = basis - goal
    p.assume(goal < basis, duration > 0, early <= late)
    p.assume(on_the_line(total, duration, early, first), on_the_line(total, duration, late, second))
    never_rises(p, duration, first, second)
    sooner, later = (
        p.integer(wanted, basis, z3.If(distance < total, distance, total))
        for distance in (first, second)
    )
    p.show("falls", later <= sooner)
    p.show("never below", later >= goal)
    example = z3.And(goal == 5, basis == 105, duration == 10, early == 0, first == 0, second == 200)
    p.possible("after its time", z3.And(late > duration, late == 20, example))


@obligation("scavenge.wake", "SCAV-17 SCAV-18 SCAV-19 SCAV-20", WORDS)
def waking_changes_when_it_goes_on_and_nothing_else(p: Proof) -> None:
    """Whoever wakes the scavenger lets it go on at once. How long it waits after a turn in which it
    released nothing is doubled after a sleep of that length, and stays after one cut short; which
    line it has looked at stays.
    """
    before, now = p.fresh(Scavenger, "scavenger"), p.number(U64, "now")
    assert isinstance(before, Scavenger)
    # A delay of 2^62 ns are 146 years.
    p.assume(z3.ULT(before.retry_delay, 1 << 62))
    after = p.call(wake, before, now)
    assert isinstance(after, Scavenger)
    p.show("it goes on", z3.Not(after.parked))
    p.show("at once", after.wake_at == now)
    whole = z3.And(before.backs_off, z3.UGE(now, before.wake_at))
    delay = z3.If(whole, 2 * before.retry_delay, before.retry_delay)
    p.show("the delay doubles after a whole sleep only", after.retry_delay == delay)
    p.show("the line it looked at stays", after.generation == before.generation)
    p.possible("a sleep is cut short", z3.And(before.backs_off, z3.Not(whole)))
    p.possible("a whole sleep", whole)
