"""The protocol proof beside explicit-state search: a flat line beside an exponential.

Both searches visit every state of the same protocol, whatever the number of cycles: ours runs the
model's own functions, SPIN a Promela model. They must agree about the number of states.
"""

import time
from functools import cache
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

from spanproof.bench.child import Figures, in_child
from spanproof.bench.figure import Goal, Measured, Pair, Settings, Table, figure
from spanproof.bench.promela import Verified, verify
from spanproof.bench.tools import Missing
from spanproof.boundedsearch import Searched, search
from spanproof.obligations import all_obligations
from spanproof.ownershipscope import (
    Scope,
    actions_of,
    at_rest,
    essentials,
    ownership_breach,
    up_to_names,
)
from spanproof.prover import decide
from spanspec.ownership import Ownership

PROOF: Final = ("sweepgen.", "ownership.")
"""Of these the obligations for any number of spans, slots and sweepers have their ids."""

LARGEST: Final = 7
"""Spans, and Ps, and sweepers, of the largest scope that is tried."""

LIMIT: Final = 60.0
"""Seconds for one search of one scope."""

QUICK_LIMIT: Final = 3.0

PROOFS: Final = 3
"""Times that the proof is made beside each scope; the median counts."""


class Row(NamedTuple):
    """What one scope takes; a search is None if a smaller scope met its limit already."""

    size: int
    proof: float
    ours: Searched[Ownership] | None
    renamed: Searched[Ownership] | None
    spin: Verified | None


def prove(*prefixes: str) -> Figures:
    """Decide every obligation whose id begins with one of these; return the seconds it takes.

    Raises: RuntimeError if one is not proved, or if there are none.
    """
    obligations = [one for name, one in all_obligations().items() if name.startswith(prefixes)]
    if not obligations:
        raise RuntimeError(f"no obligation begins with {' or '.join(prefixes)}")
    started = time.process_time()
    for one in obligations:
        if not decide(one).proved:
            raise RuntimeError(f"{one.id} is not proved")
    return {"seconds": time.process_time() - started}


def proof_seconds(prefixes: tuple[str, ...] = PROOF, times: int = PROOFS) -> float:
    """Return the median of a few proofs, each in a process that has proved nothing before."""
    return median(in_child(f"{__name__}:prove", *prefixes)["seconds"] for _ in range(times))


@cache
def scopes(limit: float, with_spin: bool, /) -> tuple[Row, ...]:
    """Measure scope after scope, until every search has met its limit of seconds."""
    rows: list[Row] = []
    going = {"ours", "renamed"} | ({"spin"} if with_spin else set())
    for size in range(1, LARGEST + 1):
        scope = Scope(size, size, size)
        proof = proof_seconds()
        ours = _search(scope, limit, renamed=False) if "ours" in going else None
        renamed = _search(scope, limit, renamed=True) if "renamed" in going else None
        spin = verify(scope, limit) if "spin" in going else None
        rows.append(Row(size, proof, ours, renamed, spin))
        for name, done in (("ours", ours), ("renamed", renamed), ("spin", spin)):
            if done is not None and not done.complete:
                going.discard(name)
        if ours and spin and ours.complete and spin.complete and ours.states != spin.states:
            raise RuntimeError(f"{ours.states} states by the model, {spin.states} by SPIN")
        if not going:
            break
    return tuple(rows)


def _search(scope: Scope, limit: float, *, renamed: bool) -> Searched[Ownership]:
    view = up_to_names if renamed else essentials
    done = search(at_rest(scope), actions_of(scope), ownership_breach, view=view, seconds=limit)
    if done.found is not None:
        raise RuntimeError(f"the protocol fails: {done.found.what}")
    return done


def limit_of(settings: Settings) -> float:
    """Return the seconds that one search may take."""
    return QUICK_LIMIT if settings.quick else LIMIT


def table(rows: tuple[Row, ...]) -> Table:
    """Return what each scope took."""

    def shown(done: Searched[Ownership] | Verified | None) -> str:
        if done is None:
            return "-"
        return f"{done.seconds:.3f} s" if done.complete else f"over {done.seconds:.0f} s"

    def states(row: Row) -> str:
        done = [one for one in (row.spin, row.ours) if one is not None and one.complete]
        return f"{done[0].states}" if done else "-"

    return Table(
        ("spans, Ps, sweepers", "proof", "SPIN", "own search", "up to renaming", "states"),
        tuple(
            (
                f"{row.size}",
                f"{row.proof:.3f} s",
                shown(row.spin),
                shown(row.ours),
                shown(row.renamed),
                states(row),
            )
            for row in rows
        ),
    )


@figure(
    "protocol.proof",
    "the unbounded proof of the ownership protocol, again beside each larger scope",
    "the same proof beside the smallest scope",
    goal=Goal("at most", 1.5),
)
def proof(settings: Settings) -> Measured:
    """Show that the proof does not depend on a scope: it speaks of any number of spans."""
    rows = scopes(limit_of(settings), _spin_is_there())
    first, *others = (row.proof for row in rows)
    return Measured(tuple(Pair(one, first) for one in others), details=table(rows))


@figure(
    "protocol.search",
    "own search of the ownership protocol with one more span, P and sweeper",
    "the same search of the smaller scope",
    goal=Goal("at least", 2),
)
def own_search(settings: Settings) -> Measured:
    """Show how the search grows."""
    rows = scopes(limit_of(settings), _spin_is_there())
    done = [row.ours.seconds for row in rows if row.ours is not None and row.ours.complete]
    return Measured(tuple(Pair(larger, smaller) for smaller, larger in pairwise(done)))


@figure(
    "protocol.spin",
    "SPIN's search of the largest scope that it finishes",
    "the unbounded proof of the ownership protocol, beside it",
)
def spin(settings: Settings) -> Measured:
    """Show what SPIN needs for a scope of a few, against the proof for any number."""
    rows = scopes(limit_of(settings), True)
    done = [(row, row.spin) for row in rows if row.spin is not None and row.spin.complete]
    row, verified = done[-1]
    note = f"{row.size} spans, {row.size} Ps, {row.size} sweepers: {verified.states} states"
    return Measured((Pair(verified.seconds, row.proof),), note=note)


@cache
def _spin_is_there() -> bool:
    try:
        verify(Scope(1, 1, 1), LIMIT)
    except Missing:
        return False
    return True
