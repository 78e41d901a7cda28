"""The rule book: from a rule's id to what it says and the definitions that stand for it.

Functions and classes cite their rules in the docstring, in a line that begins with `Rules:`, or in
parentheses at the end of a sentence. Constants do so in the docstring below them. A function also
stands for a rule if it fails with a message that begins with the id, and a predicate for the
invariant as which a decorator enters it. All of this is read from the source, so that it is the
same whether the model runs interpreted or compiled.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import spanspec
from spanspec.rules import FAMILIES, RULES, Rule

BY_ID: Final = {rule.id: rule for rule in RULES}
"""Every rule by id."""

RULE_ID: Final = re.compile(rf"\b(?:{'|'.join(FAMILIES)})-\d+\b")
"""What a rule id looks like."""


class Definition(NamedTuple):
    """A function, method, class or constant of the model, and the rules that it stands for."""

    module: str
    name: str
    text: str
    rules: tuple[str, ...]

    @property
    def qualified(self) -> str:
        """The module and the name."""
        return f"{self.module}.{self.name}"


def rule(identifier: str) -> Rule:
    """Return a rule by id, in any letter case.

    Raises: KeyError if there is no such rule.
    """
    return BY_ID[identifier.upper()]


def in_words(identifiers: Iterable[str]) -> tuple[str, ...]:
    """Return a line for each id that is one of a rule: the id, and what the rule says."""
    return tuple(f"{one}: {BY_ID[one].says}" for one in identifiers if one in BY_ID)


def cited(text: str | None) -> tuple[str, ...]:
    """Return the rule ids that a text cites, in order of appearance."""
    return tuple(dict.fromkeys(RULE_ID.findall(text or "")))


def modules() -> Iterator[tuple[str, Path]]:
    """Yield the names of the model's modules, and where their source is."""
    root = Path(next(iter(spanspec.__path__)))
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        names = parts[:-1] if parts[-1] == "__init__" else parts
        yield ".".join((spanspec.__name__, *names)), path


def definitions(module: str, path: Path) -> Iterator[Definition]:
    """Yield what a module's source defines: functions, classes, their methods, and constants."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()

    def walk(body: list[ast.stmt], prefix: str) -> Iterator[Definition]:
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            source = "\n".join(lines[first - 1 : node.end_lineno])
            told = cited(ast.get_docstring(node)) + entered_as(node)
            if isinstance(node, ast.FunctionDef):
                told += tuple(fails_with(node))
            yield Definition(module, prefix + node.name, source, tuple(dict.fromkeys(told)))
            if isinstance(node, ast.ClassDef):
                yield from walk(node.body, f"{node.name}.")

    tree = ast.parse(text)
    yield from walk(tree.body, "")
    yield from constants(module, tree.body, lines)


def constants(module: str, body: list[ast.stmt], lines: list[str]) -> Iterator[Definition]:
    """Yield the constants of a module that have a docstring below them.

    A docstring speaks for all assignments that stand directly above it, line by line.
    """
    group: list[ast.Assign | ast.AnnAssign] = []
    for node in body:
        adjacent = bool(group) and group[-1].end_lineno == node.lineno - 1
        if isinstance(node, ast.Assign | ast.AnnAssign):
            group = [*group, node] if adjacent else [node]
            continue
        if adjacent and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            source = "\n".join(lines[group[0].lineno - 1 : node.end_lineno])
            told = cited(str(node.value.value))
            for name in (name for one in group for name in assigned(one)):
                yield Definition(module, name, source, told)
        group = []


def assigned(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    """Yield the names that an assignment binds."""
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        for one in ast.walk(target):
            if isinstance(one, ast.Name):
                yield one.id


def entered_as(node: ast.FunctionDef | ast.ClassDef) -> tuple[str, ...]:
    """Return the rule ids that decorators of a definition enter it as."""
    calls = [one for one in node.decorator_list if isinstance(one, ast.Call)]
    return tuple(name for call in calls for name in leading_rule(call.args[:1]))


def fails_with(node: ast.FunctionDef) -> Iterator[str]:
    """Yield the rule ids that the messages of a function's fatal checks begin with."""
    for one in ast.walk(node):
        if isinstance(one, ast.Assert) and one.msg is not None:
            yield from leading_rule([one.msg])
        elif isinstance(one, ast.Raise) and isinstance(one.exc, ast.Call):
            yield from leading_rule(one.exc.args[:1])


def leading_rule(texts: list[ast.expr]) -> Iterator[str]:
    """Yield the rule id that each text begins with, if it is a literal that does."""
    for text in texts:
        start = text.values[0] if isinstance(text, ast.JoinedStr) and text.values else text
        if isinstance(start, ast.Constant) and isinstance(start.value, str):
            begins = RULE_ID.match(start.value)
            if begins is not None:
                yield begins[0]


@cache
def definitions_of_rules() -> dict[str, tuple[Definition, ...]]:
    """Return, for each rule that something stands for, the definitions of the model that do."""
    found: dict[str, list[Definition]] = {}
    for name, path in modules():
        for definition in definitions(name, path):
            for identifier in definition.rules:
                found.setdefault(identifier, []).append(definition)
    return {identifier: tuple(those) for identifier, those in found.items()}
