"""A run that becomes free meets its free neighbours, and enters the free set (HEAP-28 to HEAP-34).

Alike neighbours are joined with it; between unlike ones the boundary goes where whole physical
pages are. For each step, `may_...` is the guard; each happens under the lock of the page heap.
"""

from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import Address, SpanId
from spanspec.pages.tables.records import NO_SPAN, Tiling, is_listed, is_loose, with_page
from spanspec.pages.tables.runs import (
    LISTED,
    SPARE,
    end_of,
    just_below,
    last_page,
    may_merge,
    merge_above,
    merge_below,
    move_boundary,
    realigned_boundary,
)
from spanspec.span.mspan import DEAD


def free_at(tiling: Tiling, address: Address) -> SpanId:
    """Return the run of the free set that an address leads to by the span map, or NO_SPAN.

    Rules: HEAP-6 HEAP-29.
    """
    span = tiling.map[address]
    return span if is_listed(tiling, span) else NO_SPAN


def alike_below(tiling: Tiling, span: SpanId) -> SpanId:
    """Return the neighbour below that a free run has to absorb, or NO_SPAN.

    Rules: HEAP-29 HEAP-33.
    """
    below = free_at(tiling, Address(just_below(tiling.runs[span])))
    if below != NO_SPAN and may_merge(tiling.runs[span], tiling.runs[below]):
        return below
    return NO_SPAN


def alike_above(tiling: Tiling, span: SpanId) -> SpanId:
    """Return the neighbour above that a free run has to absorb, or NO_SPAN.

    Rules: HEAP-29 HEAP-33.
    """
    above = free_at(tiling, Address(end_of(tiling.runs[span])))
    if above != NO_SPAN and may_merge(tiling.runs[span], tiling.runs[above]):
        return above
    return NO_SPAN


def absorb_below(tiling: Tiling, span: SpanId, below: SpanId) -> Tiling:
    """Let a run take the place of itself and the one just below, whose descriptor is spare then.

    Rules: HEAP-30.
    """
    merged = merge_below(tiling.phys, tiling.runs[below], tiling.runs[span])
    dead = replace(tiling.runs[below], state=DEAD, role=SPARE)
    joined = replace(
        tiling,
        runs=tiling.runs.set(below, dead).set(span, merged),
        owner=tiling.owner.set_range(Address(merged.base), Address(end_of(merged)), span),
    )
    # Only the first page is entered anew: for a free run the map is kept right at both ends, where
    # neighbours look, and nowhere else. The last page leads to this run already.
    return with_page(joined, Address(merged.base), span)


def absorb_above(tiling: Tiling, span: SpanId, above: SpanId) -> Tiling:
    """Let a run take the place of itself and the one just above, whose descriptor is spare then.

    Rules: HEAP-30.
    """
    merged = merge_above(tiling.phys, tiling.runs[span], tiling.runs[above])
    dead = replace(tiling.runs[above], state=DEAD, role=SPARE)
    joined = replace(
        tiling,
        runs=tiling.runs.set(above, dead).set(span, merged),
        owner=tiling.owner.set_range(Address(merged.base), Address(end_of(merged)), span),
    )
    # The first page leads to this run already; see `absorb_below`.
    return with_page(joined, Address(last_page(merged)), span)


def realign(tiling: Tiling, below: SpanId, above: SpanId) -> Tiling:
    """Move the boundary of two free neighbours, unlike each other, out of a physical page.

    Rules: HEAP-31.
    """
    # On amd64 a page of the heap is two physical ones, so that every boundary is a physical one.
    if tiling.phys.size <= PAGE_SIZE:
        return tiling
    boundary = realigned_boundary(tiling.phys, tiling.runs[below], tiling.runs[above])
    moved = move_boundary(tiling.runs[below], tiling.runs[above], boundary)
    lower, upper = moved.taken, moved.rest
    start, at, end = Address(lower.base), Address(boundary), Address(end_of(upper))
    apart = replace(
        tiling,
        runs=tiling.runs.set(below, lower).set(above, upper),
        owner=tiling.owner.set_range(start, at, below).set_range(at, end, above),
    )
    return with_page(with_page(apart, Address(last_page(lower)), below), at, above)


def may_merge_lower(tiling: Tiling, span: SpanId) -> bool:
    """Guard: the run is free, and not in the free set."""
    return is_loose(tiling, span)


def merge_lower(tiling: Tiling, span: SpanId) -> Tiling:
    """Merge a free run with the free one below, or put their boundary right if they are unlike.

    Rules: HEAP-29 HEAP-31 HEAP-33.
    """
    below = free_at(tiling, Address(just_below(tiling.runs[span])))
    if below == NO_SPAN:
        return tiling
    if may_merge(tiling.runs[span], tiling.runs[below]):
        return absorb_below(tiling, span, below)
    return realign(tiling, below, span)


def may_merge_upper(tiling: Tiling, span: SpanId) -> bool:
    """Guard: the run is free, and not in the free set."""
    return is_loose(tiling, span)


def merge_upper(tiling: Tiling, span: SpanId) -> Tiling:
    """Merge a free run with the free one above, or put their boundary right if they are unlike.

    Rules: HEAP-29 HEAP-31 HEAP-33.
    """
    above = free_at(tiling, Address(end_of(tiling.runs[span])))
    if above == NO_SPAN:
        return tiling
    if may_merge(tiling.runs[span], tiling.runs[above]):
        return absorb_above(tiling, span, above)
    return realign(tiling, span, above)


def may_enter_free_set(tiling: Tiling, span: SpanId) -> bool:
    """Guard: the run is free, and has no neighbour that it would have to absorb.

    Where physical pages are larger, two alike may meet in the middle of one (HEAP-16).
    """
    return is_loose(tiling, span) and (
        tiling.phys.size > PAGE_SIZE
        or (alike_below(tiling, span) == NO_SPAN and alike_above(tiling, span) == NO_SPAN)
    )


def enter_free_set(tiling: Tiling, span: SpanId) -> Tiling:
    """Put a free run that has been coalesced into the free set.

    Rules: HEAP-29 TREAP-4.
    """
    return replace(tiling, runs=tiling.runs.set(span, replace(tiling.runs[span], role=LISTED)))
