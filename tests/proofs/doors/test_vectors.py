"""Vectors find the variants that they are chosen for, and are consumed without Python."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from spanproof.cli.app import run
from spanproof.doors.header import PLACE
from spanproof.mutation import vectors
from spanproof.mutation.variants import Variant, of_span

ROOT = Path(__file__).parents[3]
ANSWERING = Path(__file__).parent / "answering.py"
WANTED = ("the fast path takes", "the slow search skips", "free slots can be marked")


def few() -> Iterator[Variant]:
    return islice((one for one in of_span() if one.name.startswith(WANTED)), 4)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> tuple[vectors.Chosen, Path]:
    found = vectors.choose([one._replace(function="") for one in few()], ())
    place = tmp_path_factory.mktemp("vectors") / "all.jsonl"
    lines = [*vectors.span_lines(found), *vectors.size_lines()]
    place.write_bytes(b"".join(line + b"\n" for line in lines))
    return found, place


def test_they_find_what_they_are_chosen_for_the_shortest_first(
    chosen: tuple[vectors.Chosen, Path],
) -> None:
    found, _ = chosen
    assert found.left == []
    assert {name for one in found.vectors for name in one.finds} == {one.name for one in few()}
    lengths = [len(one.exchange) for one in found.vectors]
    assert lengths == sorted(lengths)
    told = vectors.about(found)
    assert told["finds"] == told["variants"] == len(list(few()))


def test_a_variant_of_a_function_out_of_reach_is_named() -> None:
    one = next(one for one in of_span() if one.function)
    assert vectors.choose([one], ()).out_of_reach == [one.name]


def test_a_consumer_in_c_finds_a_planted_bug(
    chosen: tuple[vectors.Chosen, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler: apt-get install gcc")
    lines = [line for line in chosen[1].read_text().splitlines() if '"level":"span"' in line]
    file = tmp_path / "span.jsonl"
    file.write_text("".join(f"{line}\n" for line in lines))
    source = ROOT / "examples" / "c" / "span.c"
    flags = ("-pthread", "-DSPANSPEC_MAIN", f"-I{PLACE.parent}")
    command = [compiler, *flags, "-o", str(tmp_path / "span"), str(source)]
    subprocess.run(command, check=True)
    for planted, status, says in (("0", 0, ", 0 wrong"), ("1", 1, "  must say {")):
        monkeypatch.setenv("PLANT", planted)
        done = subprocess.run([tmp_path / "span", "vectors", file], capture_output=True, text=True)
        assert done.returncode == status, done.stdout
        assert says in done.stdout


@pytest.fixture
def folder(chosen: tuple[vectors.Chosen, Path], tmp_path: Path) -> Path:
    lines = chosen[1].read_text().splitlines(keepends=True)
    for level in ("span", "sizes"):
        text = "".join(line for line in lines if f'"level":"{level}"' in line)
        (tmp_path / f"{level}.jsonl").write_text(text)
    return tmp_path


def test_spanalloc_gives_every_reply(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a process that answers, size classes included."""
    assert run(["vectors", str(folder), "--exec", f"{sys.executable} {ANSWERING}"]) == 0
    shown = capsys.readouterr().out
    assert ", 0 wrong" in shown
    asked = sum(
        len(json.loads(line)["exchange"])
        for file in folder.glob("*.jsonl")
        for line in file.read_text().splitlines()
    )
    assert f" {asked} replies" in shown


def test_a_wrong_reply_is_told_with_its_rules(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.loads(line) for line in (folder / "span.jsonl").read_text().splitlines()]
    changed = next(
        one for one in lines if '"slot": ' in json.dumps([r for _, r in one["exchange"]])
    )
    reply = next(reply for _, reply in changed["exchange"] if "slot" in reply)
    reply["slot"] += 1
    (folder / "span.jsonl").write_text("\n".join(map(json.dumps, lines)))
    command = f"{sys.executable} {ANSWERING}"
    assert run(["vectors", str(folder), "--exec", command]) == 1
    shown = capsys.readouterr().out
    assert 'wrong reply to {"op": "allocate"' in shown
    assert f"  {changed['rules'][0]}: " in shown
    assert ", 1 wrong" in shown


def test_vectors_that_cannot_be_asked_are_told_in_a_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"{sys.executable} {ANSWERING}"
    assert run(["vectors", str(folder), "--exec", "/no/such/command"]) == 2
    assert run(["vectors", str(folder / "nowhere"), "--exec", command]) == 2
    assert "nowhere/sizes.jsonl: No such file or directory" in capsys.readouterr().err
    (folder / "sizes.jsonl").write_text("no vector\n")
    assert run(["vectors", str(folder), "--exec", command]) == 2
    assert "has a line that is no vector" in capsys.readouterr().err
