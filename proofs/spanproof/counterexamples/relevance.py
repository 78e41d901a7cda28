"""Which of the values of a counterexample matter: those that the failed claim hangs on.

A conjunction is false because one of its parts is, a choice is what its condition chose: so only
the parts of the claim that decide it in the model are gone through, down to the symbols.
"""

from collections.abc import Callable, Sequence

import z3

from spanproof.prove.proof import Proof
from spanproof.prove.smallscope import expand, is_over_identities
from spanproof.symbolic.values.terms import subterms, within
from spanproof.symbolic.values.values import (
    IDENTITY_SORT,
    SymbolicBitmap,
    SymbolicTable,
    SymbolicWords,
    Value,
)

MOST_ASSUMPTIONS = 8
"""So many facts about a result of a contract are gone through at most."""


def what_matters(
    proof: Proof, formulas: Sequence[z3.BoolRef], model: z3.ModelRef
) -> tuple[str, ...]:
    """Return the names of the values on which the last formula hangs: `state.spans[3].sweepgen`."""
    search = _Search(proof, formulas[:-1], model)
    search.why(formulas[-1])
    return tuple(search.found)


class _Search:
    def __init__(self, proof: Proof, assumptions: Sequence[z3.BoolRef], model: z3.ModelRef) -> None:
        self._proof = proof
        self._assumptions = assumptions
        self._model = model
        self._known: list[frozenset[int]] = []
        self._seen: dict[int, z3.ExprRef] = {}
        self.found: dict[str, None] = {}

    def why(self, term: z3.ExprRef) -> None:
        """Go through what decides the value of a term."""
        if term.get_id() in self._seen:
            return
        self._seen[term.get_id()] = term
        if z3.is_quantifier(term):
            self._why_quantified(term)
        elif z3.is_and(term) or z3.is_or(term):
            self._one_or_all(term.children(), z3.is_or(term))
        elif z3.is_implies(term):
            self._one_or_all([z3.Not(term.arg(0)), term.arg(1)], True)
        elif z3.is_app_of(term, z3.Z3_OP_ITE):
            self.why(term.arg(0))
            self.why(term.arg(1 if self._is(term.arg(0), True) else 2))
        else:
            for part in term.children():
                self.why(part)
            if z3.is_app(term) and term.decl().kind() == z3.Z3_OP_UNINTERPRETED:
                self._symbol(term)

    def _why_quantified(self, term: z3.QuantifierRef) -> None:
        """One of few identities decides a quantifier; of other ones, everything may."""
        if is_over_identities(term):
            self.why(expand(term))
            return
        for part in subterms(term.body()):
            if z3.is_app(part) and part.decl().kind() == z3.Z3_OP_UNINTERPRETED:
                self._named(part.decl().name(), None)

    def _one_or_all(self, parts: Sequence[z3.BoolRef], deciding: bool) -> None:
        """One part that has the deciding value is enough; if none has it, all count."""
        decisive = [part for part in parts if self._is(part, deciding)]
        for part in decisive[:1] or parts:
            self.why(part)

    def _is(self, term: z3.BoolRef, value: bool) -> bool:
        found = self._model.eval(within(self._model.ctx, term), model_completion=True)
        return bool(z3.is_true(found) if value else z3.is_false(found))

    def _symbol(self, term: z3.ExprRef) -> None:
        identity = None
        if term.num_args() and term.arg(0).sort() == IDENTITY_SORT:
            known = self._model.eval(within(self._model.ctx, term.arg(0)), model_completion=True)
            identity = int(known.as_long()) if z3.is_int_value(known) else None
        if not self._named(term.decl().name(), identity):
            # What a contract yields, or a loop leaves, is known by what is assumed of it.
            key = term.get_id()
            speaking = zip(self._assumptions, self._parts(), strict=True)
            about = [fact for fact, parts in speaking if key in parts]
            for fact in about[:MOST_ASSUMPTIONS]:
                self.why(fact)

    def _parts(self) -> list[frozenset[int]]:
        """Return for each assumption the identities of the terms in it, looked up once."""
        if not self._known:
            self._known = [
                frozenset(part.get_id() for part in subterms(fact)) for fact in self._assumptions
            ]
        return self._known

    def _named(self, name: str, identity: int | None) -> bool:
        """Note a symbol by the name of the value that it is part of; False if it is of none."""
        symbol, *fields = name.split(".")
        if symbol not in self._proof.symbols:
            return False
        value, text = self._proof.symbols[symbol], symbol
        for field in fields:
            if isinstance(value, SymbolicTable):
                text += f"[{identity}]"
                value = value.get(z3.IntVal(0))
            if isinstance(value, SymbolicBitmap | SymbolicWords):
                break
            text += f".{field}"
            value = _part(value, field)
        self.found[text] = None
        return True


def _part(value: Value, field: str) -> Value:
    return value[int(field)] if type(value) is tuple else getattr(value, field, None)


Chosen = Callable[[str], bool]
"""Tells of a value, by its name, whether it is to be shown."""


def chosen(matters: Sequence[str]) -> Chosen:
    """Return what tells which values matter, or have a part that does; all, if none is named."""

    def tell(name: str) -> bool:
        return not matters or any(
            one == name or one.startswith((f"{name}.", f"{name}[")) for one in matters
        )

    return tell
