"""Programs are made as small as they can be, with few tries."""

import time

from spanproof.fuzz.engine.reduce import reduced
from spanproof.fuzz.programs.heapprogram import (
    HeapProgram,
    Malloc,
    MarkEvery,
    StartCycle,
    Step,
    Sweep,
    Together,
)

LONG: tuple[Step, ...] = tuple([MarkEvery(n=number) for number in range(1, 90)])
NEVER = 1e18


def needs(*wanted: type) -> "Fails":
    return Fails(wanted)


class Fails:
    """A program fails if it has steps of some kinds, in this order."""

    def __init__(self, wanted: tuple[type, ...]) -> None:
        self.wanted = wanted
        self.tried: list[HeapProgram] = []

    def __call__(self, program: HeapProgram) -> int | None:
        self.tried.append(program)
        kinds = [type(step) for step in program.steps]
        length = 0
        for kind in self.wanted:
            if kind not in kinds[length:]:
                return None
            length = kinds.index(kind, length) + 1
        return length


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

    def fails(program: HeapProgram) -> int | None:
        length = len(program.steps)
        return length if length >= program.procs and Sweep() in program.steps else None

    program = HeapProgram((*LONG[:9], Sweep()), procs=8)
    assert reduced(program, fails, NEVER) == HeapProgram((Sweep(),))


def test_numbers_of_what_is_done_at_once_become_smaller_and_turns_become_none() -> None:
    def fails(program: HeapProgram) -> int | None:
        last = program.steps[-1] if program.steps else None
        if isinstance(last, Together) and len(last.tasks) == 2 and 2 in last.order:
            return len(program.steps)
        return None

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


def test_a_number_is_found_by_halving_the_interval_it_is_in() -> None:
    """Where the border of a failure is far from zero, going down one by one would take hours."""
    tried: list[int] = []

    def fails(program: HeapProgram) -> int | None:
        (step,) = program.steps or (Sweep(),)
        assert isinstance(step, Malloc | Sweep)
        tried.append(step.size if isinstance(step, Malloc) else 0)
        return 1 if isinstance(step, Malloc) and step.size > 32768 else None

    small = reduced(HeapProgram((Malloc(1 << 40),)), fails, NEVER)
    assert small == HeapProgram((Malloc(32769),))
    assert len(tried) < 40
    # Objects between that are as large would take all memory there is.
    assert max(tried) == 1 << 27


def test_steps_after_the_failure_are_gone_without_a_try() -> None:
    fails = needs(Sweep)
    assert reduced(HeapProgram((Sweep(), *LONG)), fails, NEVER).steps == (Sweep(),)
    assert len(fails.tried) < 12


def test_a_program_that_is_small_enough_keeps_its_numbers() -> None:
    fails = needs(Malloc, Sweep)
    program = HeapProgram((*LONG, Malloc(4000, 17, 3), Sweep(9)), 4)
    small = reduced(program, fails, NEVER, enough=2)
    assert small == HeapProgram((Malloc(4000, 17, 3), Sweep(9)), 4)
    assert reduced(program, fails, NEVER, enough=1).steps == (Malloc(0), Sweep())
