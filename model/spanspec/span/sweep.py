"""What a sweep does to the span it owns (rules SWP-24 to SWP-28)."""

from msgspec.structs import replace

from spanspec.base.bitmap import NO_BITS
from spanspec.base.constants import size_class_of
from spanspec.base.records import Record
from spanspec.base.words import U16
from spanspec.span.alloccache import next_free_index, refill_alloc_cache
from spanspec.span.mspan import IN_USE, Mspan, count_alloc


class Swept(Record, frozen=True):
    """The outcome of a sweep, before its sweepgen is published.

    `was_empty` tells that no slot was free before the sweep (the name is the runtime's: the
    list of spans without a free slot is called `empty`).
    """

    span: Mspan
    nfreed: U16
    was_empty: bool
    large_dead: bool


def sweep(span: Mspan) -> Swept:
    """Make the mark bits the new allocation bits: keep every marked slot, free every other.

    Rules: SWP-24 SWP-27 SWP-28 SWP-30.
    """
    assert span.state == IN_USE, "T-58: mspan.sweep: bad span state"
    nalloc = count_alloc(span)
    assert nalloc <= span.alloc_count, "T-59: sweep increased allocation count"
    # Not the difference of the two bitmaps: slots allocated since the last sweep have no bit.
    nfreed = span.alloc_count - nalloc
    small = size_class_of(span.spanclass) != 0
    large_dead = not small and nalloc == 0
    # Asked before the bits are exchanged. The runtime's search moves freeindex here, which does no
    # harm, as a sweep sets it to 0.
    was_empty = next_free_index(span).slot == span.nelems
    freed_some = large_dead or (small and nfreed > 0)
    swept = replace(
        span,
        freeindex=0,
        alloc_count=nalloc,
        alloc_bits=span.gcmark_bits,
        gcmark_bits=NO_BITS,
        alloc_cache=refill_alloc_cache(span.gcmark_bits, 0),
        # A freed slot still holds what its object held.
        needzero=1 if freed_some else span.needzero,
    )
    return Swept(swept, nfreed, was_empty, large_dead)


def frees_some(swept: Swept) -> bool:
    """Tell whether some object of a span was found dead.

    Rules: SWP-24 SWP-26.
    """
    if size_class_of(swept.span.spanclass) == 0:
        return swept.large_dead
    return swept.nfreed > 0


def leaves_nothing(swept: Swept) -> bool:
    """Tell whether no object of a span is alive.

    Rules: SWP-24 SWP-26.
    """
    return swept.span.alloc_count == 0
