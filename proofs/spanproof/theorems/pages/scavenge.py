"""The scavenger: what it releases, and the line along which the retained heap falls.

Where a claim is about any powers of two it says so; else it is shown for each of the page sizes
that Linux has. The line is taken with exact quotients, where the
runtime has 64-bit floats; false claims about it are kept as situations that must be possible.
"""

from itertools import product
from typing import Final

import z3
from msgspec.structs import replace

from spanproof.prove.assumptions import REALS
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.integers import Integers
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.words import U64
from spanspec.pages.bgscavenge import Scavenger, wake
from spanspec.pages.freeruns import UNSCAVENGED_HUGE, UNSCAVENGED_SMALL, FreeSpan, passes
from spanspec.pages.runs import (
    Bounds,
    PageRun,
    PhysicalPages,
    Split,
    boundary_is_physical,
    cut_run,
    end_of,
    merge_below,
    move_boundary,
    phys_page_bounds,
    realigned_boundary,
    releasable,
    released,
    round_down,
)
from spanspec.pages.scavenge import (
    PAGE_PERIOD_NS,
    growth_work,
    split_address,
    total_time_ns,
    wanted,
    work_to,
)

WORDS: Final = Words(64)
INTEGERS: Final = Integers()
HUGE: Final = 1 << 21
MACHINES: Final = tuple(
    PhysicalPages(size, huge)
    for size, huge in (
        (4096, 0),
        (4096, HUGE),
        (16384, 1 << 25),
        (65536, HUGE),
        (65536, 1 << 29),
    )
)
"""Sizes of physical and huge pages: amd64 without and with huge pages, arm64, ppc64."""


def is_machine(phys: PhysicalPages) -> bool:
    """Physical pages are a power of two of 4 KiB to 2 MiB; huge ones a larger power, or none."""
    return (
        4096 <= phys.size <= 1 << 21
        and phys.size & (phys.size - 1) == 0
        and (
            phys.huge == 0
            or (phys.size < phys.huge <= 1 << 30 and phys.huge & (phys.huge - 1) == 0)
        )
    )


def is_run(run: PageRun) -> bool:
    """A run consists of pages of the 48-bit address space."""
    return (
        run.base & (PAGE_SIZE - 1) == 0
        and PAGE_SIZE <= run.base < 1 << 48
        and 1 <= run.npages < 1 << 34
    )


def is_physical(phys: PhysicalPages, address: U64) -> bool:
    """An address is the first of a physical page."""
    return address & (phys.size - 1) == 0


def any_machine(p: Proof) -> PhysicalPages:
    """Any sizes of physical and huge pages."""
    phys = p.fresh(PhysicalPages, "phys")
    assert isinstance(phys, PhysicalPages)
    p.assume(p.holds(is_machine, phys))
    return phys


def any_run(p: Proof, name: str) -> PageRun:
    """Any run of pages."""
    run = p.fresh(PageRun, name)
    assert isinstance(run, PageRun)
    p.assume(p.holds(is_run, run))
    return run


def bounds_of(p: Proof, phys: PhysicalPages, run: PageRun) -> Bounds:
    """The whole physical pages of a run."""
    bounds = p.call(phys_page_bounds, phys, run)
    assert isinstance(bounds, Bounds)
    return bounds


# --- what is released -----------------------------------------------------------------------------


@obligation("scavenge.bounds", "HEAP-10 SCAV-6 OS-6 T-78", WORDS)
def what_is_released_is_inside_and_physical(p: Proof) -> None:
    """What a run releases lies inside it, begins and ends at physical pages, and is all that does:
    every whole physical page of the run.
    """
    phys, run = any_machine(p), any_run(p, "run")
    bounds = bounds_of(p, phys, run)
    some = p.number(U64, "page")
    p.show(
        "inside", z3.And(z3.UGE(bounds.start, run.base), z3.ULE(bounds.end, p.integer(end_of, run)))
    )
    for edge in (bounds.start, bounds.end):
        p.show("physical", p.holds(is_physical, phys, edge))
    whole = z3.And(
        p.holds(is_physical, phys, some),
        z3.ULT(some, 1 << 49),
        z3.UGE(some, run.base),
        z3.ULE(some + phys.size, p.integer(end_of, run)),
    )
    covered = z3.And(z3.UGE(some, bounds.start), z3.ULE(some + phys.size, bounds.end))
    p.show("every whole physical page", z3.Implies(whole, covered))
    p.possible("a run without a whole one", z3.UGT(bounds.start, bounds.end))
    p.possible("64 KiB pages", z3.And(whole, phys.size == 65536))


@obligation("scavenge.cut", "SCAV-9 SCAV-10 T-36 T-78", INTEGERS)
def a_cut_releases_what_is_asked_and_little_more(p: Proof) -> None:
    """A run is cut at a physical page inside it, at a huge page if one begins in the run; its upper
    part releases at least what was asked for, and less than a huge page and a page more. So the
    walk ends at a run that was cut.
    """
    run, size = any_run(p, "run"), p.number(U64, "size")
    p.assume(size != 0)
    for phys in MACHINES:
        at = p.integer(split_address, phys, run, size)
        bounds, cut = bounds_of(p, phys, run), at != 0
        excess = phys.huge + (phys.size if phys.size > PAGE_SIZE else PAGE_SIZE)
        p.show("inside", z3.And(at > bounds.start, at < bounds.end), cut)
        p.show("a page of the heap", at % PAGE_SIZE == 0, cut)
        p.show("a physical page", p.holds(is_physical, phys, at), cut)
        p.show("as much as asked", bounds.end - at >= size, cut)
        if phys.huge != 0:
            wanted_at = p.integer(round_down, bounds.end - size, max(phys.size, PAGE_SIZE))
            below = p.integer(round_down, wanted_at, phys.huge)
            p.lemma("rounded to a huge page", below % phys.huge == 0)
            either = z3.Or(at == below, z3.And(at == wanted_at, below < bounds.start))
            p.lemma("at the huge page, or there is none", either, cut)
        p.show("little more", bounds.end - at - size < excess, cut)
        whole = p.integer(releasable, phys, run)
        more = z3.And(z3.Not(cut), whole > size)
        p.show("uncut, little more", whole - size < excess, more)
        example = z3.And(run.base == 0x1_0001_0000, run.npages == 64, size == 65536)
        p.possible(f"a cut, {phys.size}", z3.And(cut, example))
        if phys.size == PAGE_SIZE // 2:
            example = z3.And(run.base == 0x1_0001_0000, run.npages == 2, size == PAGE_SIZE + 1)
            p.possible(
                f"false: without a cut, no more than asked for, {phys.huge}", z3.And(more, example)
            )


@obligation("scavenge.parts", "SCAV-6 SCAV-7 SCAV-9 SCAV-11", INTEGERS)
def a_cut_run_is_two_runs(p: Proof) -> None:
    """The two parts of a run that was cut tile it, and the upper one releases from the cut on."""
    run, at = any_run(p, "run"), p.number(U64, "at")
    p.assume(at % PAGE_SIZE == 0, at < 1 << 49)
    p.assume(at > run.base, at < p.integer(end_of, run))
    parts = p.call(cut_run, run, at)
    assert isinstance(parts, Split)
    lower, upper = parts.taken, parts.rest
    p.show("lower", z3.And(lower.base == run.base, p.integer(end_of, lower) == at))
    end = p.integer(end_of, run)
    p.show("upper", z3.And(upper.base == at, p.integer(end_of, upper) == end))
    p.show("both have pages", z3.And(lower.npages != 0, upper.npages != 0))
    for phys in MACHINES:
        bounds = bounds_of(p, phys, run)
        seam = z3.And(p.holds(is_physical, phys, at), at <= bounds.end)
        whole = p.integer(releasable, phys, upper) == bounds.end - at
        p.show("the upper part is released", z3.Implies(seam, whole))
        p.possible(f"a physical seam, {phys.size}", seam)


@obligation("scavenge.once", "SCAV-7 SCAV-12 TREAP-7", WORDS)
def nothing_is_released_twice(p: Proof) -> None:
    """Both passes of the scavenger meet only runs that are not scavenged, each in one pass."""
    run = p.fresh(FreeSpan, "run")
    assert isinstance(run, FreeSpan)
    huge = p.holds(passes, run, UNSCAVENGED_HUGE)
    small = p.holds(passes, run, UNSCAVENGED_SMALL)
    scavenged = p.holds(is_scavenged, run)
    p.show("not scavenged", z3.Implies(z3.Or(huge, small), z3.Not(scavenged)))
    p.show("one pass", z3.Not(z3.And(huge, small)))
    p.show("none left out", z3.Implies(z3.Not(scavenged), z3.Or(huge, small)))
    p.possible("a run with a huge page", huge)


def is_scavenged(run: FreeSpan) -> bool:
    """A free run is scavenged."""
    return run.scavenged


@obligation("scavenge.merge", "HEAP-11 HEAP-30 SCAV-11 T-27", INTEGERS)
def merging_conserves_what_is_released(p: Proof) -> None:
    """Two scavenged neighbours whose boundary is physical release together what each released."""
    below, above = any_run(p, "below"), any_run(p, "above")
    p.assume(above.base == p.integer(end_of, below))
    p.assume(*(p.holds(is_marked_scavenged, run) for run in (below, above)))
    for phys in MACHINES:
        sides = [bounds_of(p, phys, run) for run in (below, above)]
        given = z3.And(
            *(bounds.start < bounds.end for bounds in sides),
            p.holds(boundary_is_physical, phys, below, above),
        )
        merged = p.call_given(given, merge_below, phys, below, above)
        parts = p.integer(released, phys, below) + p.integer(released, phys, above)
        total = p.integer_given(given, released, phys, merged)
        p.show("conserved", total == parts, given)
        untouched = p.integer(released, phys, replace(below, scavenged=False))
        p.show("nothing, unless scavenged", untouched == 0)
        p.possible(f"two that merge, {phys.size}", given)


def is_marked_scavenged(run: PageRun) -> bool:
    """A run is scavenged."""
    return run.scavenged


@obligation("scavenge.realign", "HEAP-31 HEAP-34 I-15", INTEGERS)
def realigning_moves_partial_pages_only(p: Proof) -> None:
    """Where physical pages are large, the boundary of two unlike free neighbours moves to where the
    whole physical pages of the scavenged one end or begin: no page is lost, and what is released
    stays the same.
    """
    below, above = any_run(p, "below"), any_run(p, "above")
    p.assume(above.base == p.integer(end_of, below))
    for phys in MACHINES[2:4]:
        for below_is in (True, False):
            lower, upper = (
                replace(below, scavenged=below_is),
                replace(above, scavenged=not below_is),
            )
            scavenged = bounds_of(p, phys, lower if below_is else upper)
            p.show("one may merge", p.holds(boundary_is_physical, phys, lower, upper))
            boundary = p.integer(realigned_boundary, phys, lower, upper)
            seam = scavenged.end if below_is else scavenged.start
            given = scavenged.start < scavenged.end
            p.lemma("where whole pages are", boundary == seam)
            moved = p.call_given(given, move_boundary, lower, upper, boundary)
            assert isinstance(moved, Split)
            p.lemma("no page lost", p.integer(end_of, moved.taken) == moved.rest.base, given)
            same_end = p.integer(end_of, moved.rest) == p.integer(end_of, above)
            p.lemma("same end", same_end, given)
            kept = bounds_of(p, phys, moved.taken if below_is else moved.rest)
            p.show("the same whole pages", kept.start == scavenged.start, given)
            p.show("up to the same end", kept.end == scavenged.end, given)
            p.possible(f"a boundary that moves, {phys.size}", boundary != above.base)


# --- how much, and when ---------------------------------------------------------------------------


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
