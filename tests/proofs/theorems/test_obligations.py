"""Every obligation is proved, every mutant is killed, and the prover does not cheat."""

import re
import sys
from typing import NamedTuple

import pytest
import z3

from spanproof.decide.jobs import Job
from spanproof.decide.prover import decide
from spanproof.decide.suite import run_job
from spanproof.patch.mutant import Mutant
from spanproof.prove import assumptions
from spanproof.prove.proof import REGISTRY, Obligation, Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.theorems import all_explorations, all_obligations
from spanproof.theorems.mutants import MUTANTS, _by_name
from spanspec.base.words import U8, U32, U64, trailing_zeros
from spanspec.rules.book import RULE_ID

OBLIGATIONS = all_obligations()


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", sorted(OBLIGATIONS))
def test_obligation_is_proved(name: str) -> None:
    verdict = decide(OBLIGATIONS[name])
    assert verdict.answer == "proved", (verdict.failed, verdict.detail)
    assert verdict.queries > 0


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "name", sorted(name for name, one in MUTANTS.items() if one.killed_by in OBLIGATIONS)
)
def test_mutant_is_killed_by_a_counterexample(name: str) -> None:
    mutant = MUTANTS[name]
    verdict = decide(OBLIGATIONS[mutant.killed_by], mutant.sources())
    assert verdict.answer == "refuted", (verdict.answer, verdict.failed, verdict.detail)


def test_every_obligation_has_a_mutant_that_it_kills() -> None:
    assert {*OBLIGATIONS, *all_explorations()} == {one.killed_by for one in MUTANTS.values()}


def test_a_mutant_stands_in_the_folder_of_the_theorem_that_it_breaks() -> None:
    claimed = {name: one.module for name, one in OBLIGATIONS.items()}
    claimed |= {name: one.module for name, one in all_explorations().items()}
    tables = [
        (module, mutant)
        for name, module in sys.modules.items()
        if name.startswith("spanproof.theorems.") and name.endswith("_mutants")
        for table in vars(module).values()
        if isinstance(table, tuple)
        for mutant in table
        if isinstance(mutant, Mutant)
    ]
    assert {mutant.name for _, mutant in tables} == set(MUTANTS)
    apart = [
        (mutant.name, module.__name__)
        for module, mutant in tables
        if module.__package__ != claimed[mutant.killed_by].rpartition(".")[0]
    ]
    assert apart == []


def test_every_mutant_applies() -> None:
    assert all(mutant.text() for mutant in MUTANTS.values())


def test_a_mutant_of_the_types_of_words_is_killed() -> None:
    # It gives the translator another class of annotations than the one that it has imported.
    mutant = MUTANTS["zeros-one-high"]
    assert decide(OBLIGATIONS[mutant.killed_by], mutant.sources()).answer == "refuted"


def test_a_mutant_out_of_date_is_an_error() -> None:
    mutant = next(iter(MUTANTS.values()))._replace(old="no such text")
    with pytest.raises(ValueError, match="no such text"):
        mutant.text()
    with pytest.raises(ValueError, match="one name"):
        _by_name(mutant, mutant)


@pytest.mark.parametrize("name", sorted(OBLIGATIONS))
def test_an_obligation_names_rules(name: str) -> None:
    claim = OBLIGATIONS[name]
    assert claim.rules
    assert all(RULE_ID.fullmatch(rule) for rule in claim.rules)


def test_an_obligation_that_reads_no_rule_is_about_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build(p: Proof) -> None:
        p.show("true", z3.BoolVal(True))
        p.possible("anything")

    monkeypatch.setitem(REGISTRY, "test", made(build)._replace(id="test"))
    verdict = run_job(Job("test")).verdict
    assert (verdict.answer, verdict.failed) == ("vacuous", "nothing is read")


def test_assumptions_are_named_once_and_explained() -> None:
    listed = assumptions.ALL
    assert len({assumption.id for assumption in listed}) == len(listed)
    assert all(assumption.says and assumption.because for assumption in listed)
    used = {assumption for claim in OBLIGATIONS.values() for assumption in claim.assumes}
    assert used <= set(listed)
    assert not used & set(assumptions.EVERYWHERE)


# --- the prover itself --------------------------------------------------------------------------


def made(build: object, *, contracts: bool = False) -> Obligation:
    assert callable(build)
    return Obligation("test", ("I-1",), "a claim", Words(64), build, {}, {})


def contradictory(p: Proof) -> None:
    word = p.number(U64, "word")
    p.assume(word == 1, word == 2)
    p.show("anything", z3.BoolVal(False))
    p.possible("anything")


def no_situation(p: Proof) -> None:
    p.show("truth", z3.BoolVal(True))


def too_hard(p: Proof) -> None:
    a, b = p.number(U32, "a"), p.number(U32, "b")
    p.show("is prime", a * b != 4294967291 * 4294967279)
    p.possible("anything")


def false_claim(p: Proof) -> None:
    word = p.number(U64, "word")
    p.show("always odd", word & 1 == 1)
    p.possible("anything")


def impossible_situation(p: Proof) -> None:
    small = p.number(U8, "small")
    p.show("fits", z3.ULT(small, 256))
    p.possible("a small word above 255", z3.UGT(small, 255))


@pytest.mark.parametrize(
    ("build", "answer", "failed"),
    [
        (contradictory, "vacuous", "anything"),
        (no_situation, "vacuous", "no witness"),
        (false_claim, "refuted", "always odd"),
        (impossible_situation, "vacuous", "a small word above 255"),
    ],
)
def test_what_is_not_a_proof_is_not_called_one(build: object, answer: str, failed: str) -> None:
    verdict = decide(made(build))
    assert (verdict.answer, verdict.failed) == (answer, failed)
    assert not verdict.proved
    assert re.match(r"claimed at tests/proofs/theorems/test_obligations.py:\d+\n", verdict.detail)


def test_a_time_out_is_unknown_and_a_failure() -> None:
    verdict = decide(made(too_hard), timeout=0.05)
    assert verdict.answer == "unknown"
    assert not verdict.proved


def test_a_counterexample_shows_the_symbols() -> None:
    assert "\nword = " in decide(made(false_claim)).detail


def uses_float(word: U64) -> float:
    return word * 0.5


def leaves_the_subset(p: Proof) -> None:
    p.call(uses_float, p.number(U64, "word"))


def test_a_rule_outside_the_subset_is_a_failure_that_names_file_and_line() -> None:
    verdict = decide(made(leaves_the_subset))
    assert verdict.answer == "untranslatable"
    assert "test_obligations.py:" in verdict.detail


def breaks_down(p: Proof) -> None:
    raise ZeroDivisionError("in a changed rule")


def test_an_obligation_that_breaks_down_is_a_failure_and_no_crash() -> None:
    verdict = decide(made(breaks_down))
    assert verdict.answer == "untranslatable"
    assert verdict.detail == "ZeroDivisionError: in a changed rule"


def test_a_contract_yields_equal_results_for_equal_arguments() -> None:
    def build(p: Proof) -> None:
        word = p.number(U64, "word")
        first, second = p.integer(trailing_zeros, word), p.integer(trailing_zeros, word + 0)
        p.show("one function", first == second)
        p.possible("anything")

    contracts = OBLIGATIONS["span.fast.takes-lowest"].contracts
    claim = Obligation("test", ("I-1",), "a claim", Words(64), build, {}, contracts)
    assert decide(claim).proved


def test_ids_are_unique_and_claims_are_stated() -> None:
    def nameless(p: Proof) -> None:
        p.possible("anything")

    with pytest.raises(ValueError, match="no claim"):
        obligation("span.once", "I-38", Words(64))(nameless)


class Unused(NamedTuple):
    """A record that is not annotated with sorts a proof knows."""

    text: str


def test_a_type_without_symbols_is_refused() -> None:
    with pytest.raises(TypeError, match="no symbolic counterpart"):
        Proof(Words(64)).fresh(Unused, "x")
