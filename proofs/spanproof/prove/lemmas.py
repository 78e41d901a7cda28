"""Claims that pass from one obligation to another: lemmas, contracts, and what steps keep.

A lemma is stated once, in rules. The obligation that proves it supposes its hypotheses and nothing
else; whoever uses it claims the hypotheses of his own values, and may then build on the conclusion.
"""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import NamedTuple, TypeAlias

from spanproof.symbolic.evaluation.frames import Contract
from spanproof.symbolic.values.values import Value

Rule = Callable[..., bool]


class Lemma(NamedTuple):
    """What `proved_by` shows of arbitrary values: `then` follows from all of `given`.

    Each rule takes as many of the values, from the first on, as it has parameters. `every` has
    rules that must hold for every slot, which is one parameter more.
    """

    proved_by: str
    then: Rule
    given: tuple[Rule, ...] = ()
    every: tuple[Rule, ...] = ()

    @property
    def name(self) -> str:
        """The obligation and the conclusion, for labels."""
        return f"{self.proved_by}: {self.then.__name__}"


class ShownOfSteps(NamedTuple):
    """What each of some obligations shows of the steps that it is about, in its own arithmetic.

    They have the rule itself among their goals. Whoever builds on it speaks of the records before
    and after such a step, so nothing is left to be asked of him.
    """

    then: Rule
    shown_by: tuple[str, ...]

    @property
    def name(self) -> str:
        """The conclusion, for labels."""
        return self.then.__name__


class Inductive(NamedTuple):
    """What holds in every state that can be reached: `start` shows it of the first one.

    Each of `steps` shows that one step keeps it. The rules may be parts of what they show.
    """

    then: Rule
    start: str
    steps: tuple[str, ...]

    @property
    def shown_by(self) -> tuple[str, ...]:
        """The obligations that show it together."""
        return (self.start, *self.steps)

    @property
    def name(self) -> str:
        """The invariant, for labels."""
        return self.then.__name__


Reached: TypeAlias = ShownOfSteps | Inductive
Stated: TypeAlias = Lemma | Contract | Reached


def taken(rule: Rule, values: Sequence[Value]) -> Sequence[Value]:
    """Return those of the values that a rule takes: as many as it has parameters."""
    return values[: len(signature(rule).parameters)]


def provers_of(stated: Stated) -> tuple[str, ...]:
    """Return the obligations that show what is stated; none for a contract that names none."""
    if isinstance(stated, ShownOfSteps | Inductive):
        return stated.shown_by
    return (stated.proved_by,) if stated.proved_by else ()


def rules_of(stated: Stated) -> tuple[Rule, ...]:
    """Return the rules in which a lemma or a contract is stated."""
    if isinstance(stated, Lemma):
        return (stated.then, *stated.given, *stated.every)
    if isinstance(stated, ShownOfSteps | Inductive):
        return (stated.then,)
    return (stated.ensures,) if stated.requires is None else (stated.ensures, stated.requires)
