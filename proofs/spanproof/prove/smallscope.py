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

from spanproof.symbolic.values.construct import (
    applied,
    disjunction,
    equality,
    identity,
    measured,
    unknown_symbols,
)
from spanproof.symbolic.values.terms import subterms
from spanproof.symbolic.values.values import IDENTITY_SORT

SCOPE: Final = 4
"""Number of identities of each kind; 0 is the identity of nothing."""

_QUANTIFIES: Final = (z3.Probe("has-quantifiers"),)

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
    return measured(formula, _QUANTIFIES) != [0]


class SmallScope:
    """The small scope for questions that share formulas: each is written out once.

    Every symbol of identities met so far is kept in scope; of one that a question does not have,
    that excludes nothing.
    """

    def __init__(self) -> None:
        self._written = WrittenOut(lambda one: product(_IDENTITIES, repeat=one.num_vars()))
        self._asked: list[z3.BoolRef] = []  # keeps terms alive: their numbers are used again
        self._seen: set[int] = set()
        self._inside: dict[str, list[z3.BoolRef]] = {}

    def formulas(self, formulas: Sequence[z3.BoolRef]) -> list[z3.BoolRef]:
        """Return formulas over the identities 0..3 only, without quantifiers over identities.

        The last one stays the last, behind what keeps the symbols in scope: questions with the same
        hypotheses begin alike.
        """
        self._asked += formulas
        for symbol in unknown_symbols(formulas, IDENTITY_SORT, self._seen):
            self._keep_inside(symbol)
        inside = [one for facts in self._inside.values() for one in facts]
        written = [self._written.out(formula) for formula in formulas]
        return [*written[:-1], *inside, *written[-1:]]

    def _keep_inside(self, symbol: z3.FuncDeclRef) -> None:
        if symbol.name() not in self._inside:
            self._inside[symbol.name()] = [
                disjunction(*(equality(term, one) for one in _IDENTITIES))
                for term in applications(symbol)
            ]


def in_small_scope(formulas: Sequence[z3.BoolRef]) -> list[z3.BoolRef]:
    """Return the formulas over the identities 0..3 only, without quantifiers over identities."""
    return SmallScope().formulas(formulas)


def expand(term: z3.ExprRef) -> z3.ExprRef:
    """Write out each quantifier over identities, at those in scope."""
    return WrittenOut(lambda one: product(_IDENTITIES, repeat=one.num_vars())).out(term)


class WrittenOut:
    """Terms whose quantifiers over identities are written out, at choices for their variables.

    What is asked of several terms is done once. A quantifier is written out with marks in place of
    its variables, and these are then replaced, so that what is inside is not gone through for each
    choice.
    """

    def __init__(
        self, choices: Callable[[z3.QuantifierRef], Iterable[Sequence[z3.ExprRef]]]
    ) -> None:
        self._choices = choices
        # Terms are kept alive: ids are reused.
        self._known: dict[int, tuple[z3.ExprRef, z3.ExprRef]] = {}

    def out(self, term: z3.ExprRef) -> z3.ExprRef:
        """Return a term written out; the term itself if it has no quantifier over identities."""
        known = self._known.get(identity(term))
        if known is None:
            quantifies = _quantifies(term)
            known = self._pair(term, 0) if quantifies else (term, term)
            self._known[identity(term)] = known
        return known[1]

    def _pair(self, term: z3.ExprRef, depth: int) -> tuple[z3.ExprRef, z3.ExprRef]:
        """Return a term and what it becomes, the very same object if it stays as it is; `depth`
        counts the quantifiers that it is inside of.
        """
        known = self._known.get(identity(term))
        if known is None:
            known = self._known[identity(term)] = term, self._made(term, depth)
        return known

    def _made(self, term: z3.ExprRef, depth: int) -> z3.ExprRef:
        if not z3.is_quantifier(term):
            pairs = [self._pair(part, depth) for part in term.children()]
            if all(old is new for old, new in pairs):
                return term
            return term.decl()(*(new for _, new in pairs))
        if not is_over_identities(term):
            return term
        marks = [
            z3.Const(f"in place of variable {place} at {depth}", term.var_sort(place))
            for place in range(term.num_vars())
        ]
        body = z3.substitute_vars(term.body(), *reversed(marks))
        inner = self._pair(body, depth + 1)[1]
        instances = [
            z3.substitute(inner, *zip(marks, one, strict=True)) for one in self._choices(term)
        ]
        return z3.And(*instances) if term.is_forall() else z3.Or(*instances)


def applications(declaration: z3.FuncDeclRef) -> Iterator[z3.ExprRef]:
    """Yield a symbol itself, or its values at all identities in scope."""
    domain = [declaration.domain(place) for place in range(declaration.arity())]
    if all(sort == IDENTITY_SORT for sort in domain):
        for identities in product(_IDENTITIES, repeat=len(domain)):
            yield applied(declaration, z3.ArithRef, identities)
