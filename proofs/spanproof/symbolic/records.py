"""Records of the model and of the kernels: frozen structs and NamedTuples, with symbolic parts."""

import typing
from collections.abc import Callable, Sequence

import msgspec

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
    hints = typing.get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in names}


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
