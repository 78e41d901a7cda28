"""Proofs about methods of the implementation: objects, what their fields hold, and refusals."""

from typing import NamedTuple, TypeVar

import z3

from spanproof.prove.proof import Proof
from spanproof.symbolic.evaluation.frames import RaisedPath
from spanproof.symbolic.reading.classes import place_of
from spanproof.symbolic.values.construct import conjunction, disjunction, implication
from spanproof.symbolic.values.memory import ITEMS, Content, Place
from spanproof.symbolic.values.merge import as_bool, scalar_of
from spanproof.symbolic.values.values import SymbolicObject, SymbolicVector, SymbolicWords, Value

Record = TypeVar("Record", bound=NamedTuple)


class MethodOutcome(NamedTuple):
    """What a call of a method came to: its value, and where it raised an exception.

    The value, and what objects hold afterwards, count where it raised none.
    """

    value: Value
    raised: tuple[RaisedPath, ...]

    @property
    def raises(self) -> z3.BoolRef:
        """Whether it raised an exception."""
        return disjunction(*(one.path for one in self.raised))


class Fields:
    """An object of the implementation in a proof: what its fields hold at the moment."""

    def __init__(self, p: Proof, kind: type, name: str) -> None:
        self._p = p
        self.target = p.translator.made(kind, name)

    def __getitem__(self, name: str) -> z3.ExprRef:
        """Return the number that a field holds."""
        value = self.value(name)
        if isinstance(value, bool | z3.BoolRef):
            return as_bool(value)
        return self._p.arithmetic.lift(scalar_of(value)).term

    def value(self, name: str) -> Value:
        """Return what a field holds."""
        return self._p.translator.memory.read(self._place(name), self.target.identity)

    def words(self, name: str) -> SymbolicWords:
        """Return what the vector in a field holds now, to be given to rules about vectors."""
        vector = self.value(name)
        assert isinstance(vector, SymbolicVector)
        return words_of(self._p, vector)

    def run(self, method: str, *arguments: Value, given: z3.BoolRef | None = None) -> MethodOutcome:
        """Call a method where `given` holds; what objects hold is afterwards what it left there."""
        translator = self._p.translator
        before = len(translator.raised)
        value = translator.call_method(self.target, method, *arguments, path=given)
        return MethodOutcome(value, tuple(translator.raised[before:]))

    def set(self, name: str, value: Value) -> None:
        """Let a field hold a value."""
        self._p.translator.memory.write(self._place(name), self.target.identity, value)

    def _place(self, name: str) -> Place:
        return place_of(self.target.kind, name)

    def same_where_raised(self, ran: MethodOutcome, before: dict[str, Value]) -> z3.BoolRef:
        """Return that where an exception was raised, fields hold what they held before."""
        place = [self._place(name) for name in before]
        memory = self._p.translator.memory
        now, claims = memory.state, []
        for one in ran.raised:
            memory.state = one.state
            held = [memory.read(at, self.target.identity) for at in place]
            same = [equal(self._p, a, b) for a, b in zip(held, before.values(), strict=True)]
            claims.append(implication(one.path, conjunction(*same)))
        memory.state = now
        return conjunction(*claims)

    def held(self, *names: str) -> dict[str, Value]:
        """Return what some fields hold now."""
        return {name: self.value(name) for name in names}


def equal(p: Proof, one: Value, other: Value) -> z3.BoolRef:
    """Return that two fields hold the same: equal numbers, or one object."""
    if isinstance(one, SymbolicVector | SymbolicObject):
        assert isinstance(other, SymbolicVector | SymbolicObject)
        return one.identity == other.identity
    if isinstance(one, bool | z3.BoolRef):
        return as_bool(one) == as_bool(other)
    lift = p.arithmetic.lift
    return lift(scalar_of(one)).term == lift(scalar_of(other)).term


def words_of(p: Proof, vector: SymbolicVector) -> SymbolicWords:
    """Return what a vector of words holds now."""
    found = p.translator.memory.read((vector.kind, ITEMS), vector.identity)
    assert isinstance(found, Content)

    def get(index: z3.ExprRef) -> z3.ExprRef:
        return p.arithmetic.lift(scalar_of(found.get(z3.simplify(index)))).term

    return SymbolicWords(get, p.arithmetic.lift(scalar_of(found.length)).term)
