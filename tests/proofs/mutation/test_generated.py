"""Mutants that nobody chose: made by cosmic-ray, judged by the proofs, resumable."""

import ast
import json
from collections import Counter

import pytest

pytest.importorskip("cosmic_ray", reason="pip install 'spanspec[mutation]'")

from spanproof.cli.app import run
from spanproof.cli.showing import generated as command
from spanproof.decide.catalogue import current
from spanproof.mutation.drawing import generated
from spanproof.mutation.drawing.generated import (
    Generated,
    GeneratedFate,
    all_mutants,
    basis_of,
    judge,
    unread_functions,
    users_of_functions,
)

USERS = {"spanspec.span.sweepgen.next_cycle": ["sweepgen.relabel"]}


def one(after: str) -> Generated:
    return next(mutant for mutant in all_mutants(USERS, 0, 0) if mutant.after == after)


def test_every_function_that_a_proof_reads_is_known_with_its_obligations() -> None:
    users = users_of_functions()
    assert "sweepgen.relabel" in users["spanspec.span.sweepgen.next_cycle"]
    assert "kernels.window" in users["spanalloc.span.kernels.window"]
    assert {name.split(".")[0] for name in users} == {"spanspec", "spanalloc"}


def test_mutants_change_code_of_the_function_and_nothing_else() -> None:
    mutants = all_mutants(USERS, 0, 0)
    lines = {mutant.after for mutant in mutants}
    assert lines >= {"return (sg - 2) & M32", "return (sg + 2) | M32"}
    assert len({mutant.key for mutant in mutants}) == len(mutants)
    for mutant in mutants:
        ast.parse(mutant.text)
        assert mutant.function == "spanspec.span.sweepgen.next_cycle"
    assert len(all_mutants(USERS, 2, 0)) == 2
    assert all_mutants(USERS, 0, 1) != mutants


def test_the_proofs_judge() -> None:
    assert judge(one("return (sg - 2) & M32"), ["sweepgen.relabel"]).answer == "refuted"
    fate = judge(one("return (sg - 2) & M32"), ["tiny.inside"])
    assert fate.answer == "proved"
    assert not fate.killed


def without_end(monkeypatch: pytest.MonkeyPatch, function: str, text: str) -> GeneratedFate:
    monkeypatch.setattr(generated, "LONGEST", 0.5)
    mutant = Generated(function, "op", 0, 1, "a", "b", text)
    return judge(mutant, ["accounts.objects"])


def test_a_mutant_that_runs_without_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "def charge(span):\n    while True:\n        pass\n\n\ncharge(None)\n"
    fate = without_end(monkeypatch, "spanspec.heap.state.accounts.charge", text)
    assert fate.answer == "endless"
    assert fate.killed


def test_an_obligation_that_takes_too_long_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "while True:\n    pass\n"
    fate = without_end(monkeypatch, "spanspec.heap.state.accounts.charge", text)
    assert fate.answer == "unknown"
    assert not fate.killed


def test_a_fate_is_kept_as_long_as_what_it_rests_on() -> None:
    claims = current().claims
    killed = GeneratedFate("f", 1, "a", "b", "op", "refuted", "tiny.inside")
    survived = killed._replace(answer="proved", by="")
    judges = ["tiny.inside", "tiny.disjoint"]
    changed = {
        **claims,
        "tiny.disjoint": claims["tiny.disjoint"]._replace(rests_on="something else"),
    }
    assert basis_of(killed, judges, claims) == basis_of(killed, judges, changed)
    assert basis_of(survived, judges, claims) != basis_of(survived, judges, changed)
    assert basis_of(survived, judges, claims) == basis_of(survived, judges[::-1], claims)


def test_functions_that_no_proof_reads_are_named() -> None:
    users = users_of_functions()
    unread = unread_functions(users)
    assert "spanspec.heap.courses.reclaim.reclaim" in unread
    assert not set(unread) & set(users)


def test_likely_killers_are_asked_first() -> None:
    kills = {"f": Counter(b=1), command.EVERYWHERE: Counter(a=1, b=1, c=5)}
    assert command.likeliest_first(["a", "b", "c", "d"], kills, "f") == ["b", "c", "a", "d"]


def test_a_campaign_prints_its_survivors_and_goes_on_where_it_stopped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generated, "users_of_functions", lambda: USERS)
    asked: list[str] = []

    def judged(mutants: list[Generated], users: object, workers: int) -> object:
        for mutant in mutants:
            asked.append(mutant.key)
            answer = "proved" if "|" in mutant.after else "refuted"
            yield mutant, GeneratedFate(mutant.function, 1, "a", mutant.after, "op", answer, "")
            if len(asked) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(command, "judged", judged)
    assert run(["mutants", "next_cycle", "--generated", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["judged"] == 2
    assert run(["mutants", "next_cycle", "--generated"]) == 1
    text = capsys.readouterr().out
    assert "+ return (sg + 2) | M32" in text
    assert "0 left to judge" in text
    assert len(asked) == len(set(asked)) == len(all_mutants(USERS, 0, 0))


def test_a_pattern_that_matches_nothing_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mutants", "no-such-function", "--generated"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
