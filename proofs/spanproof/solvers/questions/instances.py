"""Ground instances of a question with quantifiers over identities.

Each existential quantifier gets a constant; each universal one is replaced by what it says of the
identities that it can say something about. The instances follow from the question, so if they
cannot be met, neither can the question.

Which identities those are is read from the places of functions: a bound variable that stands as an
argument of a function is instantiated with the ground terms that stand there too, or in the same
place of a function that some quantifier applies to the same variable. So a claim about all spans
is made of spans only, although the identity of a span and that of a thread are both numbers.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product

import z3

from spanproof.prove.smallscope import WrittenOut, has_quantifier, is_over_identities
from spanproof.symbolic.values.terms import subterms
from spanproof.symbolic.values.values import IDENTITY_SORT

Place = tuple[str, int]
"""A place of a function: its name, and the number of the argument."""


def instances(formulas: Sequence[z3.BoolRef], rounds: int = 1) -> list[z3.BoolRef]:
    """Return what formulas say about the identities that they name.

    A further round also says it about the identities that the instances of the last one name.
    """
    goal = z3.Goal()
    goal.add(*formulas)
    universal: list[z3.BoolRef] = list(z3.Tactic("nnf")(goal)[0])
    ground = universal
    if has_quantifier(universal):
        kinds = Kinds(universal)
        for _ in range(rounds):
            written = WrittenOut(partial(kinds.choices, known=kinds.named(ground)))
            ground = [written.out(formula) for formula in universal]
    return ground


class Kinds:
    """Kinds of identities: classes of places of functions that stand for one kind."""

    def __init__(self, formulas: Sequence[z3.BoolRef]) -> None:
        self._above: dict[Place, Place] = {}
        for term in subterms(*formulas):
            if is_over_identities(term):
                for variable in range(term.num_vars()):
                    places = list(_places_of(term.body(), term.num_vars() - 1 - variable))
                    for place in places[1:]:
                        self._above[self._kind(places[0])] = self._kind(place)

    def _kind(self, place: Place) -> Place:
        while place in self._above and self._above[place] != place:
            place = self._above[place]
        return place

    def named(self, formulas: Sequence[z3.BoolRef]) -> dict[Place, list[z3.ExprRef]]:
        """Return the ground identities of each kind that formulas name."""
        found: dict[Place, dict[int, z3.ExprRef]] = {}
        for term in subterms(*formulas, enter_quantifiers=False):
            if z3.is_app(term) and term.decl().kind() == z3.Z3_OP_UNINTERPRETED:
                for number, argument in enumerate(term.children()):
                    if argument.sort() == IDENTITY_SORT:
                        of_kind = found.setdefault(self._kind((term.decl().name(), number)), {})
                        of_kind.update((leaf.get_id(), leaf) for leaf in _leaves(argument))
        return {kind: list(terms.values()) for kind, terms in found.items()}

    def choices(
        self, term: z3.QuantifierRef, known: dict[Place, list[z3.ExprRef]]
    ) -> Iterator[tuple[z3.ExprRef, ...]]:
        """Yield the identities to be put in place of a quantifier's variables."""
        pools = []
        for variable in range(term.num_vars()):
            places = _places_of(term.body(), term.num_vars() - 1 - variable)
            kinds = {self._kind(place) for place in places}
            pools.append([one for kind in sorted(kinds) for one in known.get(kind, [])])
        return product(*pools)


def _places_of(body: z3.ExprRef, variable: int) -> Iterator[Place]:
    """Yield the places in which a bound variable, by its index, stands in a quantifier's body."""
    for term in subterms(body, enter_quantifiers=False):
        if z3.is_app(term) and term.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            for number, argument in enumerate(term.children()):
                if z3.is_var(argument) and z3.get_var_index(argument) == variable:
                    yield term.decl().name(), number
        elif z3.is_quantifier(term):
            yield from _places_of(term.body(), variable + term.num_vars())


def _leaves(term: z3.ExprRef) -> Iterator[z3.ExprRef]:
    """Yield the terms that a choice between identities can come out as."""
    if z3.is_app_of(term, z3.Z3_OP_ITE):
        yield from _leaves(term.arg(1))
        yield from _leaves(term.arg(2))
    elif not z3.is_var(term):
        yield term
