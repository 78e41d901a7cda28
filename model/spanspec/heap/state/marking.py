"""What the marker leaves: a mark on an object, and one on the first page of its span.

A page mark is a hint to the reclaimer: a span without one holds nothing that the marker has found.
"""

from typing import Final

from msgspec.structs import replace

from spanspec.base.records import Record
from spanspec.base.steps import step_of
from spanspec.base.words import U32, U64, Count
from spanspec.heap.state.collector import MARK, Collector
from spanspec.span.mspan import IN_USE, Mspan, is_allocated, obj_index, set_marked
from spanspec.span.sweepgen import needs_sweep

NEVER_MARKED: Final = 0
"""The epoch of a page that was never marked: marking begins with the first."""


class MarkedSpan(Record, frozen=True):
    """A span in use as the marker sees it, and the epoch in which its first page was marked last.

    So page marks age as mark bits do: those of a cycle before are none.
    """

    record: Mspan
    page_epoch: Count


def marks_hold(at: MarkedSpan, collector: Collector) -> bool:
    """Say what always holds: no page was marked in an epoch that is to come.

    Rules: MAL-15 SPAN-26.
    """
    return NEVER_MARKED <= at.page_epoch <= collector.epoch


def page_is_marked(at: MarkedSpan, epoch: Count) -> bool:
    """Tell whether the first page of a span was marked since an epoch began.

    Rules: MAL-15.
    """
    return epoch != NEVER_MARKED and at.page_epoch == epoch


def with_object_marked(span: Mspan, address: U64) -> Mspan:
    """Return a span in which the object at an address is marked.

    Rules: MAL-24.
    """
    return set_marked(span, obj_index(span, address))


def may_grey(at: MarkedSpan, collector: Collector, address: U64) -> bool:
    """Guard: the collector is marking, and the address lies in an allocated object.

    Rules: SPAN-19 SPAN-21 I-4.
    """
    record = at.record
    return (
        collector.phase == MARK
        and record.state == IN_USE
        and record.base <= address < record.limit
        and is_allocated(record, obj_index(record, address))
    )


def grey(at: MarkedSpan, collector: Collector, address: U64) -> MarkedSpan:
    """Mark the object at an address, and the first page of its span.

    Rules: SPAN-21 MAL-15 MAL-24.
    """
    marked = with_object_marked(at.record, address)
    return replace(at, record=marked, page_epoch=collector.epoch)


def may_reclaim(at: MarkedSpan, epoch: Count, sg: U32, generation: U32) -> bool:
    """Guard: the span is unswept, and the marker has found nothing in it.

    Rules: SWP-22 MAL-15.
    """
    return needs_sweep(sg, generation) and not page_is_marked(at, epoch)


GREY: Final = step_of("page_marks", may_grey, grey, collector=Collector, address=int)
