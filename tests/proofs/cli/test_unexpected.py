"""What nobody planned is one line and status 2: no traceback, and no status of a finding."""

import signal
import subprocess
import sys
from concurrent.futures import BrokenExecutor
from errno import ENOSPC
from pathlib import Path

import pytest
import typer

from spanproof.cli import app, unexpected
from spanproof.cli.app import run

START = "import sys; sys.path.insert(0, sys.argv.pop()); from spanproof.cli import main; main()"


class Speechless(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


PROBLEMS = {
    "KeyError: 'key'": KeyError("key"),
    "RuntimeError: two lines": RuntimeError("two\nlines"),
    "AssertionError": AssertionError(),
    "RecursionError: too deep": RecursionError("too deep"),
    "SystemExit: 1": SystemExit(1),
    "its message cannot be had": Speechless(),
    "[/b]": ValueError("[/b]"),
}


def failing(monkeypatch: pytest.MonkeyPatch, problem: BaseException) -> None:
    def application(arguments: list[str]) -> object:
        raise problem

    monkeypatch.setattr(app, "application", application)


@pytest.mark.parametrize("says", sorted(PROBLEMS))
def test_a_bug_of_ours_is_a_line_that_says_so_and_where_the_traceback_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, says: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing(monkeypatch, PROBLEMS[says])
    assert run(["explain"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert says in err
    assert "a bug of spanspec, and no finding" in err
    (report,) = tmp_path.iterdir()
    assert str(report) in err
    text = report.read_text()
    assert "Traceback" in text
    assert type(PROBLEMS[says]).__name__ in text


def test_a_traceback_is_printed_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv(unexpected.TRACEBACK, "1")
    failing(monkeypatch, KeyError("key"))
    assert run(["explain"]) == 2
    assert "Traceback" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_report_that_cannot_be_kept_is_no_second_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    failing(monkeypatch, KeyError("key"))
    assert run(["explain"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"{unexpected.TRACEBACK}=1" in err


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (MemoryError(), "spanspec: out of memory\n"),
        (BrokenExecutor(), "a worker process was killed"),
        (RuntimeError("can't start new thread"), "no more threads can be started (ulimit -u)"),
        (OSError(28, "No space left on device", "a[/b].json"), "a[/b].json: No space left"),
    ],
)
def test_what_is_not_our_bug_is_not_called_one(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    problem: Exception,
    says: str,
) -> None:
    failing(monkeypatch, problem)
    assert run(["explain"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert says in err
    assert "bug" not in err


def ends_early() -> int:
    raise EOFError("of a pipe")


def test_an_end_of_file_that_nobody_planned_is_a_bug_and_no_interrupt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # typer takes one for Ctrl-D at a question.
    command = typer.Typer()
    command.command()(app.stopping(ends_early))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(app, "application", lambda _: typer.main.get_command(command))
    assert run(["--"]) == 2
    assert "a bug of spanspec, and no finding: EOFError: of a pipe" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (
            "import nothing.at_all",
            "bug of spanspec, and no finding: ModuleNotFoundError: No module",
        ),
        ("def f(:", "rich/__init__.py:1: invalid syntax"),
        ("raise OSError(24, 'Too many open files', 'x.py')", "spanspec: x.py: Too many open"),
        ("raise ValueError(1)", "bug of spanspec, and no finding: ValueError: 1; please"),
    ],
)
def test_a_command_that_cannot_be_loaded_is_a_line(broken: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text(broken)
    done = subprocess.run(
        [sys.executable, "-c", START, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={"TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert says in done.stderr


TURNS_INTO_ANOTHER = """
import os, signal, sys
from spanproof.cli import app, main

def application(arguments):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        while True:
            pass
    except KeyboardInterrupt:
        raise EOFError("unexpected EOF")

app.application = application
main()
"""


def test_what_an_interrupt_has_become_is_no_bug() -> None:
    command = [sys.executable, "-c", TURNS_INTO_ANOTHER]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=listen)
    assert done.returncode == 143
    assert done.stderr.endswith("spanspec: interrupted\n")
    assert "bug" not in done.stderr


def listen() -> None:
    """Undo what `nohup` or a shell's background does: what is ignored stays so in what is run."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_a_directory_that_is_gone_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert run(["fuzz", "--exec", "./mine"]) == 2
    says = "spanspec: the current directory is gone: No such file or directory\n"
    assert capsys.readouterr().err == says


def test_a_full_disk_is_told_with_the_file_that_it_has_no_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The system does not say whose; questions of a proof are files like any others."""

    def is_full(path: Path, text: str, encoding: str) -> None:
        path.touch()
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", is_full)
    assert run(["prove", "sweepgen.relabel", "--smt2", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    place = tmp_path / "sweepgen.relabel"
    assert told.endswith(f"{place / '001-even.smt2'}: No space left on device\n"), told
    assert list(place.iterdir()) == []
