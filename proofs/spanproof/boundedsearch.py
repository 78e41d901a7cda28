"""Explicit-state search of a system with few identities: breadth first, every state once.

A proof speaks of any number of spans; this search runs the model's own functions on a handful of
them, and visits whatever can be reached. It answers two questions that a proof cannot: is this
state reachable at all, and by which steps? A run that it finds is a shortest one.
"""

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

State = TypeVar("State")

BETWEEN_LOOKS: Final = 256
"""States expanded between two looks at the clock."""


class Action(NamedTuple, Generic[State]):
    """A transition: where `guard` holds for one of the `choices`, `step` may happen.

    Each choice is a tuple of identities and flags, passed to both after the state.
    """

    name: str
    choices: Sequence[tuple[int, ...]]
    guard: Callable[..., bool]
    step: Callable[..., State]


class Move(NamedTuple):
    """One step of a run: the action, and what it chose."""

    action: str
    chosen: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.action}({', '.join(map(str, self.chosen))})"


class Found(NamedTuple, Generic[State]):
    """What was looked for, a shortest run to it, and the last state that this run reaches.

    If a fatal check fails inside a step, the last move is that step, and `state` the one before.
    """

    what: str
    run: tuple[Move, ...]
    state: State


class Searched(NamedTuple, Generic[State]):
    """The outcome: `complete` says that every reachable state was visited.

    The seconds are of processor time, as is the limit of a search.
    """

    states: int
    transitions: int
    depth: int
    complete: bool
    seconds: float
    found: Found[State] | None


def everything(state: State) -> Hashable:
    """Tell states apart by all that they hold."""
    return state


def search(
    start: State,
    actions: Sequence[Action[State]],
    wrong: Callable[[State], str | None],
    *,
    view: Callable[[State], Hashable] = everything,
    seconds: float | None = None,
    most_states: int | None = None,
) -> Searched[State]:
    """Visit what can be reached from a state, up to the first state that is `wrong`.

    `wrong` says in words what is wrong with a state, or None. A fatal check (an assertion) that
    fails inside a step is wrong too. Two states with the same `view` count as one: a view that
    forgets something is sound only if no guard, no step and not `wrong` depends on it.
    """
    return _Search(actions, wrong, view).run(start, seconds, most_states)


class _Search(Generic[State]):
    """A search under way: how each view was first reached, and the states not yet expanded."""

    def __init__(
        self,
        actions: Sequence[Action[State]],
        wrong: Callable[[State], str | None],
        view: Callable[[State], Hashable],
    ) -> None:
        self.actions = actions
        self.wrong = wrong
        self.view = view
        self.origins: dict[Hashable, tuple[Hashable, Move] | None] = {}
        self.transitions = 0

    def run(self, start: State, seconds: float | None, most_states: int | None) -> Searched[State]:
        """Search layer by layer, until all is visited, something is found, or a limit is met."""
        began = time.process_time()
        layer, depth, expanded = [start], 0, 0
        self.origins = {self.view(start): None}
        what = self.wrong(start)
        found = None if what is None else Found(what, (), start)
        complete = found is None
        while layer and complete:
            following: list[State] = []
            for state in layer:
                found = self.expand(state, following)
                expanded += 1
                late = expanded % BETWEEN_LOOKS == 0 and seconds is not None
                if (
                    found is not None
                    or (late and time.process_time() - began > (seconds or 0))
                    or (most_states is not None and len(self.origins) >= most_states)
                ):
                    complete = False
                    break
            layer = following
            depth += bool(following)
        spent = time.process_time() - began
        return Searched(len(self.origins), self.transitions, depth, complete, spent, found)

    def expand(self, state: State, following: list[State]) -> Found[State] | None:
        """Take every step from a state; collect the states that are new."""
        here = self.view(state)
        for name, choices, guard, step in self.actions:
            for chosen in choices:
                if not guard(state, *chosen):
                    continue
                self.transitions += 1
                move = Move(name, chosen)
                try:
                    after = step(state, *chosen)
                except AssertionError as problem:
                    says = (str(problem) or "a fatal check fails").splitlines()[0]
                    what = f"{name}: {says}"
                    return Found(what, (*self.moves_to(here), move), state)
                there = self.view(after)
                if there in self.origins:
                    continue
                self.origins[there] = (here, move)
                wrong = self.wrong(after)
                if wrong is not None:
                    return Found(wrong, self.moves_to(there), after)
                following.append(after)
        return None

    def moves_to(self, view: Hashable) -> tuple[Move, ...]:
        """Return the moves by which a view was first reached."""
        moves: list[Move] = []
        origin = self.origins[view]
        while origin is not None:
            before, move = origin
            moves.append(move)
            origin = self.origins[before]
        return tuple(reversed(moves))


def states_of(
    start: State, actions: Sequence[Action[State]], run: Sequence[Move]
) -> Iterator[State]:
    """Yield the states that a run passes through, the first one included.

    Raises: ValueError if a move is not possible where the run makes it; AssertionError if a
        fatal check fails in it.
    """
    by_name = {action.name: action for action in actions}
    state = start
    yield state
    for move in run:
        action = by_name.get(move.action)
        if action is None or not action.guard(state, *move.chosen):
            raise ValueError(f"{move} is not possible here")
        state = action.step(state, *move.chosen)
        yield state
