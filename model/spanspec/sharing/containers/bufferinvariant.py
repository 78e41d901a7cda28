"""What a sweep buffer is: its contract, each sentence about one place or one span.

`at` is a ghost: it tells at which place a span's entry is. Nothing but these predicates reads it.
"""

from spanspec.base.ids import PlaceId, SpanId
from spanspec.base.tables import Table
from spanspec.base.words import U8
from spanspec.sharing.containers.sweepbuf import BLOCK_PLACES, NOT_FILLED, Stack
from spanspec.sharing.tables.records import NO_SPAN, SharedSpan

Content = Table[PlaceId, SpanId]
"""What is at each place."""

EntryPlaces = Table[SpanId, PlaceId]
"""The place of each span's entry."""


def is_in_buffer(it: SharedSpan, number: U8) -> bool:
    """Tell whether the record of a span says that a buffer has an entry for it."""
    return it.in_buffer_1 if number == 1 else it.in_buffer_0


def has_entry_as_told(
    places: Content, at: EntryPlaces, spans: Table[SpanId, SharedSpan], number: U8, span: SpanId
) -> bool:
    """Tell whether a span has an entry just if its record says so.

    Rules: SWP-13 I-23.
    """
    entry = span != NO_SPAN and places[at[span]] == span
    return entry == is_in_buffer(spans[span], number)


def place_is_of_its_span(places: Content, at: EntryPlaces, place: PlaceId) -> bool:
    """Tell whether a place that is filled is the one of the span there: each has one entry.

    Rules: SWP-13.
    """
    span = places[place]
    return span == NOT_FILLED or at[span] == place


def is_taken(stack: Stack, place: PlaceId) -> bool:
    """Tell whether a place that is filled is below the index: of a stack that is pushed on.

    Rules: SWP-10.
    """
    return stack.places[place] == NOT_FILLED or 0 <= place < stack.index


def is_filled(stack: Stack, place: PlaceId) -> bool:
    """Tell whether a place below the index is filled: of a stack that is popped from.

    Rules: SWP-11.
    """
    return not 0 <= place < stack.index or stack.places[place] != NOT_FILLED


def has_room_for(stack: Stack, place: PlaceId) -> bool:
    """Tell whether the blocks that there are have a place, and the spine has room for them.

    Rules: SWP-10.
    """
    return place < BLOCK_PLACES * stack.made and stack.made <= stack.spine
