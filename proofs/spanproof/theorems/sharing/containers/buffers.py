"""The sweep buffers keep their contract, with places that are reserved and not yet filled: a push
fills one place, a pop empties one, and all others are as they were.
"""

from typing import Final, cast

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanspec.base.ids import PlaceId, SpanId
from spanspec.sharing.containers.bufferinvariant import (
    Content,
    EntryPlaces,
    has_room_for,
    is_filled,
    is_taken,
)
from spanspec.sharing.containers.sweepbuf import (
    BLOCK_PLACES,
    NOT_FILLED,
    Stack,
    blocks,
    find_drained,
    grow_for,
    may_find_drained,
    pop,
    push,
)
from spanspec.sharing.tables.records import NO_SPAN

INTEGERS: Final = Integers()


class LookedAtStack:
    """A stack of which nothing is known, and what is looked at of it."""

    def __init__(self, p: Proof) -> None:
        self.p = p
        self.before = self.stack("stack")
        self.entries = p.fresh(EntryPlaces, "at")
        self.span = cast(z3.ExprRef, p.fresh(SpanId, "span"))
        self.place, self.other = (
            cast(z3.ArithRef, p.fresh(PlaceId, name)) for name in ("place", "other")
        )

    def stack(self, name: str) -> Stack:
        """Return a stack of which nothing is known."""
        stack = self.p.fresh(Stack, name)
        assert isinstance(stack, Stack)
        return stack

    def at(self, stack: Stack, place: z3.ExprRef) -> z3.ExprRef:
        """Return what is at a place."""
        return cast(z3.ExprRef, self.p.call(span_at, stack.places, place))

    def show_place(self, after: Stack, content: z3.ExprRef | int, index: z3.ExprRef) -> None:
        """Claim that one place holds something else, and what the index is."""
        p, stays = self.p, self.at(after, self.other) == self.at(self.before, self.other)
        p.show("this place", self.at(after, self.place) == content)
        p.show("the others stay", z3.Implies(self.other != self.place, stays))
        p.show("the index", number(p, after.index) == index)


def number(p: Proof, value: object) -> z3.ArithRef:
    """Return a field of a stack as a term."""
    return cast(z3.ArithRef, p.arithmetic.const(value) if isinstance(value, int) else value)


def span_at(places: Content, place: PlaceId) -> SpanId:
    """What is at a place."""
    return places[place]


def put(entries: EntryPlaces, span: SpanId, place: PlaceId) -> EntryPlaces:
    """The places of entries, once that of one span is another."""
    return entries.set(span, place)


@obligation("buffers.push", "SWP-9 SWP-10 SWP-13", INTEGERS)
def a_push_fills_its_place_and_no_other(p: Proof) -> None:
    """A push puts the span at its place and leaves all others as they are, also those below that
    are still to be filled; the index lies behind every place that is filled, and never falls.
    """
    it = LookedAtStack(p)
    stack, place = it.before, it.place
    p.assume(it.span != NO_SPAN, place >= 0, it.at(stack, place) == NOT_FILLED)
    after = p.call(push, stack, it.span, place)
    assert isinstance(after, Stack)
    index = number(p, stack.index)
    it.show_place(after, it.span, z3.If(place < index, index, place + 1))
    below = p.holds(is_taken, stack, it.other)
    p.show("below the index", z3.Implies(below, p.holds(is_taken, after, it.other)))
    p.possible("at the index", place == index)
    p.possible("a place that was left", z3.And(it.other < place, place < index))
    p.possible("places that are left", place > index)


@obligation("buffers.pop", "SWP-11 SWP-13", INTEGERS)
def a_pop_empties_its_place_and_no_other(p: Proof) -> None:
    """A pop empties its place and leaves all others as they are; every place below the index stays
    filled, whoever has given up places above it. Who finds the stack drained takes nothing.
    """
    it = LookedAtStack(p)
    stack, place = it.before, it.place
    # `buffers.reserved` shows that a stack with a place that is filled counts one at least.
    p.assume(place >= 0, it.at(stack, place) != NOT_FILLED, number(p, stack.filled) > 0)
    below = cast(z3.ArithRef, p.fresh(PlaceId, "below"))
    after, drained = p.call(pop, stack, place), p.call(find_drained, stack, below)
    assert isinstance(after, Stack)
    assert isinstance(drained, Stack)
    index = number(p, stack.index)
    it.show_place(after, NOT_FILLED, z3.If(index < place, index, place))
    full = p.holds(is_filled, stack, it.other)
    p.show("filled below the index", z3.Implies(full, p.holds(is_filled, after, it.other)))
    p.show("drained: filled below", z3.Implies(full, p.holds(is_filled, drained, it.other)))
    p.show("drained: the same", it.at(drained, it.other) == it.at(stack, it.other))
    p.show("drained: below the first", p.holds(may_find_drained, stack, below) == (below < 0))
    p.possible("the last", place == index - 1)
    p.possible("one that was given up before", place >= index)
    p.possible("one below others", z3.And(place < it.other, it.other < index, full))


@obligation("buffers.turn", "SWP-8 SWP-13 SWP-35", INTEGERS)
def a_drained_buffer_can_be_pushed_on(p: Proof) -> None:
    """A stack that is filled below its index, and of which no place is filled, has index 0: so a
    stack that was popped from is one to be pushed on when the two change roles.
    """
    it = LookedAtStack(p)
    stack, index = it.before, number(p, it.before.index)
    p.assume(*(it.at(stack, one) == NOT_FILLED for one in (index - 1, it.place)))
    p.assume(p.holds(is_filled, stack, index - 1))
    p.show("index 0", index == 0)
    p.show("below the index", p.holds(is_taken, stack, it.place))
    p.possible("a drained stack")


@obligation("buffers.grow", "SWP-10 SWP-12 T-61", INTEGERS)
def there_is_a_block_for_each_place(p: Proof) -> None:
    """Before a place is filled there is a block for it that its spine has room for, and for each
    that had one before; the stack extends over the blocks that its places are in, and no more.
    """
    it = LookedAtStack(p)
    stack, place = it.before, it.place
    made, spine = number(p, stack.made), number(p, stack.spine)
    # Places are taken one after the other, so the next block at most is missing.
    p.assume(place >= 0, place <= BLOCK_PLACES * made, made <= spine)
    after = p.call(grow_for, stack, place)
    assert isinstance(after, Stack)
    p.show("a block", p.holds(has_room_for, after, place))
    kept = z3.Implies(
        p.holds(has_room_for, stack, it.other), p.holds(has_room_for, after, it.other)
    )
    p.show("none is lost", kept)
    p.show("the places stay", it.at(after, it.other) == it.at(stack, it.other))
    p.show("the index stays", number(p, after.index) == number(p, stack.index))
    larger = z3.Or(number(p, after.spine) == spine, made == spine)
    p.show("a larger spine where it is full", larger)
    extent, index = number(p, p.call(blocks, stack)), number(p, stack.index)
    inside = z3.And(it.other >= 0, it.other < index)
    p.show("in a block", z3.Implies(inside, it.other < BLOCK_PLACES * extent))
    p.show("no more", z3.Or(extent == 0, BLOCK_PLACES * (extent - 1) < index))
    p.possible("the first block", made == 0)
    p.possible("a full spine", z3.And(made == spine, made > 0, place == BLOCK_PLACES * made))
