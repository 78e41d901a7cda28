"""A search in this process: programs are drawn and run until one diverges; that is made smaller."""

import time
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Final, Generic, Protocol, TypeVar

from msgspec.structs import replace

from spanproof.fuzz.engine.corpus import Corpus
from spanproof.fuzz.engine.guidance import Source
from spanproof.fuzz.engine.reduce import reduced
from spanproof.fuzz.engine.target import Target
from spanproof.fuzz.lockstep.divergence import Divergence, ProgramT, Run, length_of
from spanproof.fuzz.program import Program
from spanproof.fuzz.programs.contractprogram import ContractProgram
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.programs.sizesprogram import SizesProgram

LOOK_AGAIN: Final = 2.0
"""Seconds between two looks at what others have added to a corpus."""

FEW: Final = 14
"""Steps of a program from which every two are left out, once none alone can be."""

OneT = TypeVar("OneT", Program, HeapProgram, SizesProgram, ContractProgram, contravariant=True)


class Listener(Protocol[OneT]):
    """Hears of a search what it does."""

    def attempt(self, program: OneT, exact: bool = False) -> Run:
        """Run a program; `exact` to tell the very first difference."""
        ...

    def counted(self, exercised: Counter[str]) -> None:
        """Hear what was done so far, after each program until one diverges."""
        ...

    def kept(self, program: OneT) -> None:
        """Hear of a program that has shown something new."""
        ...

    def found(self, divergence: Divergence) -> None:
        """Hear of the first divergence, and then of each that is simpler than the last."""
        ...


class FuzzSearch(Generic[ProgramT]):
    """One search, and what it has come to.

    `exercised` counts what was done until a program diverged: `programs` and `calls` have those of
    that program, too. Programs that show something new are counted as `kept`.
    """

    def __init__(self, target: Target[ProgramT], listener: Listener[ProgramT]) -> None:
        self._target: Target[ProgramT] = target
        self._listener: Listener[ProgramT] = listener
        self._until: float | None = None
        self._enough = 0
        self.exercised: Counter[str] = Counter()
        self.simplest: Divergence | None = None

    def run(
        self,
        start: int,
        examples: int | None,
        seconds: float | None,
        shrink: float,
        calls: int | None = None,
        corpus: Corpus[ProgramT] | None = None,
        first: int = 0,
        enough: int = 0,
    ) -> None:
        """Run programs, all determined by the seed `start`, up to a number, a time, or some calls.

        Then a diverging program is made smaller, for at most `shrink` seconds. With a corpus, what
        is in it is known, what others add meanwhile as well, and what is new goes there. `first` is
        the number of the first program. One of `enough` steps or fewer, of which none can be left
        out, is small enough.
        """
        self._enough = enough
        if seconds is not None:
            self._until = time.monotonic() + seconds
        source = Source(self._target.grammar, start, guided=self._target.guided)
        source.drawn = first
        looks_again = 0.0
        exercised = self.exercised
        while self.simplest is None:
            if examples is not None and exercised["programs"] >= examples:
                return
            if calls is not None and exercised["calls"] >= calls:
                return
            if self._until is not None and time.monotonic() >= self._until:
                return
            if corpus is not None and time.monotonic() >= looks_again:
                looks_again = time.monotonic() + LOOK_AGAIN
                for program, shows in corpus.fresh():
                    source.kept.add(program, shows)
            program = source.next()
            exercised["programs"] += 1
            outcome = self._listener.attempt(program)
            made = outcome.exercised
            calls_made = made["calls"] or made["steps"]
            exercised["calls"] += calls_made
            if outcome.divergence is not None:
                self._is_found(program, outcome.divergence, shrink)
                return
            del made["calls"]
            exercised.update(made)
            if source.observed(program, outcome.features, calls_made):
                exercised["kept"] += 1
                if corpus is not None:
                    corpus.add(program, source.kept.features[-1])
                self._listener.kept(program)
            self._listener.counted(exercised)

    def _is_found(self, program: ProgramT, divergence: Divergence, shrink: float) -> None:
        """Tell of a divergence, and make its program smaller."""
        until = time.monotonic() + shrink
        self._tell(program, divergence)
        if self._target.beginnings is not None:
            for one in self._target.beginnings(program):
                if self._diverges(one):
                    program, divergence = one, self.simplest or divergence
                    break
                if time.monotonic() >= until:
                    break
        step = divergence.step
        start = replace(program, steps=program.steps[:step]) if step else program
        if self._fails(start) is None:
            start = program
        self._make_smaller(start, until)

    def _make_smaller(self, program: ProgramT, until: float) -> None:
        smaller = reduced(program, self._fails, until, self._enough)
        while self._enough < length_of(smaller) <= FEW and time.monotonic() < until:
            less = next((one for one in without_two(smaller) if self._diverges(one)), None)
            if less is None:
                break
            smaller = reduced(less, self._fails, until, self._enough)
        outcome = self._listener.attempt(smaller, exact=True)
        if outcome.divergence is not None:
            step = outcome.divergence.step
            cut = replace(smaller, steps=smaller.steps[:step])
            if len(cut.steps) < len(smaller.steps) and self._diverges(cut):
                outcome = self._listener.attempt(cut, exact=True)
            if outcome.divergence is not None:
                self.simplest = outcome.divergence
                self._listener.found(outcome.divergence)

    def _tell(self, program: ProgramT, divergence: Divergence) -> None:
        exact = self._listener.attempt(program, exact=True).divergence
        self.simplest = divergence if exact is None else exact
        self._listener.found(self.simplest)

    def _diverges(self, program: ProgramT) -> bool:
        return self._fails(program) is not None

    def _fails(self, program: ProgramT) -> int | None:
        divergence = self._listener.attempt(program).divergence
        if divergence is None:
            return None
        if self._target.beginnings is not None:
            # In processes of their own few programs are tried: none of them may be lost.
            self.simplest = divergence
            self._listener.found(divergence)
        return divergence.step


def without_two(program: ProgramT) -> Iterator[ProgramT]:
    """Return each program that has two steps less."""
    for places in combinations(range(len(program.steps)), 2):
        steps = tuple([one for at, one in enumerate(program.steps) if at not in places])
        yield replace(program, steps=steps)
