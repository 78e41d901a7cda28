"""Switching a bug in: a changed copy of the model, judged in a process of its own.

The copy is plain Python, whether or not the installed model is compiled, and stands in front of it
on the path. The judges are the bundled traces of small programs, and random programs.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from spanproof.mutation.knownbugs.catalogue import KnownBug
from spanproof.patch.patches import DoesNotApply, place_of
from spanproof.support.plaincopy import copy_model, environment
from spanproof.support.processes.programs import complaint, ran

PROGRAMS: Final = 40
"""Random programs run for each bug at most; most are found by the first few."""

STEPS: Final = 1500
"""Steps of each of them."""

JUDGE: Final = "spanproof.mutation.knownbugs.judge"
"""The module that runs in the other process."""


class FoundBy(NamedTuple):
    """What found a bug, a trace or a random program, and what it said; empty if nothing did.

    `wrong` says why nobody could look: the bug does not apply, or the judges themselves failed.
    """

    by: str
    says: str
    wrong: str = ""


class JudgesFailed(Exception):
    """The judges ended with another status than 0; `last` is the last line of what they said."""

    def __init__(self, status: int, last: str) -> None:
        super().__init__(last)
        self.status, self.last = status, last


def changed_copy(bug: KnownBug, folder: Path) -> None:
    """Write a copy of the model with a bug into a folder.

    Raises: DoesNotApply if the bug's piece is not in its module, once: it is out of date.
    """
    path = copy_model(folder) / f"{bug.module.replace('.', '/')}.py"
    text = path.read_text(encoding="utf-8")
    changed = bug.apply(text)
    head = "from msgspec.structs import replace\nfrom spanspec.base.bitmap import NO_BITS\n"
    if bug.module == "heap.courses.reclaim":
        changed = changed.replace("from typing import Final\n", f"from typing import Final\n{head}")
    path.write_text(changed, encoding="utf-8")


def find(bug: KnownBug) -> FoundBy:
    """Switch a bug in, and return what found it, or why nothing could."""
    with tempfile.TemporaryDirectory() as name:
        try:
            changed_copy(bug, Path(name))
        except DoesNotApply as problem:
            where = place_of(bug.name, "spanproof.mutation.knownbugs")
            return FoundBy("", "", f"does not apply: {where}: {problem}")
        try:
            return judged(Path(name), PROGRAMS, STEPS)
        except JudgesFailed as problem:
            says = f"the judges failed, with status {problem.status}: {problem.last}"
            return FoundBy("", "", says)


def judged(folder: Path, programs: int, steps: int, seconds: float | None = None) -> FoundBy:
    """Let the judges run the copy of the model in a folder, and return what found something.

    Raises: JudgesFailed; subprocess.TimeoutExpired after so many seconds.
    """
    done = ran(
        [sys.executable, "-m", JUDGE, str(programs), str(steps)],
        environment=environment(folder),
        seconds=seconds,
    )
    if done.returncode != 0:
        raise JudgesFailed(done.returncode, complaint(done, ""))
    answer = json.loads(done.stdout)
    return FoundBy(answer["by"], answer["says"])
