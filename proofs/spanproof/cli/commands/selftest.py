"""`spanspec selftest`: whether the translator reads whole functions as Python runs them."""

import tempfile
import time
from collections.abc import Sequence
from functools import partial
from os import cpu_count
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from spanproof.cli.options import Jobs, Json
from spanproof.cli.output import complain, err, out, print_json, progress, status_of
from spanproof.support.processes.sidebyside import KILLED, each_result
from spanspec.base.wording import counted

if TYPE_CHECKING:
    from spanproof.selftest.campaign import FunctionTally
    from spanproof.selftest.judge import Problem
    from spanproof.selftest.lines import Coverage

PRELOAD: Final = ["spanproof.selftest.campaign"]

TASK: Final = 500
"""Functions that a worker judges at a time."""

TRACED: Final = 400
"""Functions, the first ones, during which the translator's lines are watched."""

SHOWN: Final = 5
"""Problems that are shown."""


def selftest(
    functions: Annotated[int, typer.Option(min=1, help="Functions to write.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Determines every function.")] = 0,
    jobs: Jobs = 0,
    coverage: Annotated[
        bool, typer.Option(help="Print which lines of the translator the first of them execute.")
    ] = True,
    json: Json = False,
) -> int:
    """Write functions at random, and compare their terms with what Python does.

    Functions of the subset are run on random and edge inputs in three arithmetics: where all side
    conditions hold, term and Python have the same value. Functions outside it have to be refused,
    with file and line.
    """
    from spanproof.selftest.campaign import FunctionTally

    started = time.perf_counter()
    total, lines, interrupted, whole = FunctionTally(), list["Coverage"](), False, True
    tasks = [Task(at, min(at + TASK, functions)) for at in range(0, functions, TASK)]
    if coverage:
        tasks.insert(1, Task(0, min(functions, TRACED), watched=True))
    with progress("functions") as display:
        task = display.add_task("comparing", total=functions)
        try:
            with tempfile.TemporaryDirectory(prefix="spanspec-selftest-") as folder:
                work = partial(done_of, seed=seed, folder=folder)
                workers = jobs or cpu_count() or 1
                for one, result in each_result(tasks, workers, PRELOAD, work, lost):
                    if isinstance(result, FunctionTally):
                        total = total.plus(result)
                        display.update(task, completed=total.functions)
                    elif isinstance(result, list):
                        lines = result
                    else:
                        whole = False
                        complain(f"functions {one.first} to {one.end - 1}: {result}")
        except KeyboardInterrupt:
            interrupted = True
    seconds = time.perf_counter() - started
    if json:
        print_json(
            {
                **total._asdict(),
                "functions": total.functions,
                "seed": seed,
                "coverage": [one._asdict() for one in lines],
                "interrupted": interrupted,
                "wall_seconds": seconds,
            }
        )
    else:
        show(total, lines, seconds)
    if interrupted:
        err.print(f"interrupted: {total.functions} of {functions} were compared")
    if not (total.agreed or total.outside or interrupted):
        whole = False
        complain("nothing was judged: none of the functions could be compared; write more")
    return status_of(bool(total.problems), interrupted, unusable=not whole)


class Task(NamedTuple):
    """Functions to judge, from the first on, up to the end; perhaps with the translator watched."""

    first: int
    end: int
    watched: bool = False


def done_of(task: Task, seed: int, folder: str) -> "tuple[Task, FunctionTally | list[Coverage]]":
    """Do a task in a worker."""
    from spanproof.selftest.campaign import judged

    if task.watched:
        return task, traced(seed, task.end, folder)
    return task, judged(seed, task.first, task.end, folder)


def lost(task: Task) -> tuple[Task, str]:
    """Return what is told of a task whose worker is killed each time."""
    return task, KILLED


def traced(seed: int, functions: int, folder: str) -> "list[Coverage]":
    """Judge some functions, and return which lines of the translator that executed."""
    from spanproof.selftest.campaign import judged
    from spanproof.selftest.lines import coverage_of

    def run() -> None:
        judged(seed, 0, functions, folder)

    return coverage_of(run)


def show(total: "FunctionTally", lines: "Sequence[Coverage]", seconds: float) -> None:
    """Print what differs, the coverage, and the figures."""
    for problem in total.problems[:SHOWN]:
        show_problem(problem)
    if lines:
        out.print("lines of the translator    executed  not executed")
        for one in lines:
            share = 100 * (one.lines - len(one.missed)) / one.lines
            out.print(
                f"{one.module:<18} {one.lines:>7} {share:>8.0f} %  {ranges(one.missed)}",
                markup=False,
            )
        every = sum(one.lines for one in lines)
        run = every - sum(len(one.missed) for one in lines)
        out.print(f"{'all':<18} {every:>7} {100 * run / every:>8.0f} %\n")
    out.print(
        f"{counted(total.functions, 'function')}: {total.inside} of the subset, "
        f"{total.looping} with a loop or a contract, {total.methods} with methods "
        f"({total.refused} of all these refused), "
        f"{total.outside} outside the subset; "
        f"{total.agreed} values agree, a condition fails for {total.claimed} inputs; "
        f"{len(total.problems)} differ; wall {seconds:.0f} s",
        markup=False,
    )


def show_problem(problem: "Problem") -> None:
    """Print one function whose term is not what Python does."""
    out.print(problem.text, markup=False)
    out.print(f"in {problem.arithmetic}, {problem.inputs or 'whatever the inputs'}", markup=False)
    out.print(
        f"    Python:     {problem.python}\n    translator: {problem.translator}\n", markup=False
    )


def ranges(numbers: Sequence[int]) -> str:
    """Return numbers in order as ranges: 3-5, 9."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number <= runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
