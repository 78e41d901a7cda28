"""Induction over the slots of a span, and the recurrences that tie a count to its bits.

The argument "base, step, hence everywhere" happens outside the solver. Base, step and use share
one text of the claim, so that nothing else can slip in.
"""

from collections.abc import Callable, Iterable

import z3

from spanproof.prove.proof import Proof
from spanproof.symbolic.values.values import Value
from spanspec.base.bitmap import Bitmap
from spanspec.base.words import U16


def count_starts(bits: Bitmap) -> bool:
    """No bit lies below bit 0. With `count_steps`, this is what `Bitmap.count` means."""
    return bits.count(0) == 0


def count_steps(bits: Bitmap, at: U16) -> bool:
    """One more bit is counted one further."""
    return bits.count(at + 1) == bits.count(at) + (1 if bits.bit(at) else 0)


def by_induction(
    p: Proof,
    label: str,
    claim: Callable[[z3.ExprRef], z3.BoolRef],
    start: z3.ExprRef,
    end: z3.ExprRef,
    facts: Callable[[z3.ExprRef], Iterable[z3.BoolRef]],
    kind: object = U16,
) -> None:
    """Prove `claim` at every j in start..end, then assume it at `end`; j is of a kind of numbers.

    `facts` are hypotheses about one step j -> j+1; they must hold for every j in start..end-1.
    """
    j = p.number(kind, "j")
    p.show(f"{label}: base", claim(start))
    p.show(
        f"{label}: step",
        z3.Implies(z3.And(start <= j, j < end, claim(j), *facts(j)), claim(j + 1)),
    )
    p.possible(f"{label}: a step", z3.And(start <= j, j < end, claim(j), *facts(j)))
    p.conclude(z3.Implies(start <= end, claim(end)))


def steps(p: Proof, j: z3.ExprRef, *bitmaps: Value) -> list[z3.BoolRef]:
    """The recurrence of each bitmap's count at j."""
    return [p.holds(count_steps, bits, j) for bits in bitmaps]
