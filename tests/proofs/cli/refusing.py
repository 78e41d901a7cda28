"""A trace with a wrong event, and the one line in which a command refuses."""

import gzip
from pathlib import Path

import pytest

from spanproof.support.files.traces import bundled_traces

FILL = next(path for path in bundled_traces() if "fill" in path.name)


def corrupted(folder: Path) -> Path:
    lines = gzip.decompress(FILL.read_bytes()).decode().splitlines()
    place = next(i for i, line in enumerate(lines) if '"k":"m"' in line and '"i":3,' in line)
    lines[place] = lines[place].replace('"i":3,', '"i":4,')
    path = folder / "corrupted.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def one_line(captured: pytest.CaptureFixture[str]) -> str:
    _, err = captured.readouterr()
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    return err
