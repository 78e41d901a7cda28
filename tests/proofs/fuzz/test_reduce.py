"""Programs are made as small as they can be, with few tries."""

import time

from spanproof.fuzz.heapprogram import (
    HeapProgram,
    Malloc,
    MarkEvery,
    StartCycle,
    Step,
    Sweep,
    Together,
)
from spanproof.fuzz.isolation.reduce import reduced

LONG: tuple[Step, ...] = tuple([MarkEvery(n=number) for number in range(1, 90)])
NEVER = 1e18


def needs(*wanted: type) -> "Fails":
    return Fails(wanted)


class Fails:
    """A program fails if it has steps of some kinds, in this order."""

    def __init__(self, wanted: tuple[type, ...]) -> None:
        self.wanted = wanted
        self.tried: list[HeapProgram] = []

    def __call__(self, program: HeapProgram) -> bool:
        self.tried.append(program)
        kinds = [type(step) for step in program.steps]
        for kind in self.wanted:
            if kind not in kinds:
                return False
            kinds = kinds[kinds.index(kind) + 1 :]
        return True


def test_all_that_is_needed_is_left_at_its_simplest() -> None:
    steps = (*LONG[:40], Malloc(4000, 17, 3), *LONG[40:70], StartCycle(5), *LONG[70:], Sweep(9))
    fails = needs(Malloc, StartCycle, Sweep)
    program = HeapProgram(steps, 4, 8, 65536, ("refuse",))
    assert reduced(program, fails, NEVER) == HeapProgram((Malloc(0), StartCycle(), Sweep()))
    # It is not begun anew whenever something could be left out, and nothing is tried twice.
    assert len(fails.tried) < 80
    assert len(fails.tried) == len(set(fails.tried))


def test_what_smaller_numbers_allow_is_left_out_as_well() -> None:
    """With fewer Ps than a step is about, the step is not needed any more."""

    def fails(program: HeapProgram) -> bool:
        return len(program.steps) >= program.procs and Sweep() in program.steps

    program = HeapProgram((*LONG[:9], Sweep()), procs=8)
    assert reduced(program, fails, NEVER) == HeapProgram((Sweep(),))


def test_numbers_of_what_is_done_at_once_become_smaller_and_turns_become_none() -> None:
    def fails(program: HeapProgram) -> bool:
        last = program.steps[-1] if program.steps else None
        return isinstance(last, Together) and len(last.tasks) == 2 and 2 in last.order

    tasks = (Malloc(800, 30, 2), Sweep(7, 3))
    small = reduced(HeapProgram((*LONG, Together(tasks, (1, 3, 2, 2, 3)))), fails, NEVER)
    (step,) = small.steps
    assert isinstance(step, Together)
    assert step.tasks == (Malloc(0), Sweep())
    assert set(step.order) == {0, 2}


def test_it_ends_when_the_time_is_up_with_what_it_has() -> None:
    program = HeapProgram((*LONG, Sweep()))
    fails = needs(Sweep)
    assert reduced(program, fails, time.monotonic() - 1) == program
    assert fails.tried == []
