"""Recordings of the probe: they hold, each single damage is noticed, and a live Go agrees."""

import gzip
import random
import shutil
from pathlib import Path

import msgspec
import pytest

from spanproof.cli.app import run
from spanproof.cli.commands import probe
from spanproof.cli.commands.probe import Probed
from spanproof.cli.showing.probed import ProbeOutcome
from spanproof.witness.acceptance.recorded import KINDS, damaged, diverges, missed, places_of
from spanproof.witness.errors import WitnessError
from spanproof.witness.program import toolchains
from spanproof.witness.recording.check import check_recording
from spanproof.witness.recording.recordings import is_recording, lines_of
from tests.proofs.witness.variants import VARIANTS

RECORDED = sorted((Path(__file__).parent / "heaps").glob("*.jsonl.gz"))
GO = shutil.which("go")


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_a_recording_holds(path: Path) -> None:
    assert is_recording(str(path))
    checked = check_recording(str(path))
    assert checked.divergence is None
    assert checked.kinds["alloc"] > 30
    assert run(["check", str(path)]) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_a_single_damage_of_a_recording_is_noticed(path: Path, kind: str) -> None:
    events = list(lines_of(path))
    places = places_of(events, kind)
    for place in random.Random(kind).sample(places, min(3, len(places))):
        assert diverges(damaged(events, place, kind)), place
    assert places


@pytest.mark.parametrize("version", VARIANTS)
def test_what_another_version_lays_down_is_learnt_from_its_recording(version: str) -> None:
    """No version is known by name: 67 classes, lists, and a missing field come from the file."""
    events = list(lines_of(RECORDED[0]))
    cycles = [place for place, event in enumerate(events) if event["e"] == "gc"]
    made = VARIANTS[version](events[: cycles[1] + 3])
    assert not diverges(made)
    tried, left = missed(made, 1, seed=len(version))
    assert (tried, left) == (len(KINDS) - 1, [])  # none has freeIndexForScan
    # It is the recording that tells: by the header of another version, it does not hold.
    other = RECORDED[1] if version == "1.16" else RECORDED[0]
    assert diverges([next(lines_of(other)), *made[1:]])


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_the_command_tells_of_a_damaged_recording(path: Path, tmp_path: Path) -> None:
    events = list(lines_of(path))
    copy = tmp_path / "damaged.jsonl"
    wrong = damaged(events, places_of(events, "addr")[0], "addr")
    copy.write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in wrong))
    checked = check_recording(str(copy))
    assert checked.divergence is not None
    assert checked.divergence["rule"] == "SPAN-12"
    assert run(["check", str(copy)]) == 1


@pytest.mark.parametrize(
    "rest", ["", '{"e":"alloc"}\n', "no JSON\n", '{"e":"odd","n":1}\n', "[1]\n"]
)
def test_what_is_no_whole_recording_is_refused_in_one_line(
    rest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with gzip.open(RECORDED[0]) as file:
        header = file.readline()
    place = tmp_path / "odd.jsonl"
    place.write_bytes(header + rest.encode())
    with pytest.raises(WitnessError):
        check_recording(str(place))
    assert run(["check", str(place)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(GO is None, reason="no go on PATH: install a Go toolchain (golang-go)")
def test_a_live_go_agrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "new.jsonl.gz"
    status = run(["probe", "--operations", "60", "--programs", "1", "--save", str(place)])
    said = capsys.readouterr()
    if "may not be read" in said.err:
        pytest.skip("a child's memory may not be read here: allow ptrace (CAP_SYS_PTRACE)")
    assert status == 0, said
    assert "holds" in said.out
    assert check_recording(str(place)).divergence is None


FOUND = {"rule": "SWP-1", "what": "", "expected": "", "seen": ""}


@pytest.mark.parametrize("found", [None, FOUND])
def test_what_is_found_is_told_before_it_is_saved_and_is_the_status(
    found: dict[str, str] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = ProbeOutcome("go1.0", 1, {"gc": 1}, 0, 0.0, found)
    monkeypatch.setattr(probe, "run_probe", lambda *_, **__: Probed(outcome, [], False))
    status = run(["probe", "--go", "go", "--save", str(tmp_path / "new.jsonl")])
    assert status == (1 if found else 0)
    status = run(["probe", "--go", "go", "--save", str(tmp_path / "nowhere" / "new.jsonl")])
    assert status == (1 if found else 2)
    said = capsys.readouterr()
    assert said.out.count("go1.0") == 2
    assert "the recording could not be saved" in said.err
    assert f"run it again with spanspec check {tmp_path / 'new.jsonl'}" in said.out
    assert f"spanspec check {tmp_path / 'nowhere'}" not in said.out


def test_an_interrupted_probe_tells_and_saves_what_was_done_and_does_not_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = ProbeOutcome("go1.0", 9, {"gc": 1}, 0, 0.0)
    monkeypatch.setattr(probe, "run_probe", lambda *_, **__: Probed(outcome, [{"e": "gc"}], True))
    place = tmp_path / "new.jsonl"
    assert run(["probe", "--go", "go", "--save", str(place)]) == 130
    assert place.read_text() == '{"e":"gc"}\n'
    said = capsys.readouterr().out
    assert said.startswith("interrupted go1.0: 9 operations")
    assert "holds" not in said


def test_a_probe_that_judges_nothing_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = ProbeOutcome("go1.0", 0, {}, 0, 0.0)
    monkeypatch.setattr(probe, "run_probe", lambda *_, **__: Probed(outcome, [], False))
    assert run(["probe", "--go", "go", "--operations", "0", "--programs", "0"]) == 2
    assert "nothing was judged of go1.0" in capsys.readouterr().err


def test_a_toolchain_that_cannot_be_used_hides_no_finding_of_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tried(go: Path, *_: int, record: bool) -> Probed:
        if go == Path("bad"):
            raise WitnessError("it does not build")
        found = FOUND if go == Path("odd") else None
        return Probed(ProbeOutcome("go1.0", 1, {"gc": 1}, 0, 0.0, found), [], record)

    monkeypatch.setattr(probe, "run_probe", tried)
    monkeypatch.setattr(toolchains, "on_path", lambda: Path("good"))
    for others, status in (("odd bad", 1), ("bad odd", 1), ("bad good", 2), ("good", 0)):
        monkeypatch.setattr(
            toolchains, "kept", lambda others=others: list(map(Path, others.split()))
        )
        assert run(["probe", "--all"]) == status
        assert ("it does not build" in capsys.readouterr().err) == ("bad" in others)


def test_calls_that_cannot_be_are_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["--go", "/dev/null"],
        ["--go-version", "../odd"],
        ["--all", "--go-version", "1.24.11"],
    ):
        assert run(["probe", *arguments]) == 2
        assert capsys.readouterr().err.count("\n") == 1
