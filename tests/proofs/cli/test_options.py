"""Options reach what they are about: each that changes what a command does is given to it here."""

import json
from pathlib import Path

import pytest

from spanproof.cli.app import run
from spanproof.cli.commands import planted
from spanproof.decide.cache import Cache
from spanproof.witness import report, snapshots
from spanproof.witness.errors import WitnessError
from spanproof.witness.reading.image import Image

HEAP = sorted((Path(__file__).parents[1] / "witness" / "heaps").glob("*.json"))[0]


@pytest.mark.parametrize("given", [[], ["--redact"]])
def test_a_heap_is_redacted_only_if_that_is_asked(
    given: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden: list[Image] = []

    def redacted(image: Image) -> Image:
        hidden.append(image)
        return snapshots_redacted(image)

    snapshots_redacted = snapshots.redacted
    monkeypatch.setattr(snapshots, "redacted", redacted)
    assert run(["autopsy", str(HEAP), *given]) == 0
    capsys.readouterr()
    assert len(hidden) == len(given)


def test_a_layout_and_stops_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[object, ...]] = []

    def examined(*arguments: object) -> None:
        asked.append(arguments)
        raise WitnessError("nothing is looked at")

    monkeypatch.setattr(report, "examined", examined)
    given = ["--layout-from", "go", "--stops", "3", "--exe", "program"]
    assert run(["autopsy", "core", *given]) == 2
    assert capsys.readouterr().err.strip() == "spanspec: nothing is looked at"
    assert [one[:4] for one in asked] == [("core", Path("program"), "go", 3)]


def test_a_campaign_says_which_rules_it_has_reached(capsys: pytest.CaptureFixture[str]) -> None:
    campaign = ["fuzz", "--of", "span", "--examples", "20"]
    assert run(campaign) == 0
    without = capsys.readouterr().out
    assert run([*campaign, "--by-rule"]) == 0
    told = capsys.readouterr().out
    assert "SPAN-12" in told
    assert "SPAN-12" not in without


def test_a_corpus_has_what_showed_something_new(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["fuzz", "--of", "span", "--examples", "20", "--corpus", str(tmp_path)]) == 0
    capsys.readouterr()
    assert list(tmp_path.iterdir())


def test_known_bugs_can_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mutants", "zeros-one-high", "--no-known", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["mutants"]) == 1
    assert run(["mutants", "17503", "--no-known", "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert alone["known_bugs"] == []


def test_a_proof_is_told_line_by_line_and_asked_to_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = ["prove", "sweepgen.relabel", "--no-cache"]
    assert run(proof) == 0
    brief = capsys.readouterr().out
    assert run([*proof, "--verbose", "--keep-going"]) == 0
    whole = capsys.readouterr().out
    assert len(whole) > len(brief)
    assert "sweepgen.relabel" in whole


@pytest.mark.parametrize("given", [[], ["--blind"]])
def test_bugs_are_looked_for_without_guidance_only_if_that_is_asked(
    given: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[object] = []

    def looked(chosen: object, effort: object, blind: bool, jobs: int, store: Cache) -> list[None]:
        asked.append(blind)
        return []

    monkeypatch.setattr(planted, "look_for_all", looked)
    run(["planted", *given, "--no-cache"])
    capsys.readouterr()
    assert asked == [bool(given)]
