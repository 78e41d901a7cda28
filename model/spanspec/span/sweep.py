"""What a sweep does to the span it owns (rules SWP-24 to SWP-28)."""

from msgspec.structs import replace

from spanspec.base.bitmap import NO_BITS
from spanspec.base.constants import size_class_of
from spanspec.base.records import Record
from spanspec.base.words import U16, U32
from spanspec.span.alloccache import next_free_index, refill_alloc_cache
from spanspec.span.listing import sweep_moves_to_nonempty, sweep_returns_span
from spanspec.span.mspan import IN_USE, Mspan, count_alloc
from spanspec.span.sweepgen import is_sweeping, publish_swept


class Swept(Record, frozen=True):
    """The outcome of a sweep, before its sweepgen is published.

    `was_empty` tells that no slot was free before the sweep (the name is the runtime's: the
    list of spans without a free slot is called `empty`).
    """

    span: Mspan
    nfreed: U16
    was_empty: bool
    large_dead: bool


def sweep(sg: U32, span: Mspan) -> Swept:
    """Make the mark bits the new allocation bits: keep every marked slot, free every other.

    Rules: SWP-24 SWP-27 SWP-28 SWP-30.
    """
    assert span.state == IN_USE, "T-58: mspan.sweep: bad span state"
    assert is_sweeping(sg, span.sweepgen), "T-58: mspan.sweep: bad span state"
    nalloc = count_alloc(span)
    assert nalloc <= span.alloc_count, "T-59: sweep increased allocation count"
    nfreed = span.alloc_count - nalloc
    small = size_class_of(span.spanclass) != 0
    large_dead = not small and nalloc == 0
    was_empty = next_free_index(span).slot == span.nelems
    freed_some = large_dead or (small and nfreed > 0)
    swept = replace(
        span,
        freeindex=0,
        alloc_count=nalloc,
        alloc_bits=span.gcmark_bits,
        gcmark_bits=NO_BITS,
        alloc_cache=refill_alloc_cache(span.gcmark_bits, 0),
        needzero=1 if freed_some else span.needzero,
    )
    return Swept(swept, nfreed, was_empty, large_dead)


def publish(sg: U32, span: Mspan) -> Mspan:
    """Store the heap's sweepgen in a span whose sweep is complete.

    Rules: SWP-3 SWP-24 CEN-14.
    """
    assert span.state == IN_USE, "T-60: mspan.sweep: bad span state after sweep"
    return replace(span, sweepgen=publish_swept(sg, span.sweepgen))


def returns_to_heap(swept: Swept, preserve: bool) -> bool:
    """Tell whether the whole span goes back to the page heap.

    Rules: SWP-25 SWP-26 CEN-14.
    """
    large = size_class_of(swept.span.spanclass) == 0
    return sweep_returns_span(large, preserve, swept.nfreed > 0, swept.span.alloc_count == 0)


def moves_to_nonempty(swept: Swept, preserve: bool) -> bool:
    """Tell whether a swept span, which was full, moves to the nonempty list of its class.

    Rules: CEN-14 CEN-15.
    """
    large = size_class_of(swept.span.spanclass) == 0
    return sweep_moves_to_nonempty(large, preserve, swept.nfreed > 0, swept.was_empty)
