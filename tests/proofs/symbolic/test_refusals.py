"""What the translator must not believe: numbers out of range, names, shapes, other functions."""

import functools
import importlib.util
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, cast

import msgspec
import pytest
import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanproof.prove.proof import Proof
from spanproof.symbolic.bitvectors import Signed, Words
from spanproof.symbolic.evaluation.frames import LoopInvariant
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.symbolic.translate import Translator
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanspec.base import words
from spanspec.base.bitmap import Bitmap
from spanspec.base.ids import SpanId
from spanspec.base.records import Record
from spanspec.base.tables import Table
from spanspec.span.alloccache import next_free_fast
from spanspec.span.mspan import Mspan

NOBODY: Final = -1
TABLE: Final = (10, 20, 30, 40)
ROWS: Final[tuple[int, ...]] = TABLE
WORDS, NATIVE, INTEGERS = Words(64), Signed(64), Integers()
EVERYWHERE = (WORDS, NATIVE, INTEGERS)


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


# --- numbers that the arithmetic does not have ----------------------------------------------------


def above_nobody(x: int) -> bool:
    return x > NOBODY


def below_all(x: int) -> bool:
    return x < 1 << 64


def is_beyond(x: int) -> bool:
    return x == 1 << 64


def between(x: int) -> bool:
    return -1 < x < 5


def is_not_nobody(x: int) -> bool:
    return x != NOBODY


def nobody_is_above(x: int) -> bool:
    return x <= NOBODY


@pytest.mark.parametrize(
    "function", [above_nobody, below_all, is_beyond, between, is_not_nobody, nobody_is_above]
)
@pytest.mark.parametrize("x", [0, 1, 4, 5, 1 << 63, (1 << 64) - 1])
def test_a_comparison_with_a_number_beyond_the_words_is_exact(
    function: Callable[[int], bool], x: int
) -> None:
    value, holds = term_and_sides(WORDS, function, z3.BitVecVal(x, 64))
    known = value if isinstance(value, bool) else z3.is_true(z3.simplify(value))
    assert holds
    assert known == function(x)


@pytest.mark.parametrize("function", [below_all, is_beyond])
def test_native_code_has_no_number_beyond_its_own(function: Callable[[int], bool]) -> None:
    assert "does not fit" in refused(function, z3.BitVec("x", 64), arithmetic=NATIVE)


def all_from_nobody(n: int) -> bool:
    return all(i < 5 for i in range(NOBODY, n))


def all_up_to_beyond(n: int) -> bool:
    return all(i >= n for i in range(n, (1 << 64) + 1))


@pytest.mark.parametrize("function", [all_from_nobody, all_up_to_beyond])
def test_a_range_with_numbers_that_the_arithmetic_lacks_is_refused(function: object) -> None:
    assert "does not fit" in refused(function, z3.BitVec("n", 64))


def empty_range(n: int) -> bool:
    return all(i == n for i in range(3, 3)) and not any(i == n for i in range(5, 2))


def test_a_known_empty_range_is_known() -> None:
    assert Translator(WORDS).call(empty_range, z3.BitVec("n", 64)) is True


def minus_one_or(flag: bool) -> int:
    return NOBODY if flag else 3


def masks_with(x: int) -> int:
    return (x | NOBODY) >> 1


def shifts_by(x: int) -> int:
    return x << NOBODY


def remainder(x: int) -> int:
    return x % NOBODY


@pytest.mark.parametrize("function", [masks_with, shifts_by, remainder])
def test_an_operand_that_is_no_word_is_a_condition_that_fails(
    function: Callable[[int], int],
) -> None:
    assert not term_and_sides(WORDS, function, z3.BitVec("x", 64))[1]


def test_a_branch_that_yields_no_word_is_refused() -> None:
    assert "cannot be represented" in refused(minus_one_or, z3.Bool("flag"))


def divides_by_zero(x: int) -> int:
    return x + 1 // 0


def shifts_far(x: int) -> int:
    return x + (1 << (1 << 40))


def positive(x: int) -> int:
    return +x


@pytest.mark.parametrize("function", [divides_by_zero, shifts_far, positive])
def test_what_raises_is_far_too_long_or_has_no_counterpart_is_refused(function: object) -> None:
    refused(function, z3.BitVec("x", 64))


def starts_below(n: int) -> int:
    i = NOBODY
    while i < n:
        i = i + 1
    return i


def anything(i: int) -> bool:
    return True


def distance(n: int, i: int) -> int:
    return n - i


def test_a_loop_variable_that_begins_outside_the_arithmetic_is_refused() -> None:
    loops = {f"{__name__}.starts_below": LoopInvariant(anything, distance)}
    with pytest.raises(UnsupportedConstruct, match="does not fit"):
        Translator(WORDS, loops=loops).call(starts_below, z3.BitVec("n", 64))


class State(Record, frozen=True):
    owner: Literal[-1, 0, 1]


def test_a_literal_that_is_no_word_has_no_symbol() -> None:
    with pytest.raises(TypeError, match="-1"):
        Proof(WORDS).fresh(State, "state")
    Proof(INTEGERS).fresh(State, "state")


@pytest.mark.parametrize("arithmetic", [WORDS, INTEGERS, Signed(32)])
@pytest.mark.parametrize("kind", [i64, vec[i64]])
def test_native_integers_are_read_as_native_integers_only(
    arithmetic: Arithmetic, kind: object
) -> None:
    with pytest.raises(TypeError, match="64 bits"):
        Proof(arithmetic).fresh(kind, "x")


# --- names ----------------------------------------------------------------------------------------

chosen = 7


def one_branch_only(flag: bool) -> int:
    if flag:
        chosen = 1
    return chosen


def only_in_the_round(n: int) -> int:
    while n > 0:
        chosen = n
        n = n - 1
    return chosen


@pytest.mark.parametrize(
    "body",
    [
        "result = chosen if flag > 0 else 0\n    chosen = 3\n    return result",
        "return chosen\n    chosen = 1",
        "chosen += 1\n    return chosen",
        "return all(chosen == i for i in range(flag))\n    chosen: int = 1",
    ],
)
def test_a_local_name_without_a_value_is_not_the_modules(tmp_path: Path, body: str) -> None:
    assert "chosen may have no value" in refused(one_branch_only, z3.Bool("flag"))
    module = written(tmp_path, f"chosen = 7\n\ndef f(flag):\n    {body}\n")
    assert "chosen may have no value" in refused(module.f, z3.BitVec("flag", 64))


def test_a_name_of_a_loops_body_is_not_the_modules() -> None:
    loops = {f"{__name__}.only_in_the_round": LoopInvariant(always, itself)}
    with pytest.raises(UnsupportedConstruct, match="chosen may have no value"):
        Translator(WORDS, loops=loops).call(only_in_the_round, z3.BitVec("n", 64))


def always(n: int) -> bool:
    return True


def itself(n: int) -> int:
    return n


def keyword_only(x: int, *, chosen: int = 1) -> int:
    return x + chosen


def positional_only(chosen: int, /, x: int) -> int:
    return x + chosen


def star_arguments(x: int, *chosen: int) -> int:
    return x


def star_keywords(x: int, **chosen: int) -> int:
    return x


@pytest.mark.parametrize("function", [keyword_only, positional_only, star_arguments, star_keywords])
def test_only_plain_parameters_are_read(function: object) -> None:
    assert "parameter" in refused(function, z3.BitVec("x", 64))


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    return x\n    yield x\n",
        "def f(all):\n    return all(x == 0 for x in range(3))\n",
        "def f(x):\n    return all(i == x for i in range(3))\n    range = 1\n",
    ],
)
def test_neither_a_generator_nor_a_shadowed_builtin_is_read(tmp_path: Path, text: str) -> None:
    refused(written(tmp_path, text).f, z3.BitVec("x", 64))


def test_a_module_may_give_a_builtin_another_meaning(tmp_path: Path) -> None:
    module = written(
        tmp_path,
        "def range(a, b):\n    return (a, b)\n"
        "def f(n):\n    return all(i < n for i in range(0, 5))\n",
    )
    assert "ranges over" in refused(module.f, z3.BitVec("n", 64))


def test_a_global_that_a_function_binds_anew_is_no_constant(tmp_path: Path) -> None:
    module = written(
        tmp_path,
        "COUNT = 0\n\ndef step():\n    global COUNT\n    COUNT += 1\n\n"
        "def f(x):\n    return x + COUNT\n",
    )
    assert "COUNT" in refused(module.f, z3.BitVec("x", 64))


def test_what_can_change_or_computes_by_itself_is_no_constant(tmp_path: Path) -> None:
    module = written(
        tmp_path,
        "import enum\nclass E(enum.IntEnum):\n    A = 1\n"
        "LIST = [1, 2]\nNUMBER = 1.0\nMEMBER = E.A\n"
        "def f(x):\n    return LIST[x]\ndef g(x):\n    return x < NUMBER\n"
        "def h(x):\n    return x + MEMBER\n",
    )
    for function in (module.f, module.g, module.h):
        assert "no constant" in refused(function, z3.BitVec("x", 64))


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


def row(x: int) -> int:
    return TABLE[x]


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


# --- the function that Python runs ----------------------------------------------------------------


def undecorated(x: int) -> int:
    return x


def wrapping(function: Callable[[int], int]) -> Callable[[int], int]:
    @functools.wraps(function)
    def undecorated(x: int) -> int:
        return 1

    return undecorated


def made_here() -> Callable[[int], int]:
    def undecorated(x: int) -> int:
        return x + 1

    return undecorated


closure = made_here()


@wrapping
def wrapped(x: int) -> int:
    return x


@functools.cache
def remembered(x: int) -> int:
    return x


def as_it_is(function: Callable[[int], int]) -> Callable[[int], int]:
    return function


@as_it_is
def registered(x: int) -> int:
    return x


anonymous = lambda x: x  # noqa: E731


@pytest.mark.parametrize(
    "function",
    [closure, wrapped, remembered, registered, anonymous, made_here(), functools.partial(row, 1)],
)
def test_what_is_not_the_function_of_its_name_is_refused(function: object) -> None:
    assert undecorated(1) == 1
    with pytest.raises(UnsupportedConstruct):
        Translator(WORDS).call(cast(Callable[..., object], function), z3.BitVec("x", 64))


def calls_closure(x: int) -> int:
    return closure(x)


def test_a_call_of_a_closure_is_refused_where_it_is() -> None:
    refused(calls_closure, z3.BitVec("x", 64))


@pytest.mark.parametrize(
    "again",
    [
        "for _ in (1,):\n    def f(x):\n        return 2\n",
        "if True:\n    def f(x):\n        return 2\n",
        "try:\n    raise ValueError\nexcept ValueError:\n    def f(x):\n        return 2\n",
        "def f(x):\n    return 2\n",
        "def g(x):\n    return 2\nf = g\n",
        "def g(x):\n    return 2\nf.__code__ = g.__code__\n",
        "def g(x):\n    return 2\nimport sys\nsetattr(sys.modules[__name__], 'f', g)\n",
    ],
)
def test_the_function_that_was_bound_last_is_read(tmp_path: Path, again: str) -> None:
    module = written(
        tmp_path, f"def f(x):\n    return 1\n\ndef calls(x):\n    return f(x)\n\n{again}"
    )
    assert module.calls(0) == 2
    assert Translator(WORDS).call(module.calls, z3.BitVec("x", 64)) == 2


def test_a_text_that_is_not_what_was_imported_is_refused(tmp_path: Path) -> None:
    module = written(tmp_path, "def f(x):\n    return 1\n")
    Path(module.__file__ or "").write_text("def f(x):\n    return 3\n", encoding="utf-8")
    assert "what runs" in refused(module.f, z3.BitVec("x", 64))


def test_a_function_with_other_globals_is_refused(tmp_path: Path) -> None:
    module = written(tmp_path, "K = 1\n\ndef f(x):\n    return K\n")
    other = types.FunctionType(module.f.__code__, {"K": 2, "__name__": module.__name__})
    assert "names" in refused(other, z3.BitVec("x", 64))


@pytest.mark.parametrize(
    "change",
    [
        "\nfor _ in (1,):\n    def trailing_zeros(word):\n        return 1\n",
        "\ndef wrap(rule):\n    return lambda word: 1\n\ntrailing_zeros = wrap(trailing_zeros)\n",
        "\nimport sys\nsys.modules[__name__].trailing_zeros = len\n",
    ],
)
def test_a_changed_module_is_read_as_it_runs(change: str) -> None:
    text = SourceTree().module("spanspec.base.words").text + change
    translator = Translator(WORDS, SourceTree({"spanspec.base.words": text}))
    try:
        value = translator.call(words.trailing_zeros, z3.BitVec("x", 64))
    except UnsupportedConstruct:
        return
    assert value == 1


def test_a_replaced_function_of_a_compiled_module_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = SourceTree().module("spanspec.base.words")
    if not source.compiled:
        pytest.skip("spanspec.base.words is not compiled: pip install . with a C compiler")
    monkeypatch.setattr(words, "trailing_zeros", words.is_trailing_zeros)
    proof = Proof(WORDS)
    span = proof.fresh(Mspan, "span")
    with pytest.raises(UnsupportedConstruct):
        proof.call(next_free_fast, span)


def too_wide(x: Annotated[int, "a mark of another kind"]) -> int:
    return x + 1 if x < 1 << 64 else 0


def test_no_word_is_above_the_largest_is_refuted_by_a_condition() -> None:
    """The branch is taken by all words, so that the sum may leave the range."""
    assert not term_and_sides(WORDS, too_wide, z3.BitVec("x", 64))[1]
