"""What an obligation rests on, read from the names in the sources, and its fingerprint.

A module is cut into units: functions, classes, constants, imports. A unit rests on every unit of
ours that it names, in its decorators, annotations and strings as well, and so on. That is more than
a proof reads, never less. Comments, docstrings and layout are not part of a fingerprint.

A module in which some statement is not understood (see `importtime`) is a single unit, on which
everything rests: nobody knows what such a statement changes.

Nothing is imported for this, so a fingerprint takes no solver.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from spanproof.fingerprint.importtime import (
    Defined,
    Understanding,
    is_dunder,
    is_main_test,
    may_reach_out,
    plain_targets,
)
from spanproof.fingerprint.setorder import Sets
from spanproof.fingerprint.understood import (
    CONSTANT,
    KNOWN_ATTRIBUTES,
    PURE,
    SEEDED,
    UNKNOWN_BUILTINS,
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
    """A name that a unit mentions, and the attribute of it that is taken, if any."""

    name: str
    attribute: str | None


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
            for node in nodes:
                match node:
                    case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                        yield Mention(name, attribute)
                    case ast.Name(id=name) if id(node) not in bases:
                        yield Mention(name, None)
                    case ast.Constant(value=str(text)) if text.split(".")[0] in PACKAGES:
                        yield Mention(text, None)


@cache
def units_of(name: str, text: str, package: bool) -> ModuleUnits:
    """Return the units of a module that has this text; a text is cut once in a process."""
    return ModuleUnits(name, text, package=package)


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


class Code:
    """The modules of our packages, and which of them are understood.

    What is defined in the modules `counted` counts for everything; it may be called anywhere.
    """

    def __init__(
        self, counted: Iterable[str] = (), changed: Mapping[str, str] | None = None
    ) -> None:
        """Take other texts for the modules `changed`."""
        self.counted = tuple(counted)
        self._changed = changed or {}
        self._modules: dict[str, ModuleUnits | None] = {}
        self._plain: dict[str, bool] = {}
        self._sets: dict[str, Sets] = {}
        self.understanding = Understanding(self.resolve, lambda name: is_within(name, self.counted))

    def module(self, name: str) -> ModuleUnits | None:
        """Return a module of ours; None if there is none of that name."""
        if name not in self._modules:
            path = module_file(name)
            self._modules[name] = None
            if path is not None:
                text = self._changed.get(name) or path.read_text(encoding="utf-8")
                package = path.name == "__init__.py"
                self._modules[name] = units_of(name, text, package)
        return self._modules[name]

    def is_plain(self, name: str) -> bool:
        """Tell whether a module does no more than bind names, each once."""
        if name not in self._plain:
            self._plain[name] = not any(True for _ in self.odd(name))
        return self._plain[name]

    def odd(self, name: str) -> Iterator[ast.stmt]:
        """Yield the statements of a module that are not understood."""
        module = self.module(name)
        if module is None:
            return
        for statement in module.body:
            if not self.understanding.understands(name, statement):
                yield statement
        for bound, made in module.statements.items():
            if bound != REST:
                yield from made[1:]

    def resolve(self, module: str, name: str) -> Defined | str | None:
        """Return what a name in a module means; a constant of ours is a dotted name."""
        known = self.module(module)
        if known is None:
            return None
        if name in known.imported:
            owner, original = known.imported[name]
            inner = owner if original is None else f"{owner}.{original}"
            if original is None or self.module(inner) is not None or owner == module:
                return inner
            return self.resolve(owner, original) or inner
        match known.statements.get(name):
            case [ast.FunctionDef() | ast.ClassDef() as statement]:
                return Defined(module, name, statement)
            case [ast.Assign(value=ast.Call(func=ast.Name(id="NewType")))]:
                return "typing.NewType()"
            case [*_]:
                return CONSTANT
        return None

    def sets(self, name: str) -> Sets:
        """Return which expressions of a module of ours are sets."""
        if name not in self._sets:
            module = self.module(name)
            known = [] if module is None else module.all_nodes
            imported = {} if module is None else module.imported
            self._sets[name] = Sets(known, filter(partial(self._is_set, name), imported))
        return self._sets[name]

    def _is_set(self, module: str, bound: str) -> bool:
        """Tell whether an imported name is a set, or a function that returns one."""
        known = self.module(module)
        owner, original = known.imported[bound] if known is not None else ("", None)
        there = self.module(owner) if original is not None else None
        made = there.statements.get(str(original), []) if there is not None else []
        return str(original) in Sets(made)

    def reached(self, roots: Iterable[str]) -> list[str]:
        """Return some modules and all of ours that they import, at whatever time."""
        found: set[str] = set()
        waiting = list(roots)
        while waiting:
            name = waiting.pop()
            module = self.module(name)
            if name in found or module is None:
                continue
            found.add(name)
            waiting.append(name.rpartition(".")[0])
            waiting += module.imports
        return sorted(found)

    def effects(self, imported: Iterable[str], run: Iterable[str]) -> list[Unit]:
        """Return the units that may change what is not their own.

        That is any module that `imported` ones import and that is not plain, and any function that
        reaches out, in the modules that `run` ones import.
        """
        odd = [name for name in self.reached(imported) if not self.is_plain(name)]
        found = [Unit(name, REST) for name in odd if not is_within(name, self.counted)]
        for name in self.reached(run):
            module = self.module(name)
            if module is None or name in odd or is_within(name, self.counted):
                continue
            for unit, made in module.statements.items():
                for statement in made:
                    suspect = any(map(may_reach_out, module.nodes(statement)))
                    if suspect and self.understanding.reaches_out(name, statement):
                        found.append(Unit(name, unit))
        return found


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


def is_within(module: str, places: Iterable[str]) -> bool:
    """Tell whether a module is one of some modules, or inside one of these packages."""
    return any(module == place or module.startswith(f"{place}.") for place in places)
