"""Programs from the beginning of a process: what one comes to may hang on those before it.

An allocator keeps what was freed. Many programs run in one process, in which it ages. What has
failed there is looked for in fresh ones: alone, or behind some of the programs that came before, as
one longer program.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from spanproof.fuzz.levels.contractruns import attempt_on
from spanproof.fuzz.levels.remote import Answerer
from spanproof.fuzz.lockstep.divergence import Run, StepHeard
from spanproof.fuzz.programs.contractprogram import ContractProgram, Free, Malloc, Step

MOST: Final = 20_000
"""Steps of the programs before that are kept, which is more than one of them has."""


class AgeingAllocator:
    """Runs programs in one process, until one has failed; from then on each in a fresh one."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self._run = attempt_on(answerer)
        self._before: list[ContractProgram] = []
        self._steps = 0
        self._afresh = False

    def attempt(self, program: ContractProgram, on_step: StepHeard, _: bool) -> Run:
        """Run a program."""
        if self._afresh:
            self._answerer.close()
        elif not self._answerer.is_running():
            self._forget()
        run = self._run(program, on_step)
        if run.divergence is None and not self._afresh:
            self._remember(program)
        return run

    def beginnings(self, program: ContractProgram) -> Iterator[ContractProgram]:
        """Yield what may fail in a fresh process, as a program did that has failed in an old one.

        Each begins with more of what came before. From now on each program has a fresh process.
        """
        self._afresh = True
        some = 0
        yield program
        while some < len(self._before):
            some = min(max(1, 2 * some), len(self._before))
            yield joined([*self._before[-some:], program])

    def _remember(self, program: ContractProgram) -> None:
        self._before.append(program)
        self._steps += len(program.steps)
        while self._steps > MOST:
            self._steps -= len(self._before.pop(0).steps)

    def _forget(self) -> None:
        self._before.clear()
        self._steps = 0


def joined(programs: Sequence[ContractProgram]) -> ContractProgram:
    """Return programs as one, in which objects die where the next program begins."""
    steps: list[Step] = []
    living = 0
    for program in programs:
        steps += [Free()] * living
        steps += program.steps
        living = sum(isinstance(step, Malloc) for step in program.steps)
    return ContractProgram(tuple(steps), max(program.threads for program in programs))
