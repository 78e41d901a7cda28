"""What running a program in lockstep comes to."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from msgspec.structs import replace

from spanproof.fuzz import heapprogram, program
from spanproof.fuzz.heapprogram import HeapProgram, length, with_less_at_once
from spanproof.fuzz.parted import Parted
from spanproof.fuzz.program import Program

AnyProgram = Program | HeapProgram
ProgramT = TypeVar("ProgramT", Program, HeapProgram)
StepT = TypeVar("StepT", contravariant=True)


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


def shorter(one: ProgramT) -> Iterator[ProgramT]:
    """Return each program that has one step less, the last ones left out first."""
    for place in reversed(range(len(one.steps))):
        yield replace(one, steps=one.steps[:place] + one.steps[place + 1 :])
    if isinstance(one, HeapProgram):
        yield from with_less_at_once(one)


class Pair(Protocol[StepT]):
    """Two sides that take every step together."""

    exercised: Counter[str]

    def take(self, step: StepT) -> None:
        """Take one step on both sides and compare.

        Raises: Parted if they differ.
        """
        ...

    def compare(self) -> None:
        """Compare the whole state.

        Raises: Parted at the first difference.
        """
        ...


def run_steps(
    program: AnyProgram,
    steps: Sequence[StepT],
    make: Callable[[], Pair[StepT]],
    describe_step: Callable[[StepT], str],
) -> Run:
    """Run the steps of a program in lockstep, up to the first divergence.

    Whatever the implementation raises is a divergence: a crash is an observation.
    """
    number, doing = 0, "making both sides"
    try:
        pair = make()
        pair.compare()
        for step in steps:
            number += 1
            doing = describe_step(step)
            pair.take(step)
            pair.exercised["steps"] += 1
    except Parted as difference:
        what, expected, seen = difference.what, difference.expected, difference.seen
    except Exception as problem:
        what = doing
        expected, seen = "goes through", f"raises {type(problem).__name__}: {problem}"
    else:
        return Run(None, pair.exercised)
    return Run(Divergence(program, number, what, expected, seen), Counter())


def length_of(one: AnyProgram) -> int:
    """Return the number of steps of a program, of either kind."""
    return length(one) if isinstance(one, HeapProgram) else len(one.steps)
