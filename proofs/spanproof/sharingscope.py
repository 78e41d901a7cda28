"""The sharing protocol, at the grain of single stores, with few identities, ready to be searched.

The steps are those of `spanspec.protocol`. States are told apart by all that they hold, so the
number of cycles has to be bounded.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Final

from spanproof.boundedsearch import Action
from spanspec.protocol.finite import Size, initial
from spanspec.protocol.invariant import sharing_holds
from spanspec.protocol.records import Sharing
from spanspec.protocol.steps import STEPS, Choice, Step
from spanspec.tables import ClassId, ProcId, SlotId, SpanId, ThreadId
from spanspec.words import M32, U32

FIRST: Final[U32] = 0xFFFF_FFFE
"""The last sweepgen before the wrap-around: the first cycle crosses it."""


def start_of(size: Size) -> Sharing:
    """Return the system before its first step."""
    return initial(FIRST, size)


def steps_of(size: Size, cycles: int) -> list[Action[Sharing]]:
    """Return the steps for all identities, with at most so many starts of a cycle."""
    last = (FIRST + 2 * cycles) & M32
    pools: dict[object, Sequence[Choice]] = {
        SpanId: range(1, size.spans + 1),
        SlotId: range(size.procs * size.classes),
        ProcId: range(size.procs),
        ThreadId: range(size.threads),
        ClassId: range(size.classes),
        bool: (False, True),
    }

    def guard(step: Step) -> Callable[..., bool]:
        if step.name != "start-cycle":
            return step.may
        return lambda state: state.sweepgen != last and step.may(state)

    def choices(step: Step) -> list[tuple[Choice, ...]]:
        kinds = list(step.take.__annotations__.values())[1:-1]
        return list(product(*(pools[kind] for kind in kinds)))

    return [Action(step.name, choices(step), guard(step), step.take) for step in STEPS]


def sharing_breach(state: Sharing) -> str | None:
    """Say that the inductive invariant does not hold, if so."""
    return None if sharing_holds(state) else f"the invariant fails: {state}"
