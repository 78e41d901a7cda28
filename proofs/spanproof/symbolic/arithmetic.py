"""Three arithmetics in which Python's integers are represented exactly.

Python integers never overflow, machine words do. Each operation therefore yields a term *and*
the conditions under which the term equals what Python computes. They become proof obligations.
Only `& mask` lifts some: below it, the value modulo 2**width is enough, and that is how a rule
says that wrap-around is meant.

* `Integers`: mathematical integers. Shifts and masks need constants.
* `Words(w)`: natural numbers below 2**w as bit-vectors. Comparisons are unsigned.
* `Signed(w)`: numbers in -2**(w-1) .. 2**(w-1)-1 as bit-vectors, as mypyc's native integers
  are. Comparisons are signed, right shifts arithmetic.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import z3

from spanproof.symbolic.errors import MixedSorts, NotTranslatable


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

    @property
    @abstractmethod
    def sort(self) -> z3.SortRef:
        """The Z3 sort of an integer."""

    @abstractmethod
    def const(self, value: int) -> z3.ExprRef:
        """Return the term of a known integer, modulo 2**width where there is a width."""

    @abstractmethod
    def holds(self, value: int) -> bool:
        """Tell whether a known integer is represented exactly."""

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
            return Scalar(self.const(known), () if self.holds(known) else (z3.BoolVal(False),))
        _require_sort(known, self.sort)
        return scalar

    def binary(self, operator: str, left: Scalar, right: Scalar) -> Scalar:
        """Apply one of + - * // % & | ^ << >> as Python does.

        Raises: NotTranslatable if this arithmetic has no exact counterpart of the operation.
        """
        if isinstance(left.term, int) and isinstance(right.term, int):
            return Scalar(PYTHON[operator](left.term, right.term))
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

    def compare(self, operator: str, left: Scalar, right: Scalar) -> z3.BoolRef | bool:
        """Compare two exact scalars; equality also works on identities of any sort."""
        if isinstance(left.term, int) and isinstance(right.term, int):
            return bool(PYTHON_COMPARE[operator](left.term, right.term))
        one, other = _same_sort(self, left.term, right.term)
        if operator in ("==", "!="):
            return one == other if operator == "==" else one != other
        if one.sort() != self.sort:
            raise NotTranslatable("identities can only be compared for equality")
        return self._compare(operator, one, other)


def _require_sort(term: z3.ExprRef, sort: z3.SortRef) -> None:
    if term.sort() != sort:
        raise MixedSorts(f"expected {sort}, found {term.sort()}")


def _same_sort(
    arithmetic: Arithmetic, left: z3.ExprRef | int, right: z3.ExprRef | int
) -> tuple[z3.ExprRef, z3.ExprRef]:
    """Return two values as terms of one sort, a known one following the other."""
    identities = any(not isinstance(v, int) and v.sort() == z3.IntSort() for v in (left, right))

    def term(value: z3.ExprRef | int) -> z3.ExprRef:
        if isinstance(value, int):
            return z3.IntVal(value) if identities else arithmetic.const(value)
        return value

    one, other = term(left), term(right)
    _require_sort(other, one.sort())
    return one, other


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


class Integers(Arithmetic):
    """Unbounded integers; nothing ever overflows, bit operations need constant masks."""

    name = "integers"

    @property
    def sort(self) -> z3.SortRef:
        """The sort Int."""
        return z3.IntSort()

    def const(self, value: int) -> z3.ExprRef:
        """Return an integer numeral."""
        return z3.IntVal(value)

    def holds(self, value: int) -> bool:
        """Every integer is represented."""
        return True

    def from_word(self, term: z3.ExprRef, bits: int) -> tuple[z3.ExprRef, z3.BoolRef | None]:
        """Return the term with 0 <= term < 2**bits."""
        return term, z3.And(term >= 0, term < (1 << bits))

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
        if not isinstance(right, int) or right < 0:
            raise NotTranslatable(f"over integers, {operator} needs a constant operand")
        if operator == "<<":
            return Scalar(left * (1 << right))
        if operator == ">>":
            return Scalar(left / (1 << right))
        if operator == "&":
            if right & (right + 1) != 0:
                raise NotTranslatable("over integers, & needs a mask of the form 2**k - 1")
            return Scalar(left % (right + 1))
        if right == 0:
            raise NotTranslatable("division by zero")
        return Scalar(left / right if operator == "//" else left % right)

    def _binary(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> Scalar:
        if operator not in ("+", "-", "*"):
            raise NotTranslatable(f"over integers, {operator} has no counterpart")
        return Scalar(PYTHON[operator](left, right))

    def _compare(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
        outcome: z3.BoolRef = PYTHON_COMPARE[operator](left, right)
        return outcome

    def invert(self, operand: Scalar) -> Scalar:
        """Return -1 - operand."""
        if isinstance(operand.term, int):
            return Scalar(~operand.term)
        return Scalar(-1 - operand.term)

    def bit_length(self, operand: Scalar) -> Scalar:
        """Only of a known integer.

        Raises: NotTranslatable for a symbolic one.
        """
        if isinstance(operand.term, int):
            return Scalar(operand.term.bit_length())
        raise NotTranslatable("over integers, bit_length() has no counterpart")


class _BitVectors(Arithmetic):
    """What the unsigned and the signed words share."""

    signed: bool

    def __init__(self, width: int) -> None:
        self.width = width

    @property
    def sort(self) -> z3.SortRef:
        """A bit-vector sort."""
        return z3.BitVecSort(self.width)

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
        return z3.BitVecVal(value, self.width)

    def invert(self, operand: Scalar) -> Scalar:
        """Return the bitwise complement; for unsigned words it is exact only under a mask."""
        if isinstance(operand.term, int):
            return Scalar(~operand.term)
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
            exact_if = (z3.Or(z3.And(*one.exact_if), z3.And(*other.exact_if)),)
        else:
            exact_if = ()
        return Scalar(one.term & other.term, exact_if, one.needs + other.needs)

    def bit_length(self, operand: Scalar) -> Scalar:
        """Return the position of the highest set bit plus one, for a natural number."""
        if isinstance(operand.term, int):
            return Scalar(operand.term.bit_length())
        length = self.const(0)
        for bit in range(self.width):
            is_set = z3.Extract(bit, bit, operand.term) == 1
            length = z3.If(is_set, self.const(bit + 1), length)
        return Scalar(length, (), operand.conditions + self._natural(operand.term))

    @abstractmethod
    def _natural(self, term: z3.ExprRef) -> tuple[z3.BoolRef, ...]:
        """Return the conditions under which a term stands for a number that is not negative."""

    def _wide(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
        """Return the condition that + - * of two terms stays within the width."""
        signed = self.signed
        if operator == "+":
            up = z3.BVAddNoOverflow(left, right, signed)
            return z3.And(up, z3.BVAddNoUnderflow(left, right)) if signed else up
        if operator == "-":
            down = z3.BVSubNoUnderflow(left, right, signed)
            return z3.And(down, z3.BVSubNoOverflow(left, right)) if signed else down
        up = z3.BVMulNoOverflow(left, right, signed)
        return z3.And(up, z3.BVMulNoUnderflow(left, right)) if signed else up


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
        return (z3.BoolVal(False),)

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
        if operator == "//":
            return Scalar(z3.UDiv(left, right), (), (right != 0,))
        if operator == "%":
            return Scalar(z3.URem(left, right), (), (right != 0,))
        return Scalar(PYTHON[operator](left, right))

    def _compare(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
        relation = {"<": z3.ULT, "<=": z3.ULE, ">": z3.UGT, ">=": z3.UGE}[operator]
        return relation(left, right)


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

    def _binary(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> Scalar:
        if operator in ("+", "-", "*"):
            return Scalar(PYTHON[operator](left, right), (self._wide(operator, left, right),))
        in_range = z3.And(right >= 0, right < self.width)
        if operator == "<<":
            shifted = left << right
            return Scalar(shifted, (in_range, (shifted >> right) == left))
        if operator == ">>":
            return Scalar(left >> right, (), (in_range,))
        if operator in ("//", "%"):
            natural = z3.And(left >= 0, right > 0)
            divide = z3.UDiv if operator == "//" else z3.URem
            return Scalar(divide(left, right), (), (natural,))
        return Scalar(PYTHON[operator](left, right))

    def _compare(self, operator: str, left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
        outcome: z3.BoolRef = PYTHON_COMPARE[operator](left, right)
        return outcome
