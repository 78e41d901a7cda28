"""What the page heap does to runs: growth, taking, giving back, scavenging, coalescing.

For each step, `may_...` is the guard. Each happens under the lock of the page heap.
"""

from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import Address, SpanId
from spanspec.base.words import U64
from spanspec.pages.runs import (
    AMD64,
    cut_run,
    end_of,
    just_below,
    last_page,
    may_merge,
    merge_above,
    merge_below,
    page_run,
    split_run,
)
from spanspec.pages.tiling.records import NO_SPAN, Tiling, is_free, is_live
from spanspec.span.mspan import DEAD, FREE, IN_USE, MANUAL, SpanState


def with_page(tiling: Tiling, page: Address, span: SpanId) -> Tiling:
    """Let one page of the span map lead to a span.

    Rules: HEAP-8.
    """
    return replace(tiling, map=tiling.map.set_range(page, Address(page + PAGE_SIZE), span))


def free_at(tiling: Tiling, address: Address) -> SpanId:
    """Return the free span that an address leads to by the span map, or NO_SPAN.

    Rules: HEAP-6 HEAP-29.
    """
    span = tiling.map[address]
    return span if is_free(tiling, span) else NO_SPAN


def absorb_below(tiling: Tiling, span: SpanId, below: SpanId) -> Tiling:
    """Let a run take the place of itself and the one just below.

    Rules: HEAP-30.
    """
    merged = merge_below(AMD64, tiling.runs[below], tiling.runs[span])
    dead = replace(tiling.runs[below], state=DEAD)
    joined = replace(
        tiling,
        runs=tiling.runs.set(below, dead).set(span, merged),
        owner=tiling.owner.set_range(Address(merged.base), Address(end_of(merged)), span),
    )
    return with_page(joined, Address(merged.base), span)


def absorb_above(tiling: Tiling, span: SpanId, above: SpanId) -> Tiling:
    """Let a run take the place of itself and the one just above.

    Rules: HEAP-30.
    """
    merged = merge_above(AMD64, tiling.runs[span], tiling.runs[above])
    dead = replace(tiling.runs[above], state=DEAD)
    joined = replace(
        tiling,
        runs=tiling.runs.set(above, dead).set(span, merged),
        owner=tiling.owner.set_range(Address(merged.base), Address(end_of(merged)), span),
    )
    return with_page(joined, Address(last_page(merged)), span)


def merge_lower(tiling: Tiling, span: SpanId) -> Tiling:
    """Merge a free run with the one below, if that is free and scavenged as it is.

    Rules: HEAP-29 HEAP-33.
    """
    below = free_at(tiling, Address(just_below(tiling.runs[span])))
    if below != NO_SPAN and may_merge(tiling.runs[span], tiling.runs[below]):
        return absorb_below(tiling, span, below)
    return tiling


def merge_upper(tiling: Tiling, span: SpanId) -> Tiling:
    """Merge a free run with the one above, if that is free and scavenged as it is.

    Rules: HEAP-29 HEAP-33.
    """
    above = free_at(tiling, Address(end_of(tiling.runs[span])))
    if above != NO_SPAN and may_merge(tiling.runs[span], tiling.runs[above]):
        return absorb_above(tiling, span, above)
    return tiling


def coalesce(tiling: Tiling, span: SpanId) -> Tiling:
    """Merge a free run with its free neighbours, first the lower, then the upper one.

    Rules: HEAP-29 HEAP-33.
    """
    return merge_upper(merge_lower(tiling, span), span)


def is_fresh(tiling: Tiling, span: SpanId, npages: U64) -> bool:
    """Tell whether a descriptor stands for nothing, and may stand for so many pages."""
    return span != NO_SPAN and not is_live(tiling, span) and npages >= 1


def is_unused(tiling: Tiling, base: U64, npages: U64, address: Address) -> bool:
    """Tell whether an address lies outside a piece of the arena, or belongs to no span.

    Rules: HEAP-17 AR-5.
    """
    return not base <= address < base + npages * PAGE_SIZE or tiling.owner[address] == NO_SPAN


def may_grow(tiling: Tiling, span: SpanId, base: U64, npages: U64) -> bool:
    """Guard: the descriptor is fresh, and the addresses belong to no span."""
    return is_fresh(tiling, span, npages) and all(
        is_unused(tiling, base, npages, address) for address in tiling.owner
    )


def grow(tiling: Tiling, span: SpanId, base: U64, npages: U64) -> Tiling:
    """Make a piece of the current arena a free span, which is scavenged; `coalesce` follows.

    Rules: HEAP-19.
    """
    fresh = page_run(base, npages, tiling.runs[span].sweepgen)
    run = replace(fresh, state=FREE, scavenged=True)
    start, end = Address(run.base), Address(end_of(run))
    return replace(
        tiling,
        runs=tiling.runs.set(span, run),
        map=tiling.map.set_range(start, end, span),
        owner=tiling.owner.set_range(start, end, span),
    )


def may_take_whole(tiling: Tiling, span: SpanId, npages: U64, state: SpanState) -> bool:
    """Guard: a free run has exactly the pages that are asked for."""
    return (
        is_free(tiling, span) and tiling.runs[span].npages == npages and IN_USE <= state <= MANUAL
    )


def take_whole(tiling: Tiling, span: SpanId, npages: U64, state: SpanState) -> Tiling:
    """Take a whole free run into use; its pages all lead to it then.

    Rules: HEAP-13 HEAP-8.
    """
    taken = replace(tiling.runs[span], scavenged=False, state=state)
    start, end = Address(taken.base), Address(end_of(taken))
    return replace(
        tiling,
        runs=tiling.runs.set(span, taken),
        map=tiling.map.set_range(start, end, span),
    )


def may_take_part(
    tiling: Tiling, chosen: SpanId, span: SpanId, npages: U64, state: SpanState
) -> bool:
    """Guard: a free run has more pages than are asked for, and the descriptor is fresh."""
    return (
        is_free(tiling, chosen)
        and span != NO_SPAN
        and not is_live(tiling, span)
        and 1 <= npages < tiling.runs[chosen].npages
        and IN_USE <= state <= MANUAL
    )


def take_part(
    tiling: Tiling, chosen: SpanId, span: SpanId, npages: U64, state: SpanState
) -> Tiling:
    """Take the low end of a free run into use; the rest keeps the old descriptor.

    Rules: HEAP-13 HEAP-8.
    """
    cut = split_run(AMD64, tiling.runs[chosen], npages, tiling.runs[span].sweepgen)
    taken = replace(cut.taken, scavenged=False, state=state)
    start, end = Address(taken.base), Address(end_of(taken))
    rest = replace(tiling, runs=tiling.runs.set(chosen, cut.rest).set(span, taken))
    mapped = with_page(rest, Address(cut.rest.base), chosen)
    return replace(
        mapped,
        map=mapped.map.set_range(start, end, span),
        owner=tiling.owner.set_range(start, end, span),
    )


def may_give_back(tiling: Tiling, span: SpanId) -> bool:
    """Guard: the span is in use or manual."""
    return is_live(tiling, span) and not is_free(tiling, span)


def give_back(tiling: Tiling, span: SpanId) -> Tiling:
    """Free a span that was in use or manual; `coalesce` follows.

    Rules: HEAP-28.
    """
    freed = replace(tiling.runs[span], state=FREE)
    return replace(tiling, runs=tiling.runs.set(span, freed))


def may_scavenge(tiling: Tiling, span: SpanId) -> bool:
    """Guard: the run is free and not scavenged."""
    return is_free(tiling, span) and not tiling.runs[span].scavenged


def scavenge(tiling: Tiling, span: SpanId) -> Tiling:
    """Release a whole free run; `coalesce` follows.

    Rules: SCAV-6 SCAV-7.
    """
    released = replace(tiling.runs[span], scavenged=True)
    return replace(tiling, runs=tiling.runs.set(span, released))


def may_scavenge_part(tiling: Tiling, span: SpanId, part: SpanId, npages: U64) -> bool:
    """Guard: the run is free, not scavenged, and longer; the descriptor is fresh."""
    return (
        may_scavenge(tiling, span)
        and part != NO_SPAN
        and not is_live(tiling, part)
        and 1 <= npages < tiling.runs[span].npages
    )


def scavenge_part(tiling: Tiling, span: SpanId, part: SpanId, npages: U64) -> Tiling:
    """Release the upper pages of a free run, under a descriptor of their own; `coalesce` follows.

    Rules: SCAV-7 SCAV-9.
    """
    run = tiling.runs[span]
    at = end_of(run) - npages * PAGE_SIZE
    cut = cut_run(run, at, tiling.runs[part].sweepgen)
    upper = replace(cut.rest, scavenged=True)
    apart = replace(
        tiling,
        runs=tiling.runs.set(span, cut.taken).set(part, upper),
        owner=tiling.owner.set_range(Address(at), Address(end_of(upper)), part),
    )
    below = with_page(apart, Address(last_page(cut.taken)), span)
    first = with_page(below, Address(at), part)
    return with_page(first, Address(last_page(upper)), part)
