"""Code that changes what is not its own, whenever it runs: it counts for everything."""

import ast
from collections.abc import Container

from spanproof.fingerprint.localnames import Local
from spanproof.fingerprint.understood import CHANGES, UNKNOWN_BUILTINS
from spanproof.fingerprint.walking import nodes_below


def reaches_out(known: Container[str], definition: ast.stmt) -> bool:
    """Tell whether code in a definition changes what is neither its own nor given to it.

    `known` are the names of its module: a builtin function that is not among them is meant.
    """
    inner = definition.body if isinstance(definition, ast.ClassDef) else [definition]
    return any(
        _function_reaches_out(known, function)
        for function in inner
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def _function_reaches_out(
    known: Container[str], function: ast.FunctionDef | ast.AsyncFunctionDef
) -> bool:
    suspect = list(filter(may_reach_out, nodes_below(function)))
    names = Local.of(function).names if suspect else frozenset[str]()
    for node in suspect:
        match node:
            case ast.Global():
                return True
            case ast.Name(id=name):
                if name not in names and name not in known:
                    return True
            case ast.Call(func=ast.Attribute(value=place)):
                if _is_elsewhere(place, names):
                    return True
            case ast.expr():
                if _is_elsewhere(node, names):
                    return True
    return False


def _is_elsewhere(place: ast.expr, names: frozenset[str]) -> bool:
    root = root_of(place)
    return root is not None and root not in names


def may_reach_out(node: ast.AST) -> bool:
    """Tell whether a node is of a form that changes something."""
    match node:
        case ast.Global():
            return True
        case ast.Attribute(ctx=context) | ast.Subscript(ctx=context):
            return not isinstance(context, ast.Load)
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in CHANGES
        case ast.Name(id=name):
            return name in UNKNOWN_BUILTINS - {"id", "hash", "open"}
    return False


def root_of(place: ast.expr) -> str | None:
    """Return the name that an attribute, item or call starts from; None if it is no name."""
    while not isinstance(place, ast.Name):
        match place:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Call(func=inner):
                place = inner
            case _:
                return None
    return place.id
