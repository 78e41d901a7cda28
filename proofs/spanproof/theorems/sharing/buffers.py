"""The sweep buffers keep their contract, with places that are reserved and not yet filled.

A push fills one place, a pop empties one; all others are as they were. What is counted, is counted
by induction over the places.
"""

from collections.abc import Callable
from typing import Final, cast

import z3

from spanproof.prove.lemmas import Inductive
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.merge import as_bool
from spanproof.symbolic.values import SymbolicTable
from spanproof.theorems.induction import by_induction
from spanproof.theorems.sharing.protocol import STOPPED, WORDS, any_system
from spanspec.base.ids import PlaceId, SpanId
from spanspec.base.tables import Table
from spanspec.base.words import U8, U32, Count
from spanspec.sharing.bufferinvariant import (
    Content,
    Entries,
    has_entry_as_told,
    has_room_for,
    is_filled,
    is_in_buffer,
    is_taken,
    place_is_of_its_span,
)
from spanspec.sharing.cycle import may_start_cycle, start_cycle
from spanspec.sharing.records import NO_SPAN, SharedSpan, Sharing
from spanspec.sharing.sweepbuf import (
    BLOCK_PLACES,
    NOT_FILLED,
    Stack,
    blocks,
    find_drained,
    first_stack,
    follow,
    grow_for,
    is_reserved,
    may_find_drained,
    pop,
    push,
    swept_buffer,
)

INTEGERS: Final = Integers()


class LookedAtStack:
    """A stack of which nothing is known, and what is looked at of it."""

    def __init__(self, p: Proof) -> None:
        self.p = p
        self.before = self.stack("stack")
        self.entries = p.fresh(Entries, "at")
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


def put(entries: Entries, span: SpanId, place: PlaceId) -> Entries:
    """The places of entries, once that of one span is another."""
    return entries.set(span, place)


# --- one place changes ----------------------------------------------------------------------------


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


# --- what is counted ------------------------------------------------------------------------------

Counts = Table[PlaceId, int]


def count_starts(counts: Counts) -> bool:
    """No place lies below the first. With `count_steps`, this is what the counts mean."""
    return counts[PlaceId(0)] == 0


def count_steps(places: Content, counts: Counts, place: PlaceId) -> bool:
    """One more place that is filled is counted one further."""
    filled = 1 if places[place] != NOT_FILLED else 0
    return counts[PlaceId(place + 1)] == counts[place] + filled


def count_at(counts: Counts, place: PlaceId) -> int:
    """How many places below one are filled."""
    return counts[place]


class CountedStack:
    """What a stack holds, and how many places below each are filled."""

    def __init__(self, p: Proof, stack: Stack, name: str) -> None:
        self._p = p
        self._stack = stack
        self._counts = p.fresh(Counts, name)
        p.assume(p.holds(count_starts, self._counts))

    def below(self, place: z3.ExprRef) -> z3.ArithRef:
        """Return how many places below one are filled."""
        return cast(z3.ArithRef, self._p.call(count_at, self._counts, place))

    def step(self, place: z3.ExprRef) -> z3.BoolRef:
        """Return what a place counts."""
        return self._p.holds(count_steps, self._stack.places, self._counts, place)


def induction(
    p: Proof,
    label: str,
    claim: Callable[[z3.ExprRef], z3.BoolRef],
    end: z3.ExprRef,
    *facts: Callable[[z3.ExprRef], z3.BoolRef],
    start: z3.ExprRef | None = None,
) -> None:
    """Prove a claim for every place from the first one, or `start`, to an end."""
    first = z3.IntVal(0) if start is None else start
    by_induction(p, label, claim, first, end, lambda one: [fact(one) for fact in facts], Count)


def one_if(condition: z3.BoolRef) -> z3.ArithRef:
    """Return 1 where a condition holds, 0 elsewhere."""
    return z3.If(condition, z3.IntVal(1), z3.IntVal(0))


@obligation("buffers.reserved", "SWP-10 SWP-12 I-23", INTEGERS)
def fewer_places_are_filled_than_taken_just_if_one_is_reserved(p: Proof) -> None:
    """Of a stack that is pushed on fewer places are filled than were taken just if some place was
    reserved and nobody has filled it yet.
    """
    it = LookedAtStack(p)
    stack, left = it.before, it.place
    full = as_bool(p.fresh(bool, "full"))
    counted = CountedStack(p, stack, "counts")
    index = number(p, stack.index)
    p.assume(number(p, stack.filled) == counted.below(index))
    p.assume(left >= 0, it.at(stack, left) == NOT_FILLED)
    induction(
        p,
        "one is left",
        lambda n: counted.below(n) <= n - one_if(left < n),
        index,
        counted.step,
    )
    induction(
        p,
        "none is left",
        lambda n: z3.Implies(full, counted.below(n) == n),
        index,
        counted.step,
        lambda n: z3.Implies(full, it.at(stack, n) != NOT_FILLED),
    )
    reserved = p.holds(is_reserved, stack)
    p.show("one is left: reserved", z3.Implies(left < index, reserved))
    p.show("none is left: not reserved", z3.Implies(full, z3.Not(reserved)))
    p.possible("two are left", z3.And(left < index, number(p, stack.filled) < index - 1))
    p.possible("none is left", z3.And(full, index == 3))


@obligation("buffers.count", "SWP-10 SWP-11 SWP-12", INTEGERS)
def what_is_filled_is_counted(p: Proof) -> None:
    """A push counts one place more as filled and a pop one less: so the number is that of all
    places with a span, which of a stack that is pushed on are those below its index.
    """
    it = LookedAtStack(p)
    stack, place = it.before, it.place
    far = p.number(Count, "far")
    index, filled = number(p, stack.index), number(p, stack.filled)
    fills = as_bool(p.fresh(bool, "fills"))
    before = CountedStack(p, stack, "counts")
    p.assume(
        place >= 0, place < far, it.span != NO_SPAN, fills == (it.at(stack, place) == NOT_FILLED)
    )
    p.assume(filled == before.below(far))
    induction(
        p,
        "one at least",
        lambda n: before.below(n) >= one_if(z3.And(place < n, z3.Not(fills))),
        far,
        before.step,
    )
    pushed = p.call_given(fills, push, stack, it.span, place)
    popped = p.call_given(z3.Not(fills), pop, stack, place)
    assert isinstance(pushed, Stack)
    assert isinstance(popped, Stack)
    more, less = CountedStack(p, pushed, "more"), CountedStack(p, popped, "less")
    for label, given, after, sign in (
        ("a push", fills, more, 1),
        ("a pop", z3.Not(fills), less, -1),
    ):

        def claim(
            n: z3.ExprRef,
            given: z3.BoolRef = given,
            after: CountedStack = after,
            sign: int = sign,
        ) -> z3.BoolRef:
            changed = before.below(n) + sign * one_if(place < n)
            return z3.Implies(given, after.below(n) == changed)

        induction(p, label, claim, far, before.step, after.step)
    p.show("a push", number(p, pushed.filled) == more.below(far), fills)
    p.show("a pop", number(p, popped.filled) == less.below(far), z3.Not(fills))
    induction(
        p,
        "none above the index",
        lambda n: before.below(n) == before.below(index),
        far,
        before.step,
        lambda n: p.holds(is_taken, stack, n),
        start=index,
    )
    p.show("below the index", z3.Implies(index <= far, filled == before.below(index)))
    p.possible("a place that was left", z3.And(fills, place < index - 1, index < far))
    p.possible("a pop", z3.And(z3.Not(fills), filled == 2))


# --- the records of spans -------------------------------------------------------------------------


@obligation("buffers.start", "SWP-8 SWP-10 SWP-13", INTEGERS)
def a_buffer_has_no_entry_at_first(p: Proof) -> None:
    """Before a span is pushed no place is filled or reserved, and no record says otherwise."""
    it = LookedAtStack(p)
    spans, buffer = p.fresh(Table[SpanId, SharedSpan], "spans"), p.number(U8, "buffer")
    first = p.call(first_stack, it.before.places)
    assert isinstance(first, Stack)
    own = cast(z3.ExprRef, p.call(span_at, it.entries, it.span))
    p.assume(*(it.at(first, one) == NOT_FILLED for one in (it.place, own)))
    p.assume(z3.Not(p.holds(is_told, spans, buffer, it.span)))
    told = p.holds(has_entry_as_told, first.places, it.entries, spans, buffer, it.span)
    p.show("nothing is made", z3.And(first.made == 0, first.spine == 0))
    p.show("as the record says", told)
    p.show("one entry", p.holds(place_is_of_its_span, first.places, it.entries, it.place))
    p.show("below the index", p.holds(is_taken, first, it.place))
    p.show("filled", p.holds(is_filled, first, it.place))
    p.show("not reserved", z3.Not(p.holds(is_reserved, first)))
    p.show("the spine has room", number(p, first.made) <= number(p, first.spine))
    p.possible("such a stack")


def is_told(spans: Table[SpanId, SharedSpan], buffer: U8, span: SpanId) -> bool:
    """The record of a span says that a buffer has an entry for it."""
    return is_in_buffer(spans[span], buffer)


@obligation("buffers.follow", "SWP-8 SWP-9 SWP-10 SWP-11 SWP-13 I-23", INTEGERS)
def the_buffers_follow_the_records(p: Proof) -> None:
    """When a step has pushed a span or popped it, each span has an entry just if its record says
    so, as before, and one at most: a push fills a place that was not filled, a pop empties that of
    the span.
    """
    it = LookedAtStack(p)
    spans, buffer = p.fresh(Table[SpanId, SharedSpan], "spans"), p.number(U8, "buffer")
    new = p.fresh(SharedSpan, "new")
    another = cast(z3.ExprRef, p.fresh(SpanId, "another"))
    assert isinstance(spans, SymbolicTable)
    stack, entries, place = it.before, it.entries, it.place
    was, now = p.holds(is_told, spans, buffer, it.span), p.holds(is_in_buffer, new, buffer)
    for span in (it.span, another):
        p.assume(p.holds(has_entry_as_told, stack.places, entries, spans, buffer, span))
    own = cast(z3.ExprRef, p.call(span_at, entries, another))
    for one in (place, it.other, own):
        p.assume(p.holds(place_is_of_its_span, stack.places, entries, one))
    content = it.at(stack, place)
    p.assume(it.span != NO_SPAN, place >= 0, number(p, stack.filled) > 0)
    p.assume(z3.Implies(z3.And(now, z3.Not(was)), content == NOT_FILLED))
    p.assume(z3.Implies(z3.And(was, z3.Not(now)), content == it.span))
    after = p.call(follow, stack, it.span, place, was, now)
    assert isinstance(after, Stack)
    records = p.call(with_record, spans, it.span, new)
    for pushed, given in ((True, z3.And(now, z3.Not(was))), (False, z3.Or(was, z3.Not(now)))):
        where = p.call(put, entries, it.span, place) if pushed else entries
        label = "pushed" if pushed else "popped, or as it was"
        for name, span in (("itself", it.span), ("any other", another)):
            told = p.holds(has_entry_as_told, after.places, where, records, buffer, span)
            p.show(f"{label}: {name}", told, given)
        one_entry = p.holds(place_is_of_its_span, after.places, where, it.other)
        p.show(f"{label}: one entry", one_entry, given)
    p.possible("a push", z3.And(now, z3.Not(was), another != it.span))
    p.possible("a pop", z3.And(was, z3.Not(now), another != it.span))


def with_record(
    spans: Table[SpanId, SharedSpan], span: SpanId, record: SharedSpan
) -> Table[SpanId, SharedSpan]:
    """The records after a step."""
    return spans.set(span, record)


ENTERED: Final = Inductive(has_entry_as_told, "buffers.start", ("buffers.follow",))
"""Each span has an entry just if its record says so: `taking.take` lets the buffers follow."""

ONE_ENTRY: Final = Inductive(place_is_of_its_span, "buffers.start", ("buffers.follow",))
"""Each span has one entry at most."""


@obligation(
    "buffers.drained",
    "SWP-4 SWP-13 SWP-33 T-88",
    WORDS,
    assumes=STOPPED,
    lemmas=(ENTERED, ONE_ENTRY),
)
def a_cycle_begins_with_a_drained_buffer(p: Proof) -> None:
    """When a cycle may start no place of the unswept stack is filled, so it can be pushed on in the
    next one (`buffers.turn`), and what was pushed is popped then.
    """
    state, places = any_system(p), p.fresh(Content, "places")
    entries, place = p.fresh(Entries, "at"), p.fresh(PlaceId, "place")
    span, buffer = p.call(span_at, places, place), p.integer(unswept_buffer, state.sweepgen)
    p.rely(ENTERED, places, entries, state.spans, buffer, span)
    p.rely(ONE_ENTRY, places, entries, place)
    may = p.holds(may_start_cycle, state)
    p.show("drained", z3.Implies(may, span == NOT_FILLED))
    after = p.call(start_cycle, state)
    assert isinstance(after, Sharing)
    turned = p.integer(unswept_buffer, after.sweepgen) == p.integer(swept_buffer, state.sweepgen)
    p.show("the other one is popped from", turned)
    p.possible("a cycle starts", may)
    p.possible("an entry", z3.And(span != NOT_FILLED, z3.Not(may)))


def unswept_buffer(sg: U32) -> U8:
    """The number of the unswept stack."""
    return 1 - swept_buffer(sg)
