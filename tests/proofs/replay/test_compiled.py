"""The judge of traces is in one library with the model, and each runs as its sources say."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import spanproof.replay
import spanspec
from spanproof.support.files.traces import bundled_traces

pytestmark = pytest.mark.skipif(
    not (spanspec.RUNNING.compiled and spanproof.replay.RUNNING.compiled),
    reason="the model and the judge are not compiled here: install a C compiler, then say make",
)

CHECKED = """
import json, sys
sys.path.insert(0, sys.argv[1])
import spanspec, spanspec.span.mspan as mspan
import spanproof.replay, spanproof.replay.following.replay as replay
from spanproof.replay.check import check_trace
from spanproof.replay.format.reader import TraceReader
from spanproof.replay.following.verdict import EventVerdict
from spanproof.support.stale import stale
with TraceReader(sys.argv[2]) as source:
    report = check_trace(source)
assert report.divergence is None and report.problem is None
print(json.dumps({
    "events": [report.tally.total(verdict) for verdict in EventVerdict],
    "sources": [module.__file__.endswith(".py") for module in (mspan, replay)],
    "reason": spanproof.replay.RUNNING.reason,
    "stale": [line.partition(" ")[0] for line in stale()],
}))
"""


def checked(folder: Path) -> dict[str, object]:
    """Check a trace with the packages of a folder before the installed ones."""
    command = [sys.executable, "-c", CHECKED, str(folder), str(bundled_traces()[0])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def edited_copy(package: str, module: str, folder: Path) -> None:
    """Copy a package with all that is compiled of it, and edit one module of the copy."""
    source = Path(next(iter(sys.modules[package].__path__)))
    shutil.copytree(source, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / package / module).open("a", encoding="utf-8") as text:
        text.write("\nMORE = 1\n")


def test_with_the_sources_of_the_model_the_judge_runs_from_its_own(tmp_path: Path) -> None:
    edited_copy("spanspec", "span/mspan.py", tmp_path)
    found = checked(tmp_path)
    assert found["sources"] == [True, True]
    assert str(found["reason"]).startswith("what it is compiled with runs interpreted: changed")
    assert found["stale"] == ["spanspec"]
    assert found["events"] == checked(tmp_path / "nothing")["events"]


def test_the_sources_of_the_judge_drive_the_model_as_it_is_compiled(tmp_path: Path) -> None:
    edited_copy("spanproof", "replay/following/threads.py", tmp_path)
    found = checked(tmp_path)
    assert found["sources"] == [False, True]
    assert str(found["reason"]).startswith("changed since it was compiled: following/threads.py;")
    assert found["stale"] == ["spanproof.replay"]
    unchanged = checked(tmp_path / "nothing")
    assert (unchanged["sources"], unchanged["stale"]) == ([False, False], [])
    assert found["events"] == unchanged["events"]
