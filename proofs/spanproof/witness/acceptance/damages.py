"""Single damages of a copied heap: how many are noticed, and how many are called damage."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from spanproof.witness.acceptance.damage import KINDS, ONLY_AT_REST, NotHere, Overwrite, TargetHeap
from spanproof.witness.acceptance.programs import running
from spanproof.witness.errors import Unreadable, WitnessError
from spanproof.witness.judging.finding import Finding, FindingVerdict
from spanproof.witness.program.memory import OverwrittenMemory
from spanproof.witness.reading.source import Attached, Capture, WitnessedProgram, image_of
from spanproof.witness.report import reported

TRIES: Final = 200
"""Stops until a heap is at rest."""

OF_EACH: Final = 12
"""Damages of one copied heap; then another is copied."""


class DamagesTried(msgspec.Struct):
    """Damages by kind: how many there were, were noticed, and were called damage."""

    go: str
    quiet: bool
    of: dict[str, int] = {}
    noticed: dict[str, int] = {}
    called: dict[str, int] = {}

    @property
    def holds(self) -> bool:
        """Whether 95 of 100 are noticed at rest, or 85 of 100 are called damage under load."""
        part = self.noticed if self.quiet else self.called
        whole = sum(self.of.values())
        return 100 * sum(part.values()) >= (95 if self.quiet else 85) * whole > 0

    def lines(self) -> Iterator[str]:
        """Yield the figures: of all, and of each kind that was missed."""
        whole = sum(self.of.values())
        how = "at rest" if self.quiet else "under load"
        yield (
            f"{self.go} {how}: of {whole} single damages of {len(self.of)} kinds "
            f"{sum(self.noticed.values())} noticed, {sum(self.called.values())} called damage"
        )
        for kind, number in self.of.items():
            noticed, called = self.noticed.get(kind, 0), self.called.get(kind, 0)
            if called < number:
                yield f"  {kind}: {noticed} noticed, {called} called damage, of {number}"


def found_in(
    memory: OverwrittenMemory, program: WitnessedProgram, capture: Capture
) -> list[Finding] | None:
    """Return the findings of a damaged copy; None if it is refused in a line."""
    try:
        return reported(image_of(memory, program, capture.registers, "a damaged copy")).findings
    except WitnessError:
        return None
    except Unreadable as problem:
        if not problem.missing:
            raise
        return None  # what is led to was not copied: a live reader would look there, and stop again


def damaged(capture: Capture, change: Overwrite) -> OverwrittenMemory:
    """Return a copy with a damage."""
    memory = OverwrittenMemory(capture.memory)
    memory.overwrite(change.address, change.data)
    return memory


def capture_of(
    attached: Attached, quiet: bool, drawn: random.Random
) -> tuple[Capture, list[Finding]]:
    """Return a copied heap, at rest or as it comes, and what is found in it."""
    for _ in range(TRIES):
        time.sleep(drawn.random() / 50)
        capture = attached.copied()
        report = reported(capture.stop.image)
        if not quiet or (not report.findings and capture.stop.image.phase in (0, None)):
            return capture, report.findings
    raise WitnessError("the load is never at rest")


def damages(program: Path, go: str, number: int, quiet: bool, seed: int) -> DamagesTried:
    """Damage copied heaps of a load, each kind in turn.

    Raises: WitnessError if it cannot be read.
    """
    drawn = random.Random(seed)
    kinds: dict[str, Callable[[TargetHeap], Overwrite]] = {
        **KINDS,
        **(ONLY_AT_REST if quiet else {}),
    }
    names = list(kinds)
    drawn.shuffle(names)
    noticed, called, of = Counter[str](), Counter[str](), Counter[str]()
    with running(program, "slow" if quiet else "busy") as process:
        attached = Attached(process.pid, None, None)
        capture, base = capture_of(attached, quiet, drawn)
        for turn in range(10 * number):
            if sum(of.values()) >= number:
                break
            if turn % OF_EACH == OF_EACH - 1:
                capture, base = capture_of(attached, quiet, drawn)
            kind = names[turn % len(names)]
            target = TargetHeap(
                capture.memory, attached.program, capture.stop.image, drawn.getrandbits(32)
            )
            try:
                change = kinds[kind](target)
                if capture.memory.read(change.address, len(change.data)) == change.data:
                    continue
            except NotHere:
                continue
            of[kind] += 1
            seen = found_in(damaged(capture, change), attached.program, capture)
            before = {(f.key, f.what) for f in base}
            fresh = [f for f in seen or [] if (f.key, f.what) not in before]
            noticed[kind] += seen is None or bool(fresh)
            called[kind] += seen is None or any(f.verdict is FindingVerdict.DAMAGE for f in fresh)
    return DamagesTried(go, quiet, dict(of), dict(noticed), dict(called))
