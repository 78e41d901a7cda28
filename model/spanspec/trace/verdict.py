"""What the replay says of an event, and the record of a divergence."""

from collections import Counter
from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """How an event stands to the model.

    `predicted`: the model says exactly this. `allowed`: a race or an unrecorded input leaves more
    than one outcome, and this is one of them. `input`: the trace tells the model something. `not
    modelled`: no rule of this model speaks of it yet.
    """

    PREDICTED = "predicted"
    ALLOWED = "allowed"
    INPUT = "input"
    NOT_MODELLED = "not modelled"


class Tally:
    """Counts of verdicts by kind of event, and of the rules that predictions rested on."""

    def __init__(self) -> None:
        self.by_kind: dict[str, Counter[Verdict]] = {}
        self.events = 0

    def add(self, kind: str, verdict: Verdict) -> None:
        """Count one event."""
        self.events += 1
        if kind not in self.by_kind:
            self.by_kind[kind] = Counter()
        self.by_kind[kind][verdict] += 1

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
