"""Vectors find the variants that they are chosen for, and are consumed without Python."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from spanproof.doors.header import PLACE
from spanproof.fuzz.levels.recorded import shown
from spanproof.mutation import vectors
from spanproof.mutation.variants import Variant, of_span
from spanproof.protocol import messages
from spanproof.protocol.faults import Declined
from spanproof.protocol.messages import REPLIES
from spanproof.protocol.process import Process

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


def test_spanalloc_gives_every_reply(chosen: tuple[vectors.Chosen, Path]) -> None:
    """As a process that answers, size classes included."""
    process = Process([sys.executable, str(ANSWERING)])
    try:
        process.hello()
        for line in chosen[1].read_text().splitlines():
            for asked, wanted in json.loads(line)["exchange"]:
                request = msgspec.convert({**asked, "n": 0}, type=messages.Request)
                try:
                    seen = shown(process.ask(request, REPLIES[type(request)]))
                except Declined:
                    assert "refused" in wanted
                    continue
                assert {**seen, "n": 0} == {**wanted, "n": 0}, asked
    finally:
        process.close()
