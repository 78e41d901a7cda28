"""Counterexamples among few identities, for questions with quantifiers that a solver gives up on.

A solver proves a quantified claim in milliseconds, but may answer `unknown` where it is false: it
would have to build a model of infinitely many identities. A system of four spans, four slots and
four threads is a system too. With the identities 0..3 only, every quantifier is a conjunction,
and an answer `sat` is a genuine counterexample.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Final

import z3

from spanproof.symbolic.terms import subterms, with_parts
from spanproof.symbolic.values import IDENTITY_SORT

SCOPE: Final = 4
"""Number of identities of each kind; 0 is the identity of nothing."""

_QUANTIFIES: Final = z3.Probe("has-quantifiers")

_IDENTITIES: Final = [z3.IntVal(number) for number in range(SCOPE)]


def is_over_identities(term: z3.ExprRef) -> bool:
    """Tell whether a term is a quantifier, and all its variables are identities."""
    return z3.is_quantifier(term) and all(
        term.var_sort(place) == IDENTITY_SORT for place in range(term.num_vars())
    )


def has_quantifier(formulas: Sequence[z3.BoolRef]) -> bool:
    """Tell whether any formula quantifies over identities."""
    return any(
        any(is_over_identities(part) for part in subterms(formula))
        for formula in formulas
        if _quantifies(formula)
    )


def _quantifies(formula: z3.ExprRef) -> bool:
    """Tell whether there is any quantifier in a formula. Most have none, as Z3 is quick to say."""
    goal = z3.Goal()
    goal.add(formula)
    return bool(_QUANTIFIES(goal))


def in_small_scope(formulas: Sequence[z3.BoolRef]) -> list[z3.BoolRef]:
    """Return the formulas over the identities 0..3 only, without quantifiers over identities."""
    return within_scope([expand(formula) for formula in formulas])


def within_scope(expanded: Sequence[z3.BoolRef]) -> list[z3.BoolRef]:
    """Return formulas without quantifiers, and that every identity in them is in scope."""
    inside = [
        z3.Or(*(term == identity for identity in _IDENTITIES))
        for declaration in identity_symbols(expanded)
        for term in applications(declaration)
    ]
    return [*expanded, *inside]


def expand(term: z3.ExprRef) -> z3.ExprRef:
    """Write out each quantifier over identities, at those in scope."""
    return written_out(term, lambda one: product(_IDENTITIES, repeat=one.num_vars()))


def written_out(
    term: z3.ExprRef, choices: Callable[[z3.QuantifierRef], Iterable[Sequence[z3.ExprRef]]]
) -> z3.ExprRef:
    """Write out each quantifier over identities, at the choices for its variables."""
    known: dict[int, tuple[z3.ExprRef, z3.ExprRef]] = {}  # keeps terms alive: ids are reused

    def visit(part: z3.ExprRef) -> z3.ExprRef:
        if part.get_id() not in known:
            known[part.get_id()] = part, made(part)
        return known[part.get_id()][1]

    def made(part: z3.ExprRef) -> z3.ExprRef:
        if is_over_identities(part):
            bodies = [z3.substitute_vars(part.body(), *reversed(one)) for one in choices(part)]
            instances = (
                [visit(body) for body in bodies] if has_quantifier([part.body()]) else bodies
            )
            return z3.And(*instances) if part.is_forall() else z3.Or(*instances)
        if z3.is_quantifier(part):
            return part
        return with_parts(part, [visit(child) for child in part.children()])

    return visit(term)


def identity_symbols(formulas: Sequence[z3.ExprRef]) -> list[z3.FuncDeclRef]:
    """Return the symbols that stand for an identity, or for a function to identities."""
    found = {
        part.decl().name(): part.decl()
        for part in subterms(*formulas)
        if z3.is_app(part)
        and part.decl().kind() == z3.Z3_OP_UNINTERPRETED
        and part.sort() == IDENTITY_SORT
    }
    return list(found.values())


def applications(declaration: z3.FuncDeclRef) -> Iterator[z3.ExprRef]:
    """Yield a symbol itself, or its values at all identities in scope."""
    domain = [declaration.domain(place) for place in range(declaration.arity())]
    if all(sort == IDENTITY_SORT for sort in domain):
        for identities in product(_IDENTITIES, repeat=len(domain)):
            yield declaration(*identities)
