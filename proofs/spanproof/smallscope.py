"""Counterexamples among few identities, for questions with quantifiers that a solver gives up on.

A solver proves a quantified claim in milliseconds, but may answer `unknown` where it is false: it
would have to build a model of infinitely many identities. A system of four spans, four slots and
four sweepers is a system too. With the identities 0..3 only, every quantifier is a conjunction,
and an answer `sat` is a genuine counterexample.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import z3

from spanproof.symbolic.values import IDENTITY_SORT

SCOPE: Final = 4
"""Number of identities of each kind; 0 is the identity of nothing."""

_IDENTITIES: Final = [z3.IntVal(number) for number in range(SCOPE)]


def has_quantifier(formulas: Sequence[z3.BoolRef]) -> bool:
    """Tell whether any formula quantifies over identities."""
    return any(
        z3.is_quantifier(part) and part.var_sort(0) == IDENTITY_SORT
        for formula in formulas
        for part in subterms(formula)
    )


def in_small_scope(formulas: Sequence[z3.BoolRef]) -> list[z3.BoolRef]:
    """Return the formulas over the identities 0..3 only, without quantifiers over identities."""
    expanded = [expand(formula) for formula in formulas]
    inside = [
        z3.And(term >= 0, term < SCOPE)
        for declaration in identity_symbols(expanded)
        for term in applications(declaration)
    ]
    return expanded + inside


def expand(term: z3.ExprRef) -> z3.ExprRef:
    """Write out each quantifier over identities."""
    if z3.is_quantifier(term):
        if term.num_vars() != 1 or term.var_sort(0) != IDENTITY_SORT:
            return term
        instances = [expand(z3.substitute_vars(term.body(), one)) for one in _IDENTITIES]
        return z3.And(*instances) if term.is_forall() else z3.Or(*instances)
    if not z3.is_app(term) or term.num_args() == 0:
        return term
    changed = [expand(argument) for argument in term.children()]
    if all(new.eq(old) for new, old in zip(changed, term.children(), strict=True)):
        return term
    return term.decl()(*changed)


def identity_symbols(formulas: Sequence[z3.ExprRef]) -> list[z3.FuncDeclRef]:
    """Return the symbols that stand for an identity, or for a function to identities."""
    found = {
        part.decl().name(): part.decl()
        for formula in formulas
        for part in subterms(formula)
        if z3.is_app(part)
        and part.decl().kind() == z3.Z3_OP_UNINTERPRETED
        and part.sort() == IDENTITY_SORT
    }
    return list(found.values())


def applications(declaration: z3.FuncDeclRef) -> Iterator[z3.ExprRef]:
    """Yield a symbol itself, or its values at all identities in scope."""
    if declaration.arity() == 0:
        yield declaration()
    elif declaration.arity() == 1 and declaration.domain(0) == IDENTITY_SORT:
        for identity in _IDENTITIES:
            yield declaration(identity)


def subterms(formula: z3.ExprRef) -> Iterator[z3.ExprRef]:
    """Yield every distinct subterm once, bodies of quantifiers included."""
    seen: set[int] = set()
    waiting = [formula]
    while waiting:
        term = waiting.pop()
        if term.get_id() in seen:
            continue
        seen.add(term.get_id())
        yield term
        waiting.extend([term.body()] if z3.is_quantifier(term) else term.children())
