"""Explicit-state search: shortest runs, what is reachable, and the ownership protocol in scope."""

from itertools import islice

import pytest
from msgspec.structs import replace

from spanproof.boundedsearch import Action, Move, Searched, search, states_of
from spanproof.mutants import MUTANTS
from spanproof.ownershipscope import (
    BEFORE_THE_WRAP,
    Scope,
    actions_of,
    at_rest,
    essentials,
    ownership_breach,
    up_to_names,
)
from spanproof.sharingscope import sharing_breach, start_of, steps_of
from spanproof.symbolic.sources import SourceTree
from spanspec.ownership import Ownership, ownership_holds
from spanspec.protocol.finite import Size
from spanspec.sweepgen import is_stale, is_sweeping
from spanspec.tables import SpanId

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


# --- the ownership protocol -----------------------------------------------------------------------


def explore(scope: Scope, sources: SourceTree | None = None) -> Searched[Ownership]:
    """Visit everything that the protocol reaches in three cycles, across the wrap-around."""
    actions = actions_of(scope, cycles=3, sources=sources)
    return search(at_rest(scope), actions, ownership_breach)


def test_the_protocol_keeps_its_invariant_in_scope() -> None:
    outcome = explore(Scope(2, 2, 2))
    assert outcome.found is None
    assert outcome.complete
    assert outcome.states > 5000


def test_both_views_agree_about_what_can_be_reached() -> None:
    scope = Scope(2, 2, 2)
    actions = actions_of(scope)
    plain = search(at_rest(scope), actions, ownership_breach, view=essentials)
    renamed = search(at_rest(scope), actions, ownership_breach, view=up_to_names)
    assert plain.complete and renamed.complete  # noqa: PT018  both or neither
    assert plain.found is renamed.found is None
    assert plain.depth == renamed.depth
    assert renamed.states < plain.states <= renamed.states * 8


def test_essentials_forget_nothing_that_a_guard_needs() -> None:
    """Of the states of three cycles, those with equal essentials allow the same choices."""
    scope = Scope(2, 1, 1)
    actions = actions_of(scope)
    allowed: dict[object, set[Move]] = {}
    seen = 0

    def note(state: Ownership) -> None:
        nonlocal seen
        seen += 1
        here = {Move(a.name, c) for a in actions for c in a.choices if a.guard(state, *c)}
        assert allowed.setdefault(essentials(state), here) == here

    search(at_rest(scope), actions_of(scope, cycles=3), note)
    assert seen > 2 * len(allowed)


NOT_OF_BEHAVIOUR = {
    "owner-not-checked": "weakens the invariant, while the protocol stays as it is",
    "27997-cached-forgotten": "is about the unswept buffer, which this protocol does not have",
    "no-wrap-below-zero": "stops sweeping at the wrap-around: nothing bad happens, nor anything",
}
"""Mutants that no reachable state can show, and why."""

MUTATED = sorted(
    name
    for name, mutant in MUTANTS.items()
    if mutant.killed_by.startswith(("sweepgen.", "ownership.")) and name not in NOT_OF_BEHAVIOUR
)


@pytest.mark.parametrize("name", MUTATED)
def test_a_mutant_is_found_and_its_run_shows_it(name: str) -> None:
    scope, sources = Scope(2, 2, 2), MUTANTS[name].sources()
    found = explore(scope, sources).found
    assert found is not None
    run = states_of(at_rest(scope), actions_of(scope, cycles=3, sources=sources), found.run)
    states = list(islice(run, len(found.run)))
    assert all(ownership_holds(state) for state in states)
    if found.state == states[-1]:
        with pytest.raises(AssertionError, match="SWP-3"):
            next(run)
    else:
        assert next(run) == found.state
        assert not ownership_holds(found.state)


@pytest.mark.parametrize("name", sorted(NOT_OF_BEHAVIOUR))
def test_a_mutant_that_no_state_can_show_is_not_found(name: str) -> None:
    outcome = explore(Scope(2, 2, 2), MUTANTS[name].sources())
    assert outcome.complete
    assert outcome.found is None


def test_a_state_is_reachable_or_it_is_not() -> None:
    """The question that an inductiveness counterexample poses."""
    scope = Scope(2, 1, 1)
    actions = actions_of(scope)

    def stale_beside_swept(state: Ownership) -> str | None:
        gens = [state.spans[SpanId(span)].sweepgen for span in (1, 2)]
        sg = state.sweepgen
        return "it is" if is_stale(sg, gens[0]) and is_sweeping(sg, gens[1]) else None

    reached = search(at_rest(scope), actions, stale_beside_swept, view=essentials).found
    assert reached is not None
    assert [move.action for move in reached.run] == [
        "allocate",
        "allocate",
        "cache",
        "start_sweep_phase",
        "claim",
    ]

    def two_sweeps_by_one(state: Ownership) -> str | None:
        gens = [state.spans[SpanId(span)].sweepgen for span in (1, 2)]
        return "it is" if all(is_sweeping(state.sweepgen, gen) for gen in gens) else None

    never = search(at_rest(scope), actions, two_sweeps_by_one, view=essentials)
    assert never.complete
    assert never.found is None


def test_the_breach_names_what_is_wrong() -> None:
    state = at_rest(Scope(1, 1, 1))
    assert ownership_breach(state) is None
    span = SpanId(1)
    lost = replace(state.spans[span], in_use=True, sweepgen=BEFORE_THE_WRAP - 1)
    told = ownership_breach(replace(state, spans=state.spans.set(span, lost)))
    assert told is not None
    assert told.startswith("span 1 has no legal owner")
    odd = ownership_breach(replace(state, sweepgen=BEFORE_THE_WRAP + 1))
    assert odd is not None
    assert "odd" in odd


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
