"""The modules of our packages: where their sources are, what they import, which are understood."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

from spanproof.fingerprint.importtime import (
    Defined,
    Understanding,
    may_reach_out,
)
from spanproof.fingerprint.setorder import Sets
from spanproof.fingerprint.understood import (
    CONSTANT,
)
from spanproof.fingerprint.units import PACKAGES, REST, ModuleUnits, Unit, units_of


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


def is_within(module: str, places: Iterable[str]) -> bool:
    """Tell whether a module is one of some modules, or inside one of these packages."""
    return any(module == place or module.startswith(f"{place}.") for place in places)
