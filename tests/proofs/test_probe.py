"""Recordings of the probe: they hold, each single damage is noticed, and a live Go agrees."""

import gzip
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from spanproof.cli.app import run
from spanproof.witness.errors import WitnessError
from spanproof.witness.recordings import Event, check_recording, is_recording, lines_of

RECORDED = sorted((Path(__file__).parent / "heaps").glob("*.jsonl.gz"))
GO = shutil.which("go")


def is_cached_alloc(event: Event) -> bool:
    return is_alloc(event) and isinstance(event.get("pre"), dict)


def is_alloc(event: Event) -> bool:
    return bool(event["e"] == "alloc")


def has_small(event: Event) -> bool:
    return event["e"] == "ckpt" and any(roomy(span) for span in event["spans"])


def is_tiny(event: Event) -> bool:
    return "tiny2" in event


def is_cycle(event: Event) -> bool:
    return bool(event["e"] == "gc")


def roomy(span: Event) -> bool:
    return bool(span["spc"] > 1 and span["fi"] < span["ne"])


def flipped(text: str, bit: int) -> str:
    data = bytearray.fromhex(text)
    data[bit // 8] ^= 1 << bit % 8
    return data.hex()


def post(name: str, by: int) -> Callable[[Event], None]:
    def change(event: Event) -> None:
        event["post"][name] += by

    return change


def dumped(name: str, by: int) -> Callable[[Event], None]:
    def change(event: Event) -> None:
        next(span for span in event["spans"] if roomy(span))[name] += by

    return change


def dumped_bits(name: str) -> Callable[[Event], None]:
    def change(event: Event) -> None:
        span = next(span for span in event["spans"] if roomy(span))
        span[name] = flipped(span[name], span["fi"])

    return change


def own(name: str, by: int) -> Callable[[Event], None]:
    def change(event: Event) -> None:
        event[name] += by

    return change


def other_cache(event: Event) -> None:
    cache = int(event["post"]["cache"], 16) ^ 1
    event["post"]["cache"] = f"{cache:016x}"


def uncached(event: Event) -> None:
    name = next(name for name, base in event["cached"].items() if base)
    event["cached"][name] = 0


DAMAGES: dict[str, tuple[Callable[[Event], bool], Callable[[Event], None]]] = {
    "addr": (is_cached_alloc, own("addr", 8)),
    "freeindex after": (is_cached_alloc, post("fi", 1)),
    "allocCount after": (is_cached_alloc, post("ac", 1)),
    "allocCache after": (is_cached_alloc, other_cache),
    "sweepgen after": (lambda e: is_cached_alloc(e) and not is_tiny(e), post("sg", -3)),
    "spanclass": (is_alloc, post("spc", 1)),
    "elemsize": (is_alloc, post("es", 8)),
    "nelems": (is_alloc, post("ne", -1)),
    "npages": (is_alloc, post("np", 1)),
    "state": (is_alloc, post("st", 1)),
    "base": (lambda e: is_cached_alloc(e) and not is_tiny(e), post("b", 8192)),
    "the number of an event": (is_alloc, own("n", 1)),
    "the heap's sweepgen": (is_cycle, own("hsg1", 2)),
    "allocCount in a dump": (has_small, dumped("ac", 1)),
    "sweepgen in a dump": (has_small, dumped("sg", 5)),
    "allocBits in a dump": (has_small, dumped_bits("ab")),
    "marks in a dump": (has_small, dumped_bits("gm")),
    "the tiny block": (is_tiny, own("tiny2", 16)),
    "the offset in the tiny block": (is_tiny, own("tinyoff2", 1)),
    "a cached span": (lambda e: e["e"] == "ckpt" and any(e["cached"].values()), uncached),
}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_a_recording_holds(path: Path) -> None:
    assert is_recording(str(path))
    checked = check_recording(str(path))
    assert checked.divergence is None
    assert checked.kinds["alloc"] > 30
    assert run(["check", str(path)]) == 0


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_a_single_damage_of_a_recording_is_noticed(path: Path, kind: str, tmp_path: Path) -> None:
    events = list(lines_of(path))
    fits, change = DAMAGES[kind]
    places = [n for n, event in enumerate(events) if n and fits(event)]
    for place in random.Random(kind).sample(places, min(3, len(places))):
        damaged = [json.loads(json.dumps(e)) if n == place else e for n, e in enumerate(events)]
        change(damaged[place])
        copy = tmp_path / "damaged.jsonl"
        copy.write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in damaged))
        assert check_recording(str(copy)).divergence is not None, place
    assert places
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


def test_calls_that_cannot_be_are_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["--go", "/dev/null"],
        ["--go-version", "../odd"],
        ["--all", "--go-version", "1.24.11"],
    ):
        assert run(["probe", *arguments]) == 2
        assert capsys.readouterr().err.count("\n") == 1
