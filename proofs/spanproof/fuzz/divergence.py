"""What running a program in lockstep comes to."""

from collections import Counter
from typing import NamedTuple

from spanproof.fuzz import heapprogram, program
from spanproof.fuzz.heapprogram import HeapProgram
from spanproof.fuzz.program import Program

AnyProgram = Program | HeapProgram


class Divergence(NamedTuple):
    """Where the two sides part: the step's number from 1, what differs, and both values."""

    program: AnyProgram
    step: int
    what: str
    expected: str
    seen: str

    def render(self) -> str:
        """Return the program up to the step, and the difference, as text."""
        shown = describe(self.program).splitlines()[: self.step + 1]
        return "\n".join(
            [
                *shown,
                f"then {self.what}",
                f"  model says     {self.expected}",
                f"  implementation {self.seen}",
            ]
        )


class Run(NamedTuple):
    """The outcome of one program: the divergence, if any, and what it exercised."""

    divergence: Divergence | None
    exercised: Counter[str]


def describe(one: AnyProgram) -> str:
    """Return a program, of either kind, as a short text."""
    return heapprogram.describe(one) if isinstance(one, HeapProgram) else program.describe(one)
