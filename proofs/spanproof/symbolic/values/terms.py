"""Walks over Z3 terms as graphs: each shared subterm is seen, and rebuilt, once."""

from collections.abc import Callable, Iterator, Sequence

import z3

from spanproof.symbolic.values.construct import identity


def subterms(*formulas: z3.ExprRef, enter_quantifiers: bool = True) -> Iterator[z3.ExprRef]:
    """Yield every distinct subterm once, bodies of quantifiers included unless told otherwise."""
    return Walk(enter_quantifiers=enter_quantifiers).new(*formulas)


class Walk:
    """A walk over terms, one after the other, that comes to each distinct subterm once."""

    def __init__(self, *, enter_quantifiers: bool = True) -> None:
        """Go into bodies of quantifiers unless told otherwise."""
        self._enter_quantifiers = enter_quantifiers
        self._begun: list[z3.ExprRef] = []  # keeps terms alive: ids are reused
        self._seen: set[int] = set()

    def new(self, *formulas: z3.ExprRef) -> Iterator[z3.ExprRef]:
        """Yield the subterms of some terms that were not met before."""
        self._begun += formulas
        waiting = list(formulas)
        while waiting:
            term = waiting.pop()
            number = identity(term)
            if number in self._seen:
                continue
            self._seen.add(number)
            yield term
            if not z3.is_quantifier(term):
                waiting.extend(term.children())
            elif self._enter_quantifiers:
                waiting.append(term.body())


def within(context: z3.Context, term: z3.ExprRef) -> z3.ExprRef:
    """Return a term as one of a context of Z3's."""
    return term if term.ctx == context else term.translate(context)


def rebuilt(
    formula: z3.ExprRef, make: Callable[[z3.ExprRef, Sequence[z3.ExprRef]], z3.ExprRef]
) -> z3.ExprRef:
    """Return a term made anew from its leaves: `make` gets each term and its rebuilt parts.

    The part of a quantifier is its body, in which bound variables are left as they are.
    """
    known: dict[int, z3.ExprRef] = {}

    def visit(term: z3.ExprRef) -> z3.ExprRef:
        number = identity(term)
        if number not in known:
            parts = [term.body()] if z3.is_quantifier(term) else term.children()
            known[number] = make(term, [visit(part) for part in parts])
        return known[number]

    return visit(formula)


def with_parts(term: z3.ExprRef, parts: Sequence[z3.ExprRef]) -> z3.ExprRef:
    """Return a term with other parts; the term itself if they are its own."""
    if z3.is_quantifier(term):
        return term if parts[0].eq(term.body()) else requantified(term, parts[0])
    if all(new.eq(old) for new, old in zip(parts, term.children(), strict=True)):
        return term
    return term.decl()(*parts)


def requantified(
    term: z3.QuantifierRef, body: z3.BoolRef, sort: Callable[[z3.SortRef], z3.SortRef] = lambda s: s
) -> z3.BoolRef:
    """Return a quantifier with another body, and other sorts of its bound variables."""
    bound = [
        z3.Const(term.var_name(place), sort(term.var_sort(place)))
        for place in range(term.num_vars())
    ]
    claim = z3.substitute_vars(body, *reversed(bound))
    return z3.ForAll(bound, claim) if term.is_forall() else z3.Exists(bound, claim)
