"""Machine words as bit-vectors.

* `Words(w)`: natural numbers below 2**w. Comparisons are unsigned.
* `Signed(w)`: numbers in -2**(w-1) .. 2**(w-1)-1, as mypyc's native integers are. Comparisons are
  signed, right shifts arithmetic.
"""

from abc import abstractmethod
from fractions import Fraction
from math import ceil, floor

import z3

from spanproof.symbolic.text.errors import NotTranslatable
from spanproof.symbolic.values.arithmetic import PYTHON, Arithmetic, Scalar
from spanproof.symbolic.values.construct import (
    FALSE,
    OF_NATURALS,
    OF_SIGNED,
    TRUE,
    choice,
    conjunction,
    disjunction,
    same_term,
    word,
)


class _BitVectors(Arithmetic):
    """What the unsigned and the signed words share."""

    signed: bool

    def __init__(self, width: int) -> None:
        self.width = width
        self.sort = z3.BitVecSort(width)

    def word_sort(self, bits: int) -> z3.SortRef:
        """Return the sort of narrower words: a symbol has no bits that are always zero.

        Raises: NotTranslatable if the word is too wide.
        """
        if bits > self.width or (self.signed and bits == self.width):
            raise NotTranslatable(f"a {bits}-bit word does not fit {self.name}")
        return z3.BitVecSort(bits)

    def from_word(self, term: z3.ExprRef, bits: int) -> tuple[z3.ExprRef, z3.BoolRef | None]:
        """Return the word, extended by zeros."""
        return (term if bits == self.width else z3.ZeroExt(self.width - bits, term)), None

    def const(self, value: int) -> z3.ExprRef:
        """Return the numeral of a known integer modulo 2**width."""
        return word(value, self.width)

    def invert(self, operand: Scalar) -> Scalar:
        """Return the bitwise complement; for unsigned words it is exact only under a mask."""
        if isinstance(operand.term, int):
            return Scalar(~operand.term)
        operand = self.lift(operand)
        exact_if = operand.exact_if + self._negative_is_exact()
        return Scalar(~operand.term, exact_if, operand.needs)

    @abstractmethod
    def _negative_is_exact(self) -> tuple[z3.BoolRef, ...]:
        """Return the conditions under which a negative value is exact."""

    def binary(self, operator: str, left: Scalar, right: Scalar) -> Scalar:
        """Apply an operator; `&` with an exact natural number makes the other side exact."""
        if operator == "&" and not (left.known and right.known):
            return self._masked(left, right)
        return super().binary(operator, left, right)

    def _masked(self, left: Scalar, right: Scalar) -> Scalar:
        """Conjoin bits: exact as soon as *one* side is exact, for naturals cut off high bits."""
        one, other = self.lift(left), self.lift(right)
        if self.signed:
            exact_if = one.exact_if + other.exact_if
        elif one.exact_if and other.exact_if:
            exact_if = (disjunction(conjunction(*one.exact_if), conjunction(*other.exact_if)),)
        else:
            exact_if = ()
        return Scalar(one.term & other.term, exact_if, one.needs + other.needs)

    def bit_length(self, operand: Scalar) -> Scalar:
        """Return the position of the highest set bit plus one, for a natural number."""
        if isinstance(operand.term, int):
            return Scalar(operand.term.bit_length())
        operand = self.lift(operand)
        length = self.const(0)
        for bit in range(self.width):
            is_set = z3.Extract(bit, bit, operand.term) == 1
            length = choice(is_set, self.const(bit + 1), length)
        return Scalar(length, (), operand.conditions + self._natural(operand.term))

    @abstractmethod
    def _natural(self, term: z3.ExprRef) -> tuple[z3.BoolRef, ...]:
        """Return the conditions under which a term stands for a number that is not negative."""

    def _wide(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
        """Return the condition that + - * of two terms stays within the width."""
        signed = self.signed
        if operator == "+":
            up = z3.BVAddNoOverflow(left, right, signed)
            return conjunction(up, z3.BVAddNoUnderflow(left, right)) if signed else up
        if operator == "-":
            down = z3.BVSubNoUnderflow(left, right, signed)
            return conjunction(down, z3.BVSubNoOverflow(left, right)) if signed else down
        return self._product_fits(left, right)

    def _product_fits(self, left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
        """Return the condition that a product stays within the width.

        Of a known factor it bounds the other one; else the product is computed in twice the width.
        """
        for known, other in ((left, right), (right, left)):
            if z3.is_bv_value(known):
                return self._multiple_fits(self._number(known), other)
        extend = z3.SignExt if self.signed else z3.ZeroExt
        exact = extend(self.width, left) * extend(self.width, right)
        fits: z3.BoolRef = exact == extend(self.width, left * right)
        return fits

    def _divided(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> z3.ExprRef:
        """Return the quotient or the remainder of natural numbers, for a divisor that is not 0.

        Of a number and itself it is known; written out in bits it would take a second to find out.
        """
        if same_term(left, right):
            return self.const(1 if operator == "//" else 0)
        divide = z3.UDiv if operator == "//" else z3.URem
        return divide(left, right)

    def _multiple_fits(self, factor: int, other: z3.ExprRef) -> z3.BoolRef:
        if factor in (0, 1):
            return TRUE
        low, high = self.limits
        bounds = sorted((low / Fraction(factor), high / Fraction(factor)))
        least, most = max(low, ceil(bounds[0])), min(high, floor(bounds[1]))
        return conjunction(
            self._compare(">=", other, self.const(least)),
            self._compare("<=", other, self.const(most)),
        )

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the greatest number that is represented."""
        if self.signed:
            return -(1 << self.width - 1), (1 << self.width - 1) - 1
        return 0, (1 << self.width) - 1

    def _number(self, numeral: z3.BitVecNumRef) -> int:
        """Return the number that a numeral stands for."""
        return int(numeral.as_signed_long() if self.signed else numeral.as_long())


class Words(_BitVectors):
    """Natural numbers below 2**width; a shift by the width or more yields 0."""

    signed = False

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name in reports."""
        return f"{self.width}-bit words"

    def holds(self, value: int) -> bool:
        """Tell whether the value is a word."""
        return 0 <= value < 1 << self.width

    def _negative_is_exact(self) -> tuple[z3.BoolRef, ...]:
        return (FALSE,)

    def _natural(self, term: z3.ExprRef) -> tuple[z3.BoolRef, ...]:
        return ()

    def _binary(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> Scalar:
        if operator in ("+", "-", "*"):
            exact = self._wide(operator, left, right)
            return Scalar(PYTHON[operator](left, right), (exact,))
        if operator == "<<":
            shifted = left << right
            return Scalar(shifted, (z3.LShR(shifted, right) == left, z3.ULT(right, self.width)))
        if operator == ">>":
            return Scalar(z3.LShR(left, right))
        if operator in ("//", "%"):
            return Scalar(self._divided(operator, left, right), (), (right != 0,))
        return Scalar(PYTHON[operator](left, right))

    def _compare(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
        return OF_NATURALS[operator](left, right)


class Signed(_BitVectors):
    """Two's complement integers; shift counts must lie in 0..width-1, as the machine demands."""

    signed = True

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name in reports."""
        return f"{self.width}-bit signed integers"

    def holds(self, value: int) -> bool:
        """Tell whether the value lies in -2**(width-1) .. 2**(width-1)-1."""
        return -(1 << self.width - 1) <= value < 1 << self.width - 1

    def _negative_is_exact(self) -> tuple[z3.BoolRef, ...]:
        return ()

    def _natural(self, term: z3.ExprRef) -> tuple[z3.BoolRef, ...]:
        return (term >= 0,)

    def _of_known(self, operator: str, left: int, right: int) -> Scalar:
        """Apply an operator to known integers, which compiled code computes in the machine."""
        outcome = super()._of_known(operator, left, right)
        if isinstance(outcome.term, int) and not self.holds(outcome.term):
            raise NotTranslatable(f"{left} {operator} {right} does not fit {self.name}")
        return outcome

    def _beyond(self, operator: str, left: Scalar, right: Scalar) -> bool | None:
        """Refuse a number that is not represented: compiled code raises OverflowError."""
        for one in (left.term, right.term):
            if isinstance(one, int) and not self.holds(one):
                raise NotTranslatable(f"{one} does not fit {self.name}")
        return None

    def _binary(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> Scalar:
        if operator in ("+", "-", "*"):
            return Scalar(PYTHON[operator](left, right), (self._wide(operator, left, right),))
        in_range = conjunction(right >= 0, right < self.width)
        if operator == "<<":
            shifted = left << right
            return Scalar(shifted, (in_range, (shifted >> right) == left))
        if operator == ">>":
            return Scalar(left >> right, (), (in_range,))
        if operator in ("//", "%"):
            natural = conjunction(left >= 0, right > 0)
            return Scalar(self._divided(operator, left, right), (), (natural,))
        return Scalar(PYTHON[operator](left, right))

    def _compare(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
        return OF_SIGNED[operator](left, right)
