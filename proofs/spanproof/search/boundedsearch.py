"""Explicit-state search of a system with few identities: breadth first, every state once.

A proof speaks of any number of spans; this search runs the model's own functions on a handful of
them, and visits whatever can be reached. It answers two questions that a proof cannot: is this
state reachable at all, and by which steps? A run that it finds is a shortest one.
"""

import math
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

State = TypeVar("State")

BETWEEN_LOOKS: Final = 256
"""Transitions between two looks at the clock."""


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


class ReachedState(NamedTuple, Generic[State]):
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
    found: ReachedState[State] | None


def everything(state: State) -> Hashable:
    """Tell states apart by all that they hold."""
    return state


class Transition(NamedTuple, Generic[State]):
    """A move from one state to another, which is `new` if nothing led to it before.

    `depth` is the length of a shortest run to the state after it. `fatal` is the fatal check that
    fails in the step, if one does; the state after it is then the one before.
    """

    before: State
    move: Move
    after: State
    new: bool
    depth: int
    fatal: str | None = None


class ExploredStates(Generic[State]):
    """All that can be reached from a state, breadth first; how each view was first reached."""

    def __init__(
        self,
        start: State,
        actions: Sequence[Action[State]],
        view: Callable[[State], Hashable] = everything,
    ) -> None:
        self._start = start
        self._actions = actions
        self._view = view
        self._origins: dict[Hashable, tuple[Hashable, Move] | None] = {view(start): None}

    @property
    def states(self) -> int:
        """How many states were reached so far."""
        return len(self._origins)

    def transitions(self) -> Iterator[Transition[State]]:
        """Yield each transition from each state, in the order of the shortest runs to it."""
        layer, depth = [self._start], 0
        while layer:
            depth += 1
            following: list[State] = []
            for state in layer:
                here = self._view(state)
                for move, after, fatal in self._moves_from(state):
                    there = self._view(after)
                    new = there not in self._origins
                    if new:
                        self._origins[there] = (here, move)
                        following.append(after)
                    yield Transition(state, move, after, new, depth, fatal)
            layer = following

    def _moves_from(self, state: State) -> Iterator[tuple[Move, State, str | None]]:
        for name, choices, guard, step in self._actions:
            for chosen in choices:
                if not guard(state, *chosen):
                    continue
                try:
                    yield Move(name, chosen), step(state, *chosen), None
                except AssertionError as problem:
                    says = (str(problem) or "a fatal check fails").splitlines()[0]
                    yield Move(name, chosen), state, f"{name}: {says}"

    def run_to(self, state: State) -> tuple[Move, ...]:
        """Return the moves by which a state, or one that looks like it, was first reached."""
        moves: list[Move] = []
        origin = self._origins[self._view(state)]
        while origin is not None:
            before, move = origin
            moves.append(move)
            origin = self._origins[before]
        return tuple(reversed(moves))


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
    began, limit = time.process_time(), math.inf if seconds is None else seconds
    explored = ExploredStates(start, actions, view)
    transitions, depth, complete = 0, 0, True
    what = wrong(start)
    found = None if what is None else ReachedState(what, (), start)
    for one in explored.transitions() if found is None else ():
        transitions += 1
        what = wrong(one.after) if one.new else one.fatal
        if what is not None:
            found = ReachedState(what, (*explored.run_to(one.before), one.move), one.after)
            break
        depth = one.depth if one.new else depth
        late = transitions % BETWEEN_LOOKS == 0 and time.process_time() - began > limit
        if late or (most_states is not None and explored.states >= most_states):
            complete = False
            break
    spent = time.process_time() - began
    return Searched(explored.states, transitions, depth, complete and found is None, spent, found)
