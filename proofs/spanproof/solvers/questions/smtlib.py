"""Questions as self-contained SMT-LIB 2 that any solver reads: no symbol of Z3's own."""

import re
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Final, NamedTuple

import z3

from spanproof.prove.questions import Question
from spanproof.symbolic.values.terms import rebuilt, subterms, with_parts

PORTABLE: Final = frozenset(
    re.findall(
        r"\S+",
        """
        true false = distinct if and or not => xor
        + - * div mod abs / to_real to_int < <= > >= Int Real
        bv bvneg bvadd bvsub bvmul bvudiv bvurem bvsdiv bvsrem bvsmod bvnot bvand bvor bvxor
        bvshl bvlshr bvashr bvult bvule bvugt bvuge bvslt bvsle bvsgt bvsge bvcomp
        concat extract zero_extend sign_extend rotate_left rotate_right repeat select store
        """,
    )
)
"""Operators of the theories Core, Reals_Ints, FixedSizeBitVectors and ArraysEx, by Z3's names.

`Int`, `Real` and `bv` are its names of numerals, `if` that of `ite`.
"""

_DIVISIONS: Final[dict[str, Callable[[z3.ExprRef, z3.ExprRef], z3.ExprRef]]] = {
    "bvudiv_i": z3.UDiv,
    "bvurem_i": z3.URem,
    "bvsdiv_i": lambda left, right: left / right,
    "bvsrem_i": z3.SRem,
    "bvsmod_i": lambda left, right: left % right,
}
"""Division by what is known not to be zero, as Z3's simplifier writes it."""


class NotPortable(Exception):
    """A formula uses a symbol that only one solver knows; the message names it."""


class Features(NamedTuple):
    """What a question makes use of."""

    quantifiers: bool
    integers: bool
    reals: bool
    words: bool
    functions: bool
    products: bool

    @property
    def logic(self) -> str:
        """The narrowest SMT-LIB logic; ALL where kinds of numbers meet."""
        if self.integers + self.reals + self.words > 1:
            return "ALL"
        theory = "BV" if self.words else ""
        if self.integers or self.reals:
            theory = ("N" if self.products else "L") + ("IA" if self.integers else "RA")
        free = "UF" if self.functions or not theory else ""
        return ("" if self.quantifiers else "QF_") + free + theory


def features(formula: z3.BoolRef) -> Features:
    """Return what a formula makes use of.

    Raises: NotPortable if it uses a symbol of Z3's own.
    """
    quantifiers = functions = products = False
    kinds: set[int] = set()
    for term in subterms(formula):
        if z3.is_quantifier(term):
            quantifiers = True
            kinds.update(term.var_sort(place).kind() for place in range(term.num_vars()))
            continue
        kinds.add(term.sort_kind())
        if z3.is_app(term):
            if term.decl().kind() == z3.Z3_OP_UNINTERPRETED:
                functions |= term.num_args() > 0
            elif term.decl().name() not in PORTABLE:
                raise NotPortable(f"{term.decl().name()} is no symbol of SMT-LIB: {term}")
            products |= _is_product(term)
    integers, reals, words = (
        kind in kinds for kind in (z3.Z3_INT_SORT, z3.Z3_REAL_SORT, z3.Z3_BV_SORT)
    )
    return Features(quantifiers, integers, reals, words, functions, products)


def _is_product(term: z3.ExprRef) -> bool:
    """Tell whether a term multiplies two unknown numbers, or divides by one."""
    if not z3.is_arith(term):
        return False
    unknown = [
        not (z3.is_int_value(argument) or z3.is_rational_value(argument))
        for argument in term.children()
    ]
    if z3.is_mul(term):
        return sum(unknown) > 1
    return (z3.is_div(term) or z3.is_idiv(term) or z3.is_mod(term)) and unknown[-1]


def at_most(number: int, conditions: Sequence[z3.BoolRef]) -> z3.BoolRef:
    """Return the condition that at most so many of some conditions hold: any more do not."""
    more = combinations(conditions, number + 1)
    return z3.And(*(z3.Not(z3.And(*some)) for some in more))


def portable(formula: z3.BoolRef) -> z3.BoolRef:
    """Return an equal formula without what only Z3 writes: `at-most`, unary `and`, divisions."""

    def make(term: z3.ExprRef, parts: Sequence[z3.ExprRef]) -> z3.ExprRef:
        name = term.decl().name() if z3.is_app(term) else ""
        if name in ("and", "or") and not parts:
            return z3.BoolVal(name == "and")
        if name in ("and", "or", "+", "*") and len(parts) == 1:
            return parts[0]
        if name == "at-most":
            return at_most(term.decl().params()[0], parts)
        if name in _DIVISIONS:
            return _DIVISIONS[name](*parts)
        return with_parts(term, parts)

    return rebuilt(formula, make)


class ScriptWriter:
    """Writes questions as scripts, and remembers the formulas that they share."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[z3.BoolRef, z3.BoolRef, Features]] = {}

    def features(self, formulas: Sequence[z3.BoolRef]) -> Features:
        """Return what formulas make use of.

        Raises: NotPortable if they use a symbol of Z3's own.
        """
        used = (self._portable(formula)[1] for formula in formulas)
        return Features(*(any(flags) for flags in zip(*used, strict=True)))

    def script(self, question: Question, *remarks: str) -> str:
        """Return a question as an SMT-LIB 2 script; the remarks become comments.

        Raises: NotPortable if it uses a symbol of Z3's own.
        """
        solver = z3.Solver()
        solver.add(*(self._portable(formula)[0] for formula in question.formulas))
        body = solver.to_smt2()
        body = body[body.index("\n", body.index("(set-info :status")) + 1 :]
        comments = "".join(f"; {line}\n" for line in remarks)
        return (
            f"{comments}(set-info :smt-lib-version 2.6)\n"
            f"(set-info :status {question.expected})\n"
            f"(set-logic {self.features(question.formulas).logic})\n"
            f"{body}(exit)\n"
        )

    def _portable(self, formula: z3.BoolRef) -> tuple[z3.BoolRef, Features]:
        if formula.get_id() not in self._known:
            written = portable(formula)
            self._known[formula.get_id()] = formula, written, features(written)
        return self._known[formula.get_id()][1:]
