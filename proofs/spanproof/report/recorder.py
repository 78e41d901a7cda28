"""Counts which rules each event of a trace exercises: `python -m spanproof.report.recorder`.

It runs where the model is plain Python, so that every call of one of its functions can be seen. An
event exercises the rules of all functions that are called, or resumed, while it is replayed; it
counts once for each rule. One JSON document a line: progress, and at last the counts.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Final, NamedTuple

from spanproof.replay.following.replay import Replay
from spanproof.replay.following.verdict import TraceDivergence
from spanproof.replay.format.reader import TraceError, TraceReader
from spanproof.support.ruleplaces import rules_by_place

EVERY: Final = 5_000
"""Events between two words of progress."""


class Exercised(NamedTuple):
    """How many events were replayed, and how many of them exercised each rule.

    `diverged` names the traces that the model excludes, each with the line; the rest of such a
    trace is not counted.
    """

    events: int
    rules: dict[str, int]
    diverged: list[str]


class RecordedCalls:
    """Which functions of the model are called, event by event."""

    def __init__(self) -> None:
        self.counts: Counter[frozenset[CodeType]] = Counter()
        self._codes: set[CodeType] = set()

    def profile(self, frame: FrameType, event: str, _: object) -> None:
        """Note a call, as the interpreter's profile function."""
        if event == "call":
            self._codes.add(frame.f_code)

    def event_ends(self) -> None:
        """Count the calls since the last event as those of one event."""
        self.counts[frozenset(self._codes)] += 1
        self._codes.clear()


def rules_of(codes: Counter[frozenset[CodeType]]) -> dict[str, int]:
    """Return how many events exercised each rule, from the calls that each event made."""
    known = rules_by_place()
    counts: Counter[str] = Counter()
    for called, events in codes.items():
        places = ((code.co_filename, code.co_qualname) for code in called)
        rules = frozenset[str]().union(*(known.get(place, frozenset()) for place in places))
        counts.update(dict.fromkeys(rules, events))
    return dict(counts)


def exercise(
    path: str, calls: RecordedCalls, on_progress: Callable[[int], None]
) -> tuple[int, TraceDivergence | None]:
    """Replay a trace with its calls noted; return how many events, and what ended it if it did.

    Raises: TraceError if the trace cannot be read.
    """
    with TraceReader(path) as source:
        replay = Replay(source.header)
        due = EVERY
        for batch in source.batches():
            for event in batch:
                sys.setprofile(calls.profile)
                divergence = replay.run((event,))
                sys.setprofile(None)
                calls.event_ends()
                if divergence is not None:
                    return replay.line, divergence
            if replay.line >= due:
                due += EVERY
                on_progress(replay.line)
        return replay.line, None


def say(**words: object) -> None:
    """Print one JSON document on a line of its own, at once."""
    print(json.dumps(words), flush=True)


def main() -> None:
    """Exercise the traces named on the command line, and print the counts."""
    calls, events = RecordedCalls(), 0
    diverged: list[str] = []
    for path in sys.argv[1:]:

        def progress(done: int, before: int = events) -> None:
            say(done=before + done)

        try:
            replayed, divergence = exercise(path, calls, progress)
        except TraceError as problem:
            say(problem=str(problem))
            return
        events += replayed
        if divergence is not None:
            diverged.append(f"{path}:{divergence.line}")
        say(done=events)
    say(**Exercised(events, rules_of(calls.counts), diverged)._asdict())


if __name__ == "__main__":
    main()
