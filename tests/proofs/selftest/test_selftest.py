"""Whole functions at random: the term says what Python does, and what is outside is refused."""

import ast
import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Final

import pytest
import z3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import json
from typer.testing import CliRunner

from spanproof.cli.app import application
from spanproof.selftest import kinds, outside, preface
from spanproof.selftest.campaign import FunctionTally, case_of, judged, text_of
from spanproof.selftest.inside import FunctionWriter
from spanproof.selftest.judge import ARITHMETICS, imported, judge
from spanproof.selftest.lines import coverage_of
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.evaluation import calls, expressions, subscripts, tables
from spanproof.symbolic.evaluation.expressions import Expressions
from spanproof.symbolic.evaluation.frames import Place
from spanproof.symbolic.evaluation.quantifiers import Quantifiers
from spanproof.symbolic.evaluation.statements import Statements
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.text import syntax
from spanproof.symbolic.text.definitions import ModuleSource
from spanproof.symbolic.translate import Translator
from spanproof.symbolic.values import memory, merge, records
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanspec.base.bitmap import Bits

FUNCTIONS = 2000
TOGETHER = 100


@pytest.mark.sampled(4)
@pytest.mark.parametrize("first", range(0, FUNCTIONS, TOGETHER))
def test_the_term_of_a_written_function_is_what_python_does(first: int) -> None:
    tally = judged(1, first, first + TOGETHER)
    assert tally.functions == TOGETHER
    assert not tally.problems, tally.problems[0]
    # It would be no test if most functions were refused, or if no condition ever held.
    written = tally.inside + tally.methods
    assert tally.methods == TOGETHER / 10
    assert tally.refused < written / 2
    assert tally.agreed > written / 2
    assert tally.claimed > 0


@pytest.mark.parametrize("number", [4505, 10115])
def test_what_a_field_has_beside_its_annotation_is_compared_part_by_part(number: int) -> None:
    tally = judged(1, number, number + 1)
    assert tally.problems == ()
    assert tally.agreed > 0


@pytest.mark.parametrize("number", [181410, 182540])
def test_a_way_without_a_return_is_a_condition_that_fails(number: int) -> None:
    tally = judged(1, number, number + 1)
    assert tally.problems == ()
    assert tally.claimed > 0


@pytest.mark.parametrize("number", [22807, 29407, 80287])
def test_nothing_is_compared_where_the_proof_of_a_contract_would_fail(number: int) -> None:
    # What these return in Python is more than a word of the arithmetic holds.
    tally = judged(1, number, number + 1)
    assert tally.problems == ()
    assert tally.claimed > 0


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.randoms(use_true_random=False), st.sampled_from(ARITHMETICS))
def test_a_function_that_hypothesis_writes_is_read_as_it_runs(
    tmp_path: Path, random: Random, arithmetic: Arithmetic
) -> None:
    written = FunctionWriter(random, "f", arithmetic).function()
    text = f"{preface.TEXT}\n{written.others}\n{written.text}"
    with imported("shrunk", tmp_path, text) as module:
        outcome = judge(written, module, arithmetic, random)
    assert outcome.problem is None, text


def test_what_was_judged_is_not_kept() -> None:
    # The trees of 1000 functions are 80 MB.
    assert judged(0, 0, 200).functions == 200
    gc.collect()
    written = [one.name for one in gc.get_objects() if isinstance(one, ModuleSource)]
    # The last one is dropped when another is read.
    assert len([name for name in written if ".written_" in name]) <= 1
    assert not [name for name in sys.modules if ".written_" in name]


@pytest.mark.parametrize("number", [951, 1420])
def test_nothing_is_run_of_which_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    # These count the bits below 2**32 and more: half a GB for each mask.
    ends: list[int] = []
    original = Bits.count

    def count(self: Bits, end: int) -> int:
        ends.append(end)
        return original(self, end)

    monkeypatch.setattr(Bits, "count", count)
    assert judged(0, number, number + 1).claimed == 1
    assert ends
    assert max(ends) < 1 << 16


INSIDE: Final = frozenset(
    {
        *("FunctionDef", "Return", "Assign", "AnnAssign", "AugAssign", "If", "While", "Assert"),
        *("Pass", "Name", "Attribute", "Tuple", "UnaryOp", "BinOp", "BoolOp", "IfExp"),
        *("Compare", "Subscript", "Call", "GeneratorExp", "Constant", "And", "Or", "Not"),
        *("Invert", "USub", "Add", "Sub", "Mult", "FloorDiv", "Mod", "BitAnd", "BitOr"),
        *("BitXor", "LShift", "RShift", "Eq", "NotEq", "Lt", "LtE", "Gt", "GtE", "arguments"),
        *("arg", "keyword", "comprehension"),
    }
)
"""Classes of nodes that a rule may contain."""

NEVER_ALONE: Final = frozenset(
    {
        *("Load", "Store", "Del", "Module", "Interactive", "Expression", "FunctionType"),
        *("TypeIgnore", "TypeVar", "ParamSpec", "TypeVarTuple", "AugLoad", "AugStore", "Param"),
        *("Suite", "Num", "Str", "Bytes", "NameConstant", "Ellipsis", "Index", "ExtSlice"),
        *("slice",),
    }
)
"""Contexts, roots, parameters of types, and classes that no parser makes any more."""


def node_classes() -> Iterator[str]:
    """Yield the names of all classes of nodes that have no subclasses."""
    waiting: list[type[ast.AST]] = [ast.AST]
    while waiting:
        one = waiting.pop()
        inner = [kind for kind in one.__subclasses__() if kind.__module__ in ("ast", "_ast")]
        waiting.extend(inner)
        if not inner or one in (ast.Constant, ast.Tuple):
            yield one.__name__


def test_every_class_of_node_is_inside_the_subset_or_refused() -> None:
    known = {*INSIDE, *NEVER_ALONE, *outside.STATEMENTS, *outside.EXPRESSIONS}
    assert set(node_classes()) <= known
    listed = {node.__name__ for node in (*syntax.STATEMENTS, *syntax.EXPRESSIONS)}
    listed |= {node.__name__ for node in (*syntax.OPERATORS, *syntax.COMPARISONS, *syntax.UNARY)}
    assert listed <= INSIDE


def test_a_function_is_determined_by_its_number() -> None:
    for number in (0, 5, 7, 47):
        assert text_of(case_of(3, number)) == text_of(case_of(3, number))
    assert text_of(case_of(3, 1)) != text_of(case_of(4, 1))


# --- faults in the translator that it has to find -------------------------------------------------


def numeral_for_what_is_beyond(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Arithmetic, "_beyond", lambda *_: None)
    patch.setattr(Quantifiers, "_range_is_represented", lambda *_: None)


def globals_for_locals(patch: pytest.MonkeyPatch) -> None:
    original = Expressions.named

    def name(self: Expressions, name: str, node: ast.AST, place: Place) -> object:
        source = place.frame.source._replace(local=frozenset())
        frame = place.frame._replace(source=source)
        return original(self, name, node, Place(frame, place.env, place.path))

    patch.setattr(Expressions, "named", name)


def no_index_is_checked(patch: pytest.MonkeyPatch) -> None:
    original = Translator.side

    def side(self: Translator, label: str, path: z3.BoolRef, goal: z3.BoolRef) -> None:
        if "index" not in label:
            original(self, label, path, goal)

    patch.setattr(Translator, "side", side)


def assertions_are_skipped(patch: pytest.MonkeyPatch) -> None:
    original = Translator.side

    def side(self: Translator, label: str, path: z3.BoolRef, goal: z3.BoolRef) -> None:
        if "asserts" not in label:
            original(self, label, path, goal)

    patch.setattr(Translator, "side", side)


def overflow_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Words, "_wide", lambda *_: z3.BoolVal(True))


def branches_are_swapped(patch: pytest.MonkeyPatch) -> None:
    original = merge.merge

    def swapped(
        arithmetic: Arithmetic, condition: z3.BoolRef, one: object, other: object
    ) -> object:
        if isinstance(one, kinds.Pair) and isinstance(other, kinds.Pair):
            one, other = other, one
        return original(arithmetic, condition, one, other)

    for module in (calls, expressions, subscripts, tables):
        patch.setattr(module, "merge", swapped)


def replace_forgets(patch: pytest.MonkeyPatch) -> None:
    def with_changes(record: object, changes: dict[str, object]) -> object:
        return records.remade(record, records.parts_of(record) or ())

    patch.setattr(calls, "with_changes", with_changes)


def dead_code_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Translator, "_require_subset", lambda *_: None)


def floor_is_truncation(patch: pytest.MonkeyPatch) -> None:
    original = Integers.invert
    patch.setattr(Integers, "invert", lambda self, one: original(self, one)._replace(term=one.term))


def place_is_found_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Statements, "_once", lambda self, frame, target, value, env, path: (target, env))


def stores_are_swapped_where_ways_meet(patch: pytest.MonkeyPatch) -> None:
    original = memory.ObjectMemory.join

    def join(
        self: memory.ObjectMemory,
        condition: z3.BoolRef,
        one: memory.MemoryState,
        other: memory.MemoryState,
    ) -> memory.MemoryState:
        return original(self, condition, other, one)

    patch.setattr(memory.ObjectMemory, "join", join)


FAULTS = {
    numeral_for_what_is_beyond: 296,
    globals_for_locals: 41,
    no_index_is_checked: 28,
    assertions_are_skipped: 1,
    overflow_is_ignored: 156,
    branches_are_swapped: 55,
    replace_forgets: 75,
    dead_code_is_not_looked_at: 21,
    floor_is_truncation: 303,
    place_is_found_twice: 392,
    stores_are_swapped_where_ways_meet: 32,
}
"""Each fault with the number of a function that shows it, which is looked at first."""


def tallies(hint: int) -> Iterator[FunctionTally]:
    yield judged(2, hint, hint + 1)
    for first in range(0, 3000, 50):
        yield judged(2, first, first + 50)


@pytest.mark.parametrize(("plant", "hint"), list(FAULTS.items()))
def test_a_fault_in_the_translator_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], hint: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert any(tally.problems for tally in tallies(hint))


# --- the command ----------------------------------------------------------------------------------


def test_the_command_compares_and_prints_what_it_executed() -> None:
    arguments = ["selftest", "--functions", "40", "--jobs", "1", "--seed", "9"]
    runner = CliRunner()
    outcome = runner.invoke(application(arguments), [*arguments, "--json"])
    assert outcome.exit_code == 0
    told = json.decode(outcome.stdout)
    assert told["functions"] == 40
    assert told["problems"] == []
    modules = {one["module"] for one in told["coverage"]}
    assert {
        "translate",
        "statements",
        "expressions",
        "calls",
        "bitvectors",
        "integers",
        "arithmetic",
    } <= modules


def test_lines_that_are_executed_are_not_missed() -> None:
    def run() -> None:
        assert Words(8).holds(3)

    before = {one.module: one for one in coverage_of(lambda: None)}
    after = {one.module: one for one in coverage_of(run)}
    gained = set(before["bitvectors"].missed) - set(after["bitvectors"].missed)
    assert gained
    assert after["integers"] == before["integers"]
