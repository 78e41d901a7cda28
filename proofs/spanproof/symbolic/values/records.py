"""Records of the model and of the kernels: frozen structs and NamedTuples, with symbolic parts."""

import ast
import sys
import typing
from collections.abc import Callable, Sequence
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from inspect import getattr_static, signature
from types import CodeType, MemberDescriptorType
from typing import Final, NamedTuple, NewType

import msgspec
import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanproof.symbolic.text.modules import module_path
from spanproof.symbolic.values.construct import same_term
from spanproof.symbolic.values.values import Value


class _Sample(NamedTuple):
    field: int


FIELDS: Final = (MemberDescriptorType, type(vars(_Sample)["field"]))
"""What reads a field of a Struct, and of a NamedTuple."""


REDEFINED: Final = frozenset(
    f"__{name}__"
    for name in (
        *("bool", "call", "class_getitem", "delattr", "dict", "getattr", "getattribute"),
        *("getitem", "init", "init_subclass", "iter", "len", "post_init", "replace", "setattr"),
    )
)
"""What a class of records leaves to NamedTuple and Struct, or its fields are not what they seem."""


def record_fields(kind: object) -> dict[str, object] | None:
    """Return the annotated fields of a class of records, or None for any other type.

    A class that changes how its records are made, or how their fields are read, is none.
    """
    return _fields(kind) if isinstance(kind, type) else None


@cache
def _fields(kind: type) -> dict[str, object] | None:
    names: tuple[str, ...]
    own: tuple[type, ...]
    if issubclass(kind, msgspec.Struct):
        names = kind.__struct_fields__
        own = kind.__mro__[: kind.__mro__.index(msgspec.Struct)]
        if "__new__" in {name for one in own for name in vars(one)}:
            return None
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        names = kind._fields
        own = (kind,)
        if tuple not in kind.__bases__ or not _is_generated(kind.__new__):
            return None
    else:
        return None
    if any(not REDEFINED.isdisjoint(vars(one)) for one in own):
        return None
    if not all(reads_field(kind, name) for name in names):
        return None
    hints = annotations_of(kind)
    return {name: hints[name] for name in names}


def reads_field(kind: type, name: str) -> bool:
    """Tell whether an attribute of a class's records is a field, and nothing that computes."""
    own = vars(kind).get(name)  # most are found here, in a tenth of the time
    return isinstance(getattr_static(kind, name) if own is None else own, FIELDS)


def _is_generated(function: object) -> bool:
    """Tell whether a function is the `__new__` that `NamedTuple` writes."""
    code = getattr(function, "__code__", None)
    return isinstance(code, CodeType) and (code.co_filename, code.co_name) == (
        "<string>",
        "<lambda>",
    )


@cache
def takes_its_fields(kind: type) -> bool:
    """Tell whether a class of records is called with its fields, in order or by name."""
    parameters = signature(kind).parameters.values()
    usual = all(one.kind is one.POSITIONAL_OR_KEYWORD for one in parameters)
    return usual and [one.name for one in parameters] == list(record_fields(kind) or ())


@cache
def annotations_of(kind: type) -> dict[str, object]:
    """Return the annotations of a class.

    A compiled class knows only the bare types of its fields, so they are read from its source.
    """
    module = sys.modules.get(kind.__module__)
    if module is None or not str(module.__file__).endswith(tuple(EXTENSION_SUFFIXES)):
        return typing.get_type_hints(kind, include_extras=True)
    body = ast.parse(module_path(module).read_text(encoding="utf-8")).body
    fields = next(n.body for n in body if isinstance(n, ast.ClassDef) and n.name == kind.__name__)
    return {
        field.target.id: meant_by(field.annotation, vars(module))
        for field in fields
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def meant_by(annotation: ast.expr, names: dict[str, object]) -> object:
    """Return the type that an annotation means, which may stand in quotes."""
    meant: object = eval(ast.unparse(annotation), names)
    return eval(meant, names) if isinstance(meant, str) else meant


def parts_of(value: Value) -> tuple[Value, ...] | None:
    """Return the fields of a record or the items of a tuple, in order; None for another value."""
    if type(value) is tuple:
        return value
    fields = record_fields(type(value))
    return None if fields is None else tuple(getattr(value, name) for name in fields)


def remade(like: Value, parts: Sequence[Value]) -> Value:
    """Return a record, or a tuple, of the same type with other parts."""
    fields = record_fields(type(like))
    if fields is None:
        return tuple(parts)
    make: Callable[..., Value] = type(like)
    return make(**dict(zip(fields, parts, strict=True)))


def with_changes(record: Value, changes: dict[str, Value]) -> Value:
    """Return a record with some fields changed.

    Raises: TypeError if it has no such field.
    """
    fields = record_fields(type(record)) or {}
    if not changes.keys() <= fields.keys():
        raise TypeError(f"no field {', '.join(name for name in changes if name not in fields)}")
    return remade(record, [changes.get(name, getattr(record, name)) for name in fields])


def part_at(value: Value, place: str) -> Value:
    """Return the part of a record that a dotted name tells; the record itself for an empty one."""
    for name in place.split(".") if place else ():
        value = getattr(value, name)
    return value


def with_part(value: Value, place: str, part: Value) -> Value:
    """Return a record with the part that a dotted name tells changed."""
    name, _, rest = place.partition(".")
    return with_changes(
        value, {name: with_part(getattr(value, name), rest, part) if rest else part}
    )


def is_named_tuple(value: Value) -> bool:
    """Tell whether a value is a record whose class is a NamedTuple."""
    return isinstance(value, tuple) and record_fields(type(value)) is not None


def is_constant(value: object) -> bool:
    """Tell whether a module's name may stand for this object in a rule.

    An object that can change, or that computes by methods of its own, is no constant.
    """
    if type(value) in (int, bool, vec[i64], NewType) or isinstance(value, type):
        return True
    if callable(value):
        return True
    if type(value) is tuple and set(map(type, value)) <= {int}:
        return True
    if id(value) not in _CONSTANTS:
        parts = parts_of(value)
        if parts is None or not all(map(is_constant, parts)):
            return False
        _CONSTANTS[id(value)] = value
    return True


_CONSTANTS: dict[int, object] = {}
"""Records and tuples that were looked through; they are kept, so that no id is used again."""


def same(one: Value, other: Value) -> bool:
    """Tell whether two values are surely the same value, of the same type."""
    if isinstance(one, z3.ExprRef) and isinstance(other, z3.ExprRef):
        return bool(same_term(one, other))
    if type(one) is not type(other):
        return False
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    mine, others = parts_of(one), parts_of(other)
    if mine is None or others is None or len(mine) != len(others):
        return one is other
    return all(map(same, mine, others))
