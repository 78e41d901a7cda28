"""The sharing protocol, at the grain of single stores, with few identities, ready to be searched.

The steps are those of `spanspec.sharing`. States are told apart by all that they hold, so the
number of cycles has to be bounded if a search is to end.
"""

from collections.abc import Callable
from typing import Final, cast

from spanproof.search.boundedsearch import Action
from spanspec.base.words import M32, U32
from spanspec.sharing.invariant.invariant import sharing_holds
from spanspec.sharing.steps.steps import STEPS, Step, choices_for
from spanspec.sharing.tables.finite import Size, initial
from spanspec.sharing.tables.records import Sharing

FIRST: Final[U32] = 0xFFFF_FFFE
"""The last sweepgen before the wrap-around: the first cycle crosses it."""

Rule = Callable[..., object]


def as_installed(rule: Rule) -> Rule:
    """Return a rule as it is."""
    return rule


def steps_of(
    start: Sharing, cycles: int | None = None, variant: Callable[[Rule], Rule] = as_installed
) -> list[Action[Sharing]]:
    """Return the steps for all identities of a system, with at most so many starts of a cycle.

    `variant` may put another function in the place of each guard and each step.
    """
    last = None if cycles is None else (start.sweepgen + 2 * cycles) & M32

    def guard(step: Step) -> Callable[..., bool]:
        may = cast(Callable[..., bool], variant(step.may))
        if last is None or step.name != "start-cycle":
            return may
        return lambda state: state.sweepgen != last and may(state)

    return [
        Action(
            step.name,
            list(choices_for(step, start)),
            guard(step),
            cast(Callable[..., Sharing], variant(step.take)),
        )
        for step in STEPS
    ]


def start_of(size: Size) -> Sharing:
    """Return the system before its first step, at the last sweepgen before the wrap-around."""
    return initial(FIRST, size)


def sharing_breach(state: Sharing) -> str | None:
    """Say that the inductive invariant does not hold, if so."""
    return None if sharing_holds(state) else f"the invariant fails: {state}"
