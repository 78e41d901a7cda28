"""The scavenger: which free memory it releases, from high addresses to low (SCAV-6 to SCAV-16)."""

from typing import Final

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import SpanId
from spanspec.base.words import M64, U64
from spanspec.events import heap_events as hev
from spanspec.pages.courses.scavengeline import growth_work
from spanspec.pages.freeset.freeruns import UNSCAVENGED_HUGE, UNSCAVENGED_SMALL
from spanspec.pages.memory.osmemory import check_release
from spanspec.pages.pageheap import Actor, PageHeap, Steps, about_run, page_number, who
from spanspec.pages.tables import steps
from spanspec.pages.tables.runs import (
    PageRun,
    PhysicalPages,
    end_of,
    phys_page_bounds,
    releasable,
    round_down,
)
from spanspec.pages.tables.statistics import retained
from spanspec.pages.tables.steps import may_scavenge, may_scavenge_part, scavenge_part

EVERYTHING: Final = M64
"""The number of bytes by which FreeOSMemory asks for all there is (SCAV-13)."""


def coarser_page(phys: PhysicalPages) -> U64:
    """Return the larger of a physical page and a page of the heap, in bytes.

    Rules: SCAV-9.
    """
    return phys.size if phys.size > PAGE_SIZE else PAGE_SIZE


def split_address(phys: PhysicalPages, run: PageRun, size: U64) -> U64:
    """Return where a run is cut so that its upper part releases `size` bytes; 0: it is not cut.

    The cut is at a physical page, and lower still, at a huge page, if that lies in the run.

    Rules: SCAV-9 SCAV-10.
    """
    bounds = phys_page_bounds(phys, run)
    start, end = bounds.start, bounds.end
    if end <= start or end - start <= size:
        return 0
    at = round_down(end - size, coarser_page(phys))
    if at <= start:
        return 0
    # Lower, so that more is released than was asked for: a huge page that is cut would be broken up
    # into small ones, and cost more than it gives.
    if phys.huge > PAGE_SIZE and round_down(at, phys.huge) >= start:
        at = round_down(at, phys.huge)
    if at == start:
        return 0
    assert at > start, "T-36: bad span split base"
    return at


def scavenge(heap: PageHeap, actor: Actor, why: hev.ScavengedBy, nbytes: U64) -> Steps:
    """Release at least `nbytes` bytes if there are so many, from high addresses to low ones.

    Runs with a huge page come first. Each is looked up anew, below the one before.

    Rules: SCAV-7 SCAV-8 SCAV-11 SCAV-12 SCAV-21.
    """
    yield hev.ScavengeBegins(
        *who(actor),
        by=why,
        wanted=nbytes,
        retained=retained(heap.stats),
        goal=heap.goals.retained_goal(),
        huge_pages=heap.unscavenged_huge,
    )
    total = 0
    for huge_pass, wanted in ((1, UNSCAVENGED_HUGE), (0, UNSCAVENGED_SMALL)):
        entry = heap.free.last(wanted)
        while entry is not None and total < nbytes:
            # Looked for before the run changes: it leaves the set, and may be merged with a lower
            # one.
            following = heap.free.before(entry.base, wanted)
            if releasable(heap.phys, heap.runs[entry.span]) > 0:
                part, got = scavenge_one(heap, actor, entry.span, nbytes - total)
                total += got
                yield hev.ScavengesSpan(
                    *about_run(actor, part, heap.runs[part].base),
                    split=int(part != entry.span),
                    huge=huge_pass,
                    chosen=entry.span,
                    chosen_base=page_number(entry.base),
                    chosen_npages=entry.npages,
                    released=got,
                )
                # Merged only after it was released: neighbours merge with what is in the same state
                # as they are.
                yield heap.coalesce(actor, part)
            entry = following
    yield hev.ScavengeEnds(*who(actor), by=why, released=total)


def scavenge_one(heap: PageHeap, actor: Actor, span: int, size: U64) -> tuple[int, U64]:
    """Release a free run, or as much of its upper part as is asked; return the span and the bytes.

    The span that was released is not in the free set.

    Rules: SCAV-6 SCAV-7 SCAV-9 OS-6.
    """
    run = heap.runs[span]
    at = split_address(heap.phys, run, size)
    part = SpanId(span)
    if at == 0:
        heap.act(actor, may_scavenge, steps.scavenge, part)
    else:
        part = SpanId(heap.descriptors.take(actor.p))
        npages = (end_of(run) - at) // PAGE_SIZE
        heap.act(actor, may_scavenge_part, scavenge_part, SpanId(span), part, npages)
    upper = heap.runs[part]
    got = releasable(heap.phys, upper)
    start = phys_page_bounds(heap.phys, upper).start
    # madvise takes whole physical pages: rounded outwards it would release memory of others.
    check_release(heap.phys, start, got)
    heap.os.unused(start, got)
    return part, got


def scavenge_for_growth(heap: PageHeap, actor: Actor, size: U64) -> Steps:
    """Before the heap grows by `size` bytes, release what would lift it above its goal.

    Rules: SCAV-14 SCAV-15 SCAV-16.
    """
    now = retained(heap.stats)
    goal = heap.goals.retained_goal()
    yield hev.ScavengeIfNeeded(*who(actor), retained=now, size=size, goal=goal)
    work = growth_work(size, now, goal)
    if work > 0:
        yield from scavenge(heap, actor, "grow", work)


def scavenge_in_background(heap: PageHeap, actor: Actor, nbytes: U64) -> Steps:
    """Release what the line asks for (SCAV-17)."""
    yield from scavenge(heap, actor, "bg", nbytes)


def scavenge_all(heap: PageHeap, actor: Actor) -> Steps:
    """Release every whole physical page of every free run.

    Rules: SCAV-13.
    """
    yield from scavenge(heap, actor, "FreeOSMemory", EVERYTHING)


def nothing_left(heap: PageHeap) -> bool:
    """Tell whether no unscavenged free run holds a whole physical page.

    Rules: SCAV-13.
    """
    return all(
        releasable(heap.phys, heap.runs[entry.span]) == 0
        for entry in heap.free.in_order()
        if not entry.scavenged
    )
