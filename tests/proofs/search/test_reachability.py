"""Each step, task, generation and race of the protocol is reachable, across the wrap-around too."""

import pytest

from spanproof.search.boundedsearch import states_of
from spanproof.search.reachability import CACHED_WHILE_POPPED, GOALS, TASKS, seen_in, shortest_runs
from spanproof.search.sharingscope import steps_of
from spanspec.sharing.invariant.invariant import sharing_holds
from spanspec.sharing.tables import records
from spanspec.sharing.tables.finite import Size, initial

LAST = (1 << 32) - 2


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
