"""Whether a breach of an inductive invariant can be reached: a search from the start, in few.

A counterexample to "every step keeps the invariant" is any state that the invariant allows. Such a
state need not be reachable: the invariant may be too weak instead of the step wrong. So the same
functions are run from the start, in a system of one span, until some run breaks the invariant.
"""

from collections.abc import Callable
from typing import Final, cast

from spanproof.counterexamples.changed_sources import Running
from spanproof.search.boundedsearch import Searched, search
from spanproof.search.sharingscope import start_of, steps_of
from spanproof.symbolic.reading.sources import SourceTree
from spanspec.sharing.invariant.invariant import sharing_holds
from spanspec.sharing.tables.finite import Size
from spanspec.sharing.tables.records import Sharing

MOST_STATES: Final = 30_000
"""How many states a search may visit: a second of an idle machine, and the same in every run.

Whoever has changed a rule waits for it.
"""

SMALL: Final = Size(spans=1, procs=1, threads=2)


def bounded_search(obligation: str, sources: SourceTree | None) -> str | None:
    """Return what a search of a small system says, in a line; None if there is none to search."""
    if obligation.partition(".")[0] != "protocol":
        return None
    running, start = Running(sources or SourceTree()), start_of(SMALL)
    holds = cast(Callable[[Sharing], bool], running.function(sharing_holds))

    def wrong(state: Sharing) -> str | None:
        return None if holds(state) else "the invariant does not hold"

    steps = steps_of(start, variant=running.function)
    found = search(start, steps, wrong, most_states=MOST_STATES)
    return told(found, "1 span, 1 P, 2 threads")


def told(outcome: Searched[Sharing], scope: str) -> str:
    """Return the outcome of a search in a line."""
    size = f"{scope}: {outcome.states} states, up to {outcome.depth} steps"
    if outcome.found is not None:
        steps = ", ".join(str(move) for move in outcome.found.run)
        return f"reachable from the start, by {steps}: {outcome.found.what} ({size})"
    extent = "all of them" if outcome.complete else "as many as are looked at"
    return (
        f"no run from the start breaks the invariant ({size}, {extent}): the state above may be "
        "unreachable, and the invariant too weak"
    )
