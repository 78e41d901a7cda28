"""A search in this process: Hypothesis draws programs until one diverges, and shrinks it."""

import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar, cast

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.configuration import set_hypothesis_home_dir

from spanproof.fuzz.divergence import Divergence, ProgramT, Run, length_of, shorter
from spanproof.fuzz.heapprogram import HeapProgram
from spanproof.fuzz.isolation.reduce import reduced
from spanproof.fuzz.levels.contractprogram import ContractProgram
from spanproof.fuzz.levels.sizesprogram import SizesProgram
from spanproof.fuzz.program import Program
from spanproof.fuzz.target import Target

NOWHERE: Final = os.path.join(os.devnull, "hypothesis")
"""Where Hypothesis keeps what it would find out again, unless a place is named: not in the working
directory."""


OneT = TypeVar("OneT", Program, HeapProgram, SizesProgram, ContractProgram, contravariant=True)


class Listener(Protocol[OneT]):
    """Hears of a search what it does."""

    def attempt(self, program: OneT) -> Run:
        """Run a program."""
        ...

    def counted(self, exercised: Counter[str]) -> None:
        """Hear what was done so far, after each program until one diverges."""
        ...

    def found(self, divergence: Divergence) -> None:
        """Hear of the first divergence, and then of each that is simpler than the last."""
        ...


class _Parted(Exception):
    """A program on which the two sides part."""


class _TimeUp(BaseException):
    """It is time to stop; Hypothesis lets it pass."""


class Search(Generic[ProgramT]):
    """One search, and what it has come to."""

    def __init__(self, target: Target[ProgramT], listener: Listener[ProgramT]) -> None:
        self._target: Target[ProgramT] = target
        self._listener: Listener[ProgramT] = listener
        self._until: float | None = None
        self.exercised: Counter[str] = Counter()
        self.simplest: Divergence | None = None

    def run(self, start: int, examples: int | None, seconds: float | None, shrink: float) -> None:
        """Run programs, all determined by the seed `start`, up to a number or a time.

        Then a diverging program is shrunk, for at most `shrink` seconds.
        """
        if "HYPOTHESIS_STORAGE_DIRECTORY" not in os.environ:
            set_hypothesis_home_dir(NOWHERE)
        if seconds is not None:
            self._until = time.monotonic() + seconds
        self._shrink = shrink
        try:
            if self._target.drawn is not None:
                self._draw(self._target.drawn, start, examples)
                return
            while self.simplest is None:
                done = self.exercised["programs"]
                left = self._target.batch if examples is None else examples - done
                if left <= 0:
                    break
                self._batch(start + done, min(left, self._target.batch))
            else:
                self._leave_steps_out()
        except _TimeUp:
            return

    def _draw(self, drawn: Callable[[str], ProgramT], start: int, examples: int | None) -> None:
        """Run programs that are drawn from their seeds, and shrink one that diverges."""
        while examples is None or self.exercised["programs"] < examples:
            program = drawn(f"{start + self.exercised['programs']}")
            if self._diverges(program):
                reduced(program, self._diverges, float("inf"))
                return

    def _batch(self, start: int, number: int) -> None:
        """Run one batch of programs."""

        @seed(start)
        @settings(
            max_examples=number,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink] if self._target.shrinks else [Phase.generate],
            print_blob=False,
        )
        @given(self._target.programs)
        def attempt(program: ProgramT) -> None:
            if self._diverges(program):
                raise _Parted

        try:
            attempt()
        except Exception:
            # Beside what is raised here, Hypothesis objects if a program does not part again.
            if self.simplest is None:
                raise

    def _diverges(self, program: ProgramT) -> bool:
        if self._until is not None and time.monotonic() >= self._until:
            raise _TimeUp
        searching = self.simplest is None
        self.exercised["programs"] += searching
        outcome = self._listener.attempt(program)
        if outcome.divergence is None:
            if searching:
                self.exercised.update(outcome.exercised)
                self._listener.counted(self.exercised)
            return False
        if self.simplest is None:
            self._until = time.monotonic() + self._shrink
        if self.simplest is None or _size(outcome.divergence) < _size(self.simplest):
            self.simplest = outcome.divergence
            self._listener.found(outcome.divergence)
        return True

    def _leave_steps_out(self) -> None:
        """Drop each step without which the program still diverges.

        Hypothesis shrinks the parts that a program was drawn from, and some parts are runs of
        steps.
        """
        smaller = True
        while smaller:
            assert self.simplest is not None
            program = cast(ProgramT, self.simplest.program)
            smaller = any(self._diverges(one) for one in shorter(program))


def _size(divergence: Divergence) -> tuple[int, int]:
    return length_of(divergence.program), len(repr(divergence.program))
