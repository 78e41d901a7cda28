"""Where the two records of a span meet: what threads share of it, and its slots."""

from spanspec.base.constants import size_class_of
from spanspec.sharing.tables.records import SharedSpan
from spanspec.span.mspan import Mspan, has_room


def records_meet(it: SharedSpan, span: Mspan) -> bool:
    """Tell whether what is shared of a span in use agrees with its slots.

    Of a large object only that it is one is shared: its span is in no list and in no cache.

    Rules: CEN-16 I-19.
    """
    if it.large:
        return size_class_of(span.spanclass) == 0
    return size_class_of(span.spanclass) != 0 and it.has_free == has_room(span)
