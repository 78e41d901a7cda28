"""Rules that are written for a test, and what the translator says of them."""

import importlib.util
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import pytest
import z3

from spanproof.symbolic.bitvectors import Signed, Words
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.symbolic.translate import Translator
from spanproof.symbolic.values.arithmetic import Arithmetic

TABLE: Final = (10, 20, 30, 40)


WORDS, NATIVE, INTEGERS = Words(64), Signed(64), Integers()


def written(tmp_path: Path, text: str) -> types.ModuleType:
    """Import a text as a module of its own, under a name that is not used again."""
    name = f"test_written_{tmp_path.name}"
    path = tmp_path / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def refused(function: object, *arguments: object, arithmetic: Arithmetic = WORDS) -> str:
    """Return why a function is refused; the refusal names a file and a line."""
    with pytest.raises(UnsupportedConstruct) as caught:
        Translator(arithmetic).call(cast(Callable[..., object], function), *arguments)
    assert caught.value.path.endswith(".py")
    assert caught.value.line >= 1
    return str(caught.value)


def term_and_sides(
    arithmetic: Arithmetic, function: Callable[..., object], *arguments: object
) -> tuple[object, bool]:
    """Return a function's term, and whether all its conditions hold."""
    translator = Translator(arithmetic)
    value = translator.call(function, *arguments)
    solver = z3.Solver()
    solver.add(*translator.assumptions)
    solver.add(z3.Or(*(z3.Not(side.goal) for side in translator.sides), z3.BoolVal(False)))
    return value, solver.check() == z3.unsat


def row(x: int) -> int:
    return TABLE[x]
