"""The commands: their exit statuses, their JSON, and one clear line for what cannot be used."""

import gzip
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from spanproof.cli import app
from spanproof.cli.app import run
from spanproof.decide import suite
from spanproof.fuzz.isolation.supervised import Supervised
from spanproof.fuzz.lockstep.divergence import AnyProgram
from spanproof.fuzz.program import Allocate, Program, Refill, save
from spanspec.rules.spans import SPAN
from tests.proofs.cli.refusing import FILL, corrupted, one_line


def test_check_accepts_a_real_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(FILL)]) == 0
    assert "holds" in capsys.readouterr().out


def test_check_names_event_rule_expected_and_seen(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["check", str(corrupted(tmp_path))]) == 1
    text = capsys.readouterr().out
    for word in ("divergence at", '"k":"m"', "SPAN-12", "expected  3", "seen      4", "state"):
        assert word in text


def test_check_prints_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["check", "--json", str(FILL), str(corrupted(tmp_path))]) == 1
    good, bad = json.loads(capsys.readouterr().out)
    assert good["holds"]
    assert good["divergence"] is None
    assert good["kinds"]["m"]["predicted"] == 541
    assert not bad["holds"]
    assert (bad["divergence"]["expected"], bad["divergence"]["seen"]) == ("3", "4")


def test_check_reads_standard_input() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "spanproof", "check", "-"],
        input=FILL.read_bytes(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"standard input" in done.stdout


BAD_TRACES = {
    "a directory": None,
    "is empty": b"",
    "header expected, found: not JSON": b"hello\n",
    "no header": b'{"k":"m"}\n',
    "format version 2": b'{"k":"header","format":2}\n',
    "cut short; copy": FILL.read_bytes()[:3000],
    "promises 1423 events": b"\n".join(gzip.decompress(FILL.read_bytes()).split(b"\n")[:9]),
    "longer than": b"x" * 3_000_000,
    "binary data": bytes(range(256)) * 40,
}


@pytest.mark.parametrize("says", sorted(BAD_TRACES))
def test_a_bad_trace_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, says: str
) -> None:
    content = BAD_TRACES[says]
    path = tmp_path / "bad.jsonl"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    assert run(["check", str(path)]) == 2
    line = one_line(capsys)
    assert says in line
    assert str(path) in line


def test_what_was_read_of_a_trace_that_breaks_off_is_reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lines = gzip.decompress(FILL.read_bytes()).split(b"\n")
    (tmp_path / "cut.jsonl").write_bytes(b"\n".join(lines[:501]) + b"\n")
    arguments = ["check", str(tmp_path / "cut.jsonl"), str(tmp_path / "none"), str(FILL)]
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert "breaks off" in out
    assert "500 events" in out
    assert "holds" in out
    assert err.count("\n") == 2
    assert run([*arguments, "--json"]) == 2
    cut, whole = json.loads(capsys.readouterr().out)
    assert (cut["events"], cut["holds"], whole["holds"]) == (500, False, True)
    assert "cut short" in cut["problem"]
    assert run([*arguments, str(corrupted(tmp_path))]) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "No such command"),
        (["check"], "Missing argument"),
        (["check", "missing.jsonl"], "missing.jsonl: cannot be opened"),
        (["prove", "no-such-obligation"], "no obligation matches"),
        (["prove", "--solver", "yices"], "no solver 'yices'; there are z3, cvc5, bitwuzla"),
        (["prove", "--timeout", "soon"], "Invalid value for '--timeout'"),
        (["explain", "SPAN-99"], f"there are SPAN-1 to SPAN-{len(SPAN)}; near are SPAN-9,"),
        (["explain", "span12"], "near are SPAN-12,"),
        (["explain", "xyzzy"], "the ids look like"),
        (["explain"], "name a rule"),
        (["explain", "SPAN-12", "--trace", "t.jsonl"], "--trace goes with --coverage"),
        (["explain", "--coverage", "--trace", "missing.jsonl"], "missing.jsonl: cannot be opened"),
        (["fuzz", "--impl", "other"], "no implementation 'other'"),
        (["fuzz", "--python", "nomodule"], "MODULE:FACTORY"),
        (["fuzz", "--python", "no.such:thing"], "there is no module 'no'"),
        (["fuzz", "--python", "json:nothing"], "has no 'nothing'"),
        (["replay", "missing.json"], "missing.json: cannot be read"),
        (["fuzz", "--examples", "1", "--seed", "1"], "too little was exercised"),
    ],
)
def test_a_call_that_cannot_be_used_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert run(arguments) == 2
    _, err = capsys.readouterr()
    assert says in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_no_arguments_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    text = capsys.readouterr().out
    for command in ("verify", "prove", "check", "fuzz", "replay", "explain"):
        assert command in text


def test_prove_one_obligation(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prove", "tiny.inside", "--no-cache", "--jobs", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [o["obligation"] for o in document["obligations"]] == ["tiny.inside"]
    assert document["obligations"][0]["answer"] == "proved"
    assert document["summary"]["solver_seconds"] > 0


def test_prove_with_several_solvers(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("cvc5", reason="pip install cvc5")
    pytest.importorskip("bitwuzla", reason="pip install bitwuzla")
    assert run(["prove", "sweepgen.relabel", "--solver", "all", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    answers = {o["solver"]: o["answer"] for o in document["obligations"]}
    assert answers == {"z3": "proved", "cvc5": "proved", "bitwuzla": "proved"}


def test_prove_writes_every_question(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["prove", "sweepgen.relabel", "--smt2", str(tmp_path)]) == 0
    assert "questions written into" in capsys.readouterr().out
    files = sorted(path.name for path in (tmp_path / "sweepgen.relabel").iterdir())
    assert files[:2] == ["001-even.smt2", "002-swept-needs-sweeping.smt2"]


def test_prove_in_worker_processes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prove", "sweepgen.*", "--no-cache", "--jobs", "2"]) == 0
    assert "3 of 3 obligations proved" in capsys.readouterr().out


def test_a_time_out_makes_prove_fail(capsys: pytest.CaptureFixture[str]) -> None:
    hard = ["prove", "kernels.slow", "--no-cache", "--timeout", "0.001", "--jobs", "1"]
    assert run(hard) == 1
    assert "unknown" in capsys.readouterr().out


def test_prove_lists_claims(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prove", "--list", "span.once"]) == 0
    assert "no slot is handed out twice" in capsys.readouterr().out
    assert run(["prove", "--list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) > 40


def test_versions_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    told = capsys.readouterr().out
    try:
        own = f"spanspec {version('spanspec')}\n"
    except PackageNotFoundError:
        own = "spanspec, not installed"
    for word in (own, "go1.13.15", "z3 ", "spanalloc runs "):
        assert word in told


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_tells_what_each_command_does_in_full(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(arguments) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "..." not in text.replace("[ARGS]...", "")
    for name, module in app.COMMANDS.items():
        command = getattr(importlib.import_module(module), name)
        assert f"{name} {app.summary(command.__doc__)}" in text


def broken(program: AnyProgram) -> object:
    """A factory of spans, or heaps, that do not work."""
    raise RuntimeError("out of order")


@pytest.mark.parametrize("of", ["heap", "span"])
def test_a_divergence_is_saved_and_replayed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, of: str
) -> None:
    factory = f"{__name__}:broken"
    fuzzing = ["fuzz", "--of", of, "--python", factory, "--examples", "50", "--json"]
    assert run([*fuzzing, "--save", str(tmp_path)]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["divergence"]["seen"] == "raises RuntimeError: out of order"
    for arguments in ([], ["--python", factory]):
        assert run(["replay", document["saved"], *arguments]) == 1
        assert "out of order" in capsys.readouterr().out
    assert run(["replay", document["saved"], "--impl", "spanalloc"]) == 0
    assert "agree" in capsys.readouterr().out


def test_replay_prints_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    save(Program(9, (Refill(), Allocate(3))), tmp_path / "p.json")
    assert run(["replay", str(tmp_path / "p.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"agrees": True, "divergence": None}


@pytest.mark.parametrize(("of", "examples", "met"), [("heap", 40, "se"), ("span", 300, "sweeps")])
def test_fuzz_prints_its_figures(
    capsys: pytest.CaptureFixture[str], of: str, examples: int, met: str
) -> None:
    assert run(["fuzz", "--of", of, "--examples", str(examples), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["programs"] == examples
    assert document["divergence"] is None
    assert document["exercised"][met] > 0


def test_what_was_typed_is_shown_as_it_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fuzz", "--python", "nomod:x:y"]) == 2
    assert "nomod:x:y" in capsys.readouterr().err


def interrupting(function: Callable[..., object], after: int) -> Callable[..., object]:
    """The function, interrupted as by Ctrl-C at a later call."""
    calls = 0

    def call(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls > after:
            raise KeyboardInterrupt
        return function(*arguments)

    return call


def test_an_interrupted_campaign_keeps_what_was_done_and_ends_with_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Supervised, "_hear", interrupting(Supervised._hear, after=2))
    assert run(["fuzz", "--of", "span", "--seconds", "60", "--json"]) == 130
    document = json.loads(capsys.readouterr().out)
    assert document["interrupted"]
    assert document["programs"] > 0


def test_an_interrupted_proof_keeps_what_was_decided_and_ends_with_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "run_job", interrupting(suite.run_job, after=2))
    assert run(["prove", "sweepgen.*", "--no-cache", "--jobs", "1", "--json"]) == 130
    document = json.loads(capsys.readouterr().out)
    assert document["summary"]["interrupted"]
    assert document["summary"]["proved"] == 2


def test_assertions_must_be_on() -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-m", "spanproof", "explain", "SPAN-12"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"without -O" in done.stderr


def test_a_full_disk_is_one_line_and_status_2() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full, which Linux has")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "spanproof", "explain", "--list", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            check=False,
        )
    assert done.returncode == 2, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"No space left" in done.stderr
