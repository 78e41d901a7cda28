"""Where a rule's text is: from a function object to its syntax tree, mutants included.

A compiled function (mypyc) has no source attribute, so the text is found through its module:
the `.py` beside the extension. A `SourceTree` may replace the text of some modules; everything
that is translated through it then sees the changed text.
"""

import ast
import importlib
import sys
import tokenize
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from spanproof.symbolic.text.definitions import (
    Definition,
    Mismatch,
    ModuleSource,
    code_of,
    is_compiled,
)
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.symbolic.text.modules import is_ours, module_path
from spanproof.symbolic.values.records import parts_of

VARIANT: Final = "@variant"
"""Ends the name of a module that is executed from a changed text."""


class FunctionSource(NamedTuple):
    """One function: its tree, the module it is read in, and the names that are local to it."""

    module: str
    name: str
    tree: ast.FunctionDef
    path: str
    local: frozenset[str]

    @property
    def qualified(self) -> str:
        """`module.name`, the key of loop invariants and contracts."""
        return f"{self.module}.{self.name}"


class _Known(NamedTuple):
    """A function whose source was looked for, kept so that its number is not used again.

    `code` is what ran then; a function can be given another one.
    """

    function: Callable[..., object]
    code: object
    source: FunctionSource


_ORIGINALS: Final[WeakKeyDictionary[type, type]] = WeakKeyDictionary()
"""The installed class of each class that a changed text has made."""


def original(kind: object) -> object:
    """Return the installed class for one that a changed text has made; anything else as it is.

    What a changed text made while it was executed, an annotation for instance, is made with classes
    of its own, which nobody else knows.
    """
    return _ORIGINALS.get(kind, kind) if isinstance(kind, type) else kind


def execute(name: str, path: str, text: str) -> dict[str, object]:
    """Run a module's text as plain Python and return its namespace.

    Classes, and the classes of constant records, are those of the module as it is installed, so
    that records made by changed functions are of the types that everybody knows.
    """
    module = ModuleType(f"{name}{VARIANT}")
    module.__file__ = path
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, path, "exec", dont_inherit=True), module.__dict__)
    finally:
        del sys.modules[module.__name__]
    installed = importlib.import_module(name).__dict__
    for key, value in list(module.__dict__.items()):
        kind = value if isinstance(value, type) else type(value)
        if kind.__module__ == module.__name__ and kind.__name__ in installed:
            known = _ORIGINALS[kind] = installed[kind.__name__]
            parts = parts_of(value) or ()
            module.__dict__[key] = known if isinstance(value, type) else known(*parts)
    return module.__dict__


class SourceTree:
    """The sources that a proof reads; `changed` gives other texts for some modules."""

    def __init__(self, changed: Mapping[str, str] | None = None) -> None:
        self._changed = dict(changed or {})
        self._modules: dict[str, ModuleSource] = {}
        self.reached: set[str] = set()
        self._makers: dict[tuple[str, str], frozenset[str]] = {}
        self._functions: dict[int, _Known] = {}

    @property
    def changed(self) -> frozenset[str]:
        """Names of the modules whose text is not the installed one."""
        return frozenset(self._changed)

    def module(self, name: str) -> ModuleSource:
        """Return a module's source, loading it at first use."""
        if name not in self._modules:
            if name in self._changed:
                path, text = str(module_path(importlib.import_module(name))), self._changed[name]
                code = compile(text, path, "exec", dont_inherit=True)
                self._modules[name] = ModuleSource(
                    name, path, text, execute(name, path, text), code
                )
            else:
                self._modules[name] = installed(name)
        return self._modules[name]

    def lookup(self, module: str, name: str) -> object:
        """Return what a name is bound to in a module, changed texts included.

        Raises: KeyError if the module has no such name; Mismatch if it has no fixed meaning.
        """
        source = self.module(module)
        value = source.what_runs(name)
        if not callable(value):
            self.reached |= self._makers_of(module, name)
        if name in source.imported:
            owner, original = source.imported[name]
            if owner in self._changed and self._is_import(value, owner, original):
                return self.lookup(owner, original)
        return value

    def _makers_of(self, module: str, name: str) -> frozenset[str]:
        """Return the functions that a constant is made by: who reads it rests on them."""
        known = self._makers.get((module, name))
        if known is None:
            source = self.module(module)
            if name in source.imported:
                known = self._makers_of(*source.imported[name])
            else:
                known = frozenset(f"{module}.{one}" for one in source.makers(name))
            self._makers[module, name] = known
        return known

    def _is_import(self, value: object, owner: str, original: str) -> bool:
        """Tell whether a value is what the installed module has under a name."""
        return vars(importlib.import_module(owner)).get(original) is value

    def function(self, function: Callable[..., object]) -> FunctionSource:
        """Return the source of a function object of ours: the definition that Python runs.

        An installed function of a changed module stands for the one that bears its name there.

        Raises: UnsupportedConstruct if it is not a module-level function of our packages, or if
        what runs is not what its text says.
        """
        code = getattr(function, "__code__", None)
        known = self._functions.get(id(function))
        if known is not None and known.code is code:
            return known.source
        source = self._source_of(function)
        self._functions[id(function)] = _Known(function, code, source)
        return source

    def _source_of(self, function: Callable[..., object]) -> FunctionSource:
        owner = _owner(function)
        if owner is None:
            name = getattr(function, "__name__", repr(function))
            code = getattr(function, "__code__", None)
            line = code.co_firstlineno if isinstance(code, CodeType) else 0
            place = code.co_filename if isinstance(code, CodeType) else "?"
            raise UnsupportedConstruct(place, line, f"{name} is not a function of ours")
        try:
            found = self._definition(owner, function)
        except FileNotFoundError as problem:
            raise UnsupportedConstruct(owner, 0, str(problem)) from None
        except Mismatch as problem:
            path = self.module(owner).path
            raise UnsupportedConstruct(path, problem.line, problem.what) from None
        name = found.tree.name
        self.reached.add(f"{owner}.{name}")
        return FunctionSource(owner, name, found.tree, self.module(owner).path, found.local)

    def _definition(self, owner: str, function: object) -> Definition:
        source = self.module(owner)
        if owner in self._changed and getattr(function, "__globals__", None) is not (
            source.namespace
        ):
            name = installed(owner).definition(function).tree.name
            function = source.namespace.get(name)
        return source.definition(function)


def _owner(function: object) -> str | None:
    """Return the module of ours, or of a test, whose names a function reads; None if of none."""
    if isinstance(function, FunctionType):
        owner = function.__globals__.get("__name__")
    else:
        owner = getattr(function, "__module__", None)
    if not isinstance(owner, str):
        return None
    owner = owner.removesuffix(VARIANT)
    return owner if is_ours(owner) or owner.startswith("test") else None


_INSTALLED: dict[str, tuple[ModuleType, tuple[int, int], ModuleSource]] = {}


def installed(name: str) -> ModuleSource:
    """Return the source of a module as it is installed; read once, unless either changes.

    Raises: FileNotFoundError if its source is not there.
    """
    module = importlib.import_module(name)
    path = module_path(module)
    found = path.stat()
    stamp = (found.st_mtime_ns, found.st_size)
    known = _INSTALLED.get(name)
    if known is None or known[0] is not module or known[1] != stamp:
        text = text_of(path)
        code = code_of(name, str(path), text)
        source = ModuleSource(name, str(path), text, vars(module), code, is_compiled(module))
        # Those that have gone would be kept for ever, with all that they define.
        for gone in [n for n, (one, *_) in _INSTALLED.items() if sys.modules.get(n) is not one]:
            del _INSTALLED[gone]
        known = _INSTALLED[name] = module, stamp, source
    return known[2]


def text_of(path: Path) -> str:
    """Return the text of a source file, decoded as Python decodes it."""
    with tokenize.open(path) as file:
        return file.read()
