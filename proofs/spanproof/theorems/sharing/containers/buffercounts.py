"""What a sweep buffer counts of its places is right: by induction over the places."""

from collections.abc import Callable
from typing import cast

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.merge import as_bool
from spanproof.theorems.induction import by_induction
from spanproof.theorems.sharing.containers.buffers import INTEGERS, LookedAtStack, number
from spanspec.base.ids import PlaceId
from spanspec.base.tables import Table
from spanspec.base.words import Count
from spanspec.sharing.containers.bufferinvariant import Content, is_taken
from spanspec.sharing.containers.sweepbuf import NOT_FILLED, Stack, is_reserved, pop, push
from spanspec.sharing.tables.records import NO_SPAN

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
