"""What the text of one module says by itself: all that a fingerprint needs of it, in plain values.

To take a module's text apart costs more than everything that is done with it afterwards, and it
says the same as long as it is the same text. So the facts can be kept, and a run after an edit
takes apart what was edited.
"""

import ast
import platform
from collections.abc import Iterator
from functools import cache
from typing import Protocol, TypeVar

import msgspec

from spanproof.fingerprint.importtime import is_dunder
from spanproof.fingerprint.modules import module_file, modules_of
from spanproof.fingerprint.reaching import may_reach_out, reaches_out
from spanproof.fingerprint.setorder import Sets
from spanproof.fingerprint.understood import KNOWN_ATTRIBUTES, PURE, SEEDED, UNKNOWN_BUILTINS
from spanproof.fingerprint.units import PACKAGES, Mention, ModuleUnits, digest_of
from spanproof.fingerprint.walking import nodes_below

T = TypeVar("T")


class Store(Protocol):
    """What was found out before, by the name of what it follows from."""

    def get(self, key: str, kind: type[T]) -> T | None:
        """Return an entry; None if there is none."""

    def put(self, key: str, value: object) -> None:
        """Keep an entry."""


class UnitFacts(msgspec.Struct, frozen=True, array_like=True):
    """What a unit says: its digest, what it names and imports, and what no fingerprint speaks of.

    `reaches_out` tells whether it changes what is neither its own nor given to it, and `function`
    whether it is a function, and nothing else bears its name.
    """

    digest: str
    mentions: tuple[Mention, ...]
    imports: tuple[tuple[str, str | None], ...]
    unknown: tuple[str, ...]
    reaches_out: bool
    function: bool


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """What a module says: its units, what its imported names mean, and which units are sets.

    `digest` is that of the whole module, docstrings included.
    """

    digest: str
    units: dict[str, UnitFacts]
    imported: dict[str, tuple[str, str | None]]
    sets: frozenset[str]

    def modules(self) -> set[str]:
        """Return what may be modules that are imported, at whatever time: names of that form."""
        return {
            name
            for unit in self.units.values()
            for owner, original in unit.imports
            for name in (owner, f"{owner}.{original}")
        }


def facts_of(module: ModuleUnits) -> Facts:
    """Return what a module says."""
    return Facts(
        module.digest_of_all,
        {name: _unit(module, name) for name in module.statements},
        module.imported,
        frozenset(name for name, made in module.statements.items() if name in Sets(made)),
    )


def _unit(module: ModuleUnits, name: str) -> UnitFacts:
    return UnitFacts(
        module.digest(name),
        tuple(dict.fromkeys(module.mentions(name))),
        tuple(dict.fromkeys(module.inner_imports(name))),
        tuple(unknowns(module, name)),
        any(
            reaches_out(module.statements, statement)
            for statement in module.statements[name]
            if any(map(may_reach_out, module.nodes(statement)))
        ),
        _is_function(module.statements[name]),
    )


def _is_function(made: list[ast.stmt]) -> bool:
    match made:
        case [ast.FunctionDef(decorator_list=[])]:
            return True
    return False


@cache
def made_by() -> str:
    """Return the fingerprint of what finds out facts: they hold of a text as long as it stays."""
    paths = [module_file(name) for name in modules_of(__name__.rpartition(".")[0])]
    texts = [path.read_text(encoding="utf-8") for path in paths if path is not None]
    return digest_of(platform.python_version(), *texts)


def unknowns(module: ModuleUnits, unit: str) -> Iterator[str]:
    """Yield what a unit takes from outside of which no fingerprint speaks."""
    for owner, original in module.inner_imports(unit):
        if (owner, original) in SEEDED and _is_seeded(module, str(original)):
            continue
        if owner.split(".")[0] not in PURE | set(PACKAGES):
            yield f"{owner}.{original}" if original else owner
    for statement in module.statements[unit]:
        nodes = module.nodes(statement)
        stored = {
            node.id
            for node in nodes
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        } | {node.arg for node in nodes if isinstance(node, ast.arg)}
        for node in nodes:
            match node:
                case ast.Attribute(attr=name, ctx=ast.Load()) if (
                    is_dunder(name) and name not in KNOWN_ATTRIBUTES
                ):
                    yield name
                case ast.Name(id=name) if (
                    name in UNKNOWN_BUILTINS
                    and name not in stored
                    and name not in module.statements
                ):
                    yield name


def _is_seeded(module: ModuleUnits, name: str) -> bool:
    """Tell whether a module uses a name for nothing but calls that are given a seed, and types."""
    everything = (
        node
        for statements in module.statements.values()
        for statement in statements
        for node in module.nodes(statement)
    )
    nodes = list(everything)
    types = [node.annotation for node in nodes if isinstance(node, ast.arg | ast.AnnAssign)]
    inside = {part for kind in types if kind is not None for part in nodes_below(kind)}
    uses = [node for node in nodes if isinstance(node, ast.Name) and node.id == name]
    named = [node for node in uses if node not in inside]
    seeded = [
        node for node in nodes if isinstance(node, ast.Call) and node.func in named and node.args
    ]
    return len(seeded) == len(named) and len(uses) > 0
