"""Joining two symbolic values under a condition: how branches of a rule meet again."""

from dataclasses import replace

import z3

from spanproof.symbolic.text.errors import MixedSorts
from spanproof.symbolic.values.arithmetic import Arithmetic, Scalar
from spanproof.symbolic.values.construct import (
    FALSE,
    INTEGERS,
    choice,
    has_sort,
    integer,
    same_sort,
    same_term,
    truth,
)
from spanproof.symbolic.values.records import parts_of, remade
from spanproof.symbolic.values.values import (
    NONE,
    SymbolicBitmap,
    SymbolicObject,
    SymbolicTable,
    SymbolicVector,
    SymbolicWords,
    Value,
)
from spanspec.base.bitmap import Bits


def as_bool(value: Value) -> z3.BoolRef:
    """Return a truth value as a Z3 term.

    Raises: MixedSorts if the value is no truth value.
    """
    if isinstance(value, bool):
        return truth(value)
    if isinstance(value, z3.BoolRef):
        return value
    raise MixedSorts(f"expected a truth value, found {described(value)}")


def described(value: Value) -> str:
    """Return what kind of value one is; its terms may be long."""
    if isinstance(value, z3.ExprRef):
        return f"a term of sort {value.sort()}"
    if isinstance(value, bool | int):
        return repr(value)
    return f"a {type(value).__name__}"


def as_bitmap(value: Value) -> SymbolicBitmap | None:
    """Return a bitmap value as a symbolic one; None for anything else."""
    if isinstance(value, SymbolicBitmap):
        return value
    if isinstance(value, Bits) and value.value == 0:
        return SymbolicBitmap(lambda i: FALSE, _zero, _zero)
    return None


def _zero(index: z3.ExprRef) -> z3.ExprRef:
    return index - index


def merge(arithmetic: Arithmetic, condition: z3.BoolRef, one: Value, other: Value) -> Value:
    """Return `one` where the condition holds and `other` elsewhere.

    Raises: MixedSorts if the two have different shapes.
    """
    if one is other:
        return one
    bitmap, second = as_bitmap(one), as_bitmap(other)
    if bitmap is not None and second is not None:
        return bitmap.merged(condition, second)
    if isinstance(one, SymbolicTable) and isinstance(other, SymbolicTable):
        if one.key_sort != other.key_sort:
            raise MixedSorts("tables of different keys meet")
        first, alternative = one, other
        return SymbolicTable(
            one.key_sort,
            lambda key: merge(arithmetic, condition, first.get(key), alternative.get(key)),
            (one, other),
            one.stands_for_all,
        )
    one, other = _object_or_none(one, other), _object_or_none(other, one)
    if isinstance(one, SymbolicObject | SymbolicVector) and type(one) is type(other):
        return _reference(condition, one, other)
    if isinstance(one, SymbolicWords) or isinstance(other, SymbolicWords):
        raise MixedSorts("two different word lists meet")
    mine, others = parts_of(one), parts_of(other)
    if mine is not None and others is not None:
        if type(one) is not type(other):
            raise MixedSorts(f"{type(one).__name__} meets {type(other).__name__}")
        if len(mine) != len(others):
            raise MixedSorts("tuples of different lengths meet")
        pairs = zip(mine, others, strict=True)
        return remade(one, [merge(arithmetic, condition, a, b) for a, b in pairs])
    if isinstance(one, bool | z3.BoolRef) and isinstance(other, bool | z3.BoolRef):
        return choice(condition, as_bool(one), as_bool(other))
    if type(one) is int and type(other) is int and one == other:
        return one
    left, right = _as_terms(arithmetic, one, other)
    return left if same_term(left, right) else choice(condition, left, right)


def _object_or_none(value: Value, other: Value) -> Value:
    """Return a value; None, if it meets an object, as the object of its class that is none."""
    if value is None and isinstance(other, SymbolicObject):
        return SymbolicObject(other.kind, NONE)
    return value


def _reference(condition: z3.BoolRef, one: Value, other: Value) -> SymbolicObject | SymbolicVector:
    assert isinstance(one, SymbolicObject | SymbolicVector)
    assert isinstance(other, SymbolicObject | SymbolicVector)
    if one.kind is not other.kind:
        raise MixedSorts("objects of different classes meet")
    if same_term(one.identity, other.identity):
        return one
    return replace(one, identity=choice(condition, one.identity, other.identity))


def _as_terms(arithmetic: Arithmetic, one: Value, other: Value) -> tuple[z3.ExprRef, z3.ExprRef]:
    known = next((value for value in (one, other) if isinstance(value, z3.ExprRef)), None)
    integers = known is not None and has_sort(known, INTEGERS)

    def term(value: Value) -> z3.ExprRef:
        if isinstance(value, z3.ExprRef):
            return value
        if type(value) is int:
            return integer(value) if integers else _representable(arithmetic, value)
        raise MixedSorts(f"{described(one)} meets {described(other)}")

    left, right = term(one), term(other)
    if not same_sort(left, right):
        raise MixedSorts(f"{left.sort()} meets {right.sort()}")
    return left, right


def _representable(arithmetic: Arithmetic, value: int) -> z3.ExprRef:
    if not arithmetic.holds(value):
        raise MixedSorts(f"{value} cannot be represented in {arithmetic.name}")
    return arithmetic.const(value)


def scalar_of(value: Value) -> Scalar:
    """Return an integer value as an exact scalar.

    Raises: MixedSorts if the value is no integer.
    """
    if type(value) is int:
        return Scalar(value)
    if isinstance(value, bool | z3.BoolRef):
        raise MixedSorts("expected an integer, found a truth value")
    if not isinstance(value, z3.ExprRef):
        raise MixedSorts(f"expected an integer, found {described(value)}")
    return Scalar(value)
