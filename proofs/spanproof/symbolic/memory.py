"""Objects that methods change: which there are, what their fields hold, and vectors with a length.

An object is an identity; what a field holds is a function from identities, which a store wraps in a
conditional. A vector is an object, too, so that two names for one vector are told from two vectors.
Identities of what is made anew are numerals below 0, those of objects that a proof gives to a
method are numerals above 0, 0 is None.
"""

from collections.abc import Callable
from itertools import count
from typing import Final, TypeAlias

import z3

from spanproof.symbolic.arithmetic import Arithmetic
from spanproof.symbolic.merge import merge
from spanproof.symbolic.values import SymbolicVector, Value

NONE: Final = z3.IntVal(0)


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

State: TypeAlias = dict[Place, Cells]
"""What the fields of all objects hold; it is never changed, but replaced."""


class Memory:
    """What the fields of all objects hold at some point of an evaluation.

    `first` tells what a field holds of which nothing is known yet.
    """

    def __init__(self, arithmetic: Arithmetic, first: Callable[[Place, z3.ExprRef], Value]) -> None:
        self._arithmetic = arithmetic
        self._first = first
        self._cells: State = {}
        self._origin: State = {}
        self._numbers = count(1)

    def made(self) -> z3.ExprRef:
        """Return the identity of an object that is made anew."""
        return z3.IntVal(-next(self._numbers))

    def given(self) -> z3.ExprRef:
        """Return an identity for an object that was there before."""
        return z3.IntVal(next(self._numbers))

    def _of(self, cells: State, place: Place) -> Cells:
        if place in cells:
            return cells[place]
        # The same in every state: what was not stored is what was there.
        return self._origin.setdefault(place, Cells(lambda one: self._first(place, one)))

    def read(self, place: Place, identity: z3.ExprRef) -> Value:
        """Return what a field of an object holds."""
        return self._of(self._cells, place).get(identity)

    def write(self, place: Place, identity: z3.ExprRef, value: Value) -> None:
        """Store a value in a field of an object."""
        before = self._of(self._cells, place)

        def get(other: z3.ExprRef) -> Value:
            if other.eq(identity):
                return value
            if z3.is_int_value(other) and z3.is_int_value(identity):
                return before.get(other)
            return self.joined(other == identity, value, before.get(other))

        self._cells = {**self._cells, place: Cells(get)}

    def store(self, vector: SymbolicVector, index: z3.ExprRef, item: Value) -> None:
        """Store an item in a vector."""
        place = (vector.kind, ITEMS)
        before = self.read(place, vector.identity)
        assert isinstance(before, Content)

        def get(other: z3.ExprRef) -> Value:
            same = z3.simplify(other == index)
            if z3.is_true(same):
                return item
            if z3.is_false(same):
                return before.get(other)
            return self.joined(other == index, item, before.get(other))

        self.write(place, vector.identity, Content(get, before.length))

    @property
    def state(self) -> State:
        """What all fields hold now; it is never changed."""
        return self._cells

    @state.setter
    def state(self, state: State) -> None:
        self._cells = state

    def join(self, condition: z3.BoolRef, one: State, other: State) -> State:
        """Return what holds `one` where the condition holds, and `other` elsewhere."""
        joined: State = {}
        for place in {**one, **other}:
            mine, others = self._of(one, place), self._of(other, place)
            joined[place] = mine if mine is others else self._either(condition, mine, others)
        same = all(joined[place] is self._of(one, place) for place in joined)
        return one if same else joined

    def _either(self, condition: z3.BoolRef, mine: Cells, others: Cells) -> Cells:
        return Cells(
            lambda identity: self.joined(condition, mine.get(identity), others.get(identity))
        )

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
