"""Mathematical integers: nothing ever overflows, shifts and masks need constants."""

import z3

from spanproof.symbolic.text.errors import NotTranslatable
from spanproof.symbolic.values.arithmetic import (
    LONGEST_SHIFT,
    PYTHON,
    Arithmetic,
    Scalar,
)
from spanproof.symbolic.values.construct import INTEGERS, OF_INTEGERS, conjunction, integer


class Integers(Arithmetic):
    """Unbounded integers; nothing ever overflows, bit operations need constant masks."""

    name = "integers"

    sort = INTEGERS

    def const(self, value: int) -> z3.ExprRef:
        """Return an integer numeral."""
        return integer(value)

    def holds(self, value: int) -> bool:
        """Every integer is represented."""
        return True

    def from_word(self, term: z3.ExprRef, bits: int) -> tuple[z3.ExprRef, z3.BoolRef | None]:
        """Return the term with 0 <= term < 2**bits."""
        return term, conjunction(term >= 0, term < (1 << bits))

    def binary(self, operator: str, left: Scalar, right: Scalar) -> Scalar:
        """Apply an operator; // % << >> & need a known right operand (or left, for &)."""
        if left.known and right.known:
            return super().binary(operator, left, right)
        if operator == "&" and left.known:
            left, right = right, left
        if operator in ("//", "%", "<<", ">>", "&"):
            return self._by_constant(operator, self.lift(left).term, right.term)
        return super().binary(operator, left, right)

    def _by_constant(self, operator: str, left: z3.ExprRef, right: z3.ExprRef | int) -> Scalar:
        if operator == "&" and isinstance(right, int) and right < 0 and right & -right == -right:
            return Scalar(left - left % -right)
        if not isinstance(right, int) or right < 0:
            raise NotTranslatable(f"over integers, {operator} needs a constant operand")
        if operator in ("<<", ">>") and right > LONGEST_SHIFT:
            raise NotTranslatable(f"a shift by {right} bits")
        if operator == "<<":
            return Scalar(left * (1 << right))
        if operator == ">>":
            return Scalar(left / (1 << right))
        if operator == "&":
            if right & (right + 1) != 0:
                raise NotTranslatable("over integers, & needs a mask of the form 2**k - 1 or -2**k")
            return Scalar(left % (right + 1))
        if right == 0:
            raise NotTranslatable("division by zero")
        return Scalar(left / right if operator == "//" else left % right)

    def _binary(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> Scalar:
        if operator not in ("+", "-", "*"):
            raise NotTranslatable(f"over integers, {operator} has no counterpart")
        return Scalar(PYTHON[operator](left, right))

    def _compare(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
        return OF_INTEGERS[operator](left, right)

    def invert(self, operand: Scalar) -> Scalar:
        """Return -1 - operand."""
        if isinstance(operand.term, int):
            return Scalar(~operand.term)
        return Scalar(-1 - self.lift(operand).term)

    def bit_length(self, operand: Scalar) -> Scalar:
        """Only of a known integer.

        Raises: NotTranslatable for a symbolic one.
        """
        if isinstance(operand.term, int):
            return Scalar(operand.term.bit_length())
        raise NotTranslatable("over integers, bit_length() has no counterpart")
