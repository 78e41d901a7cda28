"""Mutants drawn by lot from all functions of the model whose docstring cites a rule, and from the
structures that spanalloc rests on.

Rules, steps, guards and courses alike: a comparison, an arithmetic operation, a condition, or a
statement becomes another one, or is deleted. Nobody chose them, so they show what is not claimed.
"""

import ast
import random
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Final, NamedTuple

from spanproof.fingerprint.modules import module_file
from spanproof.fingerprint.units import ModuleUnits, digest_of
from spanproof.report.deciding import Function, citing_functions, texts_of_the_model
from spanproof.report.implread import STRUCTURES, functions_in

COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
"""What a comparison becomes."""

ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}
"""What an arithmetic operation becomes."""


class Drawn(NamedTuple):
    """A mutant: the function, what kind of change, where, and the whole text of its module."""

    function: str
    kind: str
    line: int
    before: str
    after: str
    module: str
    text: str

    @property
    def key(self) -> str:
        """The name under which its fate is kept: what the function, and its class, have become."""
        unit = self.function.removeprefix(f"{self.module}.").partition(".")[0]
        return digest_of("drawn", self.function, ModuleUnits(self.module, self.text).digest(unit))


def drawable() -> list[str]:
    """Return the functions whose mutants can be drawn, in the order of the sources."""
    return [
        name for module, text in texts_of_the_model() for name, _ in citing_functions(module, text)
    ]


def all_drawn(chosen: Container[str]) -> list[Drawn]:
    """Return every mutant of some functions, in the order of the sources."""
    return [
        one
        for module, text in texts_of_the_model()
        if any(name in chosen for name, _ in citing_functions(module, text))
        for one in mutants_of(module, text)
        if one.function in chosen
    ]


def drawn_of_structures(matches: Callable[[str], bool]) -> list[Drawn]:
    """Return every mutant of spanalloc's spans, trees and page map, in the order of the sources.

    `matches` tells of a function, by its dotted name, whether it is among those asked for.
    """
    found: list[Drawn] = []
    for module in (f"spanalloc.{one}" for one in STRUCTURES):
        path = module_file(module)
        assert path is not None, f"{module} has a source"
        text = path.read_text(encoding="utf-8")
        named = [(f"{module}.{inner}", function) for inner, function in functions_in(text)]
        found += _mutants(module, text, [one for one in named if matches(one[0])])
    return found


def draw(mutants: Iterable[Drawn], number: int, seed: int) -> list[Drawn]:
    """Return so many mutants by lot, or all if there are not more; the seed determines which."""
    every = list(mutants)
    return random.Random(seed).sample(every, min(number, len(every)))


def mutants_of(module: str, text: str) -> Iterator[Drawn]:
    """Yield every mutant of a module's functions that cite rules."""
    yield from _mutants(module, text, citing_functions(module, text))


def _mutants(module: str, text: str, functions: Iterable[tuple[str, Function]]) -> Iterator[Drawn]:
    lines = text.splitlines(keepends=True)
    for name, function in functions:
        for kind, node, after in changes_in(function):
            changed = with_replaced(lines, node, after)
            before = " ".join(ast.unparse(node).split())
            yield Drawn(name, kind, node.lineno, before, " ".join(after.split()), module, changed)


Change = tuple[str, ast.expr | ast.stmt, str]
"""A kind of change, what is replaced, and what comes in its place."""


def changes_in(function: Function) -> Iterator[Change]:
    """Yield every change of a function's code, its docstring and annotations left out."""
    body = function.body if ast.get_docstring(function) is None else function.body[1:]
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop(0)
        if not isinstance(node, ast.JoinedStr):  # it does not say where its parts stand
            yield from _changes_of(node)
            annotation = getattr(node, "annotation", None)
            waiting.extend(one for one in ast.iter_child_nodes(node) if one is not annotation)


def _changes_of(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=operators):
            # Of a chain, as in `0 <= p < n`, each one alone.
            for place, operator in enumerate(operators):
                for other in COMPARISONS[type(operator)]:
                    changed_operators = [*operators[:place], other(), *operators[place + 1 :]]
                    changed = ast.Compare(node.left, changed_operators, node.comparators)
                    yield "compare", node, f"({ast.unparse(changed)})"
        case ast.BinOp(op=operator) if type(operator) in ARITHMETIC:
            changed_sum = ast.BinOp(node.left, ARITHMETIC[type(operator)](), node.right)
            yield "arithmetic", node, f"({ast.unparse(changed_sum)})"
        case ast.AugAssign(op=operator) if type(operator) in ARITHMETIC:
            other_sum = ast.AugAssign(node.target, ARITHMETIC[type(operator)](), node.value)
            yield "arithmetic", node, ast.unparse(other_sum)
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield "condition", test, f"(not ({ast.unparse(test)}))"
        case ast.Assert(test=test):
            yield "condition", test, f"(not ({ast.unparse(test)}))"
        case ast.comprehension(ifs=[*tests]):
            for test in tests:
                yield "condition", test, f"(not ({ast.unparse(test)}))"
    if isinstance(node, ast.stmt) and _may_go(node):
        yield "deleted", node, "pass"


def _may_go(node: ast.stmt) -> bool:
    """Tell whether a statement can be left out without leaving a name undefined."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return False
        case ast.Expr() | ast.AugAssign() | ast.Assert() | ast.Raise() | ast.Delete():
            return True
        case ast.Continue() | ast.Break():
            return True
        case ast.Assign(targets=targets):
            return all(isinstance(one, ast.Attribute | ast.Subscript) for one in targets)
        case ast.AnnAssign(target=target):
            return isinstance(target, ast.Attribute | ast.Subscript)
    return False


def with_replaced(lines: list[str], node: ast.expr | ast.stmt, after: str) -> str:
    """Return a text with something else in the place of a node; columns count bytes."""
    end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
    first, last = lines[node.lineno - 1].encode(), lines[end_line - 1].encode()
    changed = first[: node.col_offset] + after.encode() + last[end_column:]
    return "".join([*lines[: node.lineno - 1], changed.decode(), *lines[end_line:]])
