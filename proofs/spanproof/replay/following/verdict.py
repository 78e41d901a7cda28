"""What the replay says of an event, and the record of a divergence."""

import re
from collections import Counter
from enum import StrEnum
from typing import Final, NamedTuple

from spanproof.replay.format.schema import KIND_OF


class EventVerdict(StrEnum):
    """How an event stands to the model.

    `predicted`: the model says exactly this. `allowed`: a race or an unrecorded pacing parameter
    leaves more than one outcome, and this is one of them. `input`: the trace tells the model what
    the program, the scheduler or the clock decided.
    """

    PREDICTED = "predicted"
    ALLOWED = "allowed"
    INPUT = "input"


PREDICTED: Final = EventVerdict.PREDICTED
ALLOWED: Final = EventVerdict.ALLOWED
INPUT: Final = EventVerdict.INPUT
"""The verdicts as compiled code finds them at once: a member of a class is looked up there."""


class Counts:
    """How many events of a kind got each verdict."""

    def __init__(self) -> None:
        self.predicted = 0
        self.allowed = 0
        self.inputs = 0

    def by_verdict(self) -> Counter[EventVerdict]:
        """Return the counts of the verdicts that were given."""
        counts = {PREDICTED: self.predicted, ALLOWED: self.allowed, INPUT: self.inputs}
        return Counter({verdict: count for verdict, count in counts.items() if count})


class Tally:
    """Counts of verdicts by kind of event; `of` has those of each kind, in their order."""

    def __init__(self) -> None:
        self.of = [Counts() for _ in KIND_OF]

    @property
    def by_kind(self) -> dict[str, Counter[EventVerdict]]:
        """Counts by kind, of the kinds that occurred."""
        kinds = zip(KIND_OF.values(), self.of, strict=True)
        found = {kind: counts.by_verdict() for kind, counts in kinds}
        return {kind: counts for kind, counts in found.items() if counts}

    @property
    def events(self) -> int:
        """How many events were counted."""
        return sum(counts.predicted + counts.allowed + counts.inputs for counts in self.of)

    def total(self, verdict: EventVerdict) -> int:
        """Return how many events got a verdict."""
        return sum(counts[verdict] for counts in self.by_kind.values())


class TraceDivergence(NamedTuple):
    """An event that the model excludes.

    `line` is the event's place in the trace, `kind` its kind, `event` its text, and `told` the same
    in words; `rule` is the rule that says otherwise; `history` the last events that touched the
    span, with their lines; `state` the span and its surroundings in words, and `moment` when they
    were so.
    """

    line: int
    kind: str
    event: str
    rule: str
    what: str
    expected: str
    seen: str
    told: str = ""
    history: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    moment: str = ""

    @property
    def cause(self) -> str:
        """What divergences of one cause have in common: the rule, the kind, and what is wrong."""
        return f"{self.rule} {self.kind}: {re.sub(r'[0-9]+', 'N', self.what)}"


BEFORE: Final = "before the event"
AFTER: Final = "after the model's own step"
DURING: Final = "in the middle of the model's step"
"""When a state was as it is shown."""


class Diverged(Exception):
    """Raised inside the replay when a rule excludes an event; the replay adds where and what."""

    def __init__(
        self, rule: str, what: str, expected: object, seen: object, moment: str = ""
    ) -> None:
        super().__init__(f"{rule}: {what}: expected {expected}, seen {seen}")
        self.rule = rule
        self.what = what
        self.expected = str(expected)
        self.seen = str(seen)
        self.moment = moment


def expect(rule: str, what: str, expected: object, seen: object, moment: str = "") -> None:
    """Require that something seen is what a rule says.

    `moment` tells when the state is as it is then; without one, the replay knows.

    Raises: Diverged if it is not.
    """
    if expected != seen:
        raise Diverged(rule, what, expected, seen, moment)


def broken_off(problem: AssertionError) -> Diverged:
    """Return the divergence of an event at which an assertion of the model's own does not hold.

    It is a fatal check of the runtime, or what a step asks for. Either no run of the runtime has
    these events, or the model is wrong.
    """
    rule, _, says = str(problem).partition(": ")
    fatal = "the model runs into a fatal check of the runtime"
    what = fatal if rule.startswith("T-") else "the model cannot take this step"
    return Diverged(rule, what, "it holds", says, DURING)
