"""What the page heap does to runs: growth, taking, giving back, scavenging.

For each step, `may_...` is the guard. Each happens under the lock of the page heap; the courses of
`growth`, `pagealloc` and `scavenge` apply them, and change nothing of this themselves. A step
never reads a table that it has replaced: a table that runs is updated in place.
"""

from msgspec.structs import replace

from spanspec.base.constants import HEAP_ADDR_LIMIT, PAGE_SIZE
from spanspec.base.ids import Address, SpanId
from spanspec.base.words import U8, U16, U64
from spanspec.pages.tables.records import (
    NO_SPAN,
    UNMAPPED,
    Arena,
    Tiling,
    is_listed,
    with_page,
)
from spanspec.pages.tables.runs import (
    LOOSE,
    SPARE,
    TAKEN,
    PageRun,
    check_can_be_allocated,
    check_can_be_freed,
    cut_run,
    end_of,
    last_page,
    page_run,
    releasable,
    split_run,
)
from spanspec.span.mspan import FREE, IN_USE, MANUAL


def is_spare(tiling: Tiling, span: SpanId) -> bool:
    """Tell whether a descriptor stands for no run, so that it can be given one.

    Rules: HEAP-4.
    """
    return span >= 0 and tiling.runs[span].role == SPARE


# --- growth ---------------------------------------------------------------------------------------


def may_add_arenas(tiling: Tiling, base: U64, npages: U64) -> bool:
    """Guard: the region lies in the address space, and no address of it in an arena."""
    end = base + npages * PAGE_SIZE
    return (
        npages >= 1
        and end <= HEAP_ADDR_LIMIT
        and tiling.map.all_are(Address(base), Address(end), UNMAPPED)
    )


def add_arenas(tiling: Tiling, base: U64, npages: U64) -> Tiling:
    """Enter new arenas into the span map: no page of theirs has a span.

    Rules: AR-5.
    """
    end = base + npages * PAGE_SIZE
    # Entered as pages without a span, which is not the same as no pages: `spanOf` answers nil for
    # both, but only here may a run begin.
    return replace(
        tiling,
        map=tiling.map.set_range(Address(base), Address(end), NO_SPAN),
        mapped=tiling.mapped + npages * PAGE_SIZE,
    )


def continues(current: Arena, base: U64) -> bool:
    """Tell whether a region goes on where the current arena ends.

    Rules: HEAP-17.
    """
    return current.end != 0 and base == current.end


def may_enter_arenas(tiling: Tiling, base: U64, npages: U64) -> bool:
    """Guard: no span has had a page of the region; it goes on, or the current arena is used up."""
    end = base + npages * PAGE_SIZE
    return (
        npages >= 1
        and tiling.map.all_are(Address(base), Address(end), NO_SPAN)
        and (continues(tiling.current, base) or tiling.current.base >= tiling.current.end)
    )


def enter_arenas(tiling: Tiling, base: U64, npages: U64) -> Tiling:
    """Let the current arena go on with a region, or begin anew there.

    Rules: HEAP-17.
    """
    end = base + npages * PAGE_SIZE
    # A region that goes on where the last one ended lets a run reach across both.
    start = tiling.current.base if continues(tiling.current, base) else base
    return replace(tiling, current=Arena(start, end))


def may_take_from_arena(tiling: Tiling, span: SpanId, npages: U64) -> bool:
    """Guard: the descriptor is spare, and the current arena has so many pages."""
    return (
        is_spare(tiling, span)
        and npages >= 1
        and tiling.current.base + npages * PAGE_SIZE <= tiling.current.end
    )


def take_from_arena(tiling: Tiling, span: SpanId, npages: U64) -> Tiling:
    """Make the low end of the current arena a free run: scavenged, and zero.

    Rules: HEAP-19.
    """
    fresh = page_run(tiling.current.base, npages)
    # Scavenged: memory that was never touched costs nothing. Zero, as the system promises.
    run = replace(fresh, state=FREE, scavenged=True, role=LOOSE)
    start, end = Address(run.base), Address(end_of(run))
    return replace(
        tiling,
        runs=tiling.runs.set(span, run),
        map=tiling.map.set_range(start, end, span),
        owner=tiling.owner.set_range(start, end, span),
        current=Arena(end, tiling.current.end),
    )


# --- taking and giving back -----------------------------------------------------------------------


def may_take_whole(tiling: Tiling, span: SpanId, npages: U64) -> bool:
    """Guard: a run of the free set has exactly the pages that are asked for."""
    return is_listed(tiling, span) and tiling.runs[span].npages == npages


def take_whole(tiling: Tiling, span: SpanId, npages: U64) -> Tiling:
    """Take a whole run out of the free set; its pages all lead to it then.

    Rules: HEAP-13 HEAP-8.
    """
    run = check_can_be_allocated(tiling.runs[span], npages)
    # The pages are about to be used, so the run counts as released no longer.
    taken = replace(run, scavenged=False, role=TAKEN)
    start, end = Address(taken.base), Address(end_of(taken))
    # Every page, and not only both ends: from now on pointers into the middle are looked up.
    return replace(
        tiling,
        runs=tiling.runs.set(span, taken),
        map=tiling.map.set_range(start, end, span),
        written=tiling.written.set_range(start, end, True),
    )


def may_take_part(tiling: Tiling, chosen: SpanId, span: SpanId, npages: U64) -> bool:
    """Guard: a run of the free set has more pages than are asked for; the descriptor is spare."""
    return (
        is_listed(tiling, chosen)
        and is_spare(tiling, span)
        and 1 <= npages < tiling.runs[chosen].npages
    )


def take_part(tiling: Tiling, chosen: SpanId, span: SpanId, npages: U64) -> Tiling:
    """Take the low end of a run of the free set; the rest stays there with the old descriptor.

    Rules: HEAP-13 HEAP-8.
    """
    run = check_can_be_allocated(tiling.runs[chosen], npages)
    cut = split_run(tiling.phys, run, npages)
    taken = replace(cut.taken, scavenged=False, role=TAKEN)
    start, end = Address(taken.base), Address(end_of(taken))
    rest = replace(
        tiling,
        runs=tiling.runs.set(chosen, cut.rest).set(span, taken),
        owner=tiling.owner.set_range(start, end, span),
        written=tiling.written.set_range(start, end, True),
    )
    # The rest begins elsewhere now, so its first page has to lead to it. Its last page does
    # already.
    mapped = with_page(rest, Address(cut.rest.base), chosen)
    return replace(mapped, map=mapped.map.set_range(start, end, span))


def is_used(run: PageRun) -> bool:
    """Tell whether a run is in use or manual.

    Rules: SPAN-2.
    """
    return IN_USE <= run.state <= MANUAL


def is_taken(tiling: Tiling, span: SpanId) -> bool:
    """Tell whether a run was taken out of the free set.

    Rules: HEAP-13.
    """
    return span >= 0 and tiling.runs[span].role == TAKEN


def may_use(tiling: Tiling, span: SpanId) -> bool:
    """Guard: the run was taken, and is not in use yet."""
    return is_taken(tiling, span) and not is_used(tiling.runs[span])


def use(tiling: Tiling, span: SpanId) -> Tiling:
    """Let a run that was taken become a span of the collected heap.

    Rules: HEAP-22.
    """
    used = replace(tiling.runs[span], state=IN_USE)
    return replace(tiling, runs=tiling.runs.set(span, used))


def may_use_manually(tiling: Tiling, span: SpanId) -> bool:
    """Guard: the run was taken, and is not in use yet."""
    return is_taken(tiling, span) and not is_used(tiling.runs[span])


def use_manually(tiling: Tiling, span: SpanId) -> Tiling:
    """Let a run that was taken become a manual span, for stacks or work buffers.

    Rules: HEAP-24.
    """
    used = replace(tiling.runs[span], state=MANUAL)
    return replace(tiling, runs=tiling.runs.set(span, used))


def may_give_back(tiling: Tiling, span: SpanId, alloc_count: U16, needzero: U8) -> bool:
    """Guard: the span is in use or manual, empty, and says that it was written to."""
    return (
        # needzero is part of the guard: what was in use was written to, and a run that said
        # otherwise would be handed out as zero memory.
        is_taken(tiling, span) and is_used(tiling.runs[span]) and alloc_count == 0 and needzero != 0
    )


def give_back(tiling: Tiling, span: SpanId, alloc_count: U16, needzero: U8) -> Tiling:
    """Free a span that was in use or manual; count and needzero are those of its `Mspan`.

    Rules: HEAP-28 T-33 T-34 T-35.
    """
    run = check_can_be_freed(tiling.runs[span], alloc_count)
    freed = replace(run, state=FREE, role=LOOSE, needzero=needzero)
    return replace(tiling, runs=tiling.runs.set(span, freed))


# --- scavenging -----------------------------------------------------------------------------------


def may_scavenge(tiling: Tiling, span: SpanId) -> bool:
    """Guard: the run is in the free set, not scavenged, and has a whole physical page."""
    run = tiling.runs[span]
    return is_listed(tiling, span) and not run.scavenged and releasable(tiling.phys, run) > 0


def scavenge(tiling: Tiling, span: SpanId) -> Tiling:
    """Release a whole run, which leaves the free set until it is coalesced.

    Rules: SCAV-6 SCAV-7.
    """
    # Out of the free set, because its type changes there, and because a neighbour that is
    # scavenged, too, has to be absorbed now.
    released = replace(tiling.runs[span], scavenged=True, role=LOOSE)
    return replace(tiling, runs=tiling.runs.set(span, released))


def may_scavenge_part(tiling: Tiling, span: SpanId, part: SpanId, npages: U64) -> bool:
    """Guard: the run is in the free set, not scavenged, and longer; the descriptor is spare."""
    return (
        is_listed(tiling, span)
        and not tiling.runs[span].scavenged
        and is_spare(tiling, part)
        and 1 <= npages < tiling.runs[span].npages
    )


def scavenge_part(tiling: Tiling, span: SpanId, part: SpanId, npages: U64) -> Tiling:
    """Release the upper pages of a run of the free set, under a descriptor of their own.

    Rules: SCAV-7 SCAV-9.
    """
    run = tiling.runs[span]
    at = end_of(run) - npages * PAGE_SIZE
    cut = cut_run(run, at)
    # The upper part: allocation takes from the low end, so that what lies high is needed last.
    upper = replace(cut.rest, scavenged=True, role=LOOSE)
    apart = replace(
        tiling,
        runs=tiling.runs.set(span, cut.taken).set(part, upper),
        owner=tiling.owner.set_range(Address(at), Address(end_of(upper)), part),
    )
    below = with_page(apart, Address(last_page(cut.taken)), span)
    first = with_page(below, Address(at), part)
    return with_page(first, Address(last_page(upper)), part)
