"""The three arithmetics agree with Python: every operator, at random and at its edges."""

import os

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from spanproof.symbolic.bitvectors import Signed, Words
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.text.errors import NotTranslatable
from spanproof.symbolic.values.arithmetic import PYTHON, PYTHON_COMPARE, Arithmetic, Scalar

WORD_EDGES = [0, 1, 2, 31, 32, 62, 63, 64, 65, 127, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32]
WORD_EDGES += [(1 << 63) - 1, 1 << 63, (1 << 63) + 1, (1 << 64) - 2, (1 << 64) - 1]
SIGNED_EDGES = [0, 1, -1, 2, -2, 31, 32, 62, 63, 64, -64, (1 << 31), (1 << 63) - 1, -(1 << 63)]

MANY = 1500 if os.environ.get("SPANSPEC_ALL") == "1" else 200

words = st.sampled_from(WORD_EDGES) | st.integers(0, (1 << 64) - 1) | st.integers(0, 70)
signed = (
    st.sampled_from(SIGNED_EDGES) | st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-70, 70)
)
operators = st.sampled_from(sorted(PYTHON))
comparisons = st.sampled_from(sorted(PYTHON_COMPARE))


def value_of(term: z3.ExprRef, arithmetic: Arithmetic) -> int:
    simple = z3.simplify(term)
    if isinstance(arithmetic, Signed):
        return int(simple.as_signed_long())
    return int(simple.as_long())


def holds(scalar: Scalar) -> bool:
    return all(z3.is_true(z3.simplify(condition)) for condition in scalar.conditions)


def python_result(operator: str, left: int, right: int) -> int | None:
    try:
        return PYTHON[operator](left, right)
    except (ValueError, ZeroDivisionError):
        return None


def check(arithmetic: Arithmetic, operator: str, left: int, right: int) -> None:
    """If the conditions hold the term is Python's result; if Python's result fits, they hold."""
    operands = Scalar(arithmetic.const(left)), Scalar(arithmetic.const(right))
    outcome = arithmetic.binary(operator, *operands)
    expected = python_result(operator, left, right) if right < 200 or operator != "<<" else None
    if holds(outcome):
        assert expected is not None
        assert value_of(outcome.term, arithmetic) == expected
    else:
        assert expected is None or not representable(arithmetic, operator, left, right, expected)


def representable(arithmetic: Arithmetic, operator: str, left: int, right: int, value: int) -> bool:
    if isinstance(arithmetic, Signed):
        if operator in ("<<", ">>"):
            return 0 <= right < 64 and arithmetic.holds(value)
        if operator in ("//", "%"):
            return left >= 0 and right > 0
    if operator == "<<" and right >= 64:
        return False
    return arithmetic.holds(value)


@settings(max_examples=MANY)
@given(operators, words, words)
def test_words_are_exact_or_say_so(operator: str, left: int, right: int) -> None:
    check(Words(64), operator, left, right)


@settings(max_examples=MANY)
@given(operators, signed, signed)
def test_signed_integers_are_exact_or_say_so(operator: str, left: int, right: int) -> None:
    check(Signed(64), operator, left, right)


@pytest.mark.parametrize("operator", sorted(PYTHON))
@pytest.mark.parametrize("right", [0, 1, 63, 64, 65, (1 << 64) - 1])
def test_every_operator_at_its_edges(operator: str, right: int) -> None:
    for left in WORD_EDGES:
        check(Words(64), operator, left, right)


@pytest.mark.parametrize("arithmetic", [Words(64), Signed(64)], ids=["words", "signed"])
@pytest.mark.parametrize("operator", ["//", "%"])
def test_a_number_divided_by_itself_is_known_wherever_it_can_be(
    arithmetic: Arithmetic, operator: str
) -> None:
    unknown = z3.BitVec("unknown", 64)
    outcome = arithmetic.binary(operator, Scalar(unknown), Scalar(unknown))
    assert z3.is_bv_value(outcome.term)
    assert not z3.is_bv_value(
        arithmetic.binary(operator, Scalar(unknown + 1), Scalar(unknown)).term
    )
    for value in (value for value in {*WORD_EDGES, *SIGNED_EDGES} if arithmetic.holds(value)):
        needs = [z3.substitute(one, (unknown, arithmetic.const(value))) for one in outcome.needs]
        assert holds(Scalar(outcome.term, (), tuple(needs))) == (value > 0)
        if value > 0:
            assert value_of(outcome.term, arithmetic) == PYTHON[operator](value, value)


@settings(max_examples=MANY)
@given(comparisons, words, words, signed, signed)
def test_comparisons_follow_the_signedness(
    operator: str, left: int, right: int, negative: int, other: int
) -> None:
    for arithmetic, one, two in ((Words(64), left, right), (Signed(64), negative, other)):
        term = arithmetic.compare(
            operator, Scalar(arithmetic.const(one)), Scalar(arithmetic.const(two))
        )
        assert z3.is_true(z3.simplify(term)) == PYTHON_COMPARE[operator](one, two)


@settings(max_examples=MANY)
@given(operators, st.integers(-1000, 1000), st.sampled_from([0, 1, 2, 3, 5, 7, 8, 13, 63, 255]))
def test_integers_are_exact_or_refuse(operator: str, left: int, right: int) -> None:
    arithmetic = Integers()
    try:
        outcome = arithmetic.binary(operator, Scalar(z3.IntVal(left)), Scalar(right))
    except NotTranslatable:
        unsupported = operator in ("|", "^") or (operator == "&" and right & (right + 1) != 0)
        assert unsupported or right == 0
        return
    assert holds(outcome)
    assert value_of(outcome.term, arithmetic) == PYTHON[operator](left, right)


@settings(max_examples=MANY)
@given(words, words, words)
def test_a_mask_makes_wrapped_arithmetic_exact(a: int, b: int, mask: int) -> None:
    arithmetic = Words(64)
    one, two = Scalar(arithmetic.const(a)), Scalar(arithmetic.const(b))
    for operator, exact in (("+", a + b), ("-", a - b), ("*", a * b)):
        inner = arithmetic.binary(operator, one, two)
        masked = arithmetic.binary("&", inner, Scalar(mask))
        assert holds(masked)
        assert value_of(masked.term, arithmetic) == exact & mask
    complement = arithmetic.binary("&", arithmetic.invert(one), two)
    assert holds(complement)
    assert value_of(complement.term, arithmetic) == ~a & b


@settings(max_examples=MANY)
@given(words, words, st.integers(1, 63))
def test_a_mask_does_not_excuse_what_needs_high_bits(a: int, b: int, shift: int) -> None:
    """(a + b) >> k loses its top bit in 64-bit arithmetic: a later mask must not hide that."""
    arithmetic = Words(64)
    total = arithmetic.binary("+", Scalar(arithmetic.const(a)), Scalar(arithmetic.const(b)))
    masked = arithmetic.binary("&", arithmetic.binary(">>", total, Scalar(shift)), Scalar(-1 & 255))
    assert holds(masked) == (a + b < 1 << 64)


@settings(max_examples=MANY)
@given(words, signed)
def test_bit_length_and_invert(word: int, number: int) -> None:
    unsigned, native = Words(64), Signed(64)
    assert value_of(unsigned.bit_length(Scalar(unsigned.const(word))).term, unsigned) == (
        word.bit_length()
    )
    inverted = native.invert(Scalar(native.const(number)))
    assert holds(inverted)
    assert value_of(inverted.term, native) == ~number
    assert not holds(unsigned.invert(Scalar(unsigned.const(word))))


@settings(max_examples=MANY)
@given(st.integers(-(1 << 70), 1 << 70), st.integers(0, 40))
def test_integers_are_rounded_by_masks_of_either_kind(number: int, shift: int) -> None:
    integers = Integers()
    for mask in ((1 << shift) - 1, -(1 << shift)):
        masked = integers.binary("&", Scalar(integers.const(number)), Scalar(mask))
        assert value_of(masked.term, integers) == number & mask
    with pytest.raises(NotTranslatable, match="mask"):
        integers.binary("&", Scalar(integers.const(number)), Scalar(5))
