"""Whether a breach of an inductive invariant can be reached: a search from the start, in few.

A counterexample to "every step keeps the invariant" is any state that the invariant allows. Such a
state need not be reachable: the invariant may be too weak instead of the step wrong. So the same
functions are run from the start, in a system of one span, until some run breaks the invariant.
"""

from collections.abc import Callable
from typing import Final, cast

from spanproof.boundedsearch import Searched, search
from spanproof.counterexamples.running import Running
from spanproof.ownershipscope import Scope, actions_of, at_rest, ownership_breach
from spanproof.sharingscope import steps_of
from spanproof.symbolic.sources import SourceTree
from spanspec.ownership import Ownership
from spanspec.protocol.finite import Size, initial
from spanspec.protocol.invariant import sharing_holds
from spanspec.protocol.records import Sharing

SECONDS: Final = 10.0
"""How long a search may take."""

CYCLES: Final = 2
FEW: Final = Scope(spans=2, slots=2, sweepers=2)
LAST: Final = 0xFFFF_FFFE
"""The search begins just before the wrap-around of sweepgen."""


def bounded_search(obligation: str, sources: SourceTree | None) -> str | None:
    """Return what a search of a small system says, in a line; None if there is none to search."""
    tree = sources or SourceTree()
    family = obligation.partition(".")[0]
    if family == "ownership":
        actions = actions_of(FEW, cycles=CYCLES, start=LAST, sources=sources)
        start = at_rest(FEW, LAST)
        outcome = search(start, actions, ownership_breach, seconds=SECONDS)
        return told(outcome, "2 spans, 2 cache slots, 2 sweepers")
    if family == "protocol":
        system = initial(LAST, Size())
        steps = steps_of(system, variant=Running(tree).function)
        found = search(system, steps, _breach(tree), seconds=SECONDS)
        return told(found, "1 span, 1 P, 2 threads")
    return None


def told(outcome: Searched[Ownership] | Searched[Sharing], scope: str) -> str:
    """Return the outcome of a search in a line."""
    size = f"{scope}: {outcome.states} states, up to {outcome.depth} steps"
    if outcome.found is not None:
        steps = ", ".join(str(move) for move in outcome.found.run)
        return f"reachable from the start, by {steps}: {outcome.found.what} ({size})"
    extent = "all of them" if outcome.complete else f"as many as {SECONDS:g} s allow"
    return (
        f"no run from the start breaks the invariant ({size}, {extent}): the state above may be "
        "unreachable, and the invariant too weak"
    )


def _breach(tree: SourceTree) -> Callable[[Sharing], str | None]:
    holds = cast(Callable[[Sharing], bool], Running(tree).function(sharing_holds))
    return lambda state: None if holds(state) else "the invariant does not hold"
