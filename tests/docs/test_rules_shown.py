"""What the documentation shows is what the prover reads and Python runs."""

import ast
import importlib.util
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, NewType, cast, get_type_hints

import pytest
import z3

from spanproof.counterexamples.concrete import known, plain, table_of
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.reading.fresh import FreshSymbols
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.symbolic.translate import Translator
from spanproof.symbolic.values.records import record_fields
from spanspec.base.tables import Table
from spanspec.span import alloccache

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "subset.md"
REFUSED = "# refused: "
NUMBERS = (0, 1, 2, 3, 7, 16)


class Example(NamedTuple):
    """A function that the page shows, and why it is refused, if it is."""

    name: str
    refused: str | None


def python_blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)


def examples() -> Iterator[Example]:
    for block in python_blocks(PAGE):
        lines = block.splitlines()
        for node in ast.parse(block).body:
            if isinstance(node, ast.FunctionDef):
                first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                before = lines[first - 2] if first >= 2 else ""
                refused = before.removeprefix(REFUSED) if before.startswith(REFUSED) else None
                yield Example(node.name, refused)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    path = tmp_path_factory.mktemp("docs") / "test_of_the_page.py"
    text = "from __future__ import annotations\n" + "\n".join(python_blocks(PAGE))
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def samples(kind: object) -> list[object]:
    """Return some values of an annotated type."""
    if kind is bool:
        return [False, True]
    fields = record_fields(kind)
    if fields is not None:
        make = cast(Callable[..., object], kind)
        rows = zip(*(samples(one) for one in fields.values()), strict=False)
        return [make(*row) for row in rows]
    if getattr(kind, "__origin__", None) is Table:
        rows_of = samples(kind.__args__[1])  # type: ignore[attr-defined]
        return [table_of(rows_of), table_of(rows_of[1:])]
    return list(NUMBERS)


def lowered(value: object) -> object:
    return plain(value, Integers())


@pytest.mark.parametrize("example", list(examples()), ids=lambda one: one.name)
def test_an_example_of_the_page_is_read_and_run(page: ModuleType, example: Example) -> None:
    function = getattr(page, example.name)
    bare = inspect.unwrap(function)
    hints = get_type_hints(bare)
    kinds = [hints[name] for name in inspect.signature(bare).parameters]
    if example.refused is not None:
        words = Words(64)
        with pytest.raises(UnsupportedConstruct, match=re.escape(example.refused)):
            Translator(words).call(function, *(unknown(kind, words.sort) for kind in kinds))
        return
    columns = [samples(kind) for kind in kinds]
    runs = 0
    for number in range(12):
        arguments = [column[(number * (3**i)) % len(column)] for i, column in enumerate(columns)]
        translator = Translator(Integers())
        try:
            expected = function(*arguments)
        except AssertionError:
            translator.call(function, *(known(one, Integers()) for one in arguments))
            assert any(z3.is_false(z3.simplify(side.goal)) for side in translator.sides)
            continue
        term = translator.call(function, *(known(one, Integers()) for one in arguments))
        assert all(z3.is_true(z3.simplify(side.goal)) for side in translator.sides)
        if example.name == "counted":
            span = cast(int, arguments[1])
            assert lowered(term.spans.get(z3.IntVal(span))) == expected.spans[span]  # type: ignore[attr-defined]
        else:
            assert lowered(term) == expected
        runs += 1
    assert runs


def unknown(kind: object, sort: z3.SortRef) -> object:
    """Return a symbol of a type, or a record of symbols."""
    if kind is bool:
        return z3.FreshBool()
    fields = record_fields(kind)
    if fields is not None:
        make = cast(Callable[..., object], kind)
        return make(*(unknown(one, sort) for one in fields.values()))
    if getattr(kind, "__origin__", None) is Table or isinstance(kind, NewType):
        return FreshSymbols(Words(64), lambda fact: None).value(kind, "unknown")
    return z3.FreshConst(sort)


def test_the_page_shows_what_is_read_and_what_is_refused() -> None:
    shown = list(examples())
    assert sum(one.refused is None for one in shown) >= 8
    assert sum(one.refused is not None for one in shown) >= 8


def test_the_rule_that_the_overview_shows_is_the_rule() -> None:
    (block,) = python_blocks(ROOT / "README.md")
    tree = SourceTree().module(alloccache.__name__).functions["next_free_fast"]
    shown = ast.parse(textwrap.dedent(block)).body[0]
    assert isinstance(shown, ast.FunctionDef)
    assert ast.dump(ast.Module(shown.body, [])) == ast.dump(ast.Module(tree.body[1:], []))


def test_the_tables_of_the_page_name_the_operators_that_are_translated() -> None:
    from spanproof.symbolic.text.syntax import COMPARISONS, OPERATORS

    text = PAGE.read_text(encoding="utf-8")
    listed = re.search(r"`(\+ - [^`]*)`, unary `-`; `([^`]*)`", text)
    assert listed is not None
    assert set(listed[1].split()) == {*OPERATORS.values(), "~"}
    assert set(listed[2].split()) == set(COMPARISONS.values())
