"""A run that a search has found, taken again from the functions alone."""

from collections.abc import Iterator, Sequence

from spanproof.search.boundedsearch import Action, Move, State


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
