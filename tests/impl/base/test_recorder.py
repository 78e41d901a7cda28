"""What a recorder has before, and after, a heap is recorded."""

import gzip
import os
from pathlib import Path
from types import ModuleType

import pytest


def test_a_header_tells_of_one_p_until_a_heap_says_how_many(package: ModuleType) -> None:
    recorder = package.Recorder()
    assert (recorder.header("x")["ncpu"], recorder.header("x")["gomaxprocs"]) == (1, 1)
    package.Heap(3, package.SimulatedMemory(), recorder).close()
    assert (recorder.header("x")["ncpu"], recorder.header("x")["gomaxprocs"]) == (3, 3)


def test_now_is_the_line_of_the_next_event(package: ModuleType) -> None:
    recorder = package.Recorder()
    assert recorder.now() == 1
    with package.Heap(1, package.SimulatedMemory(), recorder) as heap:
        heap.malloc(64)
        assert recorder.now() == len(recorder.events) + 1 > 2


def test_an_event_that_has_just_happened_is_told_at_its_own_line(package: ModuleType) -> None:
    recorder = package.Recorder()
    with package.Heap(1, package.SimulatedMemory(), recorder) as heap:
        heap.malloc(40_000)
        heap.collect([])
        heap.sweep_all()
    told = enumerate(recorder.events, 1)
    lines = [(at, one["lo"]) for at, one in told if one["k"] in ("pu", "po")]
    assert len(lines) > 1
    assert all(at == line for at, line in lines)


def test_a_trace_begins_with_the_cache_that_there_is_before_any_p(package: ModuleType) -> None:
    recorder = package.Recorder()
    package.Heap(1, package.SimulatedMemory(), recorder).close()
    first, *_ = recorder.events
    assert first == {"k": "mc", "p": -1, "t": 0, "new": 1, "ca": 0}


def test_a_trace_that_cannot_be_written_leaves_what_was_there(
    package: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, place = package.Recorder(), tmp_path / "trace"
    recorder.save(place, "one")
    before = place.read_bytes()
    for method in ("write_bytes", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(Path, method, full)
            with pytest.raises(OSError, match="no room"):
                recorder.save(place, "another")
        assert place.read_bytes() == before
        assert list(tmp_path.iterdir()) == [place]


def full(*_: object) -> object:
    raise OSError("no room")


def test_a_trace_goes_into_a_compressed_file_or_a_pipe(package: ModuleType, tmp_path: Path) -> None:
    recorder = package.Recorder()
    recorder.save(tmp_path / "plain")
    recorder.save(tmp_path / "trace.gz")
    plain = (tmp_path / "plain").read_bytes()
    assert gzip.decompress((tmp_path / "trace.gz").read_bytes()) == plain
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    recorder.save(pipe)
    assert os.read(reader, 1 << 16) == plain
    os.close(reader)
    assert pipe.is_fifo()
