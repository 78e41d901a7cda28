"""Obligations that are decided by running: everything that can happen in a small system is tried.

What a course does, step after step, is no formula. But a small system has few schedules and few
programs, and all of them can be run, with the functions that run anywhere: the answer is no sample.
It is bounded, and says so: what holds in every small system is not shown of larger ones.

As with a formula, an obligation says which situations have to be met, or it is vacuous; it kills at
least one mutant; and its answer rests on the sources that it names.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from spanproof.prove.assumptions import Assumption


class Ran(NamedTuple):
    """What came of running: how many states were looked at, and what happened in them.

    `wrong` says what is wrong with one of them, empty if nothing is, and `how` leads to it.
    `met` counts what happened by name; `complete` tells that nothing is left to be tried.
    """

    states: int
    met: Mapping[str, int]
    wrong: str = ""
    how: str = ""
    complete: bool = True


class Exploration(NamedTuple):
    """A named claim about everything that can happen in a small system, and how it is tried.

    `needs` names what has to happen at least once; the rest is as in `proof.Obligation`.
    """

    id: str
    rules: tuple[str, ...]
    claim: str
    run: Callable[[], Ran]
    needs: tuple[str, ...]
    assumes: tuple[Assumption, ...] = ()

    @property
    def module(self) -> str:
        """Where it is claimed."""
        return self.run.__module__

    @property
    def uses(self) -> tuple[str, ...]:
        """The obligations whose claims it builds on: none, as it runs all there is to try."""
        return ()


EXPLORATIONS: Final[dict[str, Exploration]] = {}
"""All of them by id, filled as the modules of `spanproof.theorems` are imported."""


def explored(
    id: str, rules: str, *, needs: str = "", assumes: tuple[Assumption, ...] = ()
) -> Callable[[Callable[[], Ran]], Callable[[], Ran]]:
    """Register a function as such an obligation; its docstring's first paragraph is the claim.

    `rules` are rule ids and `needs` names of what has to happen, separated by spaces.

    Raises: ValueError if the id is taken, the claim missing, or nothing has to happen.
    """

    def register(run: Callable[[], Ran]) -> Callable[[], Ran]:
        claim = " ".join((run.__doc__ or "").split("\n\n")[0].split())
        if id in EXPLORATIONS or not claim:
            raise ValueError(f"obligation {id!r} is registered twice, or has no claim")
        if not needs:
            raise ValueError(f"obligation {id!r} may be vacuous: nothing has to happen")
        EXPLORATIONS[id] = Exploration(
            id, tuple(rules.split()), claim, run, tuple(needs.split()), assumes
        )
        return run

    return register
