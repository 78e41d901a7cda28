"""Which functions of ours differ from the last commit, and who reads them.

A proof says nothing about a function that it does not read, and an edit of one leaves every answer
valid. So who edits is told which obligations read what was edited, and what none of them reads.
"""

import ast
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from spanproof.decide.cache import Cache
from spanproof.fingerprint.modules import module_file, modules_of
from spanproof.fingerprint.units import digest_of
from spanproof.fingerprint.walking import written
from spanproof.support.processes.children import with_parent

READ: Final = ("spanspec", "spanalloc")
"""The packages whose functions proofs read."""

COMMIT: Final = "the last commit"
PROVED: Final = "what was proved before"

JUDGES: Final = {
    "spanspec.rules": ("pytest tests/model",),
    "spanspec": ("spanspec simulate", "spanspec verify", "pytest tests/model"),
    "spanalloc": ("spanspec fuzz", "spanspec verify", "pytest tests/impl"),
}
"""The commands that judge what no proof reads, by the beginning of a module's name."""

_SECONDS: Final = 20
"""The longest that git may take for an answer."""


class Piece(NamedTuple):
    """A definition: its fingerprint, and whether it is a function or method."""

    digest: str
    function: bool


class Change(NamedTuple):
    """A function that differs, the obligations that read it, and, if none does, who judges it."""

    function: str
    read_by: tuple[str, ...]
    judged_by: tuple[str, ...]


class Changes(NamedTuple):
    """What differs, and from what: functions, and the names of other definitions.

    `asked` counts the obligations of which is known what they read, `unasked` the others.
    """

    since: str
    functions: tuple[Change, ...]
    others: tuple[str, ...]
    asked: int
    unasked: int

    @property
    def read(self) -> list[Change]:
        """Those that some obligation reads."""
        return [change for change in self.functions if change.read_by]

    @property
    def unread(self) -> list[Change]:
        """Those that no obligation reads."""
        return [change for change in self.functions if not change.read_by]


def pieces(module: str, text: str) -> dict[str, Piece]:
    """Return the definitions in a module's text by their dotted names, methods by themselves.

    Docstrings, comments and layout do not count; nothing is there if it is no Python.
    """
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return {}
    found: dict[str, list[str]] = {}
    functions: set[str] = set()
    for name, statement in _pieces_of(module, body):
        found.setdefault(name, []).append(written(statement, docstrings=False))
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.add(name)
    return {name: Piece(digest_of(*made), name in functions) for name, made in found.items()}


def _pieces_of(module: str, body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield f"{module}.{name}", statement
            case ast.ClassDef(name=name, body=inner):
                methods = [part for part in inner if isinstance(part, ast.FunctionDef)]
                rest = [part for part in inner if part not in methods] or [ast.Pass()]
                shape = ast.ClassDef(
                    name, statement.bases, statement.keywords, rest, statement.decorator_list
                )
                yield f"{module}.{name}", shape
                yield from _pieces_of(f"{module}.{name}", methods)
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                pass
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield f"{module}.{name}", statement
            case _:
                yield f"{module}: top level", statement


def functions_of_ours() -> dict[str, dict[str, Piece]]:
    """Return the definitions of each module that a proof can read."""
    return {
        module: pieces(module, path.read_text(encoding="utf-8"))
        for package in READ
        for module in modules_of(package)
        if (path := module_file(module)) is not None
    }


def differing(cache: Cache) -> tuple[str, dict[str, Piece]] | None:
    """Return from what our sources differ, and the definitions that do; None if nothing is known.

    That is the last commit where the sources are in a repository, else what was proved before.
    """
    before: dict[str, Piece] = {}
    now: dict[str, Piece] = {}
    since = COMMIT
    for package in READ:
        committed = committed_texts(package)
        if committed is None:
            since = PROVED
            break
        for module, text in committed.items():
            path = module_file(module)
            before |= pieces(module, text)
            now |= pieces(module, path.read_text(encoding="utf-8")) if path is not None else {}
    if since == PROVED:
        kept = cache.get(_key(), dict[str, Piece])
        if kept is None:
            return None
        before = kept
        now = {name: piece for made in functions_of_ours().values() for name, piece in made.items()}
    return since, {name: piece for name, piece in now.items() if before.get(name) != piece}


def keep(cache: Cache) -> None:
    """Remember what all obligations hold of, for sources that are in no repository."""
    if any(committed_texts(package) is None for package in READ):
        made = functions_of_ours().values()
        cache.put(_key(), {name: piece for one in made for name, piece in one.items()})


def _key() -> str:
    return digest_of("functions", *(str(module_file(package)) for package in READ))


def changes(
    cache: Cache, reads: Mapping[str, Iterable[str]], obligations: Iterable[str]
) -> Changes | None:
    """Return which functions differ, with the obligations that read each; None if nothing does.

    `reads` has the functions that obligations are known to read.
    """
    found = differing(cache)
    if found is None or not found[1]:
        return None
    since, pieces_found = found
    readers = readers_of(reads)
    return Changes(
        since,
        tuple(
            Change(name, readers.get(name, ()), () if name in readers else judges_of(name))
            for name, piece in sorted(pieces_found.items())
            if piece.function
        ),
        tuple(sorted(name for name, piece in pieces_found.items() if not piece.function)),
        len(reads),
        len(set(obligations) - reads.keys()),
    )


def readers_of(reads: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Return each function that is read, with the obligations that read it."""
    readers: dict[str, list[str]] = {}
    for obligation, names in reads.items():
        for name in names:
            readers.setdefault(name, []).append(obligation)
    return {name: tuple(users) for name, users in readers.items()}


def judges_of(function: str) -> tuple[str, ...]:
    """Return the commands that judge a function which no proof reads."""
    return next(
        commands
        for beginning, commands in JUDGES.items()
        if f"{function}.".startswith(f"{beginning}.")
    )


def committed_texts(package: str) -> dict[str, str] | None:
    """Return the text in the last commit of each module that differs from it; "" for a new one.

    None if the package is in no repository, or git is not there.
    """
    initial = module_file(package)
    if initial is None:
        return None
    folder = initial.parent
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    changed = _git(folder, "diff", "--name-only", "--relative", "-z", "HEAD", "--", "*.py")
    fresh = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", "*.py")
    if changed is None or fresh is None:
        return None
    texts = {}
    for name in filter(None, [*changed.split("\0"), *fresh.split("\0")]):
        parts = Path(name).with_suffix("").parts
        module = ".".join([package, *parts]).removesuffix(".__init__")
        texts[module] = _git(folder, "show", f"HEAD:./{name}") or ""
    return texts


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git says about a folder; None if it fails, or is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_SECONDS,
            preexec_fn=with_parent(),
        )
        return done.stdout.decode()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
