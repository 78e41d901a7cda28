"""Forms of a question with quantifiers over identities that every solver can decide.

* Its ground instances: each existential quantifier gets a constant, each universal one is replaced
  by what it says of the identities that the question names. The instances follow from the question,
  so if they cannot be met, neither can the question.
* Words for identities: a solver without integers reads identities as 16-bit words.
"""

from collections.abc import Sequence
from typing import Final

import z3

from spanproof.smallscope import expand, has_quantifier
from spanproof.symbolic.terms import rebuilt, subterms
from spanproof.symbolic.values import IDENTITY_SORT

IDENTITY_WORD: Final = z3.BitVecSort(16)


def instances(formulas: Sequence[z3.BoolRef], rounds: int = 1) -> list[z3.BoolRef]:
    """Return what formulas say about the identities that they name.

    A further round also says it about the identities that the instances of the last one name.
    """
    goal = z3.Goal()
    goal.add(*formulas)
    universal: list[z3.BoolRef] = list(z3.Tactic("nnf")(goal)[0])
    ground = universal
    if has_quantifier(universal):
        for _ in range(rounds):
            known = identities_named(ground)
            ground = [expand(formula, known) for formula in universal]
    return ground


def identities_named(formulas: Sequence[z3.BoolRef]) -> list[z3.ExprRef]:
    """Return the identity of nothing, and the ground terms that stand for an identity."""
    return [
        z3.IntVal(0),
        *(
            term
            for term in subterms(*formulas, enter_quantifiers=False)
            if z3.is_app(term)
            and term.sort() == IDENTITY_SORT
            and term.decl().kind() == z3.Z3_OP_UNINTERPRETED
        ),
    ]


def with_words_for_identities(formulas: Sequence[z3.BoolRef]) -> list[z3.BoolRef]:
    """Return quantifier-free formulas with 16-bit words in place of identities.

    Identities are only compared, so a word serves as well as long as there are enough of them.

    Raises: TypeError if a formula computes with integers.
    """

    def make(term: z3.ExprRef, parts: Sequence[z3.ExprRef]) -> z3.ExprRef:
        if z3.is_int_value(term) and 0 <= term.as_long() < 1 << IDENTITY_WORD.size():
            return z3.BitVecVal(term.as_long(), IDENTITY_WORD)
        if not z3.is_app(term):
            raise TypeError(f"{term} is not free of quantifiers")
        declaration = term.decl()
        if declaration.kind() == z3.Z3_OP_UNINTERPRETED:
            sorts = [part.sort() for part in parts]
            result = IDENTITY_WORD if term.sort() == IDENTITY_SORT else term.sort()
            return z3.Function(declaration.name(), *sorts, result)(*parts)
        if declaration.kind() in (z3.Z3_OP_EQ, z3.Z3_OP_DISTINCT):
            return parts[0] == parts[1] if z3.is_eq(term) else z3.Distinct(*parts)
        if declaration.kind() == z3.Z3_OP_ITE:
            return z3.If(*parts)
        if any(z3.is_int(part) for part in (term, *term.children())):
            raise TypeError(f"{term} computes with identities")
        return declaration(*parts)

    return [rebuilt(formula, make) for formula in formulas]
