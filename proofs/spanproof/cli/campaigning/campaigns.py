"""What `spanspec fuzz` shows of a campaign while it runs, and of the rules that it reached."""

import time
from collections import Counter

from rich.progress import Progress, TaskID

from spanproof.fuzz.engine.watching import ReachedBy, Watcher
from spanproof.fuzz.lockstep.divergence import AnyProgram


class ProgressLine:
    """The line of a campaign under way: operations a second, rules, findings, since when nothing
    was new.
    """

    def __init__(
        self,
        display: Progress,
        whole: int,
        by_seconds: bool,
        watcher: Watcher | None,
        findings: int,
    ) -> None:
        self._display = display
        self._task: TaskID = display.add_task("fuzzing", total=whole)
        self._whole = whole
        self._by_seconds = by_seconds
        self._watcher = watcher
        self._kept = 0
        self._new_at = time.monotonic()
        self._findings = findings

    def advance(self, done: Counter[str], spent: float) -> None:
        """Show what was done so far."""
        if done["kept"] > self._kept:
            self._kept, self._new_at = done["kept"], time.monotonic()
        words = [f"{done['calls'] / max(spent, 0.001):.0f} operations/s"]
        if self._watcher is not None:
            words.append(f"{len(self._watcher.so_far().reached)} rules")
        words.append(f"{self._findings} findings")
        words.append(f"new {time.monotonic() - self._new_at:.0f} s ago")
        self._display.update(
            self._task,
            completed=min(int(spent), self._whole) if self._by_seconds else done["programs"],
            description=", ".join(words),
        )
        self._display.refresh()

    def is_found(self) -> None:
        """Show that a finding is made smaller."""
        self._findings += 1
        self._display.update(self._task, visible=False)
        self._display.add_task("shrinking", total=None)
        self._display.refresh()

    def kept(self, program: AnyProgram) -> None:
        """Have a program looked at that has shown something new."""
        if self._watcher is not None:
            self._watcher.watch(program)


def reached_json(reached: ReachedBy) -> dict[str, object]:
    """Return what was reached as a part of a JSON document."""
    return {
        "reached": {rule: reached.first[rule] for rule in reached.reached},
        "not_reached": reached.missing,
        "not_counted": reached.known.others,
        "share": reached.share,
    }
