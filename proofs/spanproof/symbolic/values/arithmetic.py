"""What an arithmetic is: a representation in which Python's integers are exact.

Python integers never overflow, machine words do. Each operation therefore yields a term *and*
the conditions under which the term equals what Python computes. They become proof obligations.
Only `& mask` lifts some: below it, the value modulo 2**width is enough, and that is how a rule
says that wrap-around is meant.

`integers` and `bitvectors` hold the three arithmetics: `Integers`, `Words` and `Signed`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import z3

from spanproof.symbolic.text.errors import MixedSorts, NotTranslatable
from spanproof.symbolic.values.construct import (
    FALSE,
    INTEGERS,
    equality,
    has_sort,
    inequality,
    integer,
    same_sort,
)


class Scalar(NamedTuple):
    """An integer term, or a Python int while the value is known, and what it rests on.

    Given `needs`, the term equals the exact value modulo 2**width; given `exact_if` as well, it
    is the exact value.
    """

    term: z3.ExprRef | int
    exact_if: tuple[z3.BoolRef, ...] = ()
    needs: tuple[z3.BoolRef, ...] = ()

    @property
    def known(self) -> bool:
        """Whether the value is a Python integer."""
        return isinstance(self.term, int)

    @property
    def conditions(self) -> tuple[z3.BoolRef, ...]:
        """Everything that must hold for the term to be the exact value."""
        return self.exact_if + self.needs


class Arithmetic(ABC):
    """One representation of Python integers as Z3 terms."""

    name: str

    sort: z3.SortRef
    """The Z3 sort of an integer."""

    @abstractmethod
    def const(self, value: int) -> z3.ExprRef:
        """Return the term of a known integer, modulo 2**width where there is a width."""

    @abstractmethod
    def holds(self, value: int) -> bool:
        """Tell whether a known integer is represented exactly."""

    @property
    def limits(self) -> tuple[int, int] | None:
        """The least and the greatest number that is represented; None if all are."""
        return None

    def word_sort(self, bits: int) -> z3.SortRef:
        """Return the sort of a symbol that stands for a word of `bits` bits.

        Raises: NotTranslatable if the arithmetic cannot represent all such values.
        """
        return self.sort

    def from_word(self, term: z3.ExprRef, bits: int) -> tuple[z3.ExprRef, z3.BoolRef | None]:
        """Return a symbol of `word_sort` as an integer, and its range unless the sort says it."""
        return term, None

    @abstractmethod
    def _binary(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> Scalar:
        """Apply an operator to two terms of this sort."""

    @abstractmethod
    def _compare(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
        """Compare two terms of this sort with <, <=, > or >=."""

    @abstractmethod
    def invert(self, operand: Scalar) -> Scalar:
        """Return ~operand."""

    @abstractmethod
    def bit_length(self, operand: Scalar) -> Scalar:
        """Return operand.bit_length()."""

    def lift(self, scalar: Scalar) -> Scalar:
        """Return the scalar with a term of this sort instead of a Python integer.

        Raises: MixedSorts if it has a term of another sort.
        """
        known = scalar.term
        if isinstance(known, int):
            return Scalar(self.const(known), () if self.holds(known) else (FALSE,))
        _require_sort(known, self.sort)
        return scalar

    def exact(self, scalar: Scalar) -> z3.ExprRef:
        """Return the term of a scalar of whose exactness nothing is left to show.

        Raises: NotTranslatable if it is a known number that is not represented; MixedSorts if it
        has a term of another sort.
        """
        if isinstance(scalar.term, int) and not self.holds(scalar.term):
            raise NotTranslatable(f"{scalar.term} does not fit {self.name}")
        lifted = self.lift(scalar)
        if lifted.conditions:
            raise NotTranslatable("the number is exact under conditions only")
        return lifted.term

    def binary(self, operator: str, left: Scalar, right: Scalar) -> Scalar:
        """Apply one of + - * // % & | ^ << >> as Python does.

        Raises: NotTranslatable if this arithmetic has no exact counterpart of the operation.
        """
        if isinstance(left.term, int) and isinstance(right.term, int):
            return self._of_known(operator, left.term, right.term)
        left, right = self.lift(left), self.lift(right)
        outcome = self._binary(operator, left.term, right.term)
        exact_if, needs = outcome.exact_if, left.needs + right.needs + outcome.needs
        if operator in MODULAR:
            exact_if = left.exact_if + right.exact_if + exact_if
        elif operator == "<<":
            exact_if, needs = left.exact_if + exact_if, right.exact_if + needs
        else:
            needs = left.exact_if + right.exact_if + needs
        return Scalar(outcome.term, exact_if, needs)

    def _of_known(self, operator: str, left: int, right: int) -> Scalar:
        """Apply an operator to two known integers.

        Raises: NotTranslatable if Python raises an exception, or the result would be huge.
        """
        if operator == "<<" and right > LONGEST_SHIFT:
            raise NotTranslatable(f"a shift by {right} bits")
        try:
            return Scalar(PYTHON[operator](left, right))
        except (ArithmeticError, ValueError) as problem:
            raise NotTranslatable(f"{left} {operator} {right}: {problem}") from None

    def compare(self, operator: str, left: Scalar, right: Scalar) -> z3.BoolRef | bool:
        """Compare two exact scalars; equality also works on identities of any sort."""
        if isinstance(left.term, int) and isinstance(right.term, int):
            return bool(PYTHON_COMPARE[operator](left.term, right.term))
        beyond = self._beyond(operator, left, right)
        if beyond is not None:
            return beyond
        one, other = _same_sort(self, left.term, right.term)
        if operator in ("==", "!="):
            return equality(one, other) if operator == "==" else inequality(one, other)
        if not has_sort(one, self.sort):
            raise NotTranslatable("identities can only be compared for equality")
        return self._compare(operator, one, other)

    def _beyond(self, operator: str, left: Scalar, right: Scalar) -> bool | None:
        """Decide a comparison with a known number that is not represented; None if it is.

        Its numeral would be another number; but it lies beyond every number that a term is.
        """
        for one, other in ((left.term, right.term), (right.term, left.term)):
            if (
                isinstance(one, int)
                and isinstance(other, z3.ExprRef)
                and has_sort(other, self.sort)
            ):
                if self.limits is None or self.holds(one):
                    continue
                low, high = self.limits
                within = low if one < low else high
                terms = (one, within) if one is left.term else (within, one)
                return bool(PYTHON_COMPARE[operator](*terms))
        return None


def _require_sort(term: z3.ExprRef, sort: z3.SortRef) -> None:
    if not has_sort(term, sort):
        raise MixedSorts(f"expected {sort}, found {term.sort()}")


def _same_sort(
    arithmetic: Arithmetic, left: z3.ExprRef | int, right: z3.ExprRef | int
) -> tuple[z3.ExprRef, z3.ExprRef]:
    """Return two values as terms of one sort, a known one following the other."""
    identities = any(not isinstance(v, int) and has_sort(v, INTEGERS) for v in (left, right))

    def term(value: z3.ExprRef | int) -> z3.ExprRef:
        if isinstance(value, int):
            return integer(value) if identities else arithmetic.const(value)
        return value

    one, other = term(left), term(right)
    if not same_sort(one, other):
        raise MixedSorts(f"expected {one.sort()}, found {other.sort()}")
    return one, other


LONGEST_SHIFT = 1 << 12
"""A known number is shifted to the left by at most so many bits."""

MODULAR = frozenset(["+", "-", "*", "&", "|", "^"])
"""Operators whose low result bits depend on low operand bits only."""

PYTHON: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "<<": lambda a, b: a << b,
    ">>": lambda a, b: a >> b,
}

PYTHON_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
