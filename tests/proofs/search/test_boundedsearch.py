"""Explicit-state search: shortest runs, what is reachable, and the sharing protocol in scope."""

import pytest

from spanproof.counterexamples.changed_sources import Running
from spanproof.search.boundedsearch import Action, Move, search
from spanproof.search.sharingscope import sharing_breach, start_of, steps_of
from spanproof.theorems.mutants import MUTANTS
from spanspec.sharing.invariant.invariant import sharing_holds
from spanspec.sharing.tables.finite import Size
from tests.proofs.search.repeating import states_of

JUGS = (3, 5)
"""The puzzle of the two jugs: measure four litres with one of three and one of five."""


def pour(state: tuple[int, int], source: int) -> tuple[int, int]:
    moved = min(state[source], JUGS[1 - source] - state[1 - source])
    after = list(state)
    after[source] -= moved
    after[1 - source] += moved
    return after[0], after[1]


def emptied_or_filled(state: tuple[int, int], jug: int, full: int) -> tuple[int, int]:
    content = JUGS[jug] if full else 0
    return (content, state[1]) if jug == 0 else (state[0], content)


POURING: list[Action[tuple[int, int]]] = [
    Action("pour", [(0,), (1,)], lambda state, source: state[source] > 0, pour),
    Action(
        "set",
        [(jug, full) for jug in (0, 1) for full in (0, 1)],
        lambda *_: True,
        emptied_or_filled,
    ),
]


def test_a_run_that_is_found_is_a_shortest_one_and_can_be_taken() -> None:
    outcome = search((0, 0), POURING, lambda state: "four" if 4 in state else None)
    assert outcome.found is not None
    assert (outcome.found.what, outcome.complete) == ("four", False)
    assert len(outcome.found.run) == 6
    assert list(states_of((0, 0), POURING, outcome.found.run))[-1] == outcome.found.state
    assert outcome.found.state[1] == 4


def test_a_search_that_finds_nothing_has_visited_all_that_can_be_reached() -> None:
    outcome = search((0, 0), POURING, lambda state: "six" if 6 in state else None)
    assert outcome.found is None
    assert outcome.complete
    # A full jug or an empty one, or both: what is inside never occurs.
    assert outcome.states == 16


def test_a_wrong_start_is_found_at_once() -> None:
    outcome = search((4, 0), POURING, lambda state: "four" if 4 in state else None)
    assert outcome.found is not None
    assert outcome.found.run == ()


def test_limits_end_a_search_and_it_says_so() -> None:
    assert not search((0, 0), POURING, lambda _: None, most_states=5).complete
    counting = [Action("count", [()], lambda _: True, lambda state: state + 1)]
    assert not search(0, counting, lambda _: None, seconds=0.0).complete


def test_a_fatal_check_that_fails_in_a_step_is_found() -> None:
    def fragile(state: int) -> int:
        assert state < 2, "T-0: too far"
        return state + 1

    outcome = search(0, [Action("count", [()], lambda _: True, fragile)], lambda _: None)
    assert outcome.found is not None
    assert outcome.found.what == "count: T-0: too far"
    assert len(outcome.found.run) == 3


def test_an_impossible_move_is_refused() -> None:
    with pytest.raises(ValueError, match=r"pour\(0\) is not possible"):
        list(states_of((0, 0), POURING, [Move("pour", (0,))]))
    with pytest.raises(ValueError, match="spill"):
        list(states_of((0, 0), POURING, [Move("spill", ())]))


# --- the sharing protocol -------------------------------------------------------------------------


def test_the_finer_protocol_keeps_its_invariant_in_scope() -> None:
    start = start_of(Size(spans=1, procs=1, threads=1))
    outcome = search(start, steps_of(start, cycles=2), sharing_breach)
    assert outcome.found is None
    assert outcome.complete
    assert outcome.states > search(start, steps_of(start, 1), sharing_breach).states


def test_a_cycle_that_starts_too_early_is_found_in_the_finer_protocol() -> None:
    start = start_of(Size(spans=1, procs=1, threads=1))
    actions = [
        action._replace(guard=lambda state: True) if action.name == "start-cycle" else action
        for action in steps_of(start, cycles=2)
    ]
    found = search(start, actions, sharing_breach).found
    assert found is not None
    assert found.run[-1].action == "start-cycle"


@pytest.mark.parametrize(
    "name", ["24a7252e25-cycle-too-early", "swap-without-compare", "pushed-on-unswept"]
)
def test_a_mutant_is_found_and_its_run_shows_it(name: str) -> None:
    start = start_of(Size(spans=1, procs=1, threads=2))
    steps = steps_of(start, cycles=2, variant=Running(MUTANTS[name].sources()).function)
    found = search(start, steps, sharing_breach).found
    assert found is not None
    *before, last = found.run
    states = list(states_of(start, steps, before))
    assert all(sharing_holds(state) for state in states)
    if found.state == states[-1]:
        with pytest.raises(AssertionError):
            list(states_of(start, steps, found.run))
    else:
        assert list(states_of(start, steps, found.run))[-1] == found.state
        assert not sharing_holds(found.state)
    assert last.action in found.what or "invariant" in found.what
