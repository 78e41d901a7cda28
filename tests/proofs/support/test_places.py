"""A command writes where it is told to, and what it keeps besides into one folder, or nowhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spanproof.decide.cache import Cache
from spanproof.support.files.folders import NOWHERE, VARIABLE, cache_folder

TRACE = Path(__file__).resolve().parents[3] / "proofs/spanproof/data/small-tiny.jsonl.gz"

# Notes each file that is opened to be written, and each folder that is made, of any command.
WATCHED = """
import os, sys
from pathlib import Path

written = set()

def note(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        path, mode, flags = arguments
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or set(mode or "") & set("wxa+"):
            written.add(os.path.abspath(os.fsdecode(path)))
    elif event in ("os.mkdir", "os.rename", "os.link", "os.symlink"):
        written.add(os.path.abspath(os.fsdecode(arguments[0])))

sys.dont_write_bytecode = True
sys.addaudithook(note)
from spanproof.support.files.folders import keep_working_directory_clean
keep_working_directory_clean()
from spanproof.cli.app import run

statuses = [run(line.split()) for line in sys.argv[1:]]
print("written", *sorted(written - {os.devnull}), sep="\\n", file=sys.stderr)
print("statuses", *statuses, file=sys.stderr)
"""

COMMANDS = (
    f"check {TRACE}",
    "explain --list",
    "fuzz --of span --examples 200",
    "simulate --steps 5",
)
PROVING = (
    f"corrupt {TRACE} --number 2 --most 200",
    "prove sweepgen.relabel --jobs 1",
    "explain SPAN-12",
    "mutants sweepgen.relabel",
)


LONG = pytest.mark.skipif(
    "SPANSPEC_SIGNALS" not in os.environ, reason="takes a minute: set SPANSPEC_SIGNALS=1"
)


@pytest.mark.parametrize(
    ("home", "commands"),
    [
        pytest.param("/proc/nowhere", COMMANDS, id="no folder"),
        pytest.param("/proc/nowhere", PROVING, id="no folder, long", marks=LONG),
        pytest.param(None, (*COMMANDS, *PROVING), id="no home, long", marks=LONG),
    ],
)
def test_nothing_that_is_kept_is_needed_and_nothing_else_is_written(
    tmp_path: Path, home: str | None, commands: tuple[str, ...]
) -> None:
    """The working directory is one that not even the superuser can write."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("XDG_", "HYPOTHESIS_", "SPANSPEC_", "HOME", "PYTEST"))
    }
    environment |= {"TMPDIR": str(tmp_path)} | ({"HOME": home} if home else {VARIABLE: "off"})
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *commands],
        cwd="/proc",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    _, _, told = done.stderr.partition("written\n")
    *written, statuses = told.splitlines()
    assert statuses == f"statuses{' 0' * len(commands)}", done.stderr
    inside = (str(tmp_path), str(NOWHERE) if home is None else f"{home}/.cache/spanspec")
    tried = () if home is None else (f"{home}/.cache", home, str(Path(home).parent))
    assert [path for path in written if not path.startswith(inside) and path not in tried] == []
    assert list(tmp_path.iterdir()) == []


def test_one_variable_names_the_folder_or_says_that_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "kept"))
    Cache().put("key", 7)
    assert Cache().get("key", int) == 7
    assert list((tmp_path / "kept").rglob("key.json"))
    for off in ("off", "", "0", "NONE"):
        monkeypatch.setenv(VARIABLE, off)
        assert cache_folder() == NOWHERE
        Cache().put("key", 7)
        assert Cache().get("key", int) is None


def test_without_a_home_no_folder_of_its_sign_is_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (VARIABLE, "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError("no such user")))
    assert cache_folder() == NOWHERE
