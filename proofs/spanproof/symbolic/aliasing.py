"""Vectors in two fields are two objects: a proof takes that for granted, and methods keep it so.

What a method stores in one vector would be seen in the other if both were the same. Of an object
that a proof is given, each field is taken to hold a vector of its own. So a class whose text may
put one vector into two fields is refused, and that no two fields hold the same one is claimed
wherever a method ends.
"""

import ast
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cache
from itertools import combinations
from typing import NamedTuple

import z3

from spanproof.symbolic.reading.classes import VectorOf, derived, field_kinds, own_classes, place_of
from spanproof.symbolic.reading.sources import installed
from spanproof.symbolic.text.errors import NotTranslatable
from spanproof.symbolic.values.construct import inequality
from spanproof.symbolic.values.memory import ObjectMemory, is_missing
from spanproof.symbolic.values.values import SymbolicObject, SymbolicVector


class Apart(NamedTuple):
    """A claim that two fields hold two vectors, and which fields these are."""

    fields: str
    claim: z3.BoolRef


def vector_fields(kind: type) -> dict[str, object]:
    """Return the fields of a class that hold vectors, each with the kind of their items."""
    return {
        name: what.item for name, what in field_kinds(kind).items() if isinstance(what, VectorOf)
    }


@cache
def require_own_vectors(kind: type) -> None:
    """Refuse a class if its methods, or those of one derived from it, may leave one vector in two
    fields.

    A field is given a new vector; or that of another field, which is given a new one thereafter.

    Raises: NotTranslatable if a method does anything else.
    """
    fields = vector_fields(kind)
    if len(fields) < 2:
        return
    for one in (*own_classes(kind), *derived(kind)):
        for name, method in installed(one.__module__).methods(one.__name__).items():
            for field in _shared(method, fields):
                what = f"{one.__name__}.{name} may leave one vector in two fields: {field}"
                raise NotTranslatable(what)


def _shared(method: ast.FunctionDef, fields: Container[str]) -> Iterator[str]:
    """Yield the fields to which a method may give a vector that is another field's as well."""
    apart = set(_kept_apart(method.body))
    for node in ast.walk(method):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store()) if name in fields and node not in apart:
                yield name


def _kept_apart(body: Sequence[ast.stmt]) -> Iterator[ast.expr]:
    """Yield the fields of `self` that statements give a vector of their own."""
    for place, statement in enumerate(body):
        match statement:
            case ast.Assign(targets=[target], value=given) if _is_new(given):
                yield target
            case ast.Assign(
                targets=[target], value=ast.Attribute(value=ast.Name(id="self"), attr=other)
            ) if any(_renews(later, other) for later in body[place + 1 :]):
                yield target
        for _, inside in ast.iter_fields(statement):
            if isinstance(inside, list) and inside and isinstance(inside[0], ast.stmt):
                yield from _kept_apart(inside)


def _renews(statement: ast.stmt, field: str) -> bool:
    """Tell whether a statement gives a field of `self` a new vector."""
    match statement:
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=given):
            return name == field and _is_new(given)
    return False


def _is_new(value: ast.expr) -> bool:
    """Tell whether an expression makes a vector: `vec[...](...)`."""
    match value:
        case ast.Call(func=ast.Subscript(value=ast.Name(id="vec"))):
            return True
    return False


def apart(memory: ObjectMemory, objects: Iterable[SymbolicObject]) -> Iterator[Apart]:
    """Yield the claims that no two fields of some objects hold the same vector.

    What was not stored is what was there before, of which this is taken for granted.
    """
    held: dict[object, list[tuple[str, bool, SymbolicVector]]] = {}
    for one in objects:
        for name, item in vector_fields(one.kind).items():
            place = place_of(one.kind, name)
            stored = place in memory.state.cells
            if is_missing(memory.state, one.identity):
                continue
            try:
                found = memory.read(place, one.identity)
            except NotTranslatable:  # it was given no value
                continue
            if isinstance(found, SymbolicVector):
                held.setdefault(item, []).append((name, stored, found))
    for vectors in held.values():
        for (name, stored, vector), (other, too, another) in combinations(vectors, 2):
            if stored or too:
                claim = inequality(vector.identity, another.identity)
                yield Apart(f"{name} and {other}", claim)
