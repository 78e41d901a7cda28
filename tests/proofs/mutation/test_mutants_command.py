"""`spanspec mutants`: what each mutant is killed by, and what each known bug is found by."""

import json

import pytest

from spanproof.cli.app import run
from spanproof.cli.showing import named
from spanproof.decide import suite
from spanproof.decide.verdict import Verdict
from spanproof.mutation.knownbugs import BUGS, FoundBy, finding


def test_each_mutant_is_shown_with_its_killer_and_a_counterexample(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["mutants", "sweepgen.relabel"]) == 0
    text = capsys.readouterr().out
    assert "killed by sweepgen.relabel: even" in text
    assert "mutants killed by proofs" in text
    assert run(["mutants", "sweepgen.relabel", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert all(mutant["killed"] and mutant["counterexample"] for mutant in document["mutants"])
    assert document["summary"]["killed"] == len(document["mutants"]) == 2
    assert document["known_bugs"] == []


def test_a_known_bug_is_shown_with_what_found_it(capsys: pytest.CaptureFixture[str]) -> None:
    bug = BUGS[-1]
    assert run(["mutants", bug.name]) == 0
    assert f"{bug.name}  found by" in capsys.readouterr().out
    assert run(["mutants", bug.name, "--no-known"]) == 2


def test_a_survivor_is_a_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def proved(*arguments: object, **how: object) -> Verdict:
        return Verdict("sweepgen.relabel", "proved", 1, 0.0, 0.0, reads=("spanspec.rule",))

    monkeypatch.setattr(suite, "decide", proved)
    assert run(["mutants", "sweepgen.relabel", "--no-cache", "--jobs", "1"]) == 1
    assert "SURVIVES (proved)" in capsys.readouterr().out


def test_a_bug_that_nothing_finds_is_a_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "find", lambda bug: FoundBy("", ""))
    assert run(["mutants", BUGS[0].name, "--no-cache"]) == 1
    assert "NOT FOUND" in capsys.readouterr().out


def test_an_interrupt_keeps_what_was_decided(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(named, "find_all", interrupted)
    assert run(["mutants", BUGS[0].name]) == 130
    capsys.readouterr()
    monkeypatch.setattr(suite, "run_job", interrupted)
    assert run(["mutants", "sweepgen.relabel", "--no-cache", "--jobs", "1", "--json"]) == 130
    out, err = capsys.readouterr()
    assert '"interrupted": true' in out
    assert err.count("\n") == 1


def test_a_pattern_that_matches_nothing_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mutants", "no-such-mutant"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--sample", "2"], "--sample says how many of --generated"),
        (["--judge", "all"], "there is no --random N"),
        (["--judge", "all", "--generated"], "there is no --random N"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["mutants", "sweepgen.relabel", *options]) == 2
    assert says in capsys.readouterr().err
