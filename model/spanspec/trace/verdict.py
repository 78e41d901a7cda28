"""What the replay says of an event, and the record of a divergence."""

from collections import Counter
from enum import StrEnum
from typing import NamedTuple

from spanspec.trace.fields import EventBase
from spanspec.trace.schema import KIND_OF


class Verdict(StrEnum):
    """How an event stands to the model.

    `predicted`: the model says exactly this. `allowed`: a race or an unrecorded pacing parameter
    leaves more than one outcome, and this is one of them. `input`: the trace tells the model what
    the program, the scheduler or the clock decided.
    """

    PREDICTED = "predicted"
    ALLOWED = "allowed"
    INPUT = "input"


class Tally:
    """Counts of verdicts by kind of event; `predicted` has those of the commonest verdict."""

    def __init__(self) -> None:
        self.predicted: dict[type[EventBase], int] = dict.fromkeys(KIND_OF, 0)
        self._others: Counter[tuple[type[EventBase], Verdict]] = Counter()

    def add(self, kind: type[EventBase], verdict: Verdict) -> None:
        """Count one event that is not merely predicted."""
        self._others[kind, verdict] += 1

    @property
    def by_kind(self) -> dict[str, Counter[Verdict]]:
        """Counts by kind, of the kinds that occurred."""
        found: dict[str, Counter[Verdict]] = {}
        for event, count in self.predicted.items():
            if count:
                found[KIND_OF[event]] = Counter({Verdict.PREDICTED: count})
        for (event, verdict), count in self._others.items():
            found.setdefault(KIND_OF[event], Counter())[verdict] += count
        return found

    @property
    def events(self) -> int:
        """How many events were counted."""
        return sum(self.predicted.values()) + sum(self._others.values())

    def total(self, verdict: Verdict) -> int:
        """Return how many events got a verdict."""
        return sum(counts[verdict] for counts in self.by_kind.values())


class Divergence(NamedTuple):
    """An event that the model excludes.

    `line` is the event's place in the trace, `event` its text; `rule` the rule that says
    otherwise; `history` the last events that touched the span, with their lines; `state` the
    span and its surroundings in words.
    """

    line: int
    event: str
    rule: str
    what: str
    expected: str
    seen: str
    history: tuple[str, ...]
    state: tuple[str, ...]


class Diverged(Exception):
    """Raised inside the replay when a rule excludes an event; the replay adds where and what."""

    def __init__(self, rule: str, what: str, expected: object, seen: object) -> None:
        super().__init__(f"{rule}: {what}: expected {expected}, seen {seen}")
        self.rule = rule
        self.what = what
        self.expected = str(expected)
        self.seen = str(seen)


def expect(rule: str, what: str, expected: object, seen: object) -> None:
    """Require that something seen is what a rule says.

    Raises: Diverged if it is not.
    """
    if expected != seen:
        raise Diverged(rule, what, expected, seen)
