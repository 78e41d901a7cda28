"""Each step, task, generation and race of the protocol is reachable, across the wrap-around too.

The shortest runs are searched breadth first, with the functions of the model themselves, in a
system of one span. A proof about all reachable systems would hold trivially if next to none were.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pytest

from spanproof.counterexamples.description import TASKS
from spanproof.search.boundedsearch import ExploredStates, Move
from spanproof.search.sharingscope import steps_of
from spanspec.base.words import U32
from spanspec.sharing.invariant.invariant import sharing_holds
from spanspec.sharing.steps.steps import STEPS
from spanspec.sharing.tables import records
from spanspec.sharing.tables.finite import Size, initial
from spanspec.sharing.tables.records import NO_SPAN, SAW_UNUSED, Sharing
from spanspec.span.sweepgen import is_cached, is_stale, is_sweeping, is_swept, needs_sweep
from tests.proofs.search.repeating import states_of

LAST = (1 << 32) - 2

GENERATIONS: Final[Mapping[str, Callable[[U32, U32], bool]]] = {
    "sg-2": needs_sweep,
    "sg-1": is_sweeping,
    "sg": is_swept,
    "sg+1": is_stale,
    "sg+3": is_cached,
}
"""What the sweepgen of a span in use can be."""

SMALLEST: Final = Size()
"""One span, one P with one slot, and two threads."""

CACHED_WHILE_POPPED: Final = "popped when not in use, cached when its sweepgen is read"
"""The race of issue 27997 (SWP-14)."""

GOALS: Final = frozenset(
    {f"step {step.name}" for step in STEPS}
    | {f"task {task}" for task in TASKS}
    | {f"generation {name}" for name in GENERATIONS}
    | {CACHED_WHILE_POPPED}
)
"""Everything that has to be reachable."""


def seen_in(state: Sharing) -> Iterator[str]:
    """Yield the goals that a system meets."""
    sg = state.sweepgen
    for span in state.spans:
        it = state.spans[span]
        for name, rule in GENERATIONS.items():
            if it.in_use and rule(sg, it.sweepgen):
                yield f"generation {name}"
    for thread in state.threads:
        worker = state.threads[thread]
        yield f"task {TASKS[worker.task]}"
        generation = state.spans[worker.span].sweepgen
        if worker.task == SAW_UNUSED and worker.span != NO_SPAN and is_cached(sg, generation):
            yield CACHED_WHILE_POPPED


def shortest_runs(
    sg: U32,
    size: Size = SMALLEST,
    after: Callable[[Sharing], bool] = lambda state: True,
    longest: int = 20,
) -> dict[str, tuple[Move, ...]]:
    """Return a shortest run to each goal from a system whose sweepgen is `sg` at first.

    Only systems in which `after` holds count. The search ends when every goal is met, or when all
    runs of `longest` steps were tried.

    Raises: AssertionError if a step runs into a fatal check of the runtime.
    """
    start = initial(sg, size)
    explored = ExploredStates(start, steps_of(start))
    found: dict[str, tuple[Move, ...]] = {}
    for taken in explored.transitions():
        assert taken.fatal is None, taken.fatal
        if taken.depth > longest or found.keys() == GOALS:
            break
        if after(taken.after):
            seen = seen_in(taken.after) if taken.new else ()
            for goal in {f"step {taken.move.action}", *seen} - found.keys():
                found[goal] = (*explored.run_to(taken.before), taken.move)
    return found


@pytest.mark.parametrize("start", [0, LAST])
def test_every_goal_is_met_by_a_run_that_can_be_repeated(start: int) -> None:
    runs = shortest_runs(start)
    assert runs.keys() == GOALS
    system = initial(start, Size())
    for goal, run in runs.items():
        systems = list(states_of(system, steps_of(system), run))
        assert all(sharing_holds(state) for state in systems)
        assert goal in seen_in(systems[-1]) or goal == f"step {run[-1].action}"


def test_every_goal_is_met_after_the_wrap_around_as_well() -> None:
    runs = shortest_runs(LAST, after=lambda state: state.sweepgen < LAST)
    assert runs.keys() == GOALS
    start = initial(LAST, Size())
    for run in runs.values():
        assert list(states_of(start, steps_of(start), run))[-1].sweepgen < LAST


def test_the_race_of_issue_27997_takes_two_threads() -> None:
    run = shortest_runs(0)[CACHED_WHILE_POPPED]
    assert {move.action for move in run} >= {"pop", "look", "free", "grow", "install"}
    assert CACHED_WHILE_POPPED not in shortest_runs(0, Size(threads=1), longest=14)


def test_the_tasks_have_the_names_of_their_constants() -> None:
    for number, name in enumerate(TASKS):
        assert getattr(records, name.upper().replace("-", "_")) == number
