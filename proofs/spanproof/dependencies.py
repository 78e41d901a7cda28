"""What an obligation rests on, read from the names in the sources, and its fingerprint.

A module is cut into units: functions, classes, constants. A unit rests on every unit of ours that
it names, in its decorators, annotations and strings as well, and so on. That is more than a proof
reads, never less. Comments, docstrings and layout are not part of a fingerprint.

Nothing is imported for this, so a fingerprint takes no solver.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

PACKAGES: Final = ("spanspec", "spanalloc", "spanproof")

REST: Final = "<rest>"
"""The unit of a module's statements that bind no name: every other unit rests on it."""


class Unit(NamedTuple):
    """A named piece of a module."""

    module: str
    name: str


class Mention(NamedTuple):
    """A name that a unit mentions, and the attribute of it that is taken, if any."""

    name: str
    attribute: str | None


class ModuleUnits:
    """The units of one module, and what its names mean."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.statements: dict[str, list[ast.stmt]] = {REST: []}
        self.imported: dict[str, tuple[str, str | None]] = {}
        for statement in ast.parse(text).body:
            self._sort(statement)

    def _sort(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Import(names=names):
                for alias in names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    self.imported[bound] = (alias.name if alias.asname else bound, None)
            case ast.ImportFrom(module=str(module), names=names):
                for alias in names:
                    self.imported[alias.asname or alias.name] = (module, alias.name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                self.statements.setdefault(name, []).append(statement)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                for bound in _names_bound(statement):
                    self.statements.setdefault(bound, []).append(statement)
            case ast.Expr(value=ast.Constant()):
                pass
            case _:
                self.statements[REST].append(statement)

    def digest(self, unit: str) -> str:
        """Return the fingerprint of one unit."""
        return digest_of(*(ast.dump(_bare(statement)) for statement in self.statements[unit]))

    def mentions(self, unit: str) -> Iterator[Mention]:
        """Yield the names that a unit mentions; a string that names a module of ours is one."""
        for statement in self.statements[unit]:
            nodes = list(ast.walk(statement))
            bases = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
            for node in nodes:
                match node:
                    case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                        yield Mention(name, attribute)
                    case ast.Name(id=name) if id(node) not in bases:
                        yield Mention(name, None)
                    case ast.Constant(value=str(text)) if text.split(".")[0] in PACKAGES:
                        yield Mention(text, None)


def _names_bound(statement: ast.stmt) -> list[str]:
    return [
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def _bare(statement: ast.stmt) -> ast.stmt:
    """Take out docstrings, in place."""
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body[0] = ast.Pass()
    return statement


def digest_of(*parts: str) -> str:
    """Return a fingerprint of texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def module_file(name: str) -> Path | None:
    """Return the source file of a module of ours, compiled or not; None if there is none."""
    package, *inner = name.split(".")
    spec = find_spec(package) if package in PACKAGES else None
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        place = Path(folder, *inner)
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
    return None


def modules_of(package: str) -> list[str]:
    """Return the names of all modules of a package, in order."""
    initial = module_file(package)
    if initial is None or initial.name != "__init__.py":
        return [package] if initial is not None else []
    folder = initial.parent
    names = [
        ".".join([package, *path.relative_to(folder).with_suffix("").parts])
        for path in folder.rglob("*.py")
    ]
    return sorted(name.removesuffix(".__init__") for name in names)


class Sources:
    """The sources of our packages, cut into units."""

    def __init__(self, outside: Iterable[str] = (), registering: Iterable[str] = ()) -> None:
        """Follow no name into the modules `outside`, nor into modules inside these.

        In the modules `registering`, statements that bind no name do nothing but register what
        functions define, so that a function does not rest on what they mention.
        """
        self._outside = tuple(outside)
        self._registering = tuple(registering)
        self._modules: dict[str, ModuleUnits | None] = {}
        self._digests: dict[Unit, str] = {}
        self._directly: dict[Unit, frozenset[Unit]] = {}

    def module(self, name: str) -> ModuleUnits | None:
        """Return a module of ours; None if there is none of that name."""
        if name not in self._modules:
            path = module_file(name)
            known = path is not None and not is_within(name, self._outside)
            text = path.read_text(encoding="utf-8") if known and path else ""
            self._modules[name] = ModuleUnits(name, text) if known else None
        return self._modules[name]

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
        """Return the fingerprint of one unit."""
        if unit not in self._digests:
            module = self.module(unit.module)
            self._digests[unit] = module.digest(unit.name) if module is not None else ""
        return self._digests[unit]

    def whole(self, module: str) -> list[Unit]:
        """Return all units of a module; none if there is no such module."""
        known = self.module(module)
        return [Unit(module, name) for name in known.statements] if known is not None else []

    def named(self, module: str, name: str) -> list[Unit]:
        """Return what a dotted name means in a module: a unit, a module's units, or nothing."""
        known = self.module(module)
        if known is None:
            return []
        if name in known.statements:
            return [Unit(module, name)]
        if name in known.imported:
            owner, original = known.imported[name]
            if original is None:
                return self.whole(owner)
            if module_file(f"{owner}.{original}") is not None:
                return self.whole(f"{owner}.{original}")
            return self.named(owner, original)
        return []

    def _rests_on(self, unit: Unit) -> frozenset[Unit]:
        if unit not in self._directly:
            module = self.module(unit.module)
            assert module is not None
            found = {Unit(unit.module, REST)}
            quiet = unit.name == REST and is_within(unit.module, self._registering)
            for mention in () if quiet else module.mentions(unit.name):
                found.update(self._meant(module, mention))
            self._directly[unit] = frozenset(found)
        return self._directly[unit]

    def _meant(self, module: ModuleUnits, mention: Mention) -> list[Unit]:
        name, attribute = mention
        if name.split(".")[0] in PACKAGES and name not in module.imported:
            owner, _, last = name.rpartition(".")
            return self.named(owner, last) or self.whole(name)
        if attribute is not None and name in module.imported:
            owner, original = module.imported[name]
            inner = owner if original is None else f"{owner}.{original}"
            if self.module(inner) is not None:
                return self.named(inner, attribute) or self.whole(inner)
        return self.named(module.name, name)


def is_within(module: str, places: Iterable[str]) -> bool:
    """Tell whether a module is one of some modules, or inside one of these packages."""
    return any(module == place or module.startswith(f"{place}.") for place in places)
