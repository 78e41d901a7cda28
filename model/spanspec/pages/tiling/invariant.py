"""What holds of the page heap after every step, said of one run or one address at a time."""

from spanspec.base.ids import Address, SpanId
from spanspec.pages.runs import end_of
from spanspec.pages.tiling.records import NO_SPAN, Tiling, contains, is_free, is_live


def address_has_its_span(tiling: Tiling, address: Address) -> bool:
    """An address belongs to a live run that contains it, or to none; then it leads nowhere.

    Rules: I-12 I-13 HEAP-8.
    """
    span = tiling.owner[address]
    if span == NO_SPAN:
        return tiling.map[address] == NO_SPAN
    return is_live(tiling, span) and contains(tiling.runs[span], address)


def run_has_its_address(tiling: Tiling, span: SpanId, address: Address) -> bool:
    """An address in a live run belongs to it: so runs are disjoint, and no page is lost.

    Rules: I-12.
    """
    inside = is_live(tiling, span) and contains(tiling.runs[span], address)
    return not inside or tiling.owner[address] == span


def used_address_is_mapped(tiling: Tiling, address: Address) -> bool:
    """Every address of a span that is not free leads to it by the span map.

    Rules: I-13 HEAP-8.
    """
    span = tiling.owner[address]
    return not is_live(tiling, span) or is_free(tiling, span) or tiling.map[address] == span


def run_is_sound(tiling: Tiling, span: SpanId) -> bool:
    """A live run has pages, is found from both ends, and is scavenged only if it is free.

    Rules: I-9 I-13 HEAP-8.
    """
    run = tiling.runs[span]
    return not is_live(tiling, span) or (
        run.npages >= 1
        and tiling.map[Address(run.base)] == span
        and tiling.map[Address(end_of(run) - 1)] == span
        and (is_free(tiling, span) or not run.scavenged)
    )


def run_is_coalesced(tiling: Tiling, span: SpanId) -> bool:
    """A free run and the free run just above it are not both scavenged, nor both unscavenged.

    Rules: I-14 HEAP-33.
    """
    above = tiling.owner[Address(end_of(tiling.runs[span]))]
    return (
        not (is_free(tiling, span) and is_free(tiling, above))
        or tiling.runs[span].scavenged != tiling.runs[above].scavenged
    )


def settled_but_at(tiling: Tiling, span: SpanId, changed: SpanId) -> bool:
    """A free run is coalesced, except perhaps one that has just become free, at both its ends.

    Rules: HEAP-29.
    """
    above = tiling.owner[Address(end_of(tiling.runs[span]))]
    return span == changed or above == changed or run_is_coalesced(tiling, span)


def settled_but_above(tiling: Tiling, span: SpanId, changed: SpanId) -> bool:
    """A free run is coalesced, except perhaps one that has just become free, at its upper end.

    Rules: HEAP-29.
    """
    return span == changed or run_is_coalesced(tiling, span)


def tiling_holds(tiling: Tiling) -> bool:
    """Tell whether the page heap is sound: the inductive invariant of its steps.

    Rules: I-9 I-12 I-13 I-14.
    """
    return (
        all(address_has_its_span(tiling, address) for address in tiling.owner)
        and all(used_address_is_mapped(tiling, address) for address in tiling.owner)
        and all(
            all(run_has_its_address(tiling, span, address) for address in tiling.owner)
            for span in tiling.runs
        )
        and all(run_is_sound(tiling, span) for span in tiling.runs)
        and all(run_is_coalesced(tiling, span) for span in tiling.runs)
    )
