"""Switching a bug in: a changed copy of the model, judged in a process of its own.

The copy is plain Python, whether or not the installed model is compiled, and stands in front of it
on the path. The judges are the bundled traces of small programs, and random programs.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from spanproof.mutation.knownbugs.catalogue import KnownBug
from spanproof.patch.patches import DoesNotApply, patched, place_of
from spanproof.support.plaincopy import copy_model, environment
from spanproof.support.processes import with_parent

PROGRAMS: Final = 12
"""Random programs run for each bug at most."""

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


def changed_copy(bug: KnownBug, folder: Path) -> None:
    """Write a copy of the model with a bug into a folder.

    Raises: DoesNotApply if the bug's piece is not in its module, once: it is out of date.
    """
    path = copy_model(folder) / f"{bug.module.replace('.', '/')}.py"
    text = path.read_text(encoding="utf-8")
    changed = patched(text, bug.old, bug.new, where=f"spanspec.{bug.module}")
    head = "from msgspec.structs import replace\nfrom spanspec.base.bitmap import NO_BITS\n"
    if bug.module == "heap.reclaim":
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
        done = subprocess.run(
            [sys.executable, "-m", JUDGE, str(PROGRAMS), str(STEPS)],
            env=environment(Path(name)),
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=with_parent(),
        )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return FoundBy("", "", f"the judges failed, with status {done.returncode}: {last}")
    answer = json.loads(done.stdout)
    return FoundBy(answer["by"], answer["says"])
