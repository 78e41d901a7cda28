"""What stands for a rule, as `spanspec explain` shows it: texts, sources, proofs, the matrix."""

import json
from pathlib import Path

import pytest

from spanproof.cli.app import run
from spanproof.cli.showing import coverage
from spanproof.report import matrix
from spanproof.theorems import all_obligations
from spanspec.rules.book import BY_ID
from tests.proofs.cli.refusing import FILL, corrupted, one_line


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["mc"], "MC-1"),
        (["treap", "MC"], "MC-1"),
        (["stale", "refill"], "CEN-12"),
        (["stale refill"], "CEN-12"),
        (["MC SPAN-1"], "SPAN-1"),
        (["caches", "flushed"], "MC-8"),
        (["SWEEPER", "keeps"], "SWP-25"),
        (["T-14", "t-7"], "T-7"),
        (["--list"], "CONST-1"),
    ],
)
def test_explain_takes_words_and_families(
    capsys: pytest.CaptureFixture[str], words: list[str], first: str
) -> None:
    assert run(["explain", *words, "--json"]) == 0
    rules = json.loads(capsys.readouterr().out)
    assert rules[0]["id"] == first
    assert run(["explain", *words]) == 0
    text = capsys.readouterr().out
    assert all(f"{rule['id']} " in text and rule["says"] in text for rule in rules)


def test_explain_lists_a_family_and_all_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "MC", "--list", "--json"]) == 0
    family = [name for name in BY_ID if name.startswith("MC-")]
    assert [rule["id"] for rule in json.loads(capsys.readouterr().out)] == family
    assert run(["explain", "--list", "--json"]) == 0
    assert [rule["id"] for rule in json.loads(capsys.readouterr().out)] == list(BY_ID)


@pytest.mark.parametrize("rule", sorted(BY_ID))
def test_explain_works_for_every_rule(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    # Which proofs have a fatal check as a goal is shown elsewhere; to build them takes seconds.
    nothing: dict[str, tuple[str, ...]] = dict.fromkeys(all_obligations(), ())
    monkeypatch.setattr("spanproof.cli.commands.explain.known_reads", lambda *_: nothing)
    assert run(["explain", rule.lower()]) == 0
    assert rule in capsys.readouterr().out
    assert run(["explain", rule, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == rule


def test_explain_shows_source_proofs_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "SPAN-12"]) == 0
    text = capsys.readouterr().out
    for word in ("malloc.go: nextFreeFast", "def next_free_fast", "span.fast.takes-lowest"):
        assert word in text
    assert "model/span/test_span.py::" in text


def test_explain_says_why_a_rule_is_not_modelled(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "T-14"]) == 0
    assert "Not modelled: Windows only." in capsys.readouterr().out


def test_the_matrix_has_every_rule_and_the_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "--coverage", "--trace", str(FILL)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = (line for line in lines if line.startswith("SPAN-12 "))
    assert "base.words.trailing_zeros" in row
    assert any("T-14" in line and line.endswith(": Windows only") for line in lines)
    assert lines[-1].startswith(f"{len(BY_ID)} rules:")
    assert "1423 recorded events" in lines[-1]


def test_the_matrix_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "--coverage", "--trace", str(FILL), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = {row["id"]: row for row in document["rules"]}
    assert list(rows) == list(BY_ID)
    assert rows["SPAN-12"]["events"] > 500
    assert rows["T-14"]["not_modelled"] == "Windows only"
    assert (document["events"], document["diverged"]) == (1423, [])


def test_the_matrix_of_one_rule_says_up_to_where_a_trace_was_counted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = corrupted(tmp_path)
    assert run(["explain", "span-12", "--coverage", "--trace", str(path)]) == 0
    out, err = capsys.readouterr()
    assert "SPAN-12 " in out
    assert "SPAN-13" not in out
    assert f"{path}:" in err
    assert "diverges here" in err


def test_an_installed_package_says_that_its_tests_are_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (matrix, coverage):
        monkeypatch.setattr(module, "folder_of_tests", lambda: None)
    assert run(["explain", "SPAN-12", "--coverage", "--trace", str(FILL)]) == 0
    assert "run this in a checkout" in one_line(capsys)
    assert run(["explain", "EX-10"]) == 0
    assert "run this in a checkout" in capsys.readouterr().out
