"""Which rules recorded events exercise: the recorder, run with a plain copy of the model."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from spanproof.report.recorder import Exercised
from spanproof.support.plaincopy import copy_model, environment
from spanproof.support.processes.children import with_parent

RECORDER: Final = "spanproof.report.recorder"
"""The module that runs in the other process."""


class Unexercised(Exception):
    """A trace, or the recorder, cannot be used; the message is the one line to show."""


def exercised(traces: Sequence[Path | str], on_progress: Callable[[int], None]) -> Exercised:
    """Replay traces, and return how many of their events exercised each rule.

    `on_progress` is told the number of events done, over all traces.

    Raises: Unexercised if a trace cannot be read, or the recorder cannot run.
    """
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryFile("w+") as complaints:
        copy_model(Path(name))
        with subprocess.Popen(
            [sys.executable, "-m", RECORDER, *map(str, traces)],
            env=environment(Path(name)),
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            preexec_fn=with_parent(),
        ) as recorder:
            assert recorder.stdout is not None
            try:
                for line in recorder.stdout:
                    words = json.loads(line)
                    if "problem" in words:
                        raise Unexercised(words["problem"])
                    if "rules" in words:
                        return Exercised(**words)
                    on_progress(words["done"])
            finally:
                recorder.kill()
        complaints.seek(0)
        last = complaints.read().strip().rpartition("\n")[2]
        raise Unexercised(f"the recorder of exercised rules failed: {last or 'it was killed'}")
