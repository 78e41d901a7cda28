"""Lists of spans with two ends, as mcentral keeps them (rules SPAN-28 and SPAN-29).

A list is an immutable sequence of span identities, front first; a span is in at most one list.
"""

from typing import NamedTuple

from spanspec.tables import SpanId


class SpanList(NamedTuple):
    """The spans of one list, from the front to the back."""

    spans: tuple[SpanId, ...] = ()


def insert(spans: SpanList, span: SpanId) -> SpanList:
    """Return the list with a span at the front.

    Rules: SPAN-28.
    """
    assert span not in spans.spans, "T-38: mSpanList.insert"
    return SpanList((span, *spans.spans))


def insert_back(spans: SpanList, span: SpanId) -> SpanList:
    """Return the list with a span at the back.

    Rules: SPAN-28.
    """
    assert span not in spans.spans, "T-39: mSpanList.insertBack"
    return SpanList((*spans.spans, span))


def remove(spans: SpanList, span: SpanId) -> SpanList:
    """Return the list without a span that is in it.

    Rules: SPAN-28.
    """
    assert span in spans.spans, "T-37: mSpanList.remove"
    return SpanList(tuple(other for other in spans.spans if other != span))


def take_all(spans: SpanList, other: SpanList) -> SpanList:
    """Return the list with all spans of another one in front; the other is then empty.

    Rules: SPAN-28.
    """
    return SpanList(other.spans + spans.spans)
