"""What a figure is: what is measured, against what, the goal, and what came out."""

import fnmatch
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Final, Literal, NamedTuple

from spanproof.support.tools import Missing


class Settings(NamedTuple):
    """How to measure: in little time, and on which recorded trace, if not on a bundled one."""

    quick: bool = False
    trace: Path | None = None


class SamplePair(NamedTuple):
    """Two samples taken one after the other, in one unit: ours, and what it is held against."""

    ours: float
    theirs: float


class Table(NamedTuple):
    """Details beside the ratio."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Measured(NamedTuple):
    """The samples of a figure, in their order; `details` and `note` are for the reader."""

    pairs: tuple[SamplePair, ...]
    unit: str = "s"
    details: Table | None = None
    note: str = ""


Sense = Literal["at most", "at least"]

Reads = Literal["cost", "speed"]
"""A cost is ours over theirs; a speed is theirs over ours: so many times as fast."""


class Goal(NamedTuple):
    """A ratio that is to be met."""

    sense: Sense
    ratio: float

    def __str__(self) -> str:
        return f"{self.sense} {self.ratio:g} x"

    def met_by(self, ratio: float) -> bool:
        """Tell whether a ratio meets the goal."""
        return ratio <= self.ratio if self.sense == "at most" else ratio >= self.ratio


class Figure(NamedTuple):
    """One figure: `ours` is measured against `theirs`; without a goal, it is for information."""

    id: str
    ours: str
    theirs: str
    reads: Reads
    goal: Goal | None
    measure: Callable[[Settings], Measured]

    def ratio(self, pair: SamplePair) -> float:
        """Return the ratio of a pair as this figure reads it."""
        return pair.ours / pair.theirs if self.reads == "cost" else pair.theirs / pair.ours


Verdict = Literal["met", "missed", "measured", "skipped", "failed"]


class FigureOutcome(NamedTuple):
    """A figure and its samples, or why there are none.

    It is skipped if this machine lacks something, and has failed if what ran was wrong.
    """

    figure: Figure
    measured: Measured | None
    skipped: str = ""
    failed: str = ""

    @property
    def ratios(self) -> list[float]:
        """The ratios of all pairs, ascending."""
        pairs = self.measured.pairs if self.measured is not None else ()
        return sorted(self.figure.ratio(pair) for pair in pairs)

    @property
    def ratio(self) -> float:
        """The median of the ratios. Raises: StatisticsError if the figure was skipped."""
        return median(self.ratios)

    @property
    def verdict(self) -> Verdict:
        """What became of the figure and its goal."""
        if self.measured is None:
            return "failed" if self.failed else "skipped"
        if self.figure.goal is None:
            return "measured"
        return "met" if self.figure.goal.met_by(self.ratio) else "missed"

    @property
    def good(self) -> bool:
        """Whether nothing was wrong, and no goal was missed."""
        return self.verdict not in ("missed", "failed")


REGISTRY: Final[dict[str, Figure]] = {}
"""All figures by id, filled as the modules of their areas are imported."""

Measure = Callable[[Settings], Measured]


def figure(
    id: str, ours: str, theirs: str, *, reads: Reads = "cost", goal: Goal | None = None
) -> Callable[[Measure], Measure]:
    """Register a measuring function as a figure.

    Raises: ValueError if the id is taken.
    """

    def register(measure: Measure) -> Measure:
        if id in REGISTRY:
            raise ValueError(f"figure {id!r} is registered twice")
        REGISTRY[id] = Figure(id, ours, theirs, reads, goal, measure)
        return measure

    return register


def chosen(figures: Sequence[Figure], pattern: str) -> list[Figure]:
    """Return the figures whose id matches a shell pattern, or contains it."""
    return [one for one in figures if fnmatch.fnmatchcase(one.id, pattern) or pattern in one.id]


def measure(figure: Figure, settings: Settings) -> FigureOutcome:
    """Measure one figure, unless it lacks something or goes wrong; the outcome says why."""
    try:
        return FigureOutcome(figure, figure.measure(settings))
    except Missing as reason:
        return FigureOutcome(figure, None, skipped=str(reason))
    except RuntimeError as problem:
        return FigureOutcome(figure, None, failed=" ".join(str(problem).split()))
