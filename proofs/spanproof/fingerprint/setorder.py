"""Where code sees in which order a set is, which is another one from run to run.

Strings hash by a seed that each process draws, and most objects by where they lie. So a list made
of a set, or a loop over one, may differ next time with nothing changed: what hangs on it is not
kept. Sorted, counted or compared, a set has no order.

What is a set is told from the syntax of a module: a display, a comprehension, a call of `set` or
`frozenset`, an operator or method on one, and each name, field and function that is annotated as
one, or bound to one, there or where it is imported from. A set that comes out of a field of another
module's class is not seen.
"""

import ast
from collections.abc import Iterable, Iterator
from typing import Final

KINDS: Final = frozenset({"set", "frozenset", "Set", "AbstractSet", "MutableSet", "KeysView"})
"""Names of types that have no order of their own; views of keys become sets by operators."""

UNORDERED: Final = frozenset({"all", "any", "frozenset", "len", "set", "sorted", "sum", "bool"})
"""Functions to which the order of what they are given is nothing."""

ORDERED: Final = frozenset(
    {"list", "tuple", "iter", "next", "enumerate", "zip", "map", "filter", "deque", "reversed"}
    | {"dict", "min", "max", "print", "repr", "str", "format", "cast"}
)
"""Functions that tell, or keep, the order of what they are given; `min` and `max` do for ties."""

MAKES: Final = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})
"""Methods of a set that return one."""

OPERATORS: Final = (ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub)


def is_set_type(annotation: ast.expr | None) -> bool:
    """Tell whether an annotation says that something is, or may be, a set."""
    match annotation:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in KINDS
        case ast.Subscript(value=ast.Name(id="Final" | "ClassVar"), slice=inner):
            return is_set_type(inner)
        case ast.Subscript(value=inner):
            return is_set_type(inner)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return is_set_type(left) or is_set_type(right)
    return False


def annotated(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names of variables, fields and parameters that are annotated as sets."""
    for node in nodes:
        match node:
            case (
                ast.arg(arg=name, annotation=kind)
                | ast.AnnAssign(
                    target=ast.Name(id=name) | ast.Attribute(attr=name), annotation=kind
                )
            ) if is_set_type(kind):
                yield name


def returning(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names of functions that are annotated as returning sets."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and is_set_type(node.returns):
            yield node.name


class Sets:
    """Which expressions of a module are sets, and where their order shows."""

    def __init__(self, nodes: Iterable[ast.AST], imported: Iterable[str] = ()) -> None:
        """Take the nodes of a whole module, and what it imports that is a set or returns one."""
        known = list(nodes)
        others = frozenset(imported)
        self._functions = others | frozenset(returning(known))
        self._names = others | frozenset(annotated(known))
        size = -1
        while size != len(self._names):  # a name may be bound to what another one is
            size = len(self._names)
            self._names |= frozenset(self._bound(known))

    def __contains__(self, name: str) -> bool:
        """Tell whether a name is that of a set, or of a function that returns one."""
        return name in self._names or name in self._functions

    def _bound(self, nodes: Iterable[ast.AST]) -> Iterator[str]:
        for node in nodes:
            match node:
                case ast.Assign(targets=targets, value=value) if self.is_set(value):
                    for target in targets:
                        match target:
                            case ast.Name(id=name) | ast.Attribute(attr=name):
                                yield name
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    if self.is_set(value):
                        yield name
                case ast.NamedExpr(target=ast.Name(id=name), value=value) if self.is_set(value):
                    yield name

    def is_set(self, value: ast.expr) -> bool:
        """Tell whether an expression is known to be a set."""
        match value:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Name(id=name):
                return name in self._names
            case ast.Attribute(attr=name):
                return name in self  # it may be a property
            case ast.Call(func=ast.Name(id=name)):
                return name in ("set", "frozenset") or name in self._functions
            case ast.Call(func=ast.Attribute(value=owner, attr=name)):
                return (name in MAKES and self.is_set(owner)) or name in self._functions
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, OPERATORS):
                return any(self.is_set(side) or _is_keys(side) for side in (left, right))
            case ast.BoolOp(values=values):
                return any(map(self.is_set, values))
            case ast.IfExp(body=body, orelse=other):
                return self.is_set(body) or self.is_set(other)
            case ast.NamedExpr(value=inner):
                return self.is_set(inner)
        return False

    def seen(self, nodes: Iterable[ast.AST]) -> Iterator[ast.expr]:
        """Yield the sets whose order some nodes tell, or let something hang on."""
        every = list(nodes)
        without = {
            id(argument)
            for node in every
            if isinstance(node, ast.Call)
            if isinstance(node.func, ast.Name) and node.func.id in UNORDERED
            for argument in node.args
        }
        for node in every:
            for shown in self._shown(node, without):
                if self.is_set(shown):
                    yield shown

    def _shown(self, node: ast.AST, without: set[int]) -> Iterator[ast.expr]:
        """Yield what a node takes in order, whatever it is."""
        match node:
            case ast.For(iter=over) | ast.YieldFrom(value=over) | ast.Starred(value=over):
                yield over
            case ast.ListComp(generators=parts) | ast.DictComp(generators=parts):
                yield from (part.iter for part in parts)
            case ast.GeneratorExp(generators=parts) if id(node) not in without:
                yield from (part.iter for part in parts)
            case ast.Assign(targets=targets, value=value):
                if any(isinstance(target, ast.Tuple | ast.List) for target in targets):
                    yield value
            case ast.FormattedValue(value=value):
                yield value
            case ast.Call(func=ast.Name(id=name), args=arguments) if name in ORDERED:
                yield from arguments
            case ast.Call(func=ast.Attribute(value=owner, attr="pop"), args=[]):
                yield owner
            case ast.Call(func=ast.Attribute(attr="join" | "extend" | "fromkeys"), args=arguments):
                yield from arguments


def _is_keys(side: ast.expr) -> bool:
    match side:
        case ast.Call(func=ast.Attribute(attr="keys"), args=[]):
            return True
    return False
