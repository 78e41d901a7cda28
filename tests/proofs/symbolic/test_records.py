"""Records, tables, tuples and vectors are read where they are what they seem, and inside only."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, cast

import msgspec
import pytest
import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanproof.prove.proof import Proof
from spanproof.symbolic.translate import Translator
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanspec.base.bitmap import Bitmap
from spanspec.base.ids import SpanId
from spanspec.base.records import Record
from spanspec.base.tables import Table
from tests.proofs.symbolic.refusing import (
    INTEGERS,
    NATIVE,
    TABLE,
    WORDS,
    refused,
    row,
    term_and_sides,
    written,
)

ROWS: Final[tuple[int, ...]] = TABLE


EVERYWHERE = (WORDS, NATIVE, INTEGERS)


# --- shapes ---------------------------------------------------------------------------------------


class Pair(NamedTuple):
    first: int
    second: int


class Twin(NamedTuple):
    second: int
    first: int


class Struct(Record, frozen=True):
    first: int
    second: int


def pair_or_twin(flag: bool, x: int) -> object:
    return Pair(x, 1) if flag else Twin(x, 1)


def pair_or_tuple(flag: bool, x: int) -> object:
    if flag:
        return Pair(x, 1)
    return (x, 1)


def struct_or_pair(flag: bool, x: int) -> object:
    it: object = Struct(x, 1)
    if flag:
        it = Pair(x, 1)
    return it


@pytest.mark.parametrize("function", [pair_or_twin, pair_or_tuple, struct_or_pair])
def test_records_of_different_classes_do_not_meet(function: object) -> None:
    assert "meets" in refused(function, z3.Bool("flag"), z3.BitVec("x", 64))


def test_a_table_of_different_classes_is_not_merged(tmp_path: Path) -> None:
    module = written(
        tmp_path,
        "from typing import NamedTuple\n"
        "class A(NamedTuple):\n    first: int\n    second: int\n"
        "class B(NamedTuple):\n    second: int\n    first: int\n"
        "ROWS = (A(1, 2), B(1, 2))\nMIXED = (True, 1)\n"
        "def f(x):\n    return ROWS[x].first\ndef g(x):\n    return MIXED[x]\n",
    )
    for function in (module.f, module.g):
        refused(function, z3.BitVec("x", 64))


class Computed(Pair):
    @property
    def first(self) -> int:
        return 0 if self.second == 0 else 1


class Prepared(msgspec.Struct, frozen=True):
    first: int

    def __post_init__(self) -> None:
        raise ValueError


class ByName(msgspec.Struct, frozen=True, kw_only=True):
    first: int


def reads_first(it: Computed) -> int:
    return it.first


def prepares(x: int) -> object:
    return Prepared(x)


def by_name(x: int) -> object:
    return ByName(x)  # type: ignore[call-arg]


def test_a_class_that_computes_its_fields_is_no_record() -> None:
    x = z3.BitVec("x", 64)
    assert "no field" in refused(reads_first, Computed(cast(int, x), cast(int, x)))
    assert "no plain record" in refused(prepares, x).replace("is not a plain", "no plain")
    refused(by_name, x)


def test_a_field_that_a_property_has_replaced_is_no_field(monkeypatch: pytest.MonkeyPatch) -> None:
    x = z3.BitVec("x", 64)
    pair = Pair(cast(int, x), cast(int, x))
    Translator(WORDS).call(replaces, pair, x)
    monkeypatch.setattr(Pair, "first", property(lambda it: 0 if it[0] == 0 else 1))
    assert "no field" in refused(reads_pair, pair)


def reads_pair(it: Pair) -> int:
    return it.first


def replaces(it: Pair, x: int) -> Pair:
    return it._replace(second=x)


def replaces_unknown(it: Pair, x: int) -> Pair:
    return it._replace(third=x)  # type: ignore[call-arg]


def replaces_by_place(it: Pair, x: int) -> Pair:
    return it._replace(x)  # type: ignore[call-arg]


def replaces_struct(it: Struct, x: int) -> Struct:
    return it._replace(second=x)  # type: ignore[attr-defined, no-any-return]


def replaces_pair_as_struct(it: Pair, x: int) -> Pair:
    return msgspec.structs.replace(it, second=x)  # type: ignore[type-var]


def test_replace_changes_the_fields_that_it_names() -> None:
    x, y = z3.BitVecs("x y", 64)
    pair = Pair(cast(int, x), cast(int, x))
    assert Translator(WORDS).call(replaces, pair, y) == Pair(cast(int, x), cast(int, y))
    for function in (replaces_unknown, replaces_by_place, replaces_pair_as_struct):
        refused(function, pair, y)
    refused(replaces_struct, Struct(cast(int, x), cast(int, x)), y)


class Marked(Record, frozen=True):
    marks: Bitmap


class Marks(Record, frozen=True):
    spans: Table[SpanId, Marked]


def same_bit(it: Marks, one: SpanId, other: SpanId, slot: int) -> bool:
    return it.spans[one].marks.bit(slot) == it.spans[other].marks.bit(slot)


@pytest.mark.parametrize("arithmetic", [WORDS, INTEGERS])
def test_each_record_of_a_table_has_a_bitmap_of_its_own(arithmetic: Arithmetic) -> None:
    proof = Proof(arithmetic)
    it, slot = proof.fresh(Marks, "it"), proof.number(int, "slot")
    one, other = proof.number(SpanId, "one"), proof.number(SpanId, "other")
    solver = z3.Solver()
    solver.add(z3.Not(proof.holds(same_bit, it, one, other, slot)))
    assert solver.check() == z3.sat


# --- indexes --------------------------------------------------------------------------------------


def word_at(numbers: vec[i64], index: i64) -> i64:
    return numbers[index]


def last_word(numbers: vec[i64]) -> i64:
    return numbers[-1]


def guarded_word(numbers: vec[i64], index: i64) -> i64:
    return numbers[index] if 0 <= index < len(numbers) else 0


def one_past(numbers: vec[i64], index: i64) -> i64:
    return numbers[index + 1] if 0 <= index < len(numbers) else 0


@pytest.mark.parametrize(
    ("function", "in_range"), [(word_at, False), (guarded_word, True), (one_past, False)]
)
def test_a_vector_is_read_inside_only(function: Callable[..., object], in_range: bool) -> None:
    proof = Proof(NATIVE)
    numbers, index = proof.fresh(vec[i64], "numbers"), proof.number(i64, "index")
    assert term_and_sides(NATIVE, function, numbers, index)[1] == in_range


def test_a_vector_has_no_negative_index() -> None:
    numbers = Proof(NATIVE).fresh(vec[i64], "numbers")
    assert "index -1" in refused(last_word, numbers, arithmetic=NATIVE)


def row_before(x: int) -> int:
    return TABLE[x - 1] if x < 5 else 0


def last_row(x: int) -> int:
    return TABLE[-1] + x


def too_far(x: int) -> int:
    return ROWS[4] + x


def too_far_back(x: int) -> int:
    return ROWS[-5] + x


def sliced(x: int) -> object:
    return TABLE[1:x]


def nothing(x: int) -> object:
    return ()[x]


@pytest.mark.parametrize("arithmetic", EVERYWHERE)
def test_a_tuple_is_read_inside_only(arithmetic: Arithmetic) -> None:
    x = z3.Const("x", arithmetic.sort)
    for function in (row, row_before):
        assert not term_and_sides(arithmetic, function, x)[1]
    for name in (too_far, too_far_back, sliced, nothing):
        refused(name, x, arithmetic=arithmetic)
    value, holds = term_and_sides(arithmetic, last_row, arithmetic.const(2))
    assert holds
    assert z3.simplify(cast(z3.ExprRef, value)).as_long() == 42


def bit_before(it: Marked, slot: int) -> bool:
    return it.marks.bit(slot - 1)


@pytest.mark.parametrize("arithmetic", EVERYWHERE)
def test_no_bit_has_a_negative_number(arithmetic: Arithmetic) -> None:
    it = Proof(arithmetic).fresh(Marked, "it")
    assert not term_and_sides(arithmetic, bit_before, it, z3.Const("slot", arithmetic.sort))[1]
