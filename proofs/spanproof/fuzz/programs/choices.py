"""Where the choices come from that make a program: from a byte string, or from Hypothesis.

A grammar asks for one number after another, each below a bound. The first option of each choice is
the simplest, so that bytes which have run out, all zero from there on, end a program soon.
"""

import random
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

OptionT = TypeVar("OptionT")
ProgramT = TypeVar("ProgramT")

LENGTH: Final = 2048
"""Bytes that a program is drawn from; few need as many."""


class Choices(Protocol):
    """A source of choices."""

    def below(self, bound: int) -> int:
        """Return a number from 0 up to a bound, which is at least 1."""
        ...


class FromBytes:
    """Choices that a byte string determines; behind its end all are 0.

    `used` is how many bytes were read.
    """

    __slots__ = ("_data", "used")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.used = 0

    def below(self, bound: int) -> int:
        """Return a number from 0 up to a bound, read from as many bytes as the bound needs."""
        if bound <= 1:
            return 0
        start = self.used
        if bound <= 256:
            self.used = start + 1
            return self._data[start] % bound if start < len(self._data) else 0
        self.used = end = start + (bound.bit_length() + 7) // 8
        return int.from_bytes(self._data[start:end], "little") % bound


class FromHypothesis:
    """Choices that Hypothesis makes, so that it can shrink them, and replay what it has kept."""

    __slots__ = ("_draw",)

    def __init__(self, draw: DrawFn) -> None:
        self._draw = draw

    def below(self, bound: int) -> int:
        """Return a number from 0 up to a bound."""
        return self._draw(st.integers(0, bound - 1)) if bound > 1 else 0


def pick(choices: Choices, options: Sequence[OptionT]) -> OptionT:
    """Choose one of some options."""
    return options[choices.below(len(options))]


def between(choices: Choices, first: int, last: int) -> int:
    """Choose a number, the last one included."""
    return first + choices.below(last - first + 1)


def seeded(seed: int, number: int = 0) -> bytes:
    """Return the byte string that a seed and a number determine."""
    return random.Random((seed << 40) + number).randbytes(LENGTH)


def strategy_of(grammar: Callable[[Choices], ProgramT]) -> SearchStrategy[ProgramT]:
    """Return the strategy that draws what a grammar describes."""

    @st.composite
    def drawn(draw: DrawFn) -> ProgramT:
        return grammar(FromHypothesis(draw))

    return drawn()
