"""Classes whose objects methods change: their fields, and the text of their methods.

A class says what its fields are where `__init__` assigns them: by an annotation, by the parameter
that is assigned, or by the vector or object that is made there. What cannot be told is a field
that proofs cannot read.
"""

import ast
import builtins
from collections.abc import Iterator, MutableMapping
from functools import cache
from types import FunctionType, NoneType, UnionType
from typing import Final, NamedTuple, get_args

import msgspec
import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanproof.symbolic.definitions import Definition, Mismatch, ModuleSource, local_to, same_code
from spanproof.symbolic.errors import NotTranslatable
from spanproof.symbolic.fresh import FreshSymbols
from spanproof.symbolic.memory import ITEMS, Content, Memory, Place
from spanproof.symbolic.modules import IMPLEMENTATION
from spanproof.symbolic.sources import SourceTree, installed
from spanproof.symbolic.values import SymbolicObject, SymbolicVector, Value

UNKNOWN: Final = object()
"""The kind of a field that cannot be told."""


class VectorOf(NamedTuple):
    """The kind of a field that holds a vector, and that of its items."""

    item: object


def object_kind(kind: object) -> tuple[type, bool] | None:
    """Return the class of a kind whose values are objects, and whether None is one of them."""
    parts = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    rest = [one for one in parts if one is not NoneType]
    if len(rest) == 1 and is_changeable(rest[0]):
        return rest[0], len(rest) < len(parts)
    return None


def is_changeable(kind: object) -> bool:
    """Tell whether objects of a type are changed by methods: an ordinary class of spanalloc, or of
    a test.
    """
    return (
        isinstance(kind, type)
        and (kind.__module__.split(".")[0] == IMPLEMENTATION or kind.__module__.startswith("test"))
        and not issubclass(kind, tuple | msgspec.Struct | BaseException)
    )


def own_classes(kind: type) -> Iterator[type]:
    """Yield a class and the classes of ours that it is derived from, itself first."""
    return (one for one in kind.__mro__ if is_changeable(one))


@cache
def field_kinds(kind: type) -> dict[str, object]:
    """Return the fields of a class, each with its kind."""
    found: dict[str, object] = {}
    for one in reversed(list(own_classes(kind))):
        source = installed(one.__module__)
        init = source.methods(one.__name__).get("__init__")
        if init is not None:
            found |= _assigned(init, source)
    return found


def _assigned(init: ast.FunctionDef, source: ModuleSource) -> dict[str, object]:
    given = {one.arg: one.annotation for one in init.args.args}
    found: dict[str, object] = {}
    for node in init.body:
        match node:
            case ast.AnnAssign(
                target=ast.Attribute(value=ast.Name(id="self"), attr=name), annotation=kind
            ):
                found[name] = _meant(kind, source)
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value
            ):
                found[name] = _made(value, given, source)
    return found


def _made(value: ast.expr, given: dict[str, ast.expr | None], source: ModuleSource) -> object:
    match value:
        case ast.Call(func=ast.Subscript(value=ast.Name(id="vec"), slice=item)):
            return VectorOf(_meant(item, source))
        case ast.Call(func=ast.Name() as kind):
            made = _meant(kind, source)
            return made if is_changeable(made) else UNKNOWN
        case ast.Name(id=name) if given.get(name) is not None:
            return _meant(given[name], source)
    return UNKNOWN


def _meant(node: ast.expr | None, source: ModuleSource) -> object:
    """Return the object that an annotation denotes in its module."""
    assert node is not None
    namespace = {**vars(builtins), "vec": vec, **source.namespace}
    try:
        return eval(compile(ast.Expression(node), source.path, "eval"), namespace)
    except (NameError, TypeError):
        return UNKNOWN


def method_of(kind: type, name: str, sources: SourceTree) -> tuple[type, Definition] | None:
    """Return the class that defines a method, and the text that runs; None if none of ours does.

    Raises: Mismatch if what runs is not what the text says.
    """
    for one in own_classes(kind):
        if name in vars(one):
            return one, _definition(one, name, sources)
    return None


def _definition(kind: type, name: str, sources: SourceTree) -> Definition:
    source = sources.module(kind.__module__)
    tree = source.methods(kind.__name__).get(name)
    own = source.method_code(kind.__name__, name)
    if tree is None or own is None:
        raise Mismatch(1, f"{kind.__name__}.{name} is no method in the text of its class")
    if tree.decorator_list:
        raise Mismatch(tree.lineno, f"{kind.__name__}.{name} is decorated")
    runs = vars(kind)[name]
    changed = kind.__module__ in sources.changed
    if not changed and isinstance(runs, FunctionType) and not same_code(runs.__code__, own):
        raise Mismatch(
            tree.lineno, f"what runs as {kind.__name__}.{name} is not what the text says"
        )
    if source.compiled and isinstance(runs, FunctionType) and not changed:
        raise Mismatch(tree.lineno, f"{kind.__name__}.{name} is not what was compiled")
    return Definition(tree, local_to(own))


def first_value(
    symbols: FreshSymbols,
    memory: Memory,
    names: MutableMapping[int, str],
    place: Place,
    identity: z3.ExprRef,
) -> Value:
    """Return an unknown value for a field of an object, or for the items of a vector.

    Raises: NotTranslatable if the field's kind cannot be told, or has no symbolic counterpart.
    """
    kind, field = place
    number = identity.as_long() if isinstance(identity, z3.IntNumRef) else 0
    if field == ITEMS:
        return _content(symbols, kind, names[number])
    assert isinstance(kind, type)
    known = field_kinds(kind).get(field, UNKNOWN)
    if number <= 0:
        raise NotTranslatable(f"{kind.__name__}.{field} has no value yet")
    name = f"{names[number]}.{field}"
    if isinstance(known, VectorOf):
        made = memory.given()
        names[made.as_long()] = name
        return SymbolicVector(known.item, made)
    other = object_kind(known)
    if other is not None:
        made, optional = z3.Int(name), other[1]
        symbols.assume(made >= 0 if optional else made > 0)
        return SymbolicObject(other[0], made)
    try:
        return symbols.value(known, name)
    except TypeError as problem:
        raise NotTranslatable(f"{kind.__name__}.{field}: {problem}") from None


def _content(symbols: FreshSymbols, kind: object, name: str) -> Content:
    sort = symbols.arithmetic.sort
    length = z3.Const(f"{name}.len", sort)
    symbols.assume(length >= 0)
    if kind is i64:
        items = z3.Function(f"{name}.item", sort, sort)
        return Content(lambda index: items(index), length)
    raise NotTranslatable(f"no symbolic counterpart of a vector of {kind}")
