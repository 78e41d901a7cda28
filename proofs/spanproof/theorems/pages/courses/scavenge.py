"""What the scavenger releases of a run, and what becomes of it when runs are merged.

Where a claim is about any powers of two it says so; else it is shown for each of the page sizes
that Linux has.
"""

from typing import Final

import z3
from msgspec.structs import replace

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.integers import Integers
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.words import U64
from spanspec.pages.courses.scavenge import split_address
from spanspec.pages.freeset.freeruns import UNSCAVENGED_HUGE, UNSCAVENGED_SMALL, FreeSpan, passes
from spanspec.pages.tables.runs import (
    Bounds,
    PageRun,
    PhysicalPages,
    Split,
    boundary_is_physical,
    cut_run,
    end_of,
    huge_pages,
    merge_below,
    move_boundary,
    phys_page_bounds,
    realigned_boundary,
    releasable,
    released,
    round_down,
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


@obligation("scavenge.huge-pages", "HEAP-12", INTEGERS)
def the_huge_pages_that_are_counted_lie_inside(p: Proof) -> None:
    """The huge pages of a run are those that lie wholly inside it: of an arbitrary one it is asked
    whether it is among as many as are counted, from the first that begins in the run.
    """
    run = any_run(p, "run")
    number = p.number(U64, "number")
    start, end = run.base, p.integer(end_of, run)
    for phys in (one for one in MACHINES if one.huge):
        count = p.integer(huge_pages, phys, run)
        at = number * phys.huge
        inside = z3.And(start <= at, at + phys.huge <= end)
        first = (start + phys.huge - 1) / phys.huge
        counted = z3.And(first <= number, number < first + count)
        p.show("those that are counted", inside == counted)
        p.possible(f"one, {phys.size}, {phys.huge}", count == 1)
        p.possible(f"parts of two, {phys.size}, {phys.huge}", z3.And(count == 0, run.npages > 256))
    none = p.integer(huge_pages, MACHINES[0], run)
    p.show("none where there are none", none == 0)


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
