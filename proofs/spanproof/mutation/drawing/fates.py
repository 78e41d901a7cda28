"""Judging mutants that were drawn: by the obligations alone, or by running as well.

The obligations come first: the formulas that read the mutant's function, then those that are
decided by running. With `all` judges, what they leave is judged by the bundled traces, small scenes
and random programs, on the same changed copy of the model.
"""

import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from spanproof.decide.cache import Cache
from spanproof.decide.catalogue import Catalogue
from spanproof.decide.copies import try_out_changed
from spanproof.decide.prover import decide
from spanproof.fingerprint.units import digest_of
from spanproof.mutation.drawing.drawn import Drawn
from spanproof.mutation.drawing.equivalent import reason_for
from spanproof.mutation.drawing.reasons_model import OF_DRAWN
from spanproof.mutation.knownbugs.switch import JudgesFailed, judged
from spanproof.solvers.engines.inprocess import FewFirst
from spanproof.support.plaincopy import copy_changed
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.theorems import all_obligations

Judges = Literal["proofs", "all"]

TIMEOUT: Final = 5.0
"""Seconds a question: a mutant that takes longer is left to the next judge."""

LONGEST: Final = 20.0
"""Seconds of the processor for what is decided by running; it takes a tenth of that."""

PROGRAMS: Final = 4
STEPS: Final = 1000
"""Random programs and schedules, and the steps of each, for what obligations leave."""

GIVEN_UP: Final = 600
"""Seconds after which a changed model that is run does not end."""

OBJECTED: Final = ("refuted", "vacuous", "untranslatable")
"""The answers of an obligation by which a mutant is killed."""


class Fate(NamedTuple):
    """What became of a mutant: `by` whom it was killed, and what was said; empty if it survives.

    `proved` tells that an obligation killed it.
    """

    function: str
    kind: str
    line: int
    before: str
    after: str
    by: str
    says: str
    proved: bool

    @property
    def killed(self) -> bool:
        """Whether anybody objects to it."""
        return bool(self.by)

    @property
    def reason(self) -> str:
        """Why nobody can object to one that survives; empty if that is not known."""
        change = f"{self.before} -> {self.after}"
        return "" if self.killed else reason_for(self.function, "", change, OF_DRAWN)


class KeptFate(NamedTuple):
    """A fate as it is kept, with the fingerprint of what it rests on."""

    fate: Fate
    basis: str


class MutantJudge:
    """Those who judge mutants, and what they have judged before."""

    def __init__(
        self,
        book: Catalogue,
        cache: Cache,
        reads: Mapping[str, Sequence[str]],
        runs: Mapping[str, Sequence[str]],
        judges: Judges,
        *,
        running_first: bool = False,
    ) -> None:
        """`reads` has the functions that each formula is known to read, `runs` those that each of
        the other obligations runs, the quickest first.

        `running_first`: what is run is asked before the formulas, which take longer.
        """
        self._book, self._cache, self._judges = book, cache, judges
        self._running_first = running_first
        self._runs = {claim: frozenset(functions) for claim, functions in runs.items()}
        self._readers: dict[str, list[str]] = {}
        for claim in sorted(reads, key=lambda one: len(reads[one])):
            for function in reads[claim] if claim in all_obligations() else ():
                self._readers.setdefault(function, []).append(claim)

    def known(self, mutant: Drawn) -> Fate | None:
        """Return what became of a mutant in an earlier run, if all that it rests on is the same."""
        kept = self._cache.get(mutant.key, KeptFate)
        return kept.fate if kept is not None and kept.basis == self._basis(kept.fate) else None

    def judge(self, mutant: Drawn) -> Fate:
        """Judge a mutant, and keep what became of it."""
        by, says, proved = next(self._objections(mutant), ("", "", False))
        fate = Fate(*mutant[:5], by, says, proved)
        self._cache.put(mutant.key, KeptFate(fate, self._basis(fate)))
        return fate

    def _basis(self, fate: Fate) -> str:
        """A kill by an obligation stays while that is the same, all else while everything is."""
        if fate.proved:
            claim = self._book.claims.get(fate.by)
            return claim.rests_on if claim is not None else ""
        if fate.killed or self._judges == "all":
            return digest_of(self._judges, self._book.world)
        every = sorted(claim.rests_on for claim in self._book.claims.values())
        return digest_of(self._judges, *every)

    def _objections(self, mutant: Drawn) -> Iterator[tuple[str, str, bool]]:
        judges = (self._by_formulas, self._by_running)
        for judge in reversed(judges) if self._running_first else judges:
            yield from judge(mutant)
        if self._judges == "all":
            by, says = judged_by_running(mutant)
            if by:
                yield by, says, False

    def _by_formulas(self, mutant: Drawn) -> Iterator[tuple[str, str, bool]]:
        for name in self._readers.get(mutant.function, ()):
            try:
                sources = SourceTree({mutant.module: mutant.text})
                claim = all_obligations()[name]
                answer: str = decide(claim, sources, TIMEOUT, FewFirst(), explain=False).answer
            except Exception:
                answer = "untranslatable"
            if answer in OBJECTED:
                yield name, answer, True

    def _by_running(self, mutant: Drawn) -> Iterator[tuple[str, str, bool]]:
        runners = tuple(claim for claim in self._runs if mutant.function in self._runs[claim])
        if runners:
            verdict = try_out_changed(runners, mutant.module, mutant.text, seconds=LONGEST)
            if not verdict.proved:
                yield verdict.obligation, f"{verdict.answer}: {verdict.failed}", True


def judged_by_running(mutant: Drawn) -> tuple[str, str]:
    """Return who among traces, scenes and random programs objects to a mutant, and what he says."""
    with tempfile.TemporaryDirectory() as name:
        copy_changed(Path(name), mutant.module, mutant.text)
        try:
            found = judged(Path(name), PROGRAMS, STEPS, GIVEN_UP)
        except subprocess.TimeoutExpired:
            return "running", f"it has not ended after {GIVEN_UP} s"
        except JudgesFailed as problem:
            return "running", problem.last or "it fails"
    return found.by, found.says
