"""What becomes of a command's output is no finding: exit statuses are those of the work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spanproof.support.files.streams import Output

SAYS_MUCH = """
import sys
from spanproof.cli import app, entry

def run(arguments):
    for _ in range(int(arguments[1])):
        print("word " * 20)
    return int(arguments[0])

app.run, app.tell_stale = run, lambda: None
entry.main()
"""


def command(status: int, lines: int, stdout: int) -> subprocess.Popen[bytes]:
    """Start a command that prints lines and comes to a status."""
    return subprocess.Popen(
        [sys.executable, "-c", SAYS_MUCH, str(status), str(lines)],
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("lines", [1, 5000], ids=["at the end", "in between"])
@pytest.mark.parametrize("status", [0, 1, 2])
def test_a_reader_that_goes_away_changes_no_status(status: int, lines: int) -> None:
    reader, writer = os.pipe()
    with command(status, lines, stdout=writer) as process:
        os.close(writer)
        os.close(reader)
        _, err = process.communicate()
    assert (process.returncode, err) == (status, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
@pytest.mark.parametrize(("status", "then"), [(0, 2), (1, 1), (2, 2)])
def test_a_full_disk_is_a_line_and_the_status_of_a_finding_stays(status: int, then: int) -> None:
    with Path("/dev/full").open("wb") as full, command(status, 1, stdout=full.fileno()) as process:
        _, err = process.communicate()
    assert process.returncode == then
    assert err == b"spanspec: standard output: No space left on device\n"


def test_a_stream_that_is_closed_is_no_error_and_no_other_files() -> None:
    program = f"exec {sys.executable} -c '{SAYS_MUCH}' 1 3 <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", program], check=False).returncode == 1


def test_a_full_pipe_that_does_not_block_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with command(0, 5000, stdout=writer) as process:
        os.close(writer)
        with open(reader, "rb") as pipe:
            assert pipe.read().count(b"\n") == 5000
        process.communicate()
    assert process.returncode == 0


def test_what_cannot_be_encoded_is_shown_in_escapes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAYS_MUCH.replace('"word " * 20', '"\\udcff \\u2265"'), "0", "1"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\\udcff \\u2265\n", b"")


def test_output_is_the_file_descriptor(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        output = Output(file.fileno())
        assert output.write(b"abc") == 3
        assert (output.fileno(), output.isatty(), output.failure) == (file.fileno(), False, "")
    assert (tmp_path / "file").read_bytes() == b"abc"
