"""Whether the term of a written function says what Python does.

Where all side conditions of a term hold, Python has to return its value; where Python raises an
exception, one of them has to fail. A refusal names a line of the written text.
"""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from types import CodeType, ModuleType
from typing import Final, NamedTuple, cast

import z3

from spanproof.selftest import kinds
from spanproof.selftest.inside import Written
from spanproof.selftest.outside import Outside
from spanproof.symbolic.bitvectors import Signed, Words
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.symbolic.translate import Translator
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanproof.symbolic.values.values import Value

ARITHMETICS: Final = (Integers(), Words(64), Signed(64), Words(8), Signed(8))
INPUTS: Final = 4
"""Inputs that each function is run on, in each arithmetic."""

WINDOW: Final = range(-1, 9)
"""The numbers that a written quantifier of unknown bounds ranges over."""

STRICT: Final = ("[", "all(", "any(", "bit(", "count(", "word(")
"""A text without these has, over integers, no condition but those that Python raises for."""


class Problem(NamedTuple):
    """A function whose term and whose behaviour differ."""

    name: str
    text: str
    arithmetic: str
    inputs: str
    python: str
    translator: str


class SelftestOutcome(NamedTuple):
    """What became of one function in one arithmetic.

    `agreed` counts inputs where both gave the same value, `claimed` those where a condition fails.
    """

    refused: str | None
    agreed: int
    claimed: int
    problem: Problem | None


@contextmanager
def imported(name: str, folder: Path, text: str) -> Iterator[ModuleType]:
    """Write a text into a folder, and import it as a module of this package for as long."""
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    module = ModuleType(f"{__package__}.{name}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, str(path), "exec", dont_inherit=True), module.__dict__)
        yield importlib.import_module(module.__name__)
    finally:
        del sys.modules[module.__name__]


def judge(
    written: Written, module: ModuleType, arithmetic: Arithmetic, random: Random
) -> SelftestOutcome:
    """Compare a function's term with the function, on random and edge inputs."""
    function = cast(Callable[..., object], getattr(module, written.name))
    arguments = [
        kinds.symbolic(kind, name, arithmetic) for name, kind in written.parameters.items()
    ]

    def told(inputs: str, python: str, says: str) -> Problem:
        text = written.others + written.text
        return Problem(written.name, text, arithmetic.name, inputs, python, says)

    translator = Translator(arithmetic)
    try:
        term = translator.call(function, *arguments)
    except UnsupportedConstruct as refusal:
        says = _misplaced(refusal, module)
        return SelftestOutcome(refusal.what, 0, 0, told("", "", says) if says else None)
    except Exception as bug:
        return SelftestOutcome(None, 0, 0, told("", "", f"{type(bug).__name__}: {bug}"))
    sides = z3.And(*(side.goal for side in translator.sides), z3.BoolVal(True))
    strict = isinstance(arithmetic, Integers) and not any(
        one in written.text + written.others for one in STRICT
    )
    agreed = claimed = 0
    for _ in range(INPUTS):
        values: list[object] = []
        known: dict[str, int | bool] = {}
        for name, kind in written.parameters.items():
            value, symbols = kinds.drawn(kind, name, arithmetic, random)
            values.append(value)
            known |= symbols
        outcome = compared(term, sides, known, partial(function, *values), arithmetic, strict)
        if isinstance(outcome, tuple):
            inputs = ", ".join(f"{name} = {value}" for name, value in known.items())
            return SelftestOutcome(None, agreed, claimed, told(inputs, *outcome))
        agreed += outcome
        claimed += not outcome
    return SelftestOutcome(None, agreed, claimed, None)


def compared(
    term: Value,
    sides: z3.BoolRef,
    known: Mapping[str, int | bool],
    run: Callable[[], object],
    arithmetic: Arithmetic,
    strict: bool,
) -> bool | tuple[str, str]:
    """Return whether the term has Python's value; False if a condition of it fails.

    If the two differ, return what each says.
    """
    numerals = substitution(known, arithmetic)
    holds = z3.is_true(evaluated(sides, numerals))
    if not holds and not strict:
        # Nothing is said of such a run. It may count the bits below an index of 2**32, which no
        # bitmap has: half a GB for a mask.
        return False
    try:
        expected = list(kinds.parts(run()))
    except Exception as problem:
        if holds:
            return f"{type(problem).__name__}: {problem}", "all conditions hold"
        return False
    if not holds:
        # A way without a `return` is a condition that fails; Python gives None, which is no value.
        return ("a value", "a condition fails") if None not in expected else False
    found = [lowered(part, numerals, arithmetic) for part in kinds.parts(term)]
    same = len(found) == len(expected) and all(
        type(one) is type(two) and one == two for one, two in zip(found, expected, strict=True)
    )
    return True if same else (str(expected), str(found))


Numerals = Sequence[tuple[z3.ExprRef, z3.ExprRef]]


def substitution(known: Mapping[str, int | bool], arithmetic: Arithmetic) -> Numerals:
    """Return each symbol with its numeral."""
    pairs: list[tuple[z3.ExprRef, z3.ExprRef]] = []
    for name, value in known.items():
        if isinstance(value, bool):
            pairs.append((z3.Bool(name), z3.BoolVal(value)))
            continue
        pairs.append((z3.Const(name, arithmetic.sort), arithmetic.const(value)))
        if name == "span":
            pairs.append((z3.Const(name, z3.IntSort()), z3.IntVal(value)))
    return pairs


def evaluated(term: z3.ExprRef, numerals: Numerals) -> z3.ExprRef:
    """Return a term with numerals put in, quantifiers written out."""
    value = z3.simplify(z3.substitute(term, *numerals))
    return value if is_plain(value) else z3.simplify(written_out(value))


def is_plain(term: z3.ExprRef) -> bool:
    """Tell whether a term is a numeral or a truth value."""
    return bool(
        z3.is_true(term) or z3.is_false(term) or z3.is_bv_value(term) or z3.is_int_value(term)
    )


def written_out(term: z3.ExprRef) -> z3.ExprRef:
    """Return a term without its quantifiers, which range over few numbers."""
    if z3.is_quantifier(term):
        sort = term.var_sort(0)
        cases = [
            z3.simplify(written_out(z3.substitute_vars(term.body(), _numeral(number, sort))))
            for number in WINDOW
        ]
        return z3.And(*cases) if term.is_forall() else z3.Or(*cases)
    if not term.children():
        return term
    return term.decl()(*(written_out(part) for part in term.children()))


def _numeral(number: int, sort: z3.SortRef) -> z3.ExprRef:
    if sort == z3.IntSort():
        return z3.IntVal(number)
    return z3.BitVecVal(number, sort.size())


def lowered(part: object, numerals: Numerals, arithmetic: Arithmetic) -> object:
    """Return a part of a result as a plain value; a term if it is not known."""
    if not isinstance(part, z3.ExprRef):
        return part
    value = evaluated(part, numerals)
    if z3.is_true(value) or z3.is_false(value):
        return bool(z3.is_true(value))
    if not is_plain(value):
        return value
    signed = isinstance(arithmetic, Signed) and z3.is_bv_value(value)
    return int(value.as_signed_long() if signed else value.as_long())


def _misplaced(refusal: UnsupportedConstruct, module: ModuleType) -> str | None:
    """Return what is wrong with the place of a refusal; None if nothing is."""
    lines = Path(str(module.__file__)).read_text(encoding="utf-8").count("\n") + 1
    if refusal.path != module.__file__ or not 1 <= refusal.line <= lines:
        return f"refused at {refusal.path}:{refusal.line}: {refusal.what}"
    return None


def judge_outside(case: Outside, module: ModuleType, arithmetic: Arithmetic) -> Problem | None:
    """Ask for the refusal of a function outside the subset; return what is wrong, if anything."""
    written = case.written
    function = cast(Callable[..., object], getattr(module, written.name))
    names = written.parameters
    arguments = [kinds.symbolic(kind, name, arithmetic) for name, kind in names.items()]
    try:
        Translator(arithmetic).call(function, *arguments)
    except UnsupportedConstruct as refusal:
        first = _first_line(function)
        if refusal.path == module.__file__ and refusal.line - first + 1 in case.lines:
            return None
        says = f"refused at {refusal.path}:{refusal.line}: {refusal.what}"
    except Exception as bug:
        says = f"{type(bug).__name__}: {bug}"
    else:
        says = "a term"
    return Problem(written.name, written.text, arithmetic.name, "", case.construct, says)


def _first_line(function: object) -> int:
    code = getattr(function, "__code__", None)
    assert isinstance(code, CodeType)
    return code.co_firstlineno


def imported_function(module: ModuleType, name: str) -> Callable[..., object]:
    """Return a function that a written module defines."""
    return cast(Callable[..., object], getattr(module, name))


def may_be(solver: z3.Solver, term: object, expected: object, arithmetic: Arithmetic) -> bool:
    """Tell whether a term may have a value under what a solver was given."""
    for one, value in zip(kinds.parts(term), kinds.parts(expected), strict=True):
        if isinstance(one, z3.BoolRef):
            solver.add(one == z3.BoolVal(value))
        elif isinstance(one, z3.ExprRef):
            if not arithmetic.holds(cast(int, value)):
                return False
            solver.add(one == arithmetic.const(cast(int, value)))
        elif one != value:
            return False
    return bool(solver.check() != z3.unsat)
