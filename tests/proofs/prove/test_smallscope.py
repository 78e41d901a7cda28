"""Counterexamples among few identities: found for every mutant, and for no true claim."""

import pytest
import z3

from spanproof.decide.prover import decide
from spanproof.prove.smallscope import SCOPE, expand, has_quantifier, in_small_scope
from spanproof.theorems import all_obligations
from spanproof.theorems.mutants import MUTANTS

f = z3.Function("f", z3.IntSort(), z3.IntSort())
i = z3.Int("i")


def satisfiable(*formulas: z3.BoolRef) -> bool:
    solver = z3.Solver()
    solver.add(*in_small_scope(formulas))
    return bool(solver.check() == z3.sat)


def test_quantifiers_become_conjunctions_and_disjunctions() -> None:
    everything = expand(z3.ForAll([i], f(i) == i))
    assert z3.is_and(everything)
    assert everything.num_args() == SCOPE
    assert z3.is_or(expand(z3.Exists([i], f(i) == i)))
    assert not has_quantifier([everything])


def test_identities_stay_in_scope() -> None:
    assert satisfiable(z3.ForAll([i], f(i) != i))
    assert not satisfiable(f(z3.IntVal(1)) == SCOPE)
    assert not satisfiable(z3.ForAll([i], f(i) > i))


def test_quantifiers_over_words_are_left_alone() -> None:
    word = z3.BitVec("word", 8)
    claim = z3.ForAll([word], word == word)
    assert expand(claim).eq(claim)
    assert not has_quantifier([claim])


PROTOCOL = sorted(name for name, m in MUTANTS.items() if m.killed_by.startswith("protocol"))


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", PROTOCOL)
def test_every_protocol_mutant_has_a_counterexample_among_few(name: str) -> None:
    mutant = MUTANTS[name]
    claim = all_obligations()[mutant.killed_by]
    failed = decide(claim, mutant.sources()).failed
    proof = claim.proof(mutant.sources())
    query = next(query for query in proof.queries if query.label == failed)
    assert satisfiable(*proof.assumptions[: query.given], z3.Not(query.goal))


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", ["protocol.uncache", "protocol.start-cycle"])
def test_a_true_claim_has_none(name: str) -> None:
    proof = all_obligations()[name].proof()
    for query in proof.queries:
        if query.label.startswith(("span", "slot")):
            assert not satisfiable(*proof.assumptions[: query.given], z3.Not(query.goal))
