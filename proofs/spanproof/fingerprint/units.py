"""Modules cut into units: functions, classes, constants, imports, with what each names."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache, cached_property
from typing import Final, NamedTuple

from spanproof.fingerprint.importtime import (
    is_main_test,
    plain_targets,
)
from spanproof.fingerprint.walking import nodes_below, written

PACKAGES: Final = ("spanspec", "spanalloc", "spanproof")


REST: Final = "<rest>"
"""The unit of a module's statements that bind no name: every other unit rests on it."""


class Unit(NamedTuple):
    """A named piece of a module."""

    module: str
    name: str


class Mention(NamedTuple):
    """A name that a unit mentions, and the attribute of it that is taken, if any.

    `itself`: it is only asked whether something is that very object.
    """

    name: str
    attribute: str | None
    itself: bool = False


class ModuleUnits:
    """The units of one module, and what its names mean."""

    def __init__(self, name: str, text: str, *, package: bool = False) -> None:
        self.name = name
        self.body = ast.parse(text).body
        self.statements: dict[str, list[ast.stmt]] = {REST: []}
        self.imported: dict[str, tuple[str, str | None]] = {}
        self._nodes: dict[ast.stmt, list[ast.AST]] = {}
        self._inner: dict[str, list[tuple[str, str | None]]] = {}
        self._digests: dict[str, str] = {}
        self._mentions: dict[str, list[Mention]] = {}
        self._folder = name if package else name.rpartition(".")[0]
        for statement in self.body:
            self._sort(statement)

    def _sort(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Import() | ast.ImportFrom():
                for bound, meant, alone in self._imports(statement):
                    if self.imported.get(bound) != meant:
                        self.imported[bound] = meant
                        self.statements.setdefault(bound, []).append(alone)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                self.statements.setdefault(name, []).append(statement)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                made = (
                    statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                )
                for target in made:
                    for to in plain_targets(target):
                        self.statements.setdefault(to or REST, []).append(statement)
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), body=body):
                for inner in body:
                    self._sort(inner)
                self.statements[REST].append(statement)
            case ast.If(test=test) if is_main_test(test):
                pass
            case ast.Expr(value=ast.Constant()):
                pass
            case _:
                self.statements[REST].append(statement)

    def _imports(
        self, statement: ast.Import | ast.ImportFrom
    ) -> Iterator[tuple[str, tuple[str, str | None], ast.stmt]]:
        """Yield each name that an import binds, what it means, and the import of it alone."""
        for alias in statement.names:
            if isinstance(statement, ast.Import):
                bound = alias.asname or alias.name.partition(".")[0]
                yield bound, (alias.name if alias.asname else bound, None), ast.Import([alias])
                continue
            owner = statement.module or ""
            if statement.level:
                above = self._folder.split(".")
                above = above[: len(above) - statement.level + 1]
                owner = ".".join([*above, *filter(None, [statement.module])])
            bound = alias.asname or alias.name
            yield bound, (owner, alias.name), ast.ImportFrom(owner, [alias], 0)

    def nodes(self, statement: ast.stmt) -> list[ast.AST]:
        """Return a statement and all that is in it."""
        if statement not in self._nodes:
            self._nodes[statement] = nodes_below(statement)
        return self._nodes[statement]

    def inner_imports(self, unit: str) -> list[tuple[str, str | None]]:
        """Return what is imported inside the functions of a unit."""
        if unit not in self._inner:
            self._inner[unit] = list(self._imported_inside(unit))
        return self._inner[unit]

    def _imported_inside(self, unit: str) -> Iterator[tuple[str, str | None]]:
        for statement in self.statements[unit]:
            for node in self.nodes(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    for _, (owner, original), _ in self._imports(node):
                        full = isinstance(node, ast.Import)
                        for alias in node.names if full else ():
                            yield alias.name, None
                        if not full:
                            yield owner, original

    @property
    def all_nodes(self) -> Iterator[ast.AST]:
        """All that is in the module."""
        return (node for statement in self.body for node in self.nodes(statement))

    @cached_property
    def imports(self) -> list[str]:
        """What may be modules that are imported, at whatever time: all names of that form."""
        found = {
            name
            for unit in self.statements
            for owner, original in self.inner_imports(unit)
            for name in (owner, f"{owner}.{original}")
        }
        return sorted(found)

    def digest(self, unit: str) -> str:
        """Return the fingerprint of one unit."""
        if unit not in self._digests:
            dumped = [written(one, docstrings=False) for one in self.statements[unit]]
            self._digests[unit] = digest_of(*dumped)
        return self._digests[unit]

    @cached_property
    def digest_of_all(self) -> str:
        """The fingerprint of the whole module, docstrings included."""
        return digest_of(*(written(one, docstrings=True) for one in self.body))

    def mentions(self, unit: str) -> list[Mention]:
        """Return the names that a unit mentions; a string that names a module of ours is one."""
        if unit not in self._mentions:
            self._mentions[unit] = list(self._mentioned(unit))
        return self._mentions[unit]

    def _mentioned(self, unit: str) -> Iterator[Mention]:
        for statement in self.statements[unit]:
            nodes = self.nodes(statement)
            bases = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
            compared = {id(one) for node in nodes for one in _compared(node)}
            for node in nodes:
                itself = id(node) in compared
                match node:
                    case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                        yield Mention(name, attribute, itself)
                    case ast.Name(id=name) if id(node) not in bases:
                        yield Mention(name, None, itself)
                    case ast.Constant(value=str(text)) if text.split(".")[0] in PACKAGES:
                        yield Mention(text, None)


def _compared(node: ast.AST) -> list[ast.expr]:
    """Return what a node compares with something as to whether it is the same object."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=others):
            if all(isinstance(op, ast.Is | ast.IsNot) for op in ops):
                return [left, *others]
    return []


@cache
def units_of(name: str, text: str, package: bool) -> ModuleUnits:
    """Return the units of a module that has this text; a text is cut once in a process."""
    return ModuleUnits(name, text, package=package)


def digest_of(*parts: str) -> str:
    """Return a fingerprint of texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
