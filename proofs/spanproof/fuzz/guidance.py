"""Which program is run next: a fresh one, or one made of programs that have shown something new.

All is determined by the seed and by what the programs before have shown, so a campaign that runs a
number of programs is the same each time.
"""

from collections.abc import Callable
from typing import Final, Generic

from msgspec.structs import replace

from spanproof.fuzz.choices import Choices, FromBytes, between, seeded
from spanproof.fuzz.divergence import ProgramT
from spanproof.fuzz.novelty import Feature, lasting

LONGEST: Final = 96
"""Steps that a program has at most which is made of others."""

RECENT: Final = 32
"""Programs that were kept last, of which the next are made more often."""

FRESH_SHARE: Final = 2
"""One program in so many is a fresh one."""


class Kept(Generic[ProgramT]):
    """The programs that were the first to show something, in the order in which they were found.

    `known` are the lasting names of all that they show.
    """

    def __init__(self) -> None:
        self.programs: list[ProgramT] = []
        self.features: list[frozenset[str]] = []
        self.known: set[str] = set()

    def add(self, program: ProgramT, shown: frozenset[str]) -> bool:
        """Keep a program if it shows anything new, by lasting names; return whether it does."""
        if shown <= self.known:
            return False
        self.known |= shown
        self.programs.append(program)
        self.features.append(shown)
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

    With `guided`, half of them are made of programs that were kept.
    """

    def __init__(
        self, grammar: Callable[[Choices], ProgramT], seed: int, *, guided: bool = True
    ) -> None:
        self._grammar: Callable[[Choices], ProgramT] = grammar
        self._seed = seed
        self._guided = guided
        self.kept: Kept[ProgramT] = Kept()
        self.drawn = 0

    def next(self) -> ProgramT:
        """Return the next program."""
        choices = FromBytes(seeded(self._seed, self.drawn))
        self.drawn += 1
        programs = self.kept.programs
        if not self._guided or not programs or choices.below(FRESH_SHARE) == 0:
            return self._grammar(choices)
        return self._changed(choices)

    def heard(self, program: ProgramT, shown: frozenset[Feature]) -> bool:
        """Hear what a program has shown; return whether something of it is new."""
        return self.kept.add(program, frozenset(map(lasting, shown)))

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
        return programs[choices.below(len(programs))]

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
