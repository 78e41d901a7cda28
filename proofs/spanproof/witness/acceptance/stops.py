"""Stops of a sound program under full load: nothing in them is damage."""

import random
import time
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec

from spanproof.witness.acceptance.programs import running
from spanproof.witness.errors import WitnessError
from spanproof.witness.judging.finding import FindingVerdict
from spanproof.witness.reading.source import Attached
from spanproof.witness.report import reported
from spanproof.witness.snapshots import save

GAP: Final = 0.03
"""Seconds between two stops, at most."""


class Stops(msgspec.Struct):
    """Stops by what they show: nothing, what is in flight, something undecided, damage.

    `odd` tells of the last two, in lines. Seconds are those of all stops, and of the longest still.
    """

    go: str
    shown: dict[str, int]
    odd: list[str]
    seconds: float
    stood_still: float

    @property
    def number(self) -> int:
        """How many stops there were."""
        return sum(self.shown.values())

    @property
    def holds(self) -> bool:
        """Whether there is no damage, and at most 1 stop in 100 is undecided or impossible."""
        unclear = self.shown.get("undecided", 0) + self.shown.get("refused", 0)
        return not self.shown.get("damage") and 100 * unclear <= self.number

    def line(self) -> str:
        """Return the figures in a line."""
        told = ", ".join(f"{number} {what}" for what, number in sorted(self.shown.items()))
        return (
            f"{self.go}: {self.number} stops: {told}; {self.seconds / max(self.number, 1):.2f} s "
            f"each, of {1000 * self.stood_still:.0f} ms at most"
        )


def stopped_often(
    program: Path,
    go: str,
    number: int,
    mode: str,
    seed: int,
    keep: Path | None,
    donor: Path | None = None,
) -> Stops:
    """Stop a load a number of times; images that show damage or are undecided are kept.

    The donor lends the layout of a stripped program.

    Raises: WitnessError if it cannot be read.
    """
    drawn = random.Random(seed)
    shown: Counter[str] = Counter()
    odd: list[str] = []
    longest = 0.0
    with running(program, mode) as process:
        attached = Attached(process.pid, None, donor)
        started = time.perf_counter()
        for stop in range(number):
            time.sleep(drawn.random() * GAP)
            try:
                taken = attached.take()
            except WitnessError as problem:
                shown["refused"] += 1
                odd.append(f"stop {stop}: {problem}")
                continue
            longest = max(longest, taken.stood_still)
            report = reported(taken.image)
            verdicts = {finding.verdict for finding in report.findings}
            worst = next((one for one in FindingVerdict.ranked() if one in verdicts), None)
            shown[worst.value if worst else "at rest"] += 1
            if worst in (FindingVerdict.DAMAGE, FindingVerdict.UNDECIDED):
                odd += [
                    f"stop {stop}: {f.verdict.value} {f.rule}: {f.what} ({f.why})"
                    for f in report.findings
                    if f.verdict is not FindingVerdict.IN_FLIGHT
                ]
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    save(report.image, report.profile, keep / f"{go}-{stop}.json")
        spent = time.perf_counter() - started
    return Stops(go, dict(shown), odd, spent, longest)
