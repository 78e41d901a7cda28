"""The rounds of `spanspec fuzz`: after a finding comes a campaign that passes it over."""

import time
from typing import Final, NamedTuple

from spanproof.cli.campaigning.campaigns import ProgressLine, reached_json
from spanproof.cli.campaigning.saving import Saver
from spanproof.cli.output import complain, out, print_json, progress, status_of
from spanproof.cli.showing.abridged import abridged
from spanproof.doors.targets import Campaigner
from spanproof.fuzz.campaigns.campaign import CampaignResult
from spanproof.fuzz.campaigns.finding import FoundWith
from spanproof.fuzz.engine.causes import cause_of
from spanproof.fuzz.engine.watching import Watcher, by_rule
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.levels.known import told_of_known
from spanproof.fuzz.lockstep.divergence import Divergence
from spanproof.support.files.stores import SharedStore
from spanspec.base.wording import counted

STRIDE: Final = 1_000_003
"""What is between the seeds of two rounds."""

MOST_REPEATED: Final = 3
"""Rounds in a row that come to a known cause, as by the end of a process, before it is enough."""


class Budget(NamedTuple):
    """How long to look, and for how much; `examples` is 0 for a time."""

    seconds: float
    examples: int
    seed: int
    limits: Limits
    shrink: float
    findings: int


class Rounds:
    """Campaigns on one implementation, and what they have found."""

    def __init__(
        self,
        found_with: FoundWith,
        campaign: Campaigner,
        budget: Budget,
        store: SharedStore | None,
        json: bool,
        watcher: Watcher | None = None,
    ) -> None:
        self._watcher = watcher
        self._found_with = found_with
        self._campaign = campaign
        self._budget = budget
        self._store = store
        self._json = json
        self._interrupted = False
        self._unkept = ""
        self._known: list[str] = []
        self._documents: list[dict[str, object]] = []

    def run(self) -> int:
        """Run them, tell of each, and return the exit status.

        Raises: WrongFactory if what is under test cannot be used.
        """
        until = time.monotonic() + self._budget.seconds
        left, number, repeated = self._budget.seconds, 0, 0
        while True:
            saver = Saver(self._store, self._found_with)
            result = self._round(number, left, saver)
            found = result.divergence
            self._unkept = self._unkept or result.unkept
            again = found is not None and cause_of(found) in self._known
            if found is not None and not again:
                self._known.append(cause_of(found))
            if again:
                repeated += 1
            else:
                repeated = 0
                self._tell_beside(result, saver)
                self._tell(result, saver)
            number, left = number + 1, until - time.monotonic()
            enough = len(self._known) >= self._budget.findings or repeated >= MOST_REPEATED
            late = left <= 0 and not self._budget.examples
            if found is None or self._is_interrupted(result) or enough or late:
                break
        reached = None if self._watcher is None else self._watcher.finish()
        if reached is not None and not self._json:
            for line in by_rule(reached):
                out.print(line, markup=False)
        if self._json:
            several = self._budget.findings > 1
            document = {"findings": self._documents} if several else self._documents[0]
            rules = {} if reached is None else {"rules": reached_json(reached)}
            print_json({**document, **rules})
        elif self._budget.findings > 1:
            self._tell_causes()
        return self._status(result)

    def _round(self, number: int, left: float, saver: Saver) -> CampaignResult:
        """Run a campaign, and have what it finds saved before it is shrunk."""
        budget = self._budget
        with progress("programs" if budget.examples else "seconds", live=False) as display:
            whole = budget.examples or round(left)
            shown = ProgressLine(
                display, whole, not budget.examples, self._watcher, len(self._known)
            )

            def is_found(divergence: Divergence) -> None:
                if cause_of(divergence) not in self._known:
                    saver.save(divergence)
                shown.is_found()

            return self._campaign(
                start=budget.seed + number * STRIDE,
                examples=budget.examples or None,
                seconds=None if budget.examples else left,
                limits=budget.limits,
                shrink=budget.shrink,
                on_progress=shown.advance,
                on_kept=shown.kept,
                on_found=is_found,
                known=tuple(self._known),
            )

    def _tell_beside(self, result: CampaignResult, saver: Saver) -> None:
        """Tell of what another process has found, which was saved before this was found."""
        if result.beside is None or cause_of(result.beside) in self._known:
            return
        self._known.append(cause_of(result.beside))
        if self._json:
            first = result._replace(divergence=result.beside, again=None)
            self._documents.append({**as_json(first, saver.address), "like": []})
        else:
            out.print("found by another process, and not made smaller:", markup=False)
            out.print(abridged(result.beside.render()), markup=False)
            saver.tell()
        saver.go_on()

    def _tell(self, result: CampaignResult, saver: Saver) -> None:
        """Save what a campaign came to, and print it."""
        divergence = result.divergence
        if not self._json:
            out.print(summary_line(result), markup=False)
            for line in told_of_known(result.exercised):
                out.print(line, markup=False)
            if divergence is not None:
                out.print(abridged(divergence.render()), markup=False)
            if result.again is not None:
                out.print(str(result.again), markup=False)
            if result.stuck is not None:
                out.print("interrupted, and not judged:", markup=False)
                out.print(abridged(result.stuck.render()), markup=False)
        likes: list[str] = []
        if divergence is not None:
            try:
                saver.save(divergence, str(result.again or ""))
                if not result.interrupted:
                    saver.save_what_reproduces(divergence)
                    self._diagnose(divergence, likes)
            except KeyboardInterrupt:
                # What was found is told all the same.
                self._interrupted = True
        elif result.stuck is not None:
            saver.save(result.stuck, "interrupted, and not judged")
        if self._json:
            self._documents.append({**as_json(result, saver.address), "like": likes})
        else:
            saver.tell()
        if saver.problem:
            complain(saver.problem)

    def _diagnose(self, divergence: Divergence, likes: list[str]) -> None:
        """Tell what a finding of somebody's implementation behaves like, and note it."""
        if not (self._found_with.door or self._found_with.python):
            return
        from spanproof.mutation.diagnosis import diagnose

        try:
            for like in diagnose(divergence):
                likes.append(str(like))
                if not self._json:
                    out.print(str(like), markup=False)
        except Exception as problem:
            # What was found stays found.
            complain(f"what it behaves like cannot be told: {type(problem).__name__}: {problem}")

    def _tell_causes(self) -> None:
        causes = "findings of different causes" if len(self._known) != 1 else "finding"
        out.print(f"{len(self._known)} {causes}", markup=False)
        for cause in self._known:
            out.print(f"  {cause}", markup=False)

    def _status(self, last: CampaignResult) -> int:
        interrupted = self._is_interrupted(last)
        little = bool(last.missing) and not (self._known or interrupted)
        if little:
            complain(f"too little was exercised: no {', no '.join(last.missing)}; run it longer")
        if self._unkept:
            complain(f"the corpus does not have all that it should: {self._unkept}")
        unusable = little or bool(self._unkept)
        return status_of(bool(self._known), interrupted, unusable=unusable)

    def _is_interrupted(self, last: CampaignResult) -> bool:
        """Tell whether an interrupt ended the last campaign, or what was told of it."""
        return last.interrupted or self._interrupted


def summary_line(result: CampaignResult) -> str:
    """Return what a campaign did in one line."""
    counts = result.exercised
    if result.divergence is not None and not counts["steps"]:
        return f"{counted(result.programs, 'program')} in {result.seconds:.1f} s: diverged"
    verdict = "no divergence"
    if result.divergence is not None:
        verdict = "diverged"
    elif result.interrupted:
        verdict = "interrupted, no divergence so far"
    if "m" not in result.must_exercise and "full allocations" not in result.must_exercise:
        figures = ", ".join(f"{counts[name]} {name}" for name in result.had)
    elif "m" in result.must_exercise:
        figures = (
            f"{counted(counts['m'], 'slot')} and {counted(counts['t'], 'tiny object')} allocated, "
            f"{counted(counts['se'], 'sweep')}, "
            f"{counted(counts['vs'], 'span')} scavenged, {counted(counts['refusals'], 'refusal')}"
        )
        if counts["switches"]:
            figures += f", {counted(counts['switches'], 'switch', 'switches')} between threads"
    else:
        figures = (
            f"{counts['fast allocations']} fast and "
            f"{counted(counts['slow allocations'], 'slow allocation')}, "
            f"{counted(counts['sweeps'], 'sweep')}, "
            f"{counted(counts['wrap-arounds'], 'wrap-around')}, "
            f"{counted(counts['refusals'], 'refusal')}"
        )
    run = f"{counted(result.programs, 'program')}, {counted(counts['steps'], 'step')}"
    return "; ".join(filter(None, (f"{run} in {result.seconds:.1f} s: {verdict}", figures)))


def divergence_json(divergence: Divergence | None) -> dict[str, object] | None:
    """Return a divergence as a JSON document."""
    return divergence._asdict() if divergence is not None else None


def as_json(result: CampaignResult, saved: str | None) -> dict[str, object]:
    """Return a campaign as a JSON document."""
    return {
        "programs": result.programs,
        "seconds": result.seconds,
        "exercised": dict(result.exercised),
        "missing": result.missing,
        "interrupted": result.interrupted,
        "divergence": divergence_json(result.divergence),
        "again": result.again._asdict() if result.again is not None else None,
        "stuck": divergence_json(result.stuck),
        "saved": saved,
    }
