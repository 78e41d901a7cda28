"""Claims that pass from one obligation to another: lemmas, contracts, and who rests on whom.

A lemma is stated once, in rules. The obligation that proves it supposes its hypotheses and nothing
else; whoever uses it claims the hypotheses of his own values, and may then build on the conclusion.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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


class Circular(ValueError):
    """Obligations rest on each other in a circle."""


def taken(rule: Rule, values: Sequence[Value]) -> Sequence[Value]:
    """Return those of the values that a rule takes: as many as it has parameters."""
    return values[: len(signature(rule).parameters)]


def rules_of(stated: Stated) -> tuple[Rule, ...]:
    """Return the rules in which a lemma or a contract is stated."""
    if isinstance(stated, Lemma):
        return (stated.then, *stated.given, *stated.every)
    return (stated.ensures,) if stated.requires is None else (stated.ensures, stated.requires)


def rests_on(start: str, uses: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the obligations that one rests on, those of the others included, nearest first.

    Raises: Circular, naming the circle; ValueError if one is named that does not exist.
    """
    found: dict[str, None] = {}

    def follow(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = [*path[path.index(name) :], name]
            raise Circular(f"obligations rest on each other: {' -> '.join(circle)}")
        if name not in uses:
            raise ValueError(f"{path[-1]} rests on {name}, which is no obligation")
        if name in found:
            return
        if path:
            found[name] = None
        for other in uses[name]:
            follow(other, (*path, name))

    follow(start, ())
    return list(found)


def graph(uses: Mapping[str, Sequence[str]], names: Sequence[str]) -> Iterator[str]:
    """Yield lines: each obligation that rests on others, and below it those, and so on."""

    def below(name: str, depth: int) -> Iterator[str]:
        for other in uses[name]:
            yield f"{'  ' * depth}{other}"
            yield from below(other, depth + 1)

    for name in names:
        rests_on(name, uses)
        if uses[name]:
            yield name
            yield from below(name, 1)
