"""Where a rule's text is: from a function object to its syntax tree, mutants included.

A compiled function (mypyc) has no source attribute, so the text is found through its module:
the `.py` beside the extension. A `SourceTree` may replace the text of some modules; everything
that is translated through it then sees the changed text.
"""

import ast
import importlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import NamedTuple

from spanproof.symbolic.errors import UnsupportedConstruct
from spanproof.symbolic.modules import module_path
from spanproof.symbolic.records import parts_of

OURS = ("spanspec", "spanalloc", "spanproof")
"""Packages whose functions are translated."""


def is_ours(module: str) -> bool:
    """Tell whether a module belongs to one of our packages."""
    return module.split(".")[0] in OURS


class FunctionSource(NamedTuple):
    """One function: its tree, and the module it is read in."""

    module: str
    name: str
    tree: ast.FunctionDef
    path: str

    @property
    def qualified(self) -> str:
        """`module.name`, the key of loop invariants and contracts."""
        return f"{self.module}.{self.name}"


class ModuleSource:
    """A module's text, its functions, and the objects its names are bound to."""

    def __init__(self, name: str, path: str, text: str, namespace: dict[str, object]) -> None:
        self.name = name
        self.path = path
        self.text = text
        self.namespace = namespace
        body = ast.parse(text, filename=path).body
        self.functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
        self.imported = {
            alias.asname or alias.name: (node.module, alias.name)
            for node in body
            if isinstance(node, ast.ImportFrom) and node.module and is_ours(node.module)
            for alias in node.names
        }


def execute(name: str, path: str, text: str) -> dict[str, object]:
    """Run a module's text as plain Python and return its namespace.

    Classes, and the classes of constant records, are those of the module as it is installed, so
    that records made by changed functions are of the types that everybody knows.
    """
    module = ModuleType(f"{name}@variant")
    module.__file__ = path
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, path, "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]
    installed = importlib.import_module(name).__dict__
    for key, value in list(module.__dict__.items()):
        kind = value if isinstance(value, type) else type(value)
        if kind.__module__ == module.__name__ and kind.__name__ in installed:
            known = installed[kind.__name__]
            parts = parts_of(value) or ()
            module.__dict__[key] = known if isinstance(value, type) else known(*parts)
    return module.__dict__


class SourceTree:
    """The sources that a proof reads; `changed` gives other texts for some modules."""

    def __init__(self, changed: Mapping[str, str] | None = None) -> None:
        self._changed = dict(changed or {})
        self._modules: dict[str, ModuleSource] = {}
        self.reached: set[str] = set()

    @property
    def changed(self) -> frozenset[str]:
        """Names of the modules whose text is not the installed one."""
        return frozenset(self._changed)

    def module(self, name: str) -> ModuleSource:
        """Return a module's source, loading it at first use."""
        if name not in self._modules:
            imported = importlib.import_module(name)
            path = module_path(imported)
            if name in self._changed:
                text = self._changed[name]
                namespace = execute(name, str(path), text)
            else:
                text, namespace = path.read_text(encoding="utf-8"), imported.__dict__
            self._modules[name] = ModuleSource(name, str(path), text, namespace)
        return self._modules[name]

    def lookup(self, module: str, name: str) -> object:
        """Return what a name is bound to in a module, changed texts included.

        Raises: KeyError if the module has no such name.
        """
        source = self.module(module)
        if name in source.imported:
            owner, original = source.imported[name]
            if owner in self._changed:
                return self.lookup(owner, original)
        return source.namespace[name]

    def function(self, function: Callable[..., object]) -> FunctionSource:
        """Return the source of a function object of ours.

        Raises: UnsupportedConstruct if it is not a module-level function of our packages.
        """
        name, owner = function.__name__, getattr(function, "__module__", None) or ""
        owner = owner.removesuffix("@variant")
        if not is_ours(owner) and not owner.startswith("test"):
            raise UnsupportedConstruct(owner or "?", 0, f"{name} is not a function of ours")
        module = self.module(owner)
        if name not in module.functions:
            raise UnsupportedConstruct(module.path, 0, f"{name} is not a module-level function")
        self.reached.add(f"{owner}.{name}")
        return FunctionSource(owner, name, module.functions[name], module.path)
