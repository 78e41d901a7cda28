"""Z3 terms as C expressions over a system of few identities.

What a rule reads of a table is a function applied to an identity; in C it is a place of an array.
A quantifier over a table is written out for each identity.
"""

from collections.abc import Mapping
from typing import Final

import z3

WORD: Final = 32
"""Bits of a word in the terms: those of `unsigned`."""

OPERATORS: Final[Mapping[int, str]] = {
    z3.Z3_OP_AND: "&&",
    z3.Z3_OP_OR: "||",
    z3.Z3_OP_EQ: "==",
    z3.Z3_OP_BADD: "+",
    z3.Z3_OP_BSUB: "-",
    z3.Z3_OP_BMUL: "*",
    z3.Z3_OP_BAND: "&",
    z3.Z3_OP_BOR: "|",
    z3.Z3_OP_BUREM: "%",
    z3.Z3_OP_BUREM_I: "%",
    z3.Z3_OP_BUDIV: "/",
    z3.Z3_OP_BUDIV_I: "/",
}


class CTerms:
    """Writes terms of a system; `sizes` tells how many identities each table has."""

    def __init__(self, prefix: str, sizes: Mapping[str, int]) -> None:
        self._prefix = prefix
        self._sizes = sizes

    def place(self, name: str, identity: str | None) -> str:
        """Return the variable of a field, by its name in the terms, of an identity of a table."""
        variable = "now." + name.removeprefix(self._prefix).replace(".", "_")
        return variable if identity is None else f"{variable}[{identity}]"

    def text(self, term: z3.ExprRef) -> str:
        """Return a term as C; words come out as unsigned numbers of their own width.

        Raises: NotImplementedError for what the protocol's rules do not use; LookupError for a
            quantifier that reads no table.
        """
        if z3.is_quantifier(term):
            return self._written_out(term)
        if z3.is_bv_value(term) or z3.is_int_value(term):
            return f"{term.as_long()}U"
        if z3.is_true(term) or z3.is_false(term):
            return "1" if z3.is_true(term) else "0"
        kind = term.decl().kind()
        parts = [self.text(part) for part in term.children()]
        if kind == z3.Z3_OP_UNINTERPRETED:
            place = self.place(term.decl().name(), parts[0] if parts else None)
            return f"(unsigned){place}" if z3.is_bv(term) else place
        if kind == z3.Z3_OP_NOT:
            return f"!{parts[0]}"
        if kind == z3.Z3_OP_ITE:
            return f"({parts[0]} ? {parts[1]} : {parts[2]})"
        if kind == z3.Z3_OP_CONCAT:
            return self._concatenated(term, parts)
        if kind == z3.Z3_OP_EXTRACT:
            high, low = term.params()
            return f"({parts[0]} >> {low} & {(1 << high - low + 1) - 1}U)"
        if kind in OPERATORS:
            joined = f" {OPERATORS[kind]} ".join(parts)
            if z3.is_bv(term) and term.size() < WORD:
                return f"(({joined}) & {(1 << term.size()) - 1}U)"
            return f"({joined})"
        raise NotImplementedError(f"{term.decl()} has no C text yet")

    def _concatenated(self, term: z3.ExprRef, parts: list[str]) -> str:
        text, width = parts[-1], term.children()[-1].size()
        for child, part in zip(reversed(term.children()[:-1]), reversed(parts[:-1]), strict=True):
            if not (z3.is_bv_value(child) and child.as_long() == 0):
                text = f"({part} << {width} | {text})"
            width += child.size()
        return text

    def _written_out(self, term: z3.QuantifierRef) -> str:
        if term.num_vars() != 1:
            raise NotImplementedError("a quantifier over several identities has no C text yet")
        table = _table_of(term.body())
        if table is None:
            raise LookupError("a quantifier says nothing of the identity that it binds")
        bodies = (
            self.text(z3.simplify(z3.substitute_vars(term.body(), z3.IntVal(identity))))
            for identity in range(self._sizes[table])
        )
        return "(" + (" && " if term.is_forall() else " || ").join(bodies) + ")"


def _table_of(body: z3.ExprRef) -> str | None:
    """Return the name of a table that a quantifier's body reads at the bound identity, if any."""
    for part in body.children():
        if not z3.is_var(part):
            table = _table_of(part)
            if table is not None:
                return table
        elif body.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            return str(body.decl().name()).rpartition(".")[0]
    return None
