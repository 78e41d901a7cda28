"""Which tests show a rule: a static scan of a checkout's tests.

A test shows a rule if its source names the id, or refers to a definition of the model that stands
for it. What it refers to is resolved through the imports of its module, and through the helpers,
fixtures and registries that the module defines.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from spanspec.rules.book import BY_ID, Definition, assigned, cited, definitions_of_rules

MODEL: Final = "spanspec"

ABOUT_RULES: Final = (
    "spanspec.rules.book.BY_ID",
    "spanspec.rules.book.cited",
    "spanspec.rules",
    "spanproof.report",
)
"""Whoever imports these speaks of rule ids as of data: naming one there shows nothing."""

DefinedAt = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Rules of the definitions that stand for them, by dotted names.

The first is that of a function, constant or class, which has its rules under the empty name; or
that of the class of methods, which have theirs under their own.
"""


class References(NamedTuple):
    """What some source uses: names as they are written, and those of parameters, as fixtures are;
    dotted names that are imported; attributes of any value; and rule ids.
    """

    names: set[str]
    dotted: set[str]
    attributes: set[str]
    ids: set[str]


def folder_of_tests() -> Path | None:
    """Return the tests of the checkout that this package runs from; None if it is installed."""
    root = Path(__file__).resolve().parents[3]
    folder = root / "tests"
    return folder if folder.is_dir() and (root / "pyproject.toml").is_file() else None


@cache
def shown_by_tests(folder: Path, rules: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """Return, for each of some rules that a test shows, the tests, as `file::function`.

    Raises: SyntaxError if a test module cannot be parsed.
    """
    definitions = definitions_of_rules()
    where, words = defined_at(definitions), words_for(rules, definitions)
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        # To parse all tests takes a second; what speaks of few rules is in few of them.
        if not words.search(source):
            continue
        for test, shown in shown_by(source, where):
            for rule in rules.intersection(shown):
                found.setdefault(rule, []).append(f"{path.relative_to(folder)}::{test}")
    return {rule: tuple(tests) for rule, tests in found.items()}


def words_for(
    rules: Iterable[str], definitions: Mapping[str, tuple[Definition, ...]]
) -> re.Pattern[str]:
    """Return a pattern that is in each test which shows one of some rules: ids, and names.

    Whatever a test refers to, its last part is written there, in an import if nowhere else.
    """
    words = {*rules}
    words |= {f"test_{rule.replace('-', '_').lower()}" for rule in rules}
    words |= {one.name.rpartition(".")[2] for rule in rules for one in definitions.get(rule, ())}
    return re.compile("|".join(map(re.escape, sorted(words))))


def defined_at(definitions: dict[str, tuple[Definition, ...]]) -> DefinedAt:
    """Return the rules of each definition, by where it is."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for those in definitions.values():
        for one in those:
            owner, _, method = one.name.rpartition(".")
            found.setdefault(f"{one.module}.{one.name}", {})[""] = one.rules
            if owner:
                found.setdefault(f"{one.module}.{owner}", {})[method] = one.rules
    return found


def shown_by(source: str, where: DefinedAt) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the test functions of a module, each with the rules that it shows."""
    tree = ast.parse(source)
    imported = dict(imports(tree))
    names_count = not any(name.startswith(ABOUT_RULES) for name in imported.values())
    local = dict(local_definitions(tree))
    # Many tests use the same helpers: what each definition refers to is asked once.
    refers = {id(node): references(node, imported) for node in local.values()}
    entries = registered(local, refers)
    for name, node in local.items():
        if isinstance(node, ast.FunctionDef) and name.rpartition(".")[2].startswith("test_"):
            used = together([refers[id(one)] for one in reached(node, local, entries, refers)])
            ids = BY_ID.keys() & {*used.ids, *named_after(node.name)}
            rules = dict.fromkeys(sorted(ids)) if names_count else {}
            rules.update(dict.fromkeys(rules_referred_to(used, where)))
            yield name.replace(".", "::"), tuple(rules)


def named_after(test: str) -> tuple[str, ...]:
    """Return the rule that a test's name begins with, as in `test_ex_4_...` for EX-4."""
    family, _, rest = test.removeprefix("test_").upper().partition("_")
    return cited(f"{family}-{rest.partition('_')[0]}")


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield what a module's imports bind, anywhere in it: local name, dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                head = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (head, head)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def local_definitions(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the names that a module defines at its top, and methods of its classes as `C.m`."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{node.name}.{inner.name}", inner
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for name in assigned(node):
                yield name, node


def registered(
    local: Mapping[str, ast.stmt], refers: Mapping[int, References]
) -> dict[str, list[ast.stmt]]:
    """Return, for each registry of a module, the functions that a decorator enters into it."""
    entries: dict[str, list[ast.stmt]] = {}
    for node in local.values():
        for decorator in getattr(node, "decorator_list", ()):
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            enters = local.get(dotted_name(called))
            for name in refers[id(enters)].names if enters is not None else ():
                if isinstance(local.get(name), ast.Assign | ast.AnnAssign):
                    entries.setdefault(name, []).append(node)
    return entries


def reached(
    test: ast.FunctionDef,
    local: Mapping[str, ast.stmt],
    entries: Mapping[str, list[ast.stmt]],
    refers: Mapping[int, References],
) -> Iterable[ast.stmt]:
    """Return a test and the definitions of its module that it uses, however indirectly."""
    todo: list[ast.stmt] = [test]
    seen: dict[int, ast.stmt] = {}
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen[id(node)] = node
        for name in refers[id(node)].names:
            if name in local:
                todo += [local[name], *entries.get(name, ())]
    return seen.values()


def references(node: ast.stmt, imported: Mapping[str, str]) -> References:
    """Return what a definition refers to, with imported names written out."""
    found = References(set(), set(), set(), set())
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            found.names.add(one.id)
            if one.id in imported:
                found.dotted.add(imported[one.id])
        elif isinstance(one, ast.arg):
            found.names.add(one.arg)
        elif isinstance(one, ast.Attribute):
            found.attributes.add(one.attr)
            head, _, rest = dotted_name(one).partition(".")
            if head in imported:
                found.dotted.add(f"{imported[head]}.{rest}")
        elif isinstance(one, ast.Constant) and isinstance(one.value, str):
            found.ids.update(cited(one.value))
    return found


def together(all_references: Iterable[References]) -> References:
    """Return what any of several definitions refers to."""
    return References(*(set().union(*each) for each in zip(*all_references, strict=True)))


def dotted_name(node: ast.expr) -> str:
    """Return an attribute of an attribute ... of a name as it is written; empty for others."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        value = dotted_name(node.value)
        return f"{value}.{node.attr}" if value else ""
    return ""


def rules_referred_to(used: References, where: DefinedAt) -> Iterator[str]:
    """Yield the rules of the model's definitions that some source refers to.

    A method counts if its class is referred to and an attribute of its name is used.
    """
    for dotted in sorted(used.dotted):
        for name, rules in where.get(dotted, {}).items():
            if not name or name in used.attributes:
                yield from rules
