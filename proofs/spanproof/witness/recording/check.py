"""Judging a recording: a Go toolchain's own allocator, step by step at level span.

Each step is held against what the model does from the recorded state before; addresses of two runs
are never compared, because other goroutines allocate, too.
"""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from spanproof.witness.errors import WitnessError
from spanproof.witness.recording.allocations import alloc
from spanproof.witness.recording.dumps import checkpoint, cycle
from spanproof.witness.recording.known import RecordedHeap, StepDiverged
from spanproof.witness.recording.recordings import Event, lines_of


class Checked(NamedTuple):
    """What was checked: the version, events by kind, and the first divergence, if there is one."""

    path: str
    go: str
    kinds: dict[str, int]
    divergence: dict[str, str | int] | None


class Recording(RecordedHeap):
    """Checks the events of one recording, one after the other."""

    def take(self, event: Event) -> str:
        """Check one event; return its kind.

        Raises: StepDiverged; KeyError, TypeError or ValueError if it lacks what the schema says.
        """
        kind: str = event["e"]
        if kind != "gcstart" or "n" in event:
            number = event.get("n", self.number + 1)
            fine = (
                number in (self.number, self.number + 1)
                if kind in ("ckpt", "gcstart", "gc")
                else number == self.number + 1
            )
            self.require(
                fine or self.number < 0,
                "EX-10",
                "events are numbered without gaps",
                self.number + 1,
                number,
            )
            self.number = number
        match kind:
            case "alloc":
                alloc(self, event)
            case "drop":
                self.dropped.append(self.live.pop(event["id"]))
            case "gc":
                cycle(self, event)
            case "ckpt":
                checkpoint(self, event)
            case "gcstart":
                pass
            case _:
                raise ValueError(f"an event of the unknown kind {kind!r}")
        return kind


def check_recording(path: str) -> Checked:
    """Check a recording, up to its first divergence.

    Raises: WitnessError if it is no recording, or an event lacks what the schema says.
    """
    source = lines_of(Path(path))
    header = next(source, None)
    if header is None:
        raise WitnessError(f"{path}: an empty recording")
    kinds: Counter[str] = Counter()
    line = 1
    try:
        recording = Recording(header)
        for event in source:
            line += 1
            kinds[recording.take(event)] += 1
    except StepDiverged as problem:
        found: dict[str, str | int] = {
            "line": line,
            "rule": problem.rule,
            "what": problem.what,
            "expected": problem.expected,
            "seen": problem.seen,
        }
        return Checked(path, header["go"], dict(kinds), found)
    except AssertionError as problem:
        rule, _, what = str(problem).partition(": ")
        failed: dict[str, str | int] = {
            "line": line,
            "rule": rule,
            "what": what or rule,
            "expected": "no fatal check fails",
            "seen": "it does",
        }
        return Checked(path, header["go"], dict(kinds), failed)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as problem:
        what = f"{type(problem).__name__}: {problem}"
        raise WitnessError(f"{path}:{line}: not as schema 1 says ({what})") from None
    if not kinds:
        raise WitnessError(f"{path}: a recording without events")
    return Checked(path, header["go"], dict(kinds), None)
