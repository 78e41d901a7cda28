"""What holds of the page heap after every step, said of one run or one address at a time."""

from spanspec.base.constants import HEAP_ADDR_LIMIT
from spanspec.base.ids import Address, SpanId
from spanspec.pages.tables.records import (
    NO_SPAN,
    UNMAPPED,
    Tiling,
    contains,
    is_free,
    is_listed,
    is_live,
)
from spanspec.pages.tables.runs import SPARE, TAKEN, end_of
from spanspec.span.mspan import DEAD, FREE


def address_has_its_span(tiling: Tiling, address: Address) -> bool:
    """An address belongs to a live run that contains it, or to none.

    It leads to some span, perhaps a stale one, just if it belongs to one; else nobody wrote to it.

    Rules: I-12 I-13 HEAP-8.
    """
    span = tiling.owner[address]
    if span == NO_SPAN:
        return tiling.map[address] < 0 and not tiling.written[address]
    run = tiling.runs[span]
    return span >= 0 and run.role != SPARE and contains(run, address) and tiling.map[address] >= 0


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
    return span < 0 or tiling.runs[span].role != TAKEN or tiling.map[address] == span


def free_address_is_zero(tiling: Tiling, address: Address) -> bool:
    """An address of a free run that need not be zeroed was never handed out.

    Rules: I-10 HEAP-35.
    """
    span = tiling.owner[address]
    return (
        not is_free(tiling, span) or tiling.runs[span].needzero != 0 or not tiling.written[address]
    )


def arena_is_unused(tiling: Tiling, address: Address) -> bool:
    """An address of the current arena lies in an arena, and no span has had it.

    Rules: I-16 HEAP-17.
    """
    inside = tiling.current.base <= address < tiling.current.end
    return not inside or tiling.map[address] == NO_SPAN


def arena_is_addressable(tiling: Tiling, address: Address) -> bool:
    """An address of an arena has 48 bits: so the end of every run is a machine word.

    Rules: CONST-2 T-8.
    """
    return 0 <= address < HEAP_ADDR_LIMIT or tiling.map[address] == UNMAPPED


def run_is_sound(tiling: Tiling, span: SpanId) -> bool:
    """A live run has pages, is found from both ends, and is scavenged only if it is free.

    A descriptor that stands for no run is dead, and a run on its way to the free set is free.

    Rules: I-9 I-13 I-33 HEAP-8.
    """
    if span < 0:
        return True
    run = tiling.runs[span]
    if run.role == SPARE:
        return run.state == DEAD
    return (
        run.npages >= 1
        and tiling.map[Address(run.base)] == span
        and tiling.map[Address(end_of(run) - 1)] == span
        and (not run.scavenged if run.role == TAKEN else run.state == FREE)
    )


def run_is_coalesced(tiling: Tiling, span: SpanId) -> bool:
    """A run of the free set and the one just above are not both scavenged, nor both unscavenged.

    Rules: I-14 HEAP-33.
    """
    if not is_listed(tiling, span):
        return True
    above = tiling.owner[Address(end_of(tiling.runs[span]))]
    return (
        not is_listed(tiling, above) or tiling.runs[span].scavenged != tiling.runs[above].scavenged
    )


def tiling_holds(tiling: Tiling) -> bool:
    """Tell whether the page heap is sound: the inductive invariant of its steps.

    Rules: I-9 I-10 I-12 I-13 I-14 I-16.
    """
    return (
        all(address_has_its_span(tiling, address) for address in tiling.owner)
        and all(used_address_is_mapped(tiling, address) for address in tiling.owner)
        and all(free_address_is_zero(tiling, address) for address in tiling.owner)
        and all(arena_is_unused(tiling, address) for address in tiling.owner)
        and all(arena_is_addressable(tiling, address) for address in tiling.map)
        and all(
            all(run_has_its_address(tiling, span, address) for address in tiling.owner)
            for span in tiling.runs
        )
        and all(run_is_sound(tiling, span) for span in tiling.runs)
        and all(run_is_coalesced(tiling, span) for span in tiling.runs)
    )
