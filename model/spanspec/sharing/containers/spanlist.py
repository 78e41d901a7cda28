"""Lists of spans with two ends, as mcentral keeps them (rules SPAN-28 and SPAN-29).

As in the runtime a span has the links of the one list that it may be in, and a list its first and
its last span. So a span is taken out wherever it stands, in a few stores, and a walk that goes from
span to span needs no copy of the list. Which list a span should be in, its shared record says;
`follow` lets the lists follow the record. What the runtime checks where it moves a span,
`spanspec.span.listing.moved` checks of the record.
"""

from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from spanspec.base.ids import ClassId, SpanId
from spanspec.base.records import Record
from spanspec.base.tables import Table
from spanspec.base.words import U8
from spanspec.sharing.tables.growing import span_id
from spanspec.sharing.tables.records import NO_SPAN, SharedSpan
from spanspec.span.listing import EMPTY, NONEMPTY, NOWHERE

KeyT = TypeVar("KeyT")
RecordT = TypeVar("RecordT")


class Link(Record, frozen=True):
    """Where a span is: in the list `place` of class `central`, between two others or at an end.

    `prev` and `next` are NO_SPAN where there is none.
    """

    place: U8
    central: ClassId
    prev: SpanId
    next: SpanId


NO_CLASS: Final = ClassId(0)
"""The class that the link of a span in no list names."""

UNLISTED: Final = Link(NOWHERE, NO_CLASS, NO_SPAN, NO_SPAN)
"""The link of a span that is in no list."""


class Ends(Record, frozen=True):
    """The first span of a list and its last; NO_SPAN if it is empty."""

    first: SpanId
    last: SpanId


NO_SPANS: Final = Ends(NO_SPAN, NO_SPAN)
"""The ends of an empty list."""


class SpanLists(Record, frozen=True):
    """The links of all spans, and the ends of the two lists of each class (CEN-1)."""

    links: Table[SpanId, Link]
    nonempty: Table[ClassId, Ends]
    empty: Table[ClassId, Ends]


def no_lists() -> SpanLists:
    """Return lists that are empty, whose tables are updated in place."""
    links: Kept[SpanId, Link] = Kept(first_link(NO_SPAN))
    nonempty: Kept[ClassId, Ends] = Kept(first_ends(NO_CLASS))
    empty: Kept[ClassId, Ends] = Kept(first_ends(NO_CLASS))
    return SpanLists(links, nonempty, empty)


class Kept(Generic[KeyT, RecordT]):
    """A table that is updated in place; whatever was never `set` has the first record."""

    __slots__ = ("_first", "_records")

    def __init__(self, first: RecordT) -> None:
        self._first = first
        self._records: dict[KeyT, RecordT] = {}

    def __getitem__(self, key: KeyT) -> RecordT:
        """Return the record of an identity."""
        return self._records.get(key, self._first)

    def __iter__(self) -> Iterator[KeyT]:
        """Iterate over the identities that were ever given a record."""
        return iter(self._records)

    def set(self, key: KeyT, value: RecordT) -> "Kept[KeyT, RecordT]":
        """Give an identity another record; return this table."""
        self._records[key] = value
        return self


def first_link(span: SpanId) -> Link:
    """Return the link of a span that was never in a list.

    Rules: SPAN-3 SPAN-29.
    """
    return UNLISTED


def first_ends(central: ClassId) -> Ends:
    """Return the ends of a list before a span of its class was put into it.

    Rules: CEN-1.
    """
    return NO_SPANS


def ends_of(lists: SpanLists, place: U8, central: ClassId) -> Ends:
    """Return the ends of one of the lists of a class."""
    return lists.nonempty[central] if place == NONEMPTY else lists.empty[central]


def linked(
    lists: SpanLists, links: Table[SpanId, Link], place: U8, central: ClassId, ends: Ends
) -> SpanLists:
    """Return lists with other links, one of them with other ends."""
    if place == NONEMPTY:
        return SpanLists(links, lists.nonempty.set(central, ends), lists.empty)
    return SpanLists(links, lists.nonempty, lists.empty.set(central, ends))


def with_prev(links: Table[SpanId, Link], span: SpanId, prev: SpanId) -> Table[SpanId, Link]:
    """Return the links in which another span, or none, stands before one."""
    it = links[span]
    return links.set(span, Link(it.place, it.central, prev, it.next))


def with_next(links: Table[SpanId, Link], span: SpanId, following: SpanId) -> Table[SpanId, Link]:
    """Return the links in which another span, or none, stands behind one."""
    it = links[span]
    return links.set(span, Link(it.place, it.central, it.prev, following))


def insert(lists: SpanLists, place: U8, central: ClassId, span: SpanId) -> SpanLists:
    """Put a span that is in no list at the front of one.

    Rules: SPAN-28.
    """
    assert lists.links[span].place == NOWHERE, "SPAN-28: the span is in a list already"
    ends = ends_of(lists, place, central)
    links = lists.links.set(span, Link(place, central, NO_SPAN, ends.first))
    last = span
    if ends.first != NO_SPAN:
        links, last = with_prev(links, ends.first, span), ends.last
    return linked(lists, links, place, central, Ends(span, last))


def insert_back(lists: SpanLists, place: U8, central: ClassId, span: SpanId) -> SpanLists:
    """Put a span that is in no list at the back of one.

    Rules: SPAN-28.
    """
    assert lists.links[span].place == NOWHERE, "SPAN-28: the span is in a list already"
    ends = ends_of(lists, place, central)
    links = lists.links.set(span, Link(place, central, ends.last, NO_SPAN))
    first = span
    if ends.last != NO_SPAN:
        links, first = with_next(links, ends.last, span), ends.first
    return linked(lists, links, place, central, Ends(first, span))


def remove(lists: SpanLists, span: SpanId) -> SpanLists:
    """Take a span out of the list that it is in, wherever it stands there.

    Rules: SPAN-28.
    """
    it = lists.links[span]
    assert it.place != NOWHERE, "SPAN-28: the span is not in the list"
    ends = ends_of(lists, it.place, it.central)
    first, last = ends.first, ends.last
    links = lists.links.set(span, UNLISTED)
    if it.prev != NO_SPAN:
        links = with_next(links, it.prev, it.next)
    else:
        first = it.next
    if it.next != NO_SPAN:
        links = with_prev(links, it.next, it.prev)
    else:
        last = it.prev
    return linked(lists, links, it.place, it.central, Ends(first, last))


def follow(lists: SpanLists, span: SpanId, before: SharedSpan, after: SharedSpan) -> SpanLists:
    """Let the lists follow the record of a span that was moved.

    What may be taken goes to the front, what is full or cached to the back.

    Rules: SPAN-28 CEN-3 CEN-4 CEN-7 CEN-12 CEN-14.
    """
    rest = lists if before.place == NOWHERE else remove(lists, span)
    if after.place == NONEMPTY:
        return insert(rest, NONEMPTY, after.central, span)
    if after.place == EMPTY:
        return insert_back(rest, EMPTY, after.central, span)
    return rest


class SpanList:
    """The descriptors of one list, from the front to the back.

    Without an argument it is the nonempty list of lists of its own.
    """

    def __init__(
        self, lists: SpanLists | None = None, central: ClassId = NO_CLASS, place: U8 = NONEMPTY
    ) -> None:
        self._lists = no_lists() if lists is None else lists
        self._central = central
        self._place = place

    def insert(self, span: int) -> None:
        """Put a span at the front.

        Rules: SPAN-28.
        """
        insert(self._lists, self._place, self._central, span_id(span))

    def insert_back(self, span: int) -> None:
        """Put a span at the back.

        Rules: SPAN-28.
        """
        insert_back(self._lists, self._place, self._central, span_id(span))

    def remove(self, span: int) -> None:
        """Take out a span that is in this list.

        Rules: SPAN-28.
        """
        assert span in self, "SPAN-28: the span is not in the list"
        remove(self._lists, span_id(span))

    def take_all(self, other: "SpanList") -> None:
        """Move all spans of another list in front of this one's, in their order.

        Rules: SPAN-28.
        """
        for span in reversed(list(other)):
            other.remove(span)
            self.insert(span)

    def __iter__(self) -> Iterator[int]:
        links = self._lists.links
        span = ends_of(self._lists, self._place, self._central).first
        while span != NO_SPAN:
            # Who walks along a list may take out the span that he has come to.
            following = links[span].next
            yield span - 1
            span = following

    def __bool__(self) -> bool:
        return ends_of(self._lists, self._place, self._central).first != NO_SPAN

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, span: int) -> bool:
        it = self._lists.links[span_id(span)]
        return it.place == self._place and it.central == self._central
