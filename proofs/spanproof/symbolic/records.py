"""Records of the model and of the kernels: frozen structs and NamedTuples, with symbolic parts."""

import ast
import sys
import typing
from collections.abc import Callable, Sequence
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES

import msgspec

from spanproof.symbolic.modules import module_path
from spanproof.symbolic.values import Value


def record_fields(kind: object) -> dict[str, object] | None:
    """Return the annotated fields of a class of records, or None for any other type."""
    if not isinstance(kind, type):
        return None
    if issubclass(kind, msgspec.Struct):
        names = kind.__struct_fields__
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        names = kind._fields
    else:
        return None
    hints = annotations_of(kind)
    return {name: hints[name] for name in names}


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
        field.target.id: eval(ast.unparse(field.annotation), vars(module))
        for field in fields
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def parts_of(value: Value) -> tuple[Value, ...] | None:
    """Return the fields of a record or the items of a tuple, in order; None for another value."""
    if isinstance(value, tuple):
        return tuple(value)
    fields = record_fields(type(value))
    return None if fields is None else tuple(getattr(value, name) for name in fields)


def remade(like: Value, parts: Sequence[Value]) -> Value:
    """Return a record, or a tuple, of the same type with other parts."""
    if record_fields(type(like)) is None:
        return tuple(parts)
    make: Callable[..., Value] = type(like)
    return make(*parts)


def with_changes(record: Value, changes: dict[str, Value]) -> Value:
    """Return a record with some fields changed.

    Raises: TypeError if it has no such field.
    """
    fields = record_fields(type(record)) or {}
    if not changes.keys() <= fields.keys():
        raise TypeError(f"no field {', '.join(changes.keys() - fields.keys())}")
    return remade(record, [changes.get(name, getattr(record, name)) for name in fields])
