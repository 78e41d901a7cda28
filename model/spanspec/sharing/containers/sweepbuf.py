"""The two stacks of spans, swept and unswept, that change roles each cycle (SWP-8 to SWP-13).

Several threads may push at once, or pop at once. Each has its place by an atomic step on the
index; what it then does with the place, and when that is seen, may come in another order. So a
place can be reserved and not yet filled, or given up and not yet emptied.
"""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from spanspec.base.ids import PlaceId, SpanId
from spanspec.base.records import Record
from spanspec.base.steps import step_of
from spanspec.base.tables import Table
from spanspec.base.words import Count
from spanspec.pages.memory.persistent import SWEEP_BLOCK_BYTES

BLOCK_PLACES: Final = 512
"""Places in a block (gcSweepBlockEntries)."""

FIRST_SPINE: Final = 256
"""Blocks that the first spine has room for (gcSweepBufInitSpineCap)."""

NOT_FILLED: Final = SpanId(0)
"""What a place holds that no span is in: the identity of no span."""


class Stack(Record, frozen=True):
    """One stack; `index` is the number of places taken, `filled` that of those with a span.

    `made` is the number of blocks of places that there are, and `spine` how many can be entered
    where they are found: neither ever falls.
    """

    index: Count
    filled: Count
    made: Count
    spine: Count
    places: Table[PlaceId, SpanId]


class Places:
    """What is at each place, updated in place; `spans` has those that are filled."""

    __slots__ = ("spans",)

    def __init__(self) -> None:
        self.spans: dict[PlaceId, SpanId] = {}

    def __getitem__(self, place: PlaceId) -> SpanId:
        """Return the span at a place, or NOT_FILLED."""
        return self.spans.get(place, NOT_FILLED)

    def __iter__(self) -> Iterator[PlaceId]:
        """Iterate over the places that are filled."""
        return iter(self.spans)

    def set(self, place: PlaceId, span: SpanId) -> "Places":
        """Put a span at a place, or NOT_FILLED; return this table."""
        if span == NOT_FILLED:
            self.spans.pop(place, None)
        else:
            self.spans[place] = span
        return self


def first_stack(places: Table[PlaceId, SpanId]) -> Stack:
    """Return a stack that nobody has pushed on; no place is filled.

    Rules: SWP-10.
    """
    return Stack(0, 0, 0, 0, places)


def grow_for(stack: Stack, place: PlaceId) -> Stack:
    """Make another block if a place lies behind those that there are.

    A spine that is full gives way to one that is twice as long; the old one is lost.

    Rules: SWP-10.
    """
    if place < BLOCK_PLACES * stack.made:
        return stack
    spine = stack.spine
    if stack.made == spine:
        spine = 2 * spine if spine > 0 else FIRST_SPINE
    return replace(stack, made=stack.made + 1, spine=spine)


def push(stack: Stack, span: SpanId, place: PlaceId) -> Stack:
    """Put a span at its place, usually the one at the index; there is room for it.

    A place above the index leaves those between reserved by others; one below must be such.

    Rules: SWP-10.
    """
    # Two pushes have places of their own, but the later may be seen first, so places are given and
    # not counted here.
    assert stack.places[place] == NOT_FILLED, "SWP-10: the place is taken"
    index = stack.index if place < stack.index else place + 1
    places = stack.places.set(place, span)
    return Stack(index, stack.filled + 1, stack.made, stack.spine, places)


def pop(stack: Stack, place: PlaceId) -> Stack:
    """Take out the span at a place, usually the last.

    A place below the last leaves those above to others, who have given them up already.

    Rules: SWP-11.
    """
    assert stack.places[place] != NOT_FILLED, "SWP-11: the place is empty"
    index = stack.index if stack.index < place else place
    places = stack.places.set(place, NOT_FILLED)
    return Stack(index, stack.filled - 1, stack.made, stack.spine, places)


def may_find_drained(stack: Stack, place: PlaceId) -> bool:
    """Guard: the place that was taken is below the first, so that no span was taken.

    Rules: SWP-11.
    """
    return place < 0


def find_drained(stack: Stack, place: PlaceId) -> Stack:
    """Take a place below the first, as who finds the stack drained does.

    Rules: SWP-11.
    """
    # In the runtime the index falls below 0 then, and is set back.
    return replace(stack, index=0)


FIND_DRAINED: Final = step_of("stack", may_find_drained, find_drained, place=PlaceId)


def follow(stack: Stack, span: SpanId, place: PlaceId, was_in: bool, is_in: bool) -> Stack:
    """Let a stack follow the record of a span that was pushed at a place, or popped there.

    Rules: SWP-10 SWP-11 SWP-13.
    """
    if was_in == is_in:
        return stack
    if is_in:
        return push(stack, span, place)
    assert stack.places[place] == span, "SWP-11: another span is at the place"
    return pop(stack, place)


def blocks(stack: Stack) -> Count:
    """Return the number of blocks of 512 places that a stack extends over.

    Rules: SWP-12.
    """
    return (stack.index + BLOCK_PLACES - 1) // BLOCK_PLACES


class SweepBuffer:
    """One stack of descriptors."""

    def __init__(self) -> None:
        self._places = Places()
        self.stack = first_stack(self._places)

    @property
    def index(self) -> int:
        """The number of places taken."""
        return self.stack.index

    @property
    def entries(self) -> dict[int, int]:
        """The descriptor at each place that is filled."""
        return {place: span - 1 for place, span in self._places.spans.items()}

    def spans(self) -> list[int]:
        """Return the descriptors at the places that are filled."""
        return [span - 1 for span in self._places.spans.values()]

    def is_filled(self, place: int) -> bool:
        """Tell whether there is a span at a place."""
        return place in self._places.spans

    def grow_for(self, place: int) -> tuple[int, ...]:
        """Make another block if a place lies behind those that there are.

        Return the bytes of each piece of memory that takes: of the spine, if it is another one,
        and of the block.

        Rules: SWP-10.
        """
        before, self.stack = self.stack, grow_for(self.stack, PlaceId(place))
        if self.stack is before:
            return ()
        block = (SWEEP_BLOCK_BYTES,)
        return block if self.stack.spine == before.spine else (8 * self.stack.spine, *block)

    def push(self, span: int, place: int) -> None:
        """Put a span at its place.

        Rules: SWP-10.
        """
        self.stack = push(self.stack, SpanId(span + 1), PlaceId(place))

    def at(self, place: int) -> int:
        """Return the span at a place; NOBODY below the first, where the stack is drained.

        Rules: SWP-11.
        """
        span = self._places[PlaceId(place)]
        assert place < 0 or span != NOT_FILLED, "SWP-11: the place is empty"
        return span - 1

    def pop(self, place: int) -> None:
        """Take out the span at a place.

        Rules: SWP-11.
        """
        self.stack = pop(self.stack, PlaceId(place))

    def follow(self, span: SpanId, place: int, was_in: bool, is_in: bool) -> None:
        """Follow the record of a span that was pushed or popped."""
        self.stack = follow(self.stack, span, PlaceId(place), was_in, is_in)

    @property
    def reserved(self) -> bool:
        """Whether some place below the index is still to be filled."""
        return is_reserved(self.stack)

    def blocks(self) -> int:
        """Return the number of blocks of 512 entries that the stack extends over.

        Rules: SWP-12.
        """
        return blocks(self.stack)

    def block(self, number: int) -> tuple[int, ...]:
        """Return the spans of a block of 512 places, without those that are not filled yet.

        Rules: SWP-12 T-61.
        """
        assert 0 <= number < self.stack.made, "T-61: block index out of range"
        first, spans = BLOCK_PLACES * number, self._places.spans
        places = map(PlaceId, range(first, min(first + BLOCK_PLACES, self.index)))
        return tuple([spans[place] - 1 for place in places if place in spans])


def is_reserved(stack: Stack) -> bool:
    """Tell whether some place below the index is still to be filled.

    Rules: SWP-10 SWP-12.
    """
    return stack.filled < stack.index
