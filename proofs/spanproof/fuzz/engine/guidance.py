"""Which program is run next: a fresh one, or one made of programs that have shown something new.

All is determined by the seed and by what the programs before have shown, so a campaign that runs a
number of programs is the same each time.
"""

from collections.abc import Callable
from typing import Final, Generic

from msgspec.structs import replace

from spanproof.fuzz.lockstep.divergence import ProgramT
from spanproof.fuzz.lockstep.novelty import Feature, lasting
from spanproof.fuzz.programs.choices import Choices, FromBytes, between, seeded

LONGEST: Final = 96
"""Steps that a program has at most which is made of others."""

RECENT: Final = 32
"""Programs that were kept last, of which the next are made more often."""

FRESH: Final = 7
"""Calls of fresh programs for each call of one that is made of others: fresh ones find most bugs in
fewer calls, as measured (docs/fuzzing.md).
"""

PICKS: Final = 4
"""Programs of which the one with the fewest calls is changed: more changes of it can be tried."""


class KeptPrograms(Generic[ProgramT]):
    """The programs that were the first to show something, in the order in which they were found.

    `known` are the lasting names of all that they show.
    """

    def __init__(self) -> None:
        self.programs: list[ProgramT] = []
        self.features: list[frozenset[str]] = []
        self.calls: list[int] = []
        self.known: set[str] = set()

    def add(self, program: ProgramT, shown: frozenset[str], calls: int = 0) -> bool:
        """Keep a program if it shows anything new, by lasting names; return whether it does.

        It takes so many `calls`; 0 if that is not known.
        """
        if shown <= self.known:
            return False
        self.known |= shown
        self.programs.append(program)
        self.features.append(shown)
        self.calls.append(calls or len(program.steps))
        return True

    def minimal(self) -> list[ProgramT]:
        """Return programs that show all that these do; short ones first, and each is needed."""
        order = sorted(range(len(self.programs)), key=lambda at: len(self.programs[at].steps))
        left, chosen = set(self.known), list[ProgramT]()
        for at in order:
            if self.features[at] & left:
                left -= self.features[at]
                chosen.append(self.programs[at])
        return chosen


class Source(Generic[ProgramT]):
    """Draws programs from a grammar: program number n of a seed is drawn from bytes of their own.

    With `guided`, programs for one of `FRESH` + 1 calls are made of programs that were kept: these
    are longer than fresh ones, and should not take more than their share.
    """

    def __init__(
        self, grammar: Callable[[Choices], ProgramT], seed: int, *, guided: bool = True
    ) -> None:
        self._grammar: Callable[[Choices], ProgramT] = grammar
        self._seed = seed
        self._guided = guided
        self._is_fresh = True
        self._ahead = 0
        self.kept: KeptPrograms[ProgramT] = KeptPrograms()
        self.drawn = 0

    def next(self) -> ProgramT:
        """Return the next program."""
        choices = FromBytes(seeded(self._seed, self.drawn))
        self.drawn += 1
        self._is_fresh = not (self._guided and self.kept.programs and self._ahead > 0)
        return self._grammar(choices) if self._is_fresh else self._changed(choices)

    def observed(self, program: ProgramT, shown: frozenset[Feature], calls: int) -> bool:
        """Hear what the last program has shown, in so many calls; return whether it is new."""
        self._ahead += calls if self._is_fresh else -FRESH * calls
        return self.kept.add(program, frozenset(map(lasting, shown)), calls)

    def _changed(self, choices: Choices) -> ProgramT:
        """Return a program that was kept, with one to three changes."""
        program = self._some(choices)
        for _ in range(between(choices, 1, 3)):
            program = self._change(choices, program)
        return program

    def _some(self, choices: Choices) -> ProgramT:
        programs = self.kept.programs
        if choices.below(2):
            programs = programs[-RECENT:]
        first = len(self.kept.programs) - len(programs)
        picks = [first + choices.below(len(programs)) for _ in range(PICKS)]
        return self.kept.programs[min(picks, key=self.kept.calls.__getitem__)]

    def _change(self, choices: Choices, program: ProgramT) -> ProgramT:
        """Return a program in which some steps are others, or which begins otherwise."""
        steps = program.steps
        way, at = choices.below(8), choices.below(len(steps) + 1)
        if way == 0:
            return self._grown(choices, program, self._grammar(choices), at)
        if way == 1:
            return self._grown(choices, program, self._some(choices), at)
        if way == 2:
            rest = self._some(choices).steps
            rest = rest[choices.below(len(rest) + 1) :]
            return with_steps(program, steps[:at] + rest)
        if way == 3:
            return with_steps(program, steps[:at] + steps[at + between(choices, 1, 8) :])
        if way == 4:
            again = steps[at : at + between(choices, 1, 8)]
            return with_steps(program, steps[:at] + again + steps[at:])
        if way == 5:
            return replace(self._grammar(choices), steps=steps)
        if way == 6:
            fresh = self._grammar(choices).steps
            return with_steps(program, steps[:at] + fresh[:1] + steps[at + 1 :])
        return with_steps(program, steps + self._grammar(choices).steps)

    def _grown(self, choices: Choices, program: ProgramT, other: ProgramT, at: int) -> ProgramT:
        """Return a program with a run of another one's steps in the middle."""
        begin = choices.below(len(other.steps) + 1)
        run = other.steps[begin : begin + between(choices, 1, 12)]
        return with_steps(program, program.steps[:at] + run + program.steps[at:])


def with_steps(program: ProgramT, steps: tuple[object, ...]) -> ProgramT:
    """Return a program with other steps of its kind, as many as it may have."""
    return replace(program, steps=steps[:LONGEST])
