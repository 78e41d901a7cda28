"""Traces that come through pipes, and traces that break off."""

import gzip
import os
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from spanproof.cli.app import run
from spanproof.cli.output import UNUSABLE
from spanproof.support.files.traces import bundled_traces

TRACE = next(path for path in bundled_traces() if path.name.startswith("small-fill"))


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_trace_may_come_through_a_pipe(
    jobs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = tmp_path / "pipe"
    os.mkfifo(named)
    end, given = os.pipe()
    text = gzip.decompress(TRACE.read_bytes())
    # Each of the writers ends when all was read, or nobody reads any more.
    writers = [
        Thread(target=write_all, args=(place, text), daemon=True) for place in (given, str(named))
    ]
    for writer in writers:
        writer.start()
    assert run(["check", "--jobs", jobs, f"/dev/fd/{end}", str(named)]) == 0
    os.close(end)
    for writer in writers:
        writer.join()
    told = capsys.readouterr().out
    assert f"holds /dev/fd/{end}" in told
    assert f"holds {named}" in told


def write_all(place: int | str, text: bytes) -> None:
    """Write a text into a pipe, as far as somebody reads it."""
    with suppress(BrokenPipeError), open(place, "wb") as pipe:
        pipe.write(text)


def test_what_a_trace_that_breaks_off_did_not_touch_is_no_complaint_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.jsonl"
    lines = gzip.decompress(TRACE.read_bytes()).splitlines(keepends=True)
    cut.write_bytes(b"".join(lines[:3]))
    assert run(["check", "--watch", "s=9999", str(cut)]) == UNUSABLE
    assert len(capsys.readouterr().err.splitlines()) == 1
