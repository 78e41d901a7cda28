"""What a list of spans is: its contract, each sentence about one span, two spans, or one list.

`ranks` is a ghost: it numbers the spans of a list from the front to the back. Nothing but these
predicates reads it. With it "in this order, each once, and none left out" needs no sequence.
"""

from spanspec.base.ids import ClassId, SpanId
from spanspec.base.tables import Table
from spanspec.base.words import U8
from spanspec.sharing.containers.spanlist import SpanLists, ends_of
from spanspec.sharing.tables.records import NO_SPAN, SharedSpan
from spanspec.span.listing import EMPTY, NOWHERE

Ranks = Table[SpanId, int]


def is_in(lists: SpanLists, place: U8, central: ClassId, span: SpanId) -> bool:
    """Tell whether a span is in a list."""
    return lists.links[span].place == place and lists.links[span].central == central


def are_together(lists: SpanLists, one: SpanId, other: SpanId) -> bool:
    """Tell whether two spans are in one list."""
    it = lists.links[one]
    return it.place != NOWHERE and is_in(lists, it.place, it.central, other)


def follows(lists: SpanLists, ranks: Ranks, one: SpanId, other: SpanId) -> bool:
    """Tell whether a span stands right behind another one, as both their links say."""
    return (
        are_together(lists, one, other)
        and lists.links[one].next == other
        and lists.links[other].prev == one
        and ranks[one] < ranks[other]
    )


def span_is_linked(lists: SpanLists, ranks: Ranks, span: SpanId) -> bool:
    """Tell whether a listed span stands between its neighbours and the ends of its list.

    One that is in no list has no neighbours.

    Rules: SPAN-28 SPAN-29.
    """
    it = lists.links[span]
    if it.place == NOWHERE:
        return it.prev == NO_SPAN and it.next == NO_SPAN
    ends = ends_of(lists, it.place, it.central)
    return (
        it.place <= EMPTY
        and span != NO_SPAN
        and (ends.first == span) == (it.prev == NO_SPAN)
        and (ends.last == span) == (it.next == NO_SPAN)
        and (it.prev == NO_SPAN or follows(lists, ranks, it.prev, span))
        and (it.next == NO_SPAN or follows(lists, ranks, span, it.next))
        and ends.first != NO_SPAN
        and ends.last != NO_SPAN
        and ranks[ends.first] <= ranks[span] <= ranks[ends.last]
    )


def list_has_its_ends(lists: SpanLists, place: U8, central: ClassId) -> bool:
    """Tell whether the ends of a list are two of its spans, or it has none."""
    ends = ends_of(lists, place, central)
    if ends.first == NO_SPAN or ends.last == NO_SPAN:
        return ends.first == ends.last
    return is_in(lists, place, central, ends.first) and is_in(lists, place, central, ends.last)


def spans_are_in_order(lists: SpanLists, ranks: Ranks, one: SpanId, other: SpanId) -> bool:
    """Tell whether of two spans of a list one comes first, and its next span not after the other.

    So who goes on from one to the next comes to the other one.
    """
    if one == other or not are_together(lists, one, other) or ranks[one] > ranks[other]:
        return True
    return (
        ranks[one] < ranks[other]
        and lists.links[one].next != NO_SPAN
        and ranks[lists.links[one].next] <= ranks[other]
    )


def is_listed_as_told(lists: SpanLists, spans: Table[SpanId, SharedSpan], span: SpanId) -> bool:
    """Tell whether a span is in the list that its shared record names, and in no other.

    Rules: SPAN-29 I-19 I-20.
    """
    it = spans[span]
    return lists.links[span].place == it.place and (
        it.place == NOWHERE or lists.links[span].central == it.central
    )
