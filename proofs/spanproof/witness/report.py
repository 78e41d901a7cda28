"""A report: an image, what was learnt from it, what does not hold, and what that is."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from spanproof.support.files import savedfile
from spanproof.witness.errors import WitnessError
from spanproof.witness.judging.deciding import decide
from spanproof.witness.judging.finding import Finding, FindingVerdict, JudgedImage, told
from spanproof.witness.judging.judging import findings
from spanproof.witness.judging.thrown import Thrown, diagnosis, thrown
from spanproof.witness.program.core import is_core, read_core
from spanproof.witness.program.toolchains import donor_for
from spanproof.witness.reading.image import KIND, Image
from spanproof.witness.reading.learning import fitting, learn
from spanproof.witness.reading.source import (
    Attached,
    image_of_core,
    modules_of_core,
    modules_of_process,
)
from spanproof.witness.snapshots import load
from spanspec.base.wording import counted
from spanspec.rules.book import in_words
from spanspec.span.profile import Profile

LEAST_FITTING: Final = 0.75
"""The least part of the spans that a layout must explain; that of another version does not."""

FEW_SPANS: Final = 16
"""So many damaged spans are told in any case."""

LEAST_STOPS: Final = 3
"""Stops from which on it counts that something stays."""

Key = tuple[str, int, int | None, int | None]
"""What makes a finding the same at two stops."""

MOST_DAMAGED: Final = 0.25
"""The part of the spans beyond which it is the layout that does not fit, not the heap."""


class Report(msgspec.Struct):
    """What is known of a heap: of the last stop, if there were several.

    `stood_still` are the seconds of each stop.
    """

    image: Image
    profile: Profile
    findings: list[Finding]
    stood_still: list[float] = []

    @property
    def damaged(self) -> bool:
        """Whether some finding is damage."""
        return any(finding.verdict is FindingVerdict.DAMAGE for finding in self.findings)

    def number(self, verdict: FindingVerdict) -> int:
        """Return how many findings have a verdict."""
        return sum(finding.verdict is verdict for finding in self.findings)

    def headline(self) -> list[str]:
        """Return what was looked at, in lines."""
        image = self.image
        used = sum(span.state == image.states.get("mSpanInUse", 1) for span in image.spans)
        phase = {0: "no cycle runs", 1: "marking", 2: "mark termination", None: "phase unknown"}
        line = (
            f"{image.source}: {image.go or 'an unknown Go'}, {counted(len(image.spans), 'span')} "
            f"({used} in use), {counted(len(image.procs), 'P')}, sweepgen {image.sweepgen}, "
            f"{phase.get(image.phase, 'no phase')}"
        )
        if self.stood_still:
            longest = max(self.stood_still) * 1000
            stops = counted(len(self.stood_still), "stop")
            line += f"; {stops}, of {longest:.0f} ms at most"
        return [line]

    def summary(self) -> str:
        """Return the number of findings by verdict."""
        numbers = ", ".join(f"{self.number(verdict)} {verdict.value}" for verdict in FindingVerdict)
        return f"{numbers}{'' if self.findings else ': everything holds'}"

    def fatal_error(self) -> Thrown | None:
        """Return the fatal error that ends the program, if one does."""
        return thrown(JudgedImage(self.image, self.profile), self.findings)

    def rejudged(self, image: Image) -> "Report":
        """Return the report on another form of the same image."""
        return msgspec.structs.replace(self, image=image, findings=judged(image, self.profile))

    def document(self) -> dict[str, object]:
        """Return the report as a JSON document."""
        scene = JudgedImage(self.image, self.profile)
        spans = scene.by_descriptor
        error = self.fatal_error()
        return {
            "source": self.image.source,
            "go": self.image.go,
            "spans": len(self.image.spans),
            "sweepgen": self.image.sweepgen,
            "phase": self.image.phase,
            "stood_still_ms": [round(seconds * 1000, 3) for seconds in self.stood_still],
            "profile": {
                "classes": len(self.profile.class_to_size),
                "span_sets": scene.span_sets,
                "heap_bits_in_span": self.profile.heap_bits_in_span,
                "inline_marks": self.profile.inline_marks,
            },
            "fatal_error": None
            if error is None
            else {**error._asdict(), "told": diagnosis(scene, self.findings, error)},
            "damage": self.number(FindingVerdict.DAMAGE),
            "in_flight": self.number(FindingVerdict.IN_FLIGHT),
            "undecided": self.number(FindingVerdict.UNDECIDED),
            "findings": [
                {
                    "verdict": finding.verdict.value,
                    "rule": finding.rule,
                    "says": " ".join(in_words([finding.rule])),
                    "seen": finding.what,
                    "why": finding.why,
                    "descriptor": finding.descriptor or None,
                    "base": spans[finding.descriptor].base if finding.descriptor in spans else None,
                    "span": told(scene, spans[finding.descriptor])
                    if finding.descriptor in spans
                    else None,
                    "spanclass": finding.spanclass,
                    "p": finding.proc,
                }
                for finding in self.findings
            ],
            "not_checked": self.image.unknown,
        }


def judged(image: Image, profile: Profile) -> list[Finding]:
    """Return what does not hold in an image, each with its verdict; damage first."""
    scene = JudgedImage(image, profile)
    order = list(FindingVerdict)
    return sorted(decide(scene, findings(image, profile)), key=lambda f: order.index(f.verdict))


def reported(image: Image) -> Report:
    """Judge an image that was just read.

    Raises: WitnessError if the layout by which it was read does not fit it.
    """
    profile, unknown = learn(image)
    part = fitting(image, profile)
    if part < LEAST_FITTING:
        raise WitnessError(
            f"{image.source}: of its small spans {part:.0%} have as many slots as fit: the layout "
            "is that of another Go, or this is no heap"
        )
    image.unknown += unknown
    found = judged(image, profile)
    named = len({finding.descriptor for finding in found if finding.descriptor})
    if named > FEW_SPANS and named > MOST_DAMAGED * len(image.spans):
        raise WitnessError(
            f"{image.source}: {named} of {len(image.spans)} spans break some rule: the layout is "
            "that of another Go, or this is no heap"
        )
    return Report(image, profile, found)


def examined(what: str, exe: Path | None, layout_from: str, stops: int, wait: float) -> Report:
    """Examine a process, a core, or a saved heap.

    Raises: WitnessError; OSError.
    """
    path = Path(what)
    live = what.isdecimal() and not path.exists()
    donor = Path(layout_from) if layout_from else None
    if layout_from == "go" and not Path("go").is_file():
        if live:
            program, _ = modules_of_process(int(what), exe)
        elif path.is_file() and is_core(path):
            program, _ = modules_of_core(read_core(path), exe)
        else:
            raise WitnessError(f"{what}: no process and no core, so --layout-from is of no use")
        donor = donor_for(program.executable.go)
    if live:
        return of_process(int(what), exe, donor, stops, wait)
    if stops > 1:
        raise WitnessError(f"{what}: only a process can be stopped several times")
    if not path.is_file():
        raise WitnessError(f"{what}: neither the number of a process nor a file")
    if is_core(path):
        return reported(image_of_core(path, exe, donor))
    if savedfile.kind_of(path) == KIND:
        saved = load(path)
        return Report(saved.image, saved.profile, judged(saved.image, saved.profile))
    raise WitnessError(f"{what}: neither a core nor a saved heap")


def of_process(pid: int, exe: Path | None, donor: Path | None, stops: int, wait: float) -> Report:
    """Examine a process, some number of times.

    Raises: WitnessError; OSError.
    """
    attached = Attached(pid, exe, donor)
    took = []
    reports: list[Report] = []
    seen: list[dict[Key, Finding]] = []
    for number in range(stops):
        if number:
            time.sleep(wait)
        stop = attached.take()
        took.append(stop.stood_still)
        fresh = reported(stop.image)
        # Only what is told in the end is kept: the last stop, and the last that shows damage.
        reports = [one for one in reports if one.damaged and not fresh.damaged][-1:]
        reports.append(fresh)
        seen.append({finding.key: finding for finding in fresh.findings})
    merge(reports[0], seen)
    return msgspec.structs.replace(reports[0], stood_still=took)


def merge(report: Report, seen: Sequence[Mapping[Key, Finding]]) -> None:
    """Change the verdicts of one stop by what the others show.

    Damage stays, what is in flight goes: what is undecided at every stop, and always the same, is
    damage; what is undecided and not there at another stop is in flight.
    """
    if len(seen) < LEAST_STOPS:
        return
    for finding in report.findings:
        others = [those.get(finding.key) for those in seen]
        stays = all(other is not None and other.what == finding.what for other in others)
        if finding.verdict is FindingVerdict.UNDECIDED:
            finding.verdict = FindingVerdict.DAMAGE if stays else FindingVerdict.IN_FLIGHT
            finding.why += f"; it {'stays' if stays else 'is gone'} over {len(seen)} stops"
        elif finding.verdict is FindingVerdict.DAMAGE:
            number = sum(other is not None for other in others)
            finding.why += f"; seen at {number} of {len(seen)} stops"
    order = list(FindingVerdict)
    report.findings.sort(key=lambda one: order.index(one.verdict))
