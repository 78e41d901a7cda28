"""Cores of programs that died of a damaged span: the span and the rule are named.

A load is stopped, one field of a span is overwritten in its memory, and it goes on until the
runtime finds the damage, throws, and the kernel writes a core.
"""

import os
import random
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from spanproof.witness.acceptance.damage import NotHere, Overwrite, TargetHeap
from spanproof.witness.acceptance.programs import ENDS, running
from spanproof.witness.errors import WitnessError
from spanproof.witness.judging.finding import JudgedImage, rules_broken
from spanproof.witness.program.process import stopped
from spanproof.witness.reading.image import SpanImage
from spanproof.witness.reading.source import Attached, image_of, image_of_core
from spanproof.witness.report import reported

TURNS: Final = 12
"""How often a program is damaged until it dies of it: a sweep may put numbers right before."""

TRIES: Final = 100
"""Stops until a heap has a span that can be damaged so."""


class Death(msgspec.Struct):
    """A program that was damaged: how, of which span, and what its core shows.

    It is damaged again and again until it dies, each time another span: `damaged` are all of them,
    `descriptor` the one that the core is of, or the last. `ended`: it ended by itself. `message` is
    the fatal error, `rule` that of its check, `rules` those that the named span breaks. `spread` is
    the span that the error is about if that is another, and the damaged ones are sound in the core:
    a span that is not swept keeps old marks, so that what its objects point at is freed too early,
    and the next sweep puts its own numbers right.
    """

    go: str
    kind: str
    descriptor: int
    ended: bool = False
    message: str = ""
    rule: str = ""
    named: bool = False
    rules: list[str] = []
    damaged: list[int] = []
    spread: int = 0
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Whether the core names the span and a rule; of another span, one that it breaks."""
        if self.spread:
            return bool(self.rules)
        return self.named and bool(self.rule or self.rules)

    def line(self) -> str:
        """Return what became of it in a line."""
        if not self.ended or self.problem:
            return f"{self.go}, {self.kind}: {self.problem or 'it did not end'}"
        said = self.message or "no message"
        told = f"span {self.descriptor:#x} {'named' if self.named else 'not named'}"
        if self.spread:
            told = f"span {self.descriptor:#x} is sound by now, what it did is in {self.spread:#x}"
        broken = ", ".join(self.rules) or "none"
        return (
            f"{self.go}, {self.kind}: {said!r} ({self.rule or 'no T rule'}); "
            f"{told}, rules broken: {broken}"
        )


def full_soon(target: TargetHeap) -> list[SpanImage]:
    """Return cached spans with little room, of classes that are used much.

    The next sweep would put the numbers of any other right again.
    """
    found = [s for s in target.cached if s.freeindex < s.nelems and s.elemsize <= 64]
    return sorted(found, key=lambda s: s.nelems - s.alloc_count)[:3]


def count_of_cached(target: TargetHeap) -> Overwrite:
    """A cached span counts one slot more than it has allocated."""
    return target.of_span("allocCount", lambda v: v + 1, full_soon(target))


def no_count(target: TargetHeap) -> Overwrite:
    """A span with many objects counts none."""
    held = [s for s in target.small if s.alloc_count > 2 and s not in target.cached]
    return target.of_span("allocCount", lambda _: 1, held)


def index_of_cached(target: TargetHeap) -> Overwrite:
    """A cached span has its freeindex beyond its slots."""
    spans = full_soon(target)
    span = target.pick(spans)
    return target.of_span("freeindex", lambda _: span.nelems + 1, [span])


def generation_of_cached(target: TargetHeap) -> Overwrite:
    """A cached span has the generation of one that is not."""
    return target.of_span("sweepgen", lambda v: v - 3, full_soon(target))


def state_of_used(target: TargetHeap) -> Overwrite:
    """A span with objects is said to be free."""
    held = [s for s in target.small if s.alloc_count and s not in target.cached]
    return target.of_span("state", lambda _: 0, held)


def live_bit(target: TargetHeap) -> Overwrite:
    """A slot with an object is said to be free."""
    held = [
        s
        for s in target.small
        if s not in target.cached and s.freeindex == 0 and s.spanclass % 2 == 0 and s.alloc_bits
    ]
    span = target.pick(held)
    slots = [n for n in range(span.nelems) if span.alloc_bits >> n & 1]
    return target.flip(span.alloc_bits_at, target.drawn.choice(slots), span.descriptor)


FATAL: Final[dict[str, Callable[[TargetHeap], Overwrite]]] = {
    "allocCount of a cached span": count_of_cached,
    "allocCount lost": no_count,
    "freeindex beyond nelems": index_of_cached,
    "sweepgen of a cached span": generation_of_cached,
    "state": state_of_used,
    "an allocation bit cleared": live_bit,
}
"""What Go dies of soon."""


def deaths(program: Path, go: str, kinds: list[str], folder: Path, seed: int) -> Iterator[Death]:
    """Damage a load by each kind, and look at the core that it leaves.

    Raises: WitnessError if the system writes no cores to files.
    """
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith("|") or "/" in pattern:
        raise WitnessError(
            f"the kernel writes no core into the program's folder (core_pattern is {pattern}): "
            "sysctl kernel.core_pattern=core"
        )
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        for number, kind in enumerate(kinds):
            place = folder / f"{go}-{number}"
            place.mkdir(parents=True)
            try:
                yield death(program, go, kind, place, seed + number)
            finally:
                shutil.rmtree(place)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def death(program: Path, go: str, kind: str, place: Path, seed: int) -> Death:
    """Damage a load in one way; return what its core shows."""
    with running(program, "busy", folder=place) as process:
        attached = Attached(process.pid, None, None)
        result = Death(go, kind, 0)
        for turn in range(TURNS):
            try:
                result.descriptor = damage_live(attached, FATAL[kind], seed + turn)
                result.damaged.append(result.descriptor)
            except WitnessError:
                process.wait(ENDS)  # it was about to end
            deadline = time.monotonic() + ENDS
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            if process.poll() is not None:
                result.ended = True
                break
    cores = list(place.glob("core*"))
    if not result.ended or not cores:
        result.problem = "it left no core" if result.ended else ""
        return result
    try:
        report = reported(image_of_core(cores[0], program, None))
    except WitnessError as problem:
        result.problem = str(problem)
        return result
    error = report.fatal_error()
    if error is not None:
        result.message, result.rule = error.message, error.rule
        result.named = error.descriptor in result.damaged
        if result.named:
            result.descriptor = error.descriptor
    scene = JudgedImage(report.image, report.profile)

    def broken_by(descriptor: int) -> list[str]:
        return rules_broken(scene, report.findings, scene.by_descriptor.get(descriptor))

    if error is not None and not result.named and not any(map(broken_by, result.damaged)):
        result.spread = error.descriptor
    result.rules = broken_by(result.spread or result.descriptor)
    return result


def damage_live(attached: Attached, kind: Callable[[TargetHeap], Overwrite], seed: int) -> int:
    """Overwrite a field in a stopped process; return the descriptor that it is of.

    Raises: WitnessError if there is nothing to be damaged so.
    """
    drawn = random.Random(seed)
    for _ in range(TRIES):
        time.sleep(drawn.random() / 50)
        with stopped(attached.pid) as frozen:
            image = image_of(frozen.memory, attached.program, frozen.registers, "a load")
            target = TargetHeap(frozen.memory, attached.program, image, drawn.getrandbits(32))
            try:
                change = kind(target)
            except NotHere:
                continue
            file = os.open(f"/proc/{attached.pid}/mem", os.O_RDWR)
            try:
                os.pwrite(file, change.data, change.address)
            finally:
                os.close(file)
            return change.descriptor
    raise WitnessError("the load has no span that could be damaged so")
