"""Numbers that the arithmetic of a proof lacks are exact, or refused: beyond its words, below 0."""

from collections.abc import Callable
from typing import Annotated, Final, Literal

import pytest
import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanproof.prove.proof import Proof
from spanproof.symbolic.bitvectors import Signed
from spanproof.symbolic.evaluation.frames import LoopInvariant
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.symbolic.translate import Translator
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanspec.base.records import Record
from tests.proofs.symbolic.refusing import INTEGERS, NATIVE, WORDS, refused, term_and_sides

NOBODY: Final = -1


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


def too_wide(x: Annotated[int, "a mark of another kind"]) -> int:
    return x + 1 if x < 1 << 64 else 0


def test_no_word_is_above_the_largest_is_refuted_by_a_condition() -> None:
    """The branch is taken by all words, so that the sum may leave the range."""
    assert not term_and_sides(WORDS, too_wide, z3.BitVec("x", 64))[1]
