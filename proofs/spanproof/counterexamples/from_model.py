"""From a solver's model to a counterexample that Python runs."""

from collections.abc import Iterator

import z3

from spanproof.counterexamples.concrete import NotConcrete, in_model, to_json
from spanproof.counterexamples.description import described
from spanproof.counterexamples.exactcounts import SCOPES, counts_bits, with_exact_counts
from spanproof.counterexamples.reach import bounded_search
from spanproof.counterexamples.relevance import what_matters
from spanproof.counterexamples.rerun import Reran, rerun
from spanproof.counterexamples.saved import Counterexample
from spanproof.prove.proof import Obligation, Proof
from spanproof.prove.questions import Question
from spanproof.prove.smallscope import has_quantifier, in_small_scope
from spanproof.solvers.engines.inprocess import check
from spanproof.symbolic.reading.sources import SourceTree

SEARCH_SECONDS = 5.0
"""Seconds for finding a model of few identities in place of one of many."""


def explained(
    claim: Obligation,
    proof: Proof,
    question: Question,
    model: z3.ModelRef,
    sources: SourceTree | None,
) -> tuple[str, Counterexample | None]:
    """Return a counterexample in words, and as a file's content if its values are known.

    It is the first that Python agrees about; if there is none, the last that was run.
    """
    ran: tuple[Counterexample, Reran] | None = None
    unknown: tuple[z3.ModelRef, NotConcrete] | None = None
    for candidate in models(proof, question, model):
        try:
            found = taken_from(claim, proof, question, candidate)
        except NotConcrete as problem:
            unknown = unknown or (candidate, problem)
            continue
        ran = found, run_again(claim, found, sources)
        if ran[1].reproduced:
            break
    if ran is None:
        assert unknown is not None
        return f"{constants(unknown[0])}\nnot run in Python: {unknown[1]}", None
    lines = described(ran[1], ran[0].matters, ran[0].at)
    if sources is None and (reach := bounded_search(claim.id, None)) is not None:
        lines += f"\n{reach}"
    return lines, ran[0]


def models(proof: Proof, question: Question, model: z3.ModelRef) -> Iterator[z3.ModelRef]:
    """Yield a solver's model, or one of few identities; then others that Python may agree about.

    Each search has a limit of work, so what is found does not hang on the machine's load.
    """
    if has_quantifier(question.formulas):
        few = check(in_small_scope(question.formulas), SEARCH_SECONDS)
        model = few.model if few.model is not None else model
    yield model
    if counts_bits(proof, question.formulas):
        for slots in SCOPES:
            formulas = with_exact_counts(proof, question.formulas, slots)
            exact = check(formulas, SEARCH_SECONDS).model
            if exact is not None:
                yield exact


def run_again(claim: Obligation, found: Counterexample, sources: SourceTree | None) -> Reran:
    """Run a counterexample in Python."""
    return rerun(claim, found.failed, found.symbols, found.looked_up, sources)


def taken_from(
    claim: Obligation, proof: Proof, question: Question, model: z3.ModelRef
) -> Counterexample:
    """Return the values that a model has for the symbols of a proof.

    Raises: NotConcrete if a symbol has no plain counterpart.
    """

    def values(symbols: dict[str, object]) -> dict[str, object]:
        return {
            name: to_json(in_model(value, model, proof.arithmetic))
            for name, value in symbols.items()
        }

    return Counterexample(
        claim.id,
        question.label,
        values(proof.symbols),
        values(proof.looked_up),
        matters=what_matters(proof, question.formulas, model),
        at=question.at,
    )


def constants(model: z3.ModelRef) -> str:
    """Return a model's constants as `name = value`, in name order, solver-made names left out."""
    return ", ".join(
        f"{declaration.name()} = {model[declaration]}"
        for declaration in sorted(model.decls(), key=str)
        if declaration.arity() == 0 and "!" not in declaration.name()
    )
