"""Whether this package runs compiled; where what was compiled is not the present source, it is not.

An extension module shadows the source beside it, so an edit of the source would change nothing and
every check of it would hold. Importing this module, before any other of its package, compares the
sources with the digests that the build has noted in `compiled.json`, and lets the source of the
whole package run if one differs: compiled modules call each other directly and cannot be mixed
with their sources.

The packages of the model and of the implementation both have this file, and import nothing of each
other: in the implementation's it is a link.
"""

import ast
import ctypes
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

INTERPRET: Final = "SPANALLOC_INTERPRETED"
"""Set to 1 when installing, nothing is compiled; when running, nothing compiled is used."""

MANIFEST: Final = "compiled.json"
"""What the build writes into the folder of a package."""

AGAIN: Final = "`make` or `pip install` compiles them again"


class Digest(NamedTuple):
    """What identifies a source: its text, and what compiled code can know of its syntax."""

    text: str
    syntax: str


class Manifest(NamedTuple):
    """What a build did: the modules compiled, what they may have read besides, or why none is.

    Keys are paths relative to the package's folder. Of a module that is only read, compiled code
    has constants, signatures and the shapes of classes, but no function bodies. `settings` is the
    digest of what else makes a build: which modules, the flags and the headers of the compiler.
    `library` is the name of what all were compiled into.
    """

    compiled: dict[str, Digest]
    read: dict[str, Digest]
    reason: str
    settings: str = ""
    library: str = ""


class Running(NamedTuple):
    """How a package runs: compiled, or for what reason from its source.

    `stale` has the sources that are not those that were compiled.
    """

    compiled: bool
    reason: str = ""
    stale: tuple[str, ...] = ()


class _Bodiless(ast.NodeTransformer):
    """Takes away what no other module can know of a function: its body."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        # The types of attributes may be inferred from what a constructor assigns.
        if node.name not in ("__init__", "__new__"):
            node.body = [ast.Pass()]
        return node


class _Undocumented(ast.NodeTransformer):
    """Takes away docstrings."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        return ast.Expr(ast.Constant(None)) if isinstance(node.value, ast.Constant) else node


def digest(source: Path, *, bodies: bool) -> Digest:
    """Return the digest of a source; without `bodies`, its syntax is that of its interface.

    Raises: OSError if it cannot be read; SyntaxError if it is no Python.
    """
    text = source.read_bytes()
    tree: ast.AST = _Undocumented().visit(ast.parse(text))
    shown = ast.dump(tree if bodies else _Bodiless().visit(tree))
    return Digest(hash_of(text), hash_of(shown.encode()))


def hash_of(text: bytes) -> str:
    """Return what identifies a text."""
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def read_manifest(folder: Path) -> Manifest | None:
    """Return what the build noted, or None if it noted nothing that can be read."""
    try:
        noted = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        tables = [
            {name: Digest(*pair) for name, pair in noted[key].items()}
            for key in ("compiled", "read")
        ]
        told = (str(noted.get(key, "")) for key in ("settings", "library"))
        return Manifest(tables[0], tables[1], str(noted["reason"]), *told)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Note what a build did.

    Raises: OSError if that is not possible.
    """
    text = json.dumps(manifest._asdict(), indent=1, sort_keys=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def extension_modules(folder: Path) -> set[str]:
    """Return the sources in a folder that an extension module of this interpreter shadows."""
    suffix = EXTENSION_SUFFIXES[0]
    found = (path.relative_to(folder).as_posix() for path in folder.rglob(f"*{suffix}"))
    return {f"{name.removesuffix(suffix)}.py" for name in found}


def how(folder: Path) -> Running:
    """Return how the package in a folder has to run."""
    present, manifest = extension_modules(folder), read_manifest(folder)
    if os.environ.get(INTERPRET) == "1":
        return Running(False, f"{INTERPRET}=1 is set")
    if manifest is None:
        if not present:
            return Running(False, "it was not compiled")
        return Running(False, f"nothing says of which sources it was compiled; {AGAIN}", ("?",))
    if not manifest.compiled and not present:
        return Running(False, manifest.reason)
    if not present:
        return Running(False, "it was compiled for another Python")
    stale = list(present ^ manifest.compiled.keys())
    for table, bodies in ((manifest.compiled, True), (manifest.read, False)):
        stale += [name for name in table if _differs(folder, name, table[name], bodies=bodies)]
    if stale:
        names = tuple(sorted(set(stale)))
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        return Running(False, f"changed since it was compiled: {shown}; {AGAIN}", names)
    library = f"{manifest.library or folder.name}__mypyc"
    if find_spec(library) is None:
        return Running(False, f"the library {library} is not installed; {AGAIN}")
    if not in_main_interpreter():
        return Running(False, "compiled modules work in the main interpreter only")
    return Running(True)


def in_main_interpreter() -> bool:
    """Tell whether this code runs in the main interpreter of the process.

    Compiled modules keep what they know in the process: a subinterpreter that imports them takes
    their types away from the main one.
    """
    places: list[int] = []
    for name in ("PyInterpreterState_Get", "PyInterpreterState_Main"):
        function = ctypes.pythonapi[name]
        function.restype = ctypes.c_void_p
        places.append(function())
    return places[0] == places[1]


def _differs(folder: Path, name: str, known: Digest, *, bodies: bool) -> bool:
    """Tell whether a source is another one than the build saw; a changed comment is no change."""
    source = folder / name
    try:
        if hash_of(source.read_bytes()) == known.text:
            return False
        return digest(source, bodies=bodies).syntax != known.syntax
    except (OSError, SyntaxError, ValueError):
        return True


class SourceFinder(MetaPathFinder):
    """Finds the sources of a package where extension modules stand beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module's source, if it is in the folder."""
        for place in path or ():
            source = Path(place) / f"{name.rpartition('.')[2]}.py"
            if Path(place).is_relative_to(self.folder) and source.is_file():
                return spec_from_file_location(name, source)
        return None


def prepare(folder: Path, beside: Running | None = None) -> Running:
    """Let the source of the package in a folder run, unless what was compiled is of it.

    Where it is compiled into one library with another package, `beside` says how that one runs:
    compiled modules of the one cannot be used with sources of the other. Returns how the package
    runs. To be called before a compiled module of it is imported.
    """
    running = how(folder)
    if running.compiled and beside is not None and not beside.compiled:
        running = Running(False, f"what it is compiled with runs interpreted: {beside.reason}")
    if not running.compiled and extension_modules(folder):
        sys.meta_path.insert(0, SourceFinder(folder))
    return running


# The package's own folder, by the name of this module: a link's target is another package's.
RUNNING: Final = prepare(Path(__file__).parent)
"""How the package that this module is in runs."""
