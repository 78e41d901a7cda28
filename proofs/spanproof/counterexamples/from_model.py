"""From a solver's model to a counterexample that Python runs."""

import z3

from spanproof.counterexamples.concrete import NotConcrete, in_model, to_json
from spanproof.counterexamples.description import described
from spanproof.counterexamples.reach import bounded_search
from spanproof.counterexamples.rerun import Reran, rerun
from spanproof.counterexamples.saved import Counterexample
from spanproof.prove.proof import Obligation, Proof
from spanproof.prove.questions import Question
from spanproof.prove.smallscope import has_quantifier, in_small_scope
from spanproof.solvers.inprocess import check
from spanproof.symbolic.sources import SourceTree

SEARCH_SECONDS = 5.0
"""Seconds for finding a model of few identities in place of one of many."""


def explained(
    claim: Obligation,
    proof: Proof,
    question: Question,
    model: z3.ModelRef,
    sources: SourceTree | None,
) -> tuple[str, Counterexample | None]:
    """Return a counterexample in words, and as a file's content if its values are known."""
    if has_quantifier(question.formulas):
        few = check(in_small_scope(question.formulas), SEARCH_SECONDS)
        model = few.model if few.model is not None else model
    try:
        found = taken_from(claim, proof, question.label, model)
    except NotConcrete as problem:
        return f"{constants(model)}\nnot run in Python: {problem}", None
    lines = described(run_again(claim, found, sources))
    if sources is None and (reach := bounded_search(claim.id, None)) is not None:
        lines += f"\n{reach}"
    return lines, found


def run_again(claim: Obligation, found: Counterexample, sources: SourceTree | None) -> Reran:
    """Run a counterexample in Python."""
    return rerun(claim, found.failed, found.symbols, found.looked_up, sources)


def taken_from(claim: Obligation, proof: Proof, failed: str, model: z3.ModelRef) -> Counterexample:
    """Return the values that a model has for the symbols of a proof.

    Raises: NotConcrete if a symbol has no plain counterpart.
    """

    def values(symbols: dict[str, object]) -> dict[str, object]:
        return {
            name: to_json(in_model(value, model, proof.arithmetic))
            for name, value in symbols.items()
        }

    return Counterexample(claim.id, failed, values(proof.symbols), values(proof.looked_up))


def constants(model: z3.ModelRef) -> str:
    """Return a model's constants as `name = value`, in name order, solver-made names left out."""
    return ", ".join(
        f"{declaration.name()} = {model[declaration]}"
        for declaration in sorted(model.decls(), key=str)
        if declaration.arity() == 0 and "!" not in declaration.name()
    )
