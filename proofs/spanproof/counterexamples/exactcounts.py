"""Counterexamples in which a bitmap's count is the number of its bits.

To a solver the count of a bitmap is a function of its own, of which it knows what the proof states.
So its model may count 39 bits where one is set. With few slots the count can be written out, and
what is found then is a counterexample of real bitmaps.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import z3

from spanproof.prove.proof import Proof
from spanproof.symbolic.values.arithmetic import Scalar
from spanproof.symbolic.values.merge import as_bool
from spanproof.symbolic.values.terms import subterms

SCOPES: Final = (8, 64)
"""Numbers of slots in which a counterexample is looked for, one after the other."""


def counts_bits(proof: Proof, formulas: Sequence[z3.BoolRef]) -> bool:
    """Tell whether formulas speak of the count of an unknown bitmap."""
    return any(True for _ in _counts(proof, formulas))


def with_exact_counts(proof: Proof, formulas: Sequence[z3.BoolRef], slots: int) -> list[z3.BoolRef]:
    """Return formulas, and that each count in them is of at most so many slots, and exact."""
    arithmetic, exact = proof.arithmetic, list(formulas)
    for count in _counts(proof, formulas):
        *of, end = count.children()
        bits = proof.counted[count.decl().name()](*of)
        low, high = Scalar(0), Scalar(slots)
        exact.append(as_bool(arithmetic.compare(">=", Scalar(end), low)))
        exact.append(as_bool(arithmetic.compare("<=", Scalar(end), high)))
        one, none = arithmetic.const(1), arithmetic.const(0)
        total = none
        for slot in range(slots):
            below = as_bool(arithmetic.compare("<", Scalar(arithmetic.const(slot)), Scalar(end)))
            is_set = z3.And(below, bits.bit(arithmetic.const(slot)))
            total = total + z3.If(is_set, one, none)
        exact.append(count == total)
    return exact


def _counts(proof: Proof, formulas: Sequence[z3.BoolRef]) -> Iterator[z3.ExprRef]:
    """Yield the counts of unknown bitmaps that formulas speak of."""
    for term in subterms(*formulas, enter_quantifiers=False):
        if z3.is_app(term) and term.decl().name() in proof.counted:
            yield term
