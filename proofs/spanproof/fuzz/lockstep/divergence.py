"""What running a program in lockstep comes to."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

from spanproof.fuzz import program
from spanproof.fuzz.differences.differences import (
    Difference,
    NoMemory,
    Raised,
    Refused,
    SideName,
)
from spanproof.fuzz.differences.partrules import of_message
from spanproof.fuzz.lockstep.novelty import Feature
from spanproof.fuzz.program import Program
from spanproof.fuzz.programs import contractprogram, heapprogram, sizesprogram
from spanproof.fuzz.programs.contractprogram import ContractProgram
from spanproof.fuzz.programs.heapprogram import HeapProgram, length
from spanproof.fuzz.programs.sizesprogram import SizesProgram
from spanspec.base.collecting import put_off
from spanspec.rules.book import in_words

AnyProgram = Program | HeapProgram | SizesProgram | ContractProgram
StepHeard = Callable[[int], None]
"""Hears of each step, by its number from 1, before it is taken."""
ProgramT = TypeVar("ProgramT", Program, HeapProgram, SizesProgram, ContractProgram)
StepT = TypeVar("StepT", contravariant=True)


class Divergence(NamedTuple):
    """Where the two sides part: the step's number from 1, what differs, and both values.

    `side` is the one that failed on its own, if one did: it raised, or broke its own invariant.
    `rules` are the ids of the rules that fix what differs. `after` says that the states after the
    step differ; otherwise what was said or told in the step does.
    """

    program: AnyProgram
    step: int
    what: str
    expected: str
    seen: str
    side: SideName | None = None
    rules: tuple[str, ...] = ()
    after: bool = False

    def render(self) -> str:
        """Return the program up to the step, and the difference, as text."""
        shown = describe(self.program).splitlines()[: self.step + 1]
        place = f"{'after' if self.after else 'in'} step {self.step}"
        failed = {None: "differs", "model": "the model fails"}.get(
            self.side, "the implementation fails"
        )
        return "\n".join(
            [
                *shown,
                f"{place if self.step else 'at the start'}: {self.what}: {failed}",
                *(f"  {line}" for line in in_words(self.rules)),
                f"  model says     {self.expected}",
                f"  implementation {self.seen}",
            ]
        )


MAKING: Final = "making both sides"


class Run(NamedTuple):
    """The outcome of one program: the divergence, if any, what it exercised, and what it showed."""

    divergence: Divergence | None
    exercised: Counter[str]
    features: frozenset[Feature] = frozenset()


def describe(one: AnyProgram) -> str:
    """Return a program, of either kind, as a short text."""
    match one:
        case HeapProgram():
            return heapprogram.describe(one)
        case SizesProgram():
            return sizesprogram.describe(one)
        case ContractProgram():
            return contractprogram.describe(one)
        case Program():
            return program.describe(one)


def doing_in(one: AnyProgram, step: int) -> str:
    """Return in words what a program does in a step; step 0 is before the first."""
    if step == 0:
        return MAKING
    match one:
        case HeapProgram():
            return heapprogram.describe_step(one.steps[step - 1])
        case SizesProgram():
            return sizesprogram.describe_step(one.steps[step - 1])
        case ContractProgram():
            return contractprogram.describe_step(one.steps[step - 1])
        case Program():
            return program.describe_step(one.steps[step - 1])


class SidePair(Protocol[StepT]):
    """Two sides that take every step together; `features` are what that shows of the model."""

    exercised: Counter[str]
    features: set[Feature]

    def take(self, step: StepT) -> None:
        """Take one step on both sides and compare.

        Raises: Difference if they differ.
        """
        ...

    def compare(self) -> None:
        """Compare the whole state.

        Raises: Difference at the first difference.
        """
        ...

    def end(self) -> None:
        """Let both sides go: nothing is asked of them any more."""
        ...


class Progress:
    """How far a run has come: the number of its step, and what it has exercised."""

    def __init__(self) -> None:
        self.step = 0
        self.exercised: Counter[str] = Counter()


def taken(
    steps: Sequence[StepT],
    make: Callable[[], SidePair[StepT]],
    done: Progress,
    on_step: StepHeard | None,
) -> frozenset[Feature]:
    """Take the steps of a program; return what they have shown.

    Raises: Difference, Raised; `done` says in which step.
    """
    pair = make()
    done.exercised = exercised = pair.exercised
    pair.compare()
    for step in steps:
        done.step += 1
        if on_step is not None:
            on_step(done.step)
        pair.take(step)
        exercised["steps"] += 1
    pair.compare()
    pair.end()
    return frozenset(pair.features)


def run_steps(
    program: AnyProgram,
    steps: Sequence[StepT],
    make: Callable[[], SidePair[StepT]],
    describe_step: Callable[[StepT], str],
    on_step: StepHeard | None = None,
) -> Run:
    """Run the steps of a program in lockstep, up to the first divergence.

    Whatever a side raises is a divergence, and names the side: a crash is an observation. A refusal
    is one as well where there is nothing to refuse: of a side that is made, or shows its state.
    """
    done = Progress()
    told: Difference | Raised | Refused | NoMemory
    try:
        # Both heaps are there until the program is over, so there is nothing to collect before; and
        # they are gone afterwards, or the collector would go through what is about to end anyway.
        with put_off():
            features = taken(steps, make, done, on_step)
    except (Difference, Raised, Refused, NoMemory) as problem:
        told = problem
    else:
        return Run(None, done.exercised, features)
    doing = describe_step(steps[done.step - 1]) if done.step else MAKING
    return Run(divergence_of(program, done.step, doing, told), done.exercised)


def divergence_of(
    program: AnyProgram, step: int, doing: str, problem: Difference | Raised | Refused | NoMemory
) -> Divergence:
    """Return the divergence that was raised in a step of a program, where it was `doing` this."""
    if isinstance(problem, Difference):
        told = problem
    else:
        failed = problem if isinstance(problem, Raised) else Raised("implementation", problem)
        expected, seen = failed.says, "was not asked"
        if failed.side == "implementation":
            expected, seen = "goes through", failed.says
        rules = of_message(failed.says)
        told = Difference(doing, expected, seen, side=failed.side, rules=rules)
    return Divergence(
        program, step, told.what, told.expected, told.seen, told.side, told.rules, told.after
    )


def length_of(one: AnyProgram) -> int:
    """Return the number of steps of a program, of either kind."""
    return length(one) if isinstance(one, HeapProgram) else len(one.steps)
