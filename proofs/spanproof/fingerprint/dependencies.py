"""What an obligation rests on, read from the names in the sources, and its fingerprint.

A module is cut into units: functions, classes, constants, imports. A unit rests on every unit of
ours that it names, in its decorators, annotations and strings as well, and so on. That is more than
a proof reads, never less. Comments, docstrings and layout are not part of a fingerprint.

A module in which some statement is not understood (see `importtime`) is a single unit, on which
everything rests: nobody knows what such a statement changes.

Nothing is imported for this, so a fingerprint takes no solver.
"""

import ast
from collections.abc import Iterable, Iterator

from spanproof.fingerprint.importtime import (
    is_dunder,
)
from spanproof.fingerprint.modules import Code, is_within, modules_of
from spanproof.fingerprint.understood import (
    KNOWN_ATTRIBUTES,
    PURE,
    SEEDED,
    UNKNOWN_BUILTINS,
)
from spanproof.fingerprint.units import PACKAGES, REST, Mention, ModuleUnits, Unit, digest_of
from spanproof.fingerprint.walking import nodes_below


class Sources:
    """The sources of our packages, cut into units."""

    def __init__(self, outside: Iterable[str] = (), code: Code | None = None) -> None:
        """Follow no name into the modules `outside`, nor into modules inside these."""
        self._outside = tuple(outside)
        self._code = code or Code()
        self._known: dict[str, ModuleUnits | None] = {}
        self._digests: dict[Unit, str] = {}
        self._directly: dict[Unit, frozenset[Unit]] = {}
        self._unknown: dict[Unit, tuple[str, ...]] = {}

    def module(self, name: str) -> ModuleUnits | None:
        """Return a module of ours; None if there is none of that name."""
        if name not in self._known:
            outside = is_within(name, self._outside)
            self._known[name] = None if outside else self._code.module(name)
        return self._known[name]

    def closure(self, roots: Iterable[Unit]) -> frozenset[Unit]:
        """Return the roots and everything of ours that they rest on."""
        reached: set[Unit] = set()
        waiting = list(roots)
        while waiting:
            unit = waiting.pop()
            if unit not in reached:
                reached.add(unit)
                waiting.extend(self._rests_on(unit))
        return frozenset(reached)

    def fingerprint(self, units: Iterable[Unit]) -> str:
        """Return the joint fingerprint of units."""
        return digest_of(*(f"{u.module}.{u.name}={self.digest(u)}" for u in sorted(units)))

    def digest(self, unit: Unit) -> str:
        """Return the fingerprint of one unit; that of the module if it is not plain."""
        if unit not in self._digests:
            module = self.module(unit.module)
            if module is None:
                self._digests[unit] = ""
            elif self._code.is_plain(unit.module):
                self._digests[unit] = module.digest(unit.name)
            else:
                self._digests[unit] = module.digest_of_all
        return self._digests[unit]

    def whole(self, module: str) -> list[Unit]:
        """Return all units of a module; none if there is no such module."""
        known = self.module(module)
        if known is None:
            return []
        return [Unit(module, name) for name in known.statements]

    def named(self, module: str, name: str) -> list[Unit]:
        """Return what a dotted name means in a module: a unit, or nothing."""
        known = self.module(module)
        if known is None:
            return []
        if name in known.statements:
            return [Unit(module, name)]
        return [] if self._code.is_plain(module) else [Unit(module, REST)]

    def unknowns(self, units: Iterable[Unit]) -> Iterator[str]:
        """Yield what units do whose outcome may be another one in the next run, in words."""
        for unit in sorted(units):
            if unit not in self._unknown:
                self._unknown[unit] = tuple(self._unknowns_of(unit))
            yield from self._unknown[unit]

    def _unknowns_of(self, unit: Unit) -> Iterator[str]:
        module = self.module(unit.module)
        if module is not None:
            plain = self._code.is_plain(unit.module)
            sets = self._code.sets(unit.module)
            for name in [unit.name] if plain else module.statements:
                for what in _unknowns(module, name):
                    yield f"{unit.module}.{name} uses {what}"
                nodes = [node for made in module.statements[name] for node in module.nodes(made)]
                for shown in sets.seen(nodes):
                    yield f"{unit.module}.{name} uses the order of {ast.unparse(shown)}"

    def _rests_on(self, unit: Unit) -> frozenset[Unit]:
        if unit not in self._directly:
            module = self.module(unit.module)
            rest = frozenset({Unit(unit.module, REST)})
            if module is None:
                self._directly[unit] = rest
            elif self._code.is_plain(unit.module):
                names = [unit.name] if unit.name != REST else []
                self._directly[unit] = rest | self._named_by(module, names)
            else:  # whatever is in it rests on all that it names
                together = rest | self._named_by(module, module.statements)
                self._directly |= dict.fromkeys([*self.whole(unit.module), unit], together)
        return self._directly[unit]

    def _named_by(self, module: ModuleUnits, units: Iterable[str]) -> set[Unit]:
        """Return what some units of a module name."""
        found: set[Unit] = set()
        for unit in units:
            for mention in module.mentions(unit):
                found.update(self._meant(module, mention))
            for owner, original in module.inner_imports(unit):
                found.update(self._imported(owner, original))
        return found

    def _imported(self, owner: str, original: str | None) -> list[Unit]:
        if original is None or original == "*":
            return self.whole(owner)
        if self.module(f"{owner}.{original}") is not None:
            return self.whole(f"{owner}.{original}")
        return self.named(owner, original) or self.whole(owner)

    def _meant(self, module: ModuleUnits, mention: Mention) -> list[Unit]:
        name, attribute = mention
        if name.split(".")[0] in PACKAGES and name not in module.imported:
            owner, _, last = name.rpartition(".")
            return (
                (self.named(owner, last) if last else []) or self.whole(name) or self._below(name)
            )
        if attribute is not None and name in module.imported:
            owner, original = module.imported[name]
            inner = owner if original is None else f"{owner}.{original}"
            if self.module(inner) is not None:
                taken = self.module(f"{inner}.{attribute}") is not None
                more = self.whole(f"{inner}.{attribute}") if taken else []
                return self.named(inner, attribute) or more or self.whole(inner)
        return self.named(module.name, name)

    def _below(self, name: str) -> list[Unit]:
        """Return all units of the modules whose names begin with a string."""
        modules = modules_of(name.split(".")[0])
        return [unit for one in modules if one.startswith(name) for unit in self.whole(one)]


def _unknowns(module: ModuleUnits, unit: str) -> Iterator[str]:
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
