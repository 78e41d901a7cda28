"""Running a program on anything that is a malloc: step by step, or all of it at once."""

from collections import Counter
from collections.abc import Callable
from itertools import groupby
from typing import Final

from spanproof.fuzz.differences.differences import IMPLEMENTATION, Difference
from spanproof.fuzz.differences.plain import said_by
from spanproof.fuzz.levels.contract import LACKS, ContractJudge, Planned, plan
from spanproof.fuzz.levels.known import of_name, ours
from spanproof.fuzz.levels.remote import Answerer
from spanproof.fuzz.lockstep.divergence import Divergence, Run, StepHeard, run_steps
from spanproof.fuzz.lockstep.novelty import Feature
from spanproof.fuzz.programs.contractprogram import ContractProgram, describe_step
from spanproof.protocol.faults import Broken, Declined
from spanproof.protocol.messages import REPLIES, Done, NewContract, Reply

SHORT: Final = 40
"""A program of so many steps is run step by step, so that what fails is told from the rest."""


def attempt_on(answerer: Answerer) -> Callable[[ContractProgram, StepHeard], Run]:
    """Return what runs programs on what answers messages."""

    def attempt(program: ContractProgram, on_step: StepHeard) -> Run:
        if program.threads == 1 and len(program.steps) <= SHORT:
            return run_by_steps(program, answerer, on_step)
        return run_whole(program, answerer, on_step)

    return attempt


class StepByStep:
    """An allocator that is asked step by step, and its judge."""

    def __init__(self, program: ContractProgram, answerer: Answerer) -> None:
        self.exercised: Counter[str] = Counter()
        self.features: set[Feature] = set()
        with IMPLEMENTATION:
            greeting = answerer.greeted()
            answerer.ask(NewContract(), Done)
        self.exercised.update(f"{LACKS}{one}" for one in greeting.lacks)
        self._answerer = answerer
        self._judge = ContractJudge(greeting.alignment, of_name(ours(), greeting.name))
        planned = plan(program, "account" in greeting.shows, greeting.lacks, greeting)
        self._planned = {step: list(some) for step, some in groupby(planned, lambda one: one.step)}
        self._taken = 0

    def take(self, step: object) -> None:
        """Take the next step.

        Raises: Difference if what it comes to may not be.
        """
        self._taken += 1
        for planned in self._planned.get(self._taken, ()):
            with IMPLEMENTATION:
                reply: Reply = self._answerer.ask(planned.request, REPLIES[type(planned.request)])
            self._judge.hear(planned, reply)
            count(self.exercised, planned)
        self.exercised.update(self._judge.known)
        self._judge.known.clear()

    def compare(self) -> None:
        """Compare the state, of which nothing is known but what was shown."""

    def end(self) -> None:
        """Let what answers go, which is there for other programs, too."""


def run_by_steps(program: ContractProgram, answerer: Answerer, on_step: StepHeard) -> Run:
    """Run a program step by step, up to the first divergence."""
    return run_steps(
        program,
        program.steps,
        lambda: StepByStep(program, answerer),
        describe_step,
        on_step,
    )


def run_whole(program: ContractProgram, answerer: Answerer, on_step: StepHeard) -> Run:
    """Run a program in one message, or two, and judge it afterwards."""
    exercised: Counter[str] = Counter()
    place = len(program.steps)
    planned: list[Planned] = []
    try:
        greeting = answerer.greeted()
        exercised.update(f"{LACKS}{one}" for one in greeting.lacks)
        planned = plan(program, lacks=greeting.lacks, limits=greeting)
        judge = ContractJudge(greeting.alignment, of_name(ours(), greeting.name))
        answerer.ask(NewContract(), Done)
        on_step(place)  # one that does not end hangs somewhere in it, not before its first step
        replies = answerer.ask_all([one.request for one in planned], program.threads)
        if program.threads > 1:
            judge.hear_at_once(planned, [replies[at] for at in range(len(planned))])
        else:
            for at, one in enumerate(planned):
                place = one.step
                judge.hear(one, replies[at])
    except Difference as problem:
        return Run(as_divergence(program, place, problem), Counter())
    except (Broken, Declined) as problem:
        if program.threads == 1:
            alone = run_by_steps(program, answerer, on_step)
            if alone.divergence is not None:
                return alone
        told = said_by(problem)
        said = Difference("a whole program", "goes through", told, side="implementation")
        return Run(as_divergence(program, place, said), Counter())
    for one in planned:
        count(exercised, one)
    exercised.update(judge.known)
    exercised["steps"] += len(program.steps)
    return Run(None, exercised)


def as_divergence(program: ContractProgram, step: int, told: Difference) -> Divergence:
    """Return a difference as what a program came to in a step."""
    return Divergence(
        program, step, told.what, told.expected, told.seen, told.side, told.rules, told.after
    )


def count(exercised: Counter[str], planned: Planned) -> None:
    """Count a request by its kind."""
    exercised[type(planned.request).__name__.lower()] += 1
