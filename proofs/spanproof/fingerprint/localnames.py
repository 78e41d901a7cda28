"""The names of a function, and which of them only ever hold what the function itself made."""

import ast
from collections.abc import Callable
from typing import NamedTuple

from spanproof.fingerprint.walking import nodes_below


class Local(NamedTuple):
    """The names of a function, and those among them that only ever hold what it made itself."""

    names: frozenset[str]
    fresh: frozenset[str]

    def with_names(self, more: set[str]) -> "Local":
        """Return the same with more names."""
        return Local(self.names | more, self.fresh - more)

    @classmethod
    def of(
        cls,
        function: ast.FunctionDef | ast.AsyncFunctionDef,
        is_class: Callable[[str], bool] = lambda name: False,
    ) -> "Local":
        """Return the names of a function, functions inside it included."""
        nodes = nodes_below(function)
        arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
        names = set(arguments)
        made: dict[str, bool] = {}
        for node in nodes:
            match node:
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                    names.add(name)
                    made.setdefault(name, True)
                case ast.FunctionDef(name=name) if node is not function:
                    names.add(name)
                    made.setdefault(name, True)
        for node in nodes:
            match node:
                case ast.Assign(targets=targets, value=value):
                    for target in targets:
                        _note(made, target, _makes(value, is_class))
                case ast.AnnAssign(target=target, value=value):
                    _note(made, target, _makes(value, is_class))
                case ast.For(target=target) | ast.comprehension(target=target):
                    _note(made, target, False)
                case ast.withitem(optional_vars=ast.expr() as target):
                    _note(made, target, False)
                case ast.NamedExpr(target=target, value=value):
                    _note(made, target, _makes(value, is_class))
        fresh = {name for name, known in made.items() if known} - arguments
        return cls(frozenset(names), frozenset(fresh))


def _note(made: dict[str, bool], target: ast.expr, makes: bool) -> None:
    for node in nodes_below(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made[node.id] = made.get(node.id, True) and node is target and makes


def _makes(value: ast.expr | None, is_class: Callable[[str], bool]) -> bool:
    match value:
        case ast.List() | ast.Dict() | ast.Set() | ast.ListComp() | ast.DictComp() | ast.SetComp():
            return True
        case ast.BinOp(left=ast.List(), op=ast.Mult()):
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in ("list", "dict", "set", "deque", "Counter") or is_class(name)
    return False
