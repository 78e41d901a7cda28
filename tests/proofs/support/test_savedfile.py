"""Saved files are written whole, or not at all."""

import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from spanproof.support.files import savedfile


class Note(msgspec.Struct):
    """A record to save."""

    text: str


SMALL_FILES_ONLY = """
import resource, signal, sys
from pathlib import Path
from spanproof.support.files import savedfile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    savedfile.write_bytes(b"x" * 100_000, Path(sys.argv[1]))
except OSError as problem:
    print(problem.strerror)
"""


def test_what_was_there_stays_if_the_disk_fills(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(b"before")
    done = subprocess.run(
        [sys.executable, "-c", SMALL_FILES_ONLY, str(path)], capture_output=True, check=True
    )
    assert done.stdout == b"File too large\n"
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path, link = tmp_path / "kept.json", tmp_path / "link.json"
    path.write_bytes(b"before")
    path.chmod(0o640)
    link.symlink_to(path)
    savedfile.write(Note("after"), link)
    assert link.is_symlink()
    assert path.read_bytes() == b'{\n  "text": "after"\n}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(tmp_path.iterdir()) == [path, link]


def test_a_new_file_has_the_mode_that_new_files_have(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        savedfile.write(Note("new"), tmp_path / "new.json")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new.json").stat().st_mode) == 0o640


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        savedfile.write_bytes(b"through", pipe)
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_new_names_do_not_meet_old_files(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "on the way"
    paths = [
        savedfile.write_new(savedfile.formatted(Note(text)), folder, "note")
        for text in ("one", "two")
    ]
    assert [path.name for path in paths] == ["note-1.json", "note-2.json"]
    assert savedfile.read(paths[0], Note, "no note", ValueError) == Note("one")


def test_a_folder_that_cannot_be_one_is_an_error_and_nothing_is_left(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        savedfile.write_new(savedfile.formatted(Note("one")), file / "inside", "note")
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_of_a_file_system_that_is_read_only_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OSError, match="Permission denied"):
        savedfile.check_folder(tmp_path / "new")
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))
    with pytest.raises(OSError, match="Read-only file system"):
        savedfile.check_folder(tmp_path / "new")


def test_of_a_record_that_cannot_be_written_no_name_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        savedfile.write_new(savedfile.formatted(Note("one")), tmp_path, "note")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.json", "my own/a.json", "it's $HOME.json", "-x.json", "a;b"])
def test_a_path_that_is_printed_in_a_command_is_one_word_and_no_option(name: str) -> None:
    (said,) = shlex.split(savedfile.as_argument(Path(name)))
    assert not said.startswith("-")
    assert Path(said) == Path(name)


class NotSaved(Exception):
    """What a test makes of a refusal."""


def test_what_may_have_no_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (Path("/dev/zero"), pipe):
        with pytest.raises(NotSaved, match=f"{place}: cannot be read: not a regular file"):
            savedfile.read(place, Note, "no note", NotSaved)
        assert savedfile.kind_of(place) == ""
    large = tmp_path / "large.json"
    savedfile.write(Note("x" * 100), large)
    monkeypatch.setattr(savedfile, "MOST_BYTES", 99)
    with pytest.raises(NotSaved, match=f"{large}: cannot be read: larger than 0 MiB"):
        savedfile.read(large, Note, "no note", NotSaved)
    with pytest.raises(NotSaved, match="cannot be read: Is a directory"):
        savedfile.read(tmp_path, Note, "no note", NotSaved)
