"""Claims that pass from one obligation to another: lemmas and contracts.

A lemma is stated once, in rules. The obligation that proves it supposes its hypotheses and nothing
else; whoever uses it claims the hypotheses of his own values, and may then build on the conclusion.
"""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import NamedTuple, TypeAlias

from spanproof.symbolic.frames import Contract
from spanproof.symbolic.values import Value

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


Stated: TypeAlias = Lemma | Contract


def taken(rule: Rule, values: Sequence[Value]) -> Sequence[Value]:
    """Return those of the values that a rule takes: as many as it has parameters."""
    return values[: len(signature(rule).parameters)]


def rules_of(stated: Stated) -> tuple[Rule, ...]:
    """Return the rules in which a lemma or a contract is stated."""
    if isinstance(stated, Lemma):
        return (stated.then, *stated.given, *stated.every)
    return (stated.ensures,) if stated.requires is None else (stated.ensures, stated.requires)
