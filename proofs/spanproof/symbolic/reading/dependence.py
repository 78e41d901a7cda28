"""On which parts of its arguments the result of a rule depends: those that its text reads."""

import ast
from collections.abc import Iterator, Sequence
from functools import lru_cache

import z3

from spanproof.symbolic.reading.sources import FunctionSource
from spanproof.symbolic.values.records import record_fields
from spanproof.symbolic.values.values import Value


def parts_read(source: FunctionSource, arguments: Sequence[Value]) -> list[Value]:
    """Return what a rule may look at: of a record, only the fields that it names.

    A record that is used as a whole, handed on for instance, counts with all that it has.
    """
    found: list[Value] = []
    for parameter, value in zip(source.tree.args.args, arguments, strict=True):
        fields = record_fields(type(value))
        if fields is None:
            found.append(value)
            continue
        named = fields_named(source.tree, parameter.arg)
        found.extend(getattr(value, name) for name in fields if named is None or name in named)
    return found


@lru_cache(maxsize=1 << 12)
def fields_named(tree: ast.FunctionDef, parameter: str) -> frozenset[str] | None:
    """Return the fields of a parameter that a function names; None if it uses it otherwise."""
    reads = [node for node in ast.walk(tree) if is_name(node, parameter)]
    fields = list(fields_of(tree, parameter))
    return frozenset(fields) if len(fields) == len(reads) else None


def fields_of(tree: ast.FunctionDef, parameter: str) -> Iterator[str]:
    """Yield the field of each place at which a field of a parameter is named."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_name(node.value, parameter):
            yield node.attr


def is_name(node: ast.AST, name: str) -> bool:
    """Tell whether a node of a syntax tree is a variable's name."""
    return isinstance(node, ast.Name) and node.id == name


def identity_of(value: Value) -> object:
    """Return what two values have in common just if they are the same one."""
    return ("term", value.get_id()) if isinstance(value, z3.ExprRef) else ("value", id(value))


@lru_cache(maxsize=1 << 12)
def loops_of(tree: ast.FunctionDef) -> tuple[ast.While, ...]:
    """Return the loops of a function, in the order of its text."""
    found = (node for node in ast.walk(tree) if isinstance(node, ast.While))
    return tuple(sorted(found, key=lambda loop: (loop.lineno, loop.col_offset)))
