"""A trace is read from files, pipes and standard input, plain and packed, whatever they hold."""

import gzip
import io
import json
import os
import pickle
import resource
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanproof.replay.format.reader import MAX_LINE, TraceError, TraceReader
from spanproof.replay.format.schema import KINDS
from spanspec.events.fields import EventBase
from tests.proofs.replay.samples import MALLOC, RESULT, SAMPLES, Refuse, read, trace


def feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_plain_and_gzipped_files_and_standard_input_read_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = trace(SAMPLES)
    half = len(plain) // 2
    packed = gzip.compress(plain, mtime=0)
    members = (
        gzip.compress(plain[:half], mtime=0) + gzip.compress(plain[half:], mtime=0) + b"\0" * 512
    )
    (tmp_path / "plain.jsonl").write_bytes(plain)
    expected = read(tmp_path / "plain.jsonl")
    assert len(expected) == len(SAMPLES)
    for name, content in {
        "packed.jsonl.gz": packed,
        "packed-without-the-name": packed,
        "plain-in-spite-of-the-name.gz": plain,
        "members.gz": members,
        "crlf.jsonl": plain.replace(b"\n", b"\r\n"),
        "no-last-newline.jsonl": plain[:-1],
    }.items():
        (tmp_path / name).write_bytes(content)
        assert read(tmp_path / name) == expected, name
        assert read(str(tmp_path / name)) == expected, name
    for content in (plain, packed):
        feed(monkeypatch, content)
        assert read("-") == expected


def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = gzip.compress(trace(SAMPLES), mtime=0)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,), daemon=True)
    writer.start()
    assert len(read(pipe)) == len(SAMPLES)
    writer.join()


def test_lines_count_from_the_header_which_is_line_0(tmp_path: Path) -> None:
    lines = SAMPLES * 100  # several blocks
    path = tmp_path / "long.jsonl"
    path.write_bytes(trace(lines))
    with TraceReader(path) as reader:
        assert (reader.line, json.loads(reader.raw)["k"]) == (0, "header")
        assert reader.header.events == len(lines)
        for place, event in enumerate(reader, start=1):
            assert reader.line == place
            if place % 7 == 0:
                assert reader.raw == lines[place - 1].encode()
                assert type(event) is KINDS[json.loads(reader.raw)["k"]]
        assert reader.line == len(lines)


def test_a_second_iteration_goes_on_where_the_first_was_left(tmp_path: Path) -> None:
    path = tmp_path / "two.jsonl"
    path.write_bytes(trace(SAMPLES))
    with TraceReader(path) as reader:
        for _ in reader:
            break
        assert len(list(reader)) == len(SAMPLES) - 1
        assert reader.line == len(SAMPLES)


def test_events_before_a_bad_line_are_delivered(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(trace([*SAMPLES, "{", *SAMPLES]))
    with TraceReader(path) as reader:
        events = iter(reader)
        for _ in SAMPLES:
            next(events)
        with pytest.raises(TraceError) as caught:
            next(events)
        assert (caught.value.line, reader.line) == (len(SAMPLES) + 1, len(SAMPLES) + 1)
        assert reader.raw == b"{"


def test_fewer_events_than_promised_are_reported_after_the_last(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_bytes(trace(SAMPLES, events=len(SAMPLES) + 2))
    with TraceReader(path) as reader:
        events = iter(reader)
        delivered = sum(1 for _ in zip(SAMPLES, events, strict=False))
        with pytest.raises(TraceError) as caught:
            next(events)
    assert delivered == len(SAMPLES)
    found = f"header promises {delivered + 2} events, found {delivered}"
    assert f"trace is cut short: {found}" in str(caught.value)
    assert caught.value.line == delivered + 1


def test_more_than_promised_is_refused_at_the_first(refusal: Refuse) -> None:
    error = refusal(trace(SAMPLES, events=3))
    assert error.line == 4
    assert "beyond the 3 that the header promises" in error.problem
    assert "second header" in refusal(trace([MALLOC]) + trace([MALLOC])).problem
    for events in ([], [MALLOC]):
        assert "blank line" in refusal(trace(events) + b"\n").problem


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", None, "is empty"),
        (gzip.compress(b"", mtime=0), None, "is empty"),
        (b"\n", 0, "blank line"),
        (MALLOC.encode(), 0, "no header"),
        (b"[]", 0, "no header"),
        (b"hello", 0, "not JSON"),
        (b"\x7fELF\x02\x01\x00\x00\xff", 0, "binary data"),
        (b"\x89PNG\r\n\x1a\n", 0, "not valid UTF-8"),
        (b"\xef\xbb\xbf" + trace([]), 0, "a byte order mark"),
        (trace([]).decode().encode("utf-16"), 0, "binary data"),
        (b"\x1f\x8b", 0, "gzip data is cut short"),
        (b"\x1f\x8bnothing of the sort", 0, "gzip data is damaged"),
        (b"\x1f", 0, "not JSON"),
    ],
)
def test_what_is_no_trace_at_all_is_refused(
    content: bytes, line: int | None, words: str, refusal: Refuse
) -> None:
    error = refusal(content)
    assert error.line == line
    assert words in error.problem


def test_damaged_gzip_data_are_refused_after_what_could_be_read(refusal: Refuse) -> None:
    plain = trace(SAMPLES)
    packed = gzip.compress(plain, mtime=0)
    for cut in (*range(2, len(packed), 97), len(packed) - 1):
        assert "gzip data is cut short" in refusal(packed[:cut]).problem
    for cut in (len(packed) - 8, len(packed) - 1):  # all of the text is there
        assert refusal(packed[:cut]).line == len(SAMPLES) + 1
    wrong_checksum = packed[:-8] + bytes(4) + packed[-4:]
    error = refusal(wrong_checksum)
    assert "gzip data is damaged" in error.problem
    assert error.line == len(SAMPLES) + 1
    assert "gzip data is damaged" in refusal(packed + b"rubbish").problem


def test_a_line_of_the_greatest_length_is_read(tmp_path: Path, refusal: Refuse) -> None:
    longest = RESULT.replace("f700", "00" * ((MAX_LINE - len(RESULT) + 4) // 2))
    longest += " " * (MAX_LINE - len(longest))
    path = tmp_path / "long.jsonl"
    path.write_bytes(trace([MALLOC, longest, longest]))
    assert len(read(path)) == 3
    for shift in range(3):  # and no more, wherever the blocks may end
        error = refusal(trace([MALLOC] * (1 + 500 * shift) + [longest + " ", MALLOC]))
        assert error.line == 2 + 500 * shift
        assert "line longer than 1048576 bytes" in error.problem


def test_endless_lines_are_refused_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sparse = tmp_path / "zeros.jsonl"
    with sparse.open("wb") as file:
        file.write(trace([], events=1))
        file.truncate(8 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TraceError, match=":1: line longer than") as caught:
        read(sparse)
    assert caught.value.line == 1
    with sparse.open("wb") as file:
        file.truncate(8 << 30)
    with pytest.raises(TraceError, match=":0: line longer than"):
        read(sparse)
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(bytes(64 << 20), mtime=0))
    before = max(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    with pytest.raises(TraceError, match=":0: line longer than"):
        read(bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10  # KiB


def test_files_that_cannot_be_opened_are_refused(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (tmp_path, tmp_path / "missing", loop, loop / "x\ny", "", "x\0y"):
        with pytest.raises(TraceError) as caught:
            TraceReader(path)
        assert caught.value.line is None
        assert "cannot be opened: " in str(caught.value)
        assert str(caught.value).isprintable()


def test_a_file_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    with pytest.raises(TraceError, match="cannot be opened: Permission denied; "):
        TraceReader(tmp_path / "secret")


def test_a_failing_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().read(500)

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Broken(trace(SAMPLES))))
    with pytest.raises(TraceError, match=r"^standard input:\d+: cannot be read: Input/output"):
        read("-")


def test_errors_of_standard_input_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, trace(["{"]))
    with pytest.raises(TraceError, match=r"^standard input:1: not JSON"):
        read("-")
    feed(monkeypatch, b"")
    sys.stdin.close()
    with pytest.raises(TraceError, match=r"^standard input: is closed"):
        read("-")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(TraceError, match=r"^standard input: is closed"):
        read("-")


def test_standard_input_stays_open_and_files_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(monkeypatch, trace(SAMPLES))
    read("-")
    assert not sys.stdin.closed
    path = tmp_path / "bad.jsonl"  # an unclosed file is a warning, and that an error here
    path.write_bytes(b"rubbish")
    with pytest.raises(TraceError):
        TraceReader(path)


def test_an_error_can_be_sent_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(TraceError("a.jsonl", 3, "blank line")))
    assert (str(error), error.line) == ("a.jsonl:3: blank line", 3)


def outcome(content: bytes) -> int:
    """Read a text to its end or its refusal; return the number of events delivered."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        delivered = 0
        refusal: TraceError | None = None
        try:
            with TraceReader(file.name) as reader:
                for event in reader:
                    delivered += 1
                    assert isinstance(event, EventBase)
                assert delivered == reader.header.events
        except TraceError as problem:
            refusal = problem
        if refusal is not None:
            assert str(refusal).isprintable()
            assert refusal.line is None or 0 <= refusal.line <= delivered + 1
        return delivered


PLAIN = trace(SAMPLES)


PACKED = gzip.compress(PLAIN, mtime=0)


@settings(max_examples=400)
@given(st.sampled_from([PLAIN, PACKED]), st.integers(0, 1 << 30), st.integers(0, 255))
def test_any_corruption_of_a_byte_gives_events_or_a_refusal(
    content: bytes, place: int, byte: int
) -> None:
    place %= len(content)
    assert outcome(content[:place] + bytes([byte]) + content[place + 1 :]) <= len(SAMPLES)


@settings(max_examples=200)
@given(st.binary(max_size=200), st.integers(0, 1 << 30))
def test_any_bytes_thrown_in_give_events_or_a_refusal(noise: bytes, place: int) -> None:
    place %= len(PLAIN)
    outcome(PLAIN[:place] + noise + PLAIN[place:])
    outcome(noise)
