"""Which constructs of Python's grammar a rule may contain, wherever they stand.

A function is checked as a whole before any of it is evaluated. What can never be reached counts
too: a `yield` behind a `return` makes a generator of the function, and an assignment in a dead
branch makes a local variable of a name.
"""

import ast
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

STATEMENTS: Final = (
    ast.Return,
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
    ast.If,
    ast.While,
    ast.Assert,
    ast.Pass,
)
"""Statements of the subset; a docstring is one more."""

EXPRESSIONS: Final = (
    ast.Name,
    ast.Attribute,
    ast.Tuple,
    ast.UnaryOp,
    ast.BinOp,
    ast.BoolOp,
    ast.IfExp,
    ast.Compare,
    ast.Subscript,
    ast.Call,
    ast.GeneratorExp,
)
"""Expressions of the subset; numbers and truth values are constants of it."""

OPERATORS: Final[dict[type[ast.AST], str]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
COMPARISONS: Final[dict[type[ast.AST], str]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
UNARY: Final = (ast.Not, ast.Invert, ast.USub)


Wrong = Iterator[tuple[int, str]]
"""What is outside the subset: lines, and what is wrong there."""


class Grammar(NamedTuple):
    """What checks the statements and the expressions that a statement holds."""

    statement: Callable[[ast.stmt], Wrong]
    expression: Callable[[ast.expr], Wrong]


@lru_cache(maxsize=1 << 12)
def refusals(function: ast.FunctionDef, *, method: bool = False) -> tuple[tuple[int, str], ...]:
    """Return the line of each construct outside the subset, and what is wrong with it.

    A method may contain more than a rule.
    """
    check = _method_statement if method else _rule_statement
    body = (wrong for statement in function.body for wrong in check(statement))
    return (*parameters_refused(function), *(_mangled(function) if method else ()), *body)


def _mangled(function: ast.FunctionDef) -> Wrong:
    """Yield the line of each name that Python changes, since it stands in a class."""
    for node in ast.walk(function):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) if (
                name.startswith("__") and not name.endswith("__")
            ):
                yield node.lineno, f"in a class, {name} is another name"


@lru_cache(maxsize=1 << 12)
def has_call(node: ast.AST) -> bool:
    """Tell whether an expression calls something."""
    return any(isinstance(one, ast.Call) for one in ast.walk(node))


def changes_nothing(function: ast.FunctionDef) -> bool:
    """Tell whether a method surely changes no object: it stores nothing, and calls no method."""
    for node in ast.walk(function):
        match node:
            case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
                return False
            case ast.Attribute(ctx=ast.Del()) | ast.Subscript(ctx=ast.Del()):
                return False
            case ast.Call(func=ast.Attribute()):
                return False
    return True


def _rule_statement(node: ast.stmt) -> Wrong:
    return _statement(node, Grammar(_rule_statement, _expression))


def _method_statement(node: ast.stmt) -> Wrong:
    """Yield what is wrong with a statement of a method, which may store and raise."""
    match node:
        case (
            ast.Assign(targets=[ast.Attribute(value=base)], value=value)
            | ast.AnnAssign(target=ast.Attribute(value=base), value=ast.expr() as value)
        ):
            yield from _method_expressions(base, value)
        case ast.Assign(
            targets=[
                ast.Subscript(
                    value=base, slice=ast.Slice(ast.expr() as lower, ast.expr() as upper, None)
                )
            ],
            value=value,
        ):
            yield from _method_expressions(base, lower, upper, value)
        case ast.Assign(targets=[ast.Subscript(value=base, slice=index)], value=value):
            yield from _method_expressions(base, index, value)
        case ast.AugAssign(target=ast.Attribute(value=base), op=op, value=value) if (
            type(op) in OPERATORS
        ):
            yield from _method_expressions(base, value)
        case ast.AugAssign(target=ast.Subscript(value=base, slice=index), op=op, value=value) if (
            type(op) in OPERATORS
        ):
            yield from _method_expressions(base, index, value)
        case ast.For(target=ast.Name(), iter=over, body=body, orelse=[]):
            yield from _method_expressions(over)
            for inner in body:
                yield from _method_statement(inner)
        case ast.Expr(value=ast.Call() as call):
            yield from _method_expressions(call)
        case ast.Return(value=None) | ast.Raise(exc=ast.Call(), cause=None):
            return  # what is raised is told to nobody here
        case ast.AugAssign() | ast.While(orelse=[_, *_]):
            yield from _rule_statement(node)
        case _:
            yield from _statement(node, Grammar(_method_statement, _method_expressions))


def _method_expressions(*nodes: ast.expr) -> Wrong:
    for node in nodes:
        match node:
            case ast.Constant(value=None | str()):
                continue
            case ast.List(elts=items):
                yield from _method_expressions(*items)
            case ast.Compare(ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(value=None)]):
                yield from _method_expressions(node.left)
            case ast.Call(func=ast.Subscript(value=ast.Name(id="vec")), keywords=[]):
                yield from _method_expressions(*(one for one in node.args if not _zeros(one)))
            case ast.Call(args=arguments, keywords=[]) if any(
                isinstance(one, ast.Constant) and isinstance(one.value, str | None)
                for one in arguments
            ):
                yield from _method_expressions(node.func, *arguments)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                yield from _method_expressions(test, body, orelse)
            case ast.BoolOp(values=values):
                yield from _method_expressions(*values)
            case _:
                yield from _expression(node)


def _zeros(node: ast.expr) -> bool:
    """Tell whether an expression is `[0] * n`, or `[None] * n`."""
    match node:
        case ast.BinOp(
            left=ast.List(elts=[ast.Constant(value=0 | None)]), op=ast.Mult(), right=right
        ):
            return not list(_expression(right))
    return False


def parameters_refused(function: ast.FunctionDef) -> Wrong:
    """Yield the line of each parameter that a rule cannot have, and what is wrong with it."""
    given = function.args
    for place, one in (
        *(("positional-only", one) for one in given.posonlyargs),
        *(("keyword-only", one) for one in given.kwonlyargs),
        *((kind, one) for kind, one in (("*", given.vararg), ("**", given.kwarg)) if one),
    ):
        yield one.lineno, f"a rule has no {place} parameter: {one.arg}"
    if getattr(function, "type_params", None):
        yield function.lineno, "a rule has no type parameters"


def _statement(node: ast.stmt, grammar: Grammar) -> Wrong:
    """Yield what is wrong with a statement that a rule and a method may contain alike."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return
        case ast.Assert(test=test):
            # The message is read by nobody unless the test fails.
            yield from grammar.expression(test)
        case (
            ast.If(test=test, body=body, orelse=orelse)
            | ast.While(test=test, body=body, orelse=orelse)
        ):
            yield from grammar.expression(test)
            for inner in (*body, *orelse):
                yield from grammar.statement(inner)
        case ast.Assign(targets=[target], value=value):
            yield from _target(target)
            yield from grammar.expression(value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _target(target)
            yield from grammar.expression(value)
        case ast.AugAssign(target=ast.Name(), op=op, value=value):
            if type(op) not in OPERATORS:
                yield node.lineno, f"operator {type(op).__name__} has no counterpart"
            yield from grammar.expression(value)
        case ast.Return(value=ast.expr() as value):
            yield from grammar.expression(value)
        case ast.Return():
            yield node.lineno, "a rule returns a value"
        case ast.Pass():
            return
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            yield node.lineno, "a rule gives one value to one name, or to a tuple of names"
        case _:
            yield node.lineno, f"a rule cannot contain {type(node).__name__}"


def _target(node: ast.expr) -> Wrong:
    match node:
        case ast.Name():
            return
        case ast.Tuple(elts=parts):
            for part in parts:
                yield from _target(part)
        case _:
            yield node.lineno, "only names and tuples can be assigned to"


def _expression(node: ast.expr) -> Wrong:
    wrong = _own_refusal(node)
    if wrong is not None:
        yield node.lineno, wrong
        return
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.expr():
                yield from _expression(child)
            case ast.keyword(arg=None):
                yield child.lineno, "a rule cannot contain ** in a call"
            case ast.keyword(value=value):
                yield from _expression(value)
            case ast.comprehension(target=ast.Name(), iter=over, ifs=[], is_async=0):
                yield from _expression(over)
            case ast.comprehension(target=target):
                yield target.lineno, "a quantifier has one name, and no `if`"


def _own_refusal(node: ast.expr) -> str | None:
    """Return what is wrong with an expression, its parts left out; None if nothing is."""
    match node:
        case ast.Constant(value=bool() | int()):
            return None
        case ast.BinOp(op=op) if type(op) not in OPERATORS:
            return f"operator {type(op).__name__} has no counterpart"
        case ast.UnaryOp(op=op) if not isinstance(op, UNARY):
            return f"operator {type(op).__name__} has no counterpart"
        case ast.Compare(ops=ops):
            names = [type(one).__name__ for one in ops if type(one) not in COMPARISONS]
            return f"comparison {names[0]} has no counterpart" if names else None
        case ast.GeneratorExp(generators=generators) if len(generators) != 1:
            return "a quantifier has one name"
    if isinstance(node, EXPRESSIONS):
        return None
    return f"a rule cannot contain {type(node).__name__}"
