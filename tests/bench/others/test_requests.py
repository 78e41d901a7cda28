"""The requests of a recorded program are those of its trace, and each heap serves them."""

import gzip
import re
import shutil
from array import array
from pathlib import Path

import pytest

from spanbench.areas import serving
from spanbench.others import goprogram
from spanbench.others.requests import Allocation, Cycle, Drop, Request, packed, requests_of
from spanproof.replay.format.reader import TraceReader
from spanproof.support.files.traces import bundled_traces
from spanproof.support.tools import Missing


def trace_of(folder: Path, *events: str) -> Path:
    """A trace of these events, under the header of a recorded one."""
    lines = gzip.decompress(SMALL.read_bytes()).decode().splitlines()
    header = re.sub(r'"events":\d+', f'"events":{len(events)}', lines[0])
    path = folder / "trace.jsonl"
    path.write_text("\n".join([header, *events]) + "\n")
    return path


SMALL = bundled_traces()[0]
MALLOC = '{"k":"m","p":0,"z":%d,"w":1,"c":%d,"b":%d,"i":%d,"f":%d}'


TINY = '{"k":"t","p":0,"z":%d,"b":%d,"i":%d,"o":%d,"f":%d}'


RAISED = '{"k":"sg","p":0,"t":0,"g":2,"mode":0,"na":1}'


SWEPT = (
    '{"k":"se","p":0,"t":0,"s":1,"b":%d,"c":4,"pr":0,"we":0,"fh":0,"tc":1,"ne":4,"nf":1,"ac":1,'
    '"g":2,"ab":"%s"}'
)


def test_the_mark_bits_of_a_sweep_tell_before_which_cycle_an_object_died(tmp_path: Path) -> None:
    path = trace_of(
        tmp_path,
        MALLOC % (24, 4, 7, 0, 2),
        MALLOC % (25, 5, 7, 1, 1),
        MALLOC % (26, 4, 7, 2, 2),
        RAISED,
        SWEPT % (7, "05"),
        MALLOC % (27, 4, 7, 1, 2),
        RAISED,
        SWEPT % (7, "04"),
    )
    assert list(requests_of(path)) == [
        Allocation(0, 24, False, True),
        Allocation(1, 25, True, False),
        Allocation(2, 26, False, True),
        Drop(1),
        Cycle(),
        Allocation(1, 27, False, True),
        Drop(0),
        Drop(1),
        Cycle(),
    ]


def test_tiny_objects_live_as_long_as_their_block(tmp_path: Path) -> None:
    path = trace_of(
        tmp_path,
        MALLOC % (5, 5, 7, 0, 9),
        TINY % (3, 7, 0, 8, 1),
        MALLOC % (6, 5, 7, 1, 9),
        RAISED,
        SWEPT % (7, "02"),
    )
    drops = [one for one in requests_of(path) if isinstance(one, Drop)]
    assert drops == [Drop(0), Drop(1)]


def test_packed_requests_are_pairs_of_a_code_and_a_place() -> None:
    numbers = array("q")
    numbers.frombytes(packed([Allocation(3, 24, True, False), Drop(3), Cycle()]))
    assert list(numbers) == [24 * 4 + 2, 3, -1, 3, -2, 0]


def test_a_recorded_program_holds_one_object_a_place_and_drops_what_it_holds() -> None:
    path = next(path for path in bundled_traces() if "classes" in path.name)
    held: set[int] = set()
    cycles = 0
    for request in requests_of(path):
        match request:
            case Allocation(place):
                assert place not in held
                held.add(place)
            case Drop(place):
                held.remove(place)
            case Cycle():
                cycles += 1
    with TraceReader(path) as source:
        kinds = [event.__struct_config__.tag for event in source]
    assert cycles == kinds.count("sg") > 0


def test_spanalloc_serves_a_packed_stream(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    requests: list[Request] = [
        Allocation(0, 100, False, True),
        Cycle(),
        Drop(0),
        Allocation(0, 8, True, True),
    ]
    path.write_bytes(packed(requests))
    taken = serving.spanalloc_passes(str(path), "2")
    assert set(taken) == {"clock 0", "processor 0", "clock 1", "processor 1"}


def test_go_serves_the_same_stream_and_without_go_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stream"
    requests: list[Request] = [Allocation(0, 100, False, True), Cycle(), Drop(0), Cycle()]
    path.write_bytes(packed(requests))
    try:
        with goprogram.built() as program:
            taken = goprogram.serve(program, path, 3, 1)
            assert len(taken) == 3
            assert all(0 < one.cycles < one.clock for one in taken)
            with pytest.raises(RuntimeError, match="no such file"):
                goprogram.serve(program, tmp_path / "none", 1, None)
    except Missing as reason:
        pytest.skip(str(reason))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(Missing, match="install go: apt-get install golang-go"), goprogram.built():
        pass
