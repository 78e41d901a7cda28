"""A question that must have a model, with the model that Z3 found put in.

Finding a model can be hard for a solver where checking one is not: with a value for every symbol
the formulas are a closed statement, true or false. So another solver is asked whether it can be
false; if it cannot, the situation is possible, whoever found it.
"""

from collections.abc import Sequence
from typing import Final

import z3

from spanproof.solvers.engines.inprocess import check
from spanproof.symbolic.values.terms import subterms, within

ROUNDS: Final = 8
"""How often what stands for a symbol may itself name symbols that Z3 has made up."""


def falsified(formulas: Sequence[z3.BoolRef], timeout: float) -> z3.BoolRef | None:
    """Return the claim that formulas are false of Z3's model of them; None if it finds none."""
    model = check(formulas, timeout).model
    if model is None:
        return None
    statement = within(model.ctx, z3.And(*formulas))
    for _ in range(ROUNDS):
        symbols = symbols_of(statement)
        if not symbols:
            return within(z3.main_ctx(), z3.Not(statement))
        statement = z3.substitute_funs(
            statement, *((symbol, meaning(model, symbol)) for symbol in symbols)
        )
    return None


def symbols_of(formula: z3.BoolRef) -> list[z3.FuncDeclRef]:
    """Return the constants and functions that a formula leaves open."""
    found = {
        term.decl().get_id(): term.decl()
        for term in subterms(formula)
        if z3.is_app(term) and term.decl().kind() == z3.Z3_OP_UNINTERPRETED
    }
    return list(found.values())


def meaning(model: z3.ModelRef, symbol: z3.FuncDeclRef) -> z3.ExprRef:
    """Return what a symbol is in a model, in terms of its arguments: Var(0) is the first."""
    # What Z3 yields for a function that a model says nothing of is one that cannot be looked at.
    told = z3.Z3_model_has_interp(model.ctx.ref(), model.model, symbol.ast)
    found = model[symbol] if told else None
    if isinstance(found, z3.FuncInterp):
        value = found.else_value()
        for number in range(found.num_entries()):
            entry = found.entry(number)
            hit = z3.And(
                *(
                    z3.Var(place, symbol.domain(place)) == entry.arg_value(place)
                    for place in range(entry.num_args())
                )
            )
            value = z3.If(hit, entry.value(), value)
        return value
    if found is not None:
        return found
    unknown = z3.Const(f"any!{symbol.range()}", symbol.range())
    return model.eval(unknown, model_completion=True)
