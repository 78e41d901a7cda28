"""Objects that methods change: which there are, what their fields hold, and vectors with a length.

An object is an identity; what a field holds is a function from identities, which a store wraps in a
conditional. A vector is an object, too, so that two names for one vector are told from two vectors.
Identities of what is made anew are numerals below 0, those of objects that a proof gives to a
method are numerals above 0, 0 is None.
"""

from collections.abc import Callable
from itertools import count
from typing import Final, NamedTuple

import z3

from spanproof.symbolic.values.arithmetic import Arithmetic
from spanproof.symbolic.values.construct import integer, is_false, is_true, same_term
from spanproof.symbolic.values.merge import merge
from spanproof.symbolic.values.values import SymbolicVector, Value


class Content:
    """What a vector holds: an item for each index, and a length."""

    def __init__(self, get: Callable[[z3.ExprRef], Value], length: Value) -> None:
        self._get = get
        self.length = length
        self._known: dict[int, tuple[z3.ExprRef, Value]] = {}  # keeps terms alive: ids are reused

    def get(self, index: z3.ExprRef) -> Value:
        """Return the item at an index."""
        if index.get_id() not in self._known:
            self._known[index.get_id()] = index, self._get(index)
        return self._known[index.get_id()][1]


class Cells:
    """What one field of all objects holds."""

    def __init__(self, get: Callable[[z3.ExprRef], Value]) -> None:
        self._get = get
        self._known: dict[int, tuple[z3.ExprRef, Value]] = {}

    def get(self, identity: z3.ExprRef) -> Value:
        """Return what the field of an object holds."""
        if identity.get_id() not in self._known:
            self._known[identity.get_id()] = identity, self._get(identity)
        return self._known[identity.get_id()][1]


Place = tuple[object, str]
"""A class, and a field; or the kind of a vector's items, and `items`."""

ITEMS: Final = "items"

LIST: Final = list
"""The kind of the items of a list of numbers: a list is no vector, and none is the other."""


class MemoryState(NamedTuple):
    """What the fields of all objects hold, and which objects were made so far.

    It is never changed, but replaced.
    """

    cells: dict[Place, Cells]
    made: frozenset[int]


def is_missing(state: MemoryState, identity: z3.ExprRef) -> bool:
    """Tell whether an object is one that was not made where a state holds."""
    if not isinstance(identity, z3.IntNumRef):
        return False
    number = identity.as_long()
    return bool(number < 0 and number not in state.made)


class ObjectMemory:
    """What the fields of all objects hold at some point of an evaluation.

    `first` tells what a field holds of which nothing is known yet.
    """

    def __init__(self, arithmetic: Arithmetic, first: Callable[[Place, z3.ExprRef], Value]) -> None:
        self._arithmetic = arithmetic
        self._first = first
        self.state = MemoryState({}, frozenset())
        self._origin: dict[Place, Cells] = {}
        self._numbers = count(1)

    def made(self) -> z3.ExprRef:
        """Return the identity of an object that is made anew."""
        number = -next(self._numbers)
        self.state = self.state._replace(made=self.state.made | {number})
        return integer(number)

    def given(self) -> z3.ExprRef:
        """Return an identity for an object that was there before."""
        return integer(next(self._numbers))

    def _of(self, state: MemoryState, place: Place) -> Cells:
        if place in state.cells:
            return state.cells[place]
        # The same in every state: what was not stored is what was there.
        return self._origin.setdefault(place, Cells(lambda one: self._first(place, one)))

    def read(self, place: Place, identity: z3.ExprRef) -> Value:
        """Return what a field of an object holds: of one or the other, where it may be either."""
        if z3.is_app_of(identity, z3.Z3_OP_ITE):
            condition, one, other = identity.children()
            return self.joined(condition, self.read(place, one), self.read(place, other))
        return self._of(self.state, place).get(identity)

    def write(self, place: Place, identity: z3.ExprRef, value: Value) -> None:
        """Store a value in a field of an object."""
        before = self._of(self.state, place)

        def get(other: z3.ExprRef) -> Value:
            if same_term(other, identity):
                return value
            if z3.is_int_value(other) and z3.is_int_value(identity):
                return before.get(other)
            return self.joined(other == identity, value, before.get(other))

        cells = {**self.state.cells, place: Cells(get)}
        self.state = self.state._replace(cells=cells)

    def store(self, vector: SymbolicVector, index: z3.ExprRef, item: Value) -> None:
        """Store an item in a vector."""
        place = (vector.kind, ITEMS)
        before = self.read(place, vector.identity)
        assert isinstance(before, Content)

        def get(other: z3.ExprRef) -> Value:
            same = z3.simplify(other == index)
            if is_true(same):
                return item
            if is_false(same):
                return before.get(other)
            return self.joined(other == index, item, before.get(other))

        self.write(place, vector.identity, Content(get, before.length))

    def join(self, condition: z3.BoolRef, one: MemoryState, other: MemoryState) -> MemoryState:
        """Return what holds `one` where the condition holds, and `other` elsewhere."""
        joined: dict[Place, Cells] = {}
        for place in {**one.cells, **other.cells}:
            mine, others = self._of(one, place), self._of(other, place)
            if mine is others:
                joined[place] = mine
            else:
                joined[place] = self._either(condition, (one, mine), (other, others))
        same = one.made >= other.made and all(joined[at] is self._of(one, at) for at in joined)
        return one if same else MemoryState(joined, one.made | other.made)

    def _either(
        self,
        condition: z3.BoolRef,
        one: tuple[MemoryState, Cells],
        other: tuple[MemoryState, Cells],
    ) -> Cells:
        def get(identity: z3.ExprRef) -> Value:
            # Nothing refers to what was made on one way only, where the other was gone.
            if is_missing(one[0], identity):
                return other[1].get(identity)
            if is_missing(other[0], identity):
                return one[1].get(identity)
            return self.joined(condition, one[1].get(identity), other[1].get(identity))

        return Cells(get)

    def joined(self, condition: z3.BoolRef, one: Value, other: Value) -> Value:
        """Return `one` where the condition holds, and `other` elsewhere.

        Raises: MixedSorts if the two have different shapes.
        """
        if isinstance(one, Content) and isinstance(other, Content):
            first, second = one, other
            return Content(
                lambda index: self.joined(condition, first.get(index), second.get(index)),
                self.joined(condition, one.length, other.length),
            )
        return merge(self._arithmetic, condition, one, other)
