"""The rule book: from a rule's id to what it says and the functions that are it.

Functions and classes cite their rules in the docstring, in a line that begins with `Rules:`, or in
parentheses at the end of a sentence. The citations are read from the source, so that they are the
same whether the model runs interpreted or compiled.
"""

import ast
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import spanspec
from spanspec.rules import RULES, Rule

BY_ID: Final = {rule.id: rule for rule in RULES}
"""Every modelled rule by id."""

RULE_ID: Final = re.compile(
    r"\b(?:CONST|SC|SPAN|MAL|MC|CEN|SWP|HEAP|TREAP|AR|OS|SCAV|T|I|CONC|EX)-\d+\b"
)
"""What a rule id looks like."""


class Definition(NamedTuple):
    """A function, method or class of the model: its module, name, source text and docstring."""

    module: str
    name: str
    text: str
    doc: str

    @property
    def qualified(self) -> str:
        """The module and the name."""
        return f"{self.module}.{self.name}"


def rule(identifier: str) -> Rule:
    """Return a modelled rule by id, in any letter case.

    Raises: KeyError if the model has no such rule.
    """
    return BY_ID[identifier.upper()]


def cited(text: str | None) -> tuple[str, ...]:
    """Return the rule ids that a docstring cites, in order of appearance."""
    return tuple(dict.fromkeys(RULE_ID.findall(text or "")))


def modules() -> Iterator[tuple[str, Path]]:
    """Yield the names of the model's modules, and where their source is."""
    folders = {f"{spanspec.__name__}.": Path(next(iter(spanspec.__path__)))}
    for found in pkgutil.walk_packages(spanspec.__path__, f"{spanspec.__name__}."):
        folder = folders[found.name[: found.name.rindex(".") + 1]]
        stem = found.name.rpartition(".")[2]
        if found.ispkg:
            folders[f"{found.name}."] = folder / stem
        yield found.name, folder / stem / "__init__.py" if found.ispkg else folder / f"{stem}.py"


def definitions(module: str, path: Path) -> Iterator[Definition]:
    """Yield the functions and classes that a module's source defines, and their methods."""
    text = path.read_text(encoding="utf-8")

    def walk(body: list[ast.stmt], prefix: str) -> Iterator[Definition]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                name = prefix + node.name
                source = ast.get_source_segment(text, node) or ""
                yield Definition(module, name, source, ast.get_docstring(node) or "")
            if isinstance(node, ast.ClassDef):
                yield from walk(node.body, f"{node.name}.")

    yield from walk(ast.parse(text).body, "")


@cache
def definitions_of_rules() -> dict[str, tuple[Definition, ...]]:
    """Return, for each cited rule, the definitions of the model whose docstrings cite it."""
    found: dict[str, list[Definition]] = {}
    for name, path in modules():
        for definition in definitions(name, path):
            for identifier in cited(definition.doc):
                found.setdefault(identifier, []).append(definition)
    return {identifier: tuple(those) for identifier, those in found.items()}
