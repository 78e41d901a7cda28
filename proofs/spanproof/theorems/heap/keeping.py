"""What the steps of a part of the heap have to keep, put for each of them in one way."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import z3

from spanproof.prove.proof import Proof
from spanproof.symbolic.values.values import Value
from spanspec.base.steps import Step

PartT = TypeVar("PartT")


class Taken(NamedTuple):
    """A step that is taken: what was chosen for it, its guard, and the part after it."""

    chosen: tuple[Value, ...]
    given: z3.BoolRef
    after: Value


def keep_invariant(
    p: Proof, steps: Sequence[Step[PartT]], kind: object, sound: Callable[..., bool]
) -> tuple[Value, dict[str, Taken]]:
    """Claim that each step keeps an invariant wherever its guard holds, and that each can be taken.

    Return the part before, and what becomes of it by each step, by the step's name.
    """
    before = p.fresh(kind, "before")
    p.assume(p.holds(sound, before))
    taken: dict[str, Taken] = {}
    for step in steps:
        chosen = tuple(p.parameters(step.take).values())
        given = p.holds(step.may, before, *chosen)
        after = p.call_given(given, step.take, before, *chosen)
        p.show(f"{step.name} keeps the invariant", p.implied(given, sound, after))
        p.possible(f"{step.name} is taken", given)
        taken[step.name] = Taken(chosen, given, after)
    return before, taken
