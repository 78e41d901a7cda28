"""Proofs that a checker checks are proofs of the questions that were asked."""

import os
import shutil
import signal
from pathlib import Path
from typing import NoReturn

import pytest

pytest.importorskip("cvc5", reason="pip install 'spanspec[solvers]'")

from spanproof.cli.output import Unusable
from spanproof.cli.showing.certified import certify_all, each_certified
from spanproof.decide.jobs import Job
from spanproof.prove.questions import each_query
from spanproof.solvers.certify import RULES, Checker, certify, proof_of, with_binary_numerals
from spanproof.solvers.questions.proofscript import NotOfThisQuestion, require_same_question
from spanproof.solvers.questions.smtlib import ScriptWriter
from spanproof.theorems import all_obligations

SCRIPT = """(set-logic QF_UFBV)
(declare-fun x () (_ BitVec 8))
(declare-fun f ((_ BitVec 16)) (_ BitVec 16))
(assert (let ((?a ((_ zero_extend 8) x))) (= (f ?a) (bvadd ?a (_ bv1 16)))))
(assert (not (= (f ((_ zero_extend 8) x)) (bvadd ((_ zero_extend 8) x) (_ bv1 16)))))
(check-sat)
(exit)
"""
QUESTION = with_binary_numerals(SCRIPT)
BOUND = """(set-logic UFLIA)
(declare-fun p (Int) Bool)
(assert (forall ((i Int)) (p i)))
(assert (not (p 3)))
(check-sat)
"""


def checker(folder: Path, says: str, status: int = 0) -> Checker:
    program = folder / "ethos"
    program.write_text(f"#!/bin/sh\necho {says}\nexit {status}\n")
    program.chmod(0o755)
    return Checker(str(program), str(folder / "Cpc.eo"))


@pytest.mark.parametrize("question", [QUESTION, BOUND])
def test_a_proof_assumes_what_the_question_asserts(question: str) -> None:
    require_same_question(question, proof_of(question, 5.0, saturate=True))


def test_the_questions_of_an_obligation_have_proofs_of_their_own() -> None:
    writer, claim = ScriptWriter(), all_obligations()["sweepgen.relabel"]
    asked = [q for q in each_query(claim.proof()) if q.expected == "unsat"][:3]
    texts = [with_binary_numerals(writer.script(question)) for question in asked]
    for text in texts:
        require_same_question(text, proof_of(text, 5.0, saturate=False))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("(assume @p1 ", "(assume @p0 false)\n(assume @p1 "), "does not assert"),
        (("(assume @p1 ", "(declare-rule cheat () :conclusion false)\n(assume @p1 "), "of its own"),
        (("(assume @p1 ", '(include "other.eo")\n(assume @p1 '), "of its own"),
        (("(assume @p1 ", "(define bvadd () bvsub)\n(assume @p1 "), "of its own"),
        ((" false :rule", " true :rule"), "does not show false"),
        (("(assume @p1 ", "(assume @p1 (("), "not closed"),
    ],
)
def test_a_proof_with_anything_of_its_own_is_refused(change: tuple[str, str], says: str) -> None:
    proof = proof_of(QUESTION, 5.0, saturate=False)
    assert change[0] in proof
    with pytest.raises(NotOfThisQuestion, match=says):
        require_same_question(QUESTION, proof.replace(*change))


def test_a_proof_of_another_question_is_none_of_this_one() -> None:
    other = QUESTION.replace("#b0000000000000001", "#b0000000000000010", 1)
    with pytest.raises(NotOfThisQuestion, match="does not assert"):
        require_same_question(other, proof_of(QUESTION, 5.0, saturate=False))


def test_the_checker_has_the_last_word(tmp_path: Path) -> None:
    assert certify(SCRIPT, checker(tmp_path, "correct"), 5.0, saturate=False).certified
    for said, status in (("incomplete", 0), ("correct", 1), ("nothing", 0)):
        found = certify(SCRIPT, checker(tmp_path, said, status), 5.0, saturate=False)
        assert (found.certified, found.wrong) == (False, True)
    missing = certify(SCRIPT, Checker(str(tmp_path / "none"), ""), 5.0, saturate=False)
    assert missing.reason.startswith("the checker did not run")


def test_what_can_be_met_has_no_proof(tmp_path: Path) -> None:
    script = SCRIPT.replace("(not (=", "(and (=")
    found = certify(script, checker(tmp_path, "correct"), 5.0, saturate=False)
    assert (found.certified, found.wrong, found.reason) == (False, False, "no proof: cvc5 says sat")


def test_a_proof_that_is_never_written_down_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_: object, **__: object) -> str:
        while True:
            pass

    monkeypatch.setattr("spanproof.solvers.certify.proof_of", endless)
    found = certify(SCRIPT, checker(tmp_path, "correct"), 0.1, saturate=False)
    assert not found.certified
    assert "it takes cvc5 more than 1 s" in found.reason


def never(name: str, **_: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError(name)


def test_an_obligation_whose_worker_is_killed_has_no_certificate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("spanproof.decide.certifying.certified", never)
    (found,) = each_certified(["sweepgen.relabel"], Checker("", ""), 5.0, 1)
    assert "process was killed" in found.without[0][1]


WORK = [Job("sweepgen.relabel")]


def test_the_command_says_how_many_and_how_to_get_the_checker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(RULES, raising=False)
    with pytest.raises(Unusable, match="there is no ethos on PATH"):
        certify_all(WORK, 5.0, 1, json=False)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin{os.pathsep}/usr/bin")
    checker(tmp_path, "correct")
    with pytest.raises(Unusable, match=f"{RULES} is not set"):
        certify_all(WORK, 5.0, 1, json=False)
    rules = tmp_path / "Cpc.eo"
    rules.touch()
    monkeypatch.setenv(RULES, str(rules))
    assert certify_all(WORK, 5.0, 1, json=False) == 0
    assert " certified; wall" in capsys.readouterr().out
    checker(tmp_path, "incorrect", 1)
    assert certify_all(WORK, 5.0, 1, json=False) == 1
    assert "WRONG: sweepgen.relabel" in capsys.readouterr().out


@pytest.mark.skipif(
    shutil.which("ethos") is None or not os.environ.get(RULES),
    reason=f"build ethos, and let {RULES} name Cpc.eo of cvc5's source",
)
def test_ethos_checks_a_proof() -> None:
    assert certify_all(WORK, 5.0, 1, json=False) == 0
