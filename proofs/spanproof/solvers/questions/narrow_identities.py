"""Words for identities: a solver without integers reads identities as 16-bit words."""

from collections.abc import Sequence
from typing import Final

import z3

from spanproof.symbolic.values.terms import rebuilt
from spanproof.symbolic.values.values import IDENTITY_SORT

IDENTITY_WORD: Final = z3.BitVecSort(16)


def with_words_for_identities(formulas: Sequence[z3.BoolRef]) -> list[z3.BoolRef]:
    """Return quantifier-free formulas with 16-bit words in place of identities.

    Identities are only compared, and a formula without quantifiers speaks of no more of them than
    it has terms. So where it can be met at all, it can be met with that many, and there are 65,536
    words: questions have far fewer terms of identities.

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
