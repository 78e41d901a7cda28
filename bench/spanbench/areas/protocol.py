"""The protocol proof beside explicit-state search: a flat line beside an exponential.

The proof and both searches are about the same steps, at the grain of single stores. Our search runs
the model's own functions; SPIN runs what the translator makes of them. Both visit every state of a
system with one start of a cycle, and must agree about their number.
"""

import time
from functools import cache
from itertools import product
from typing import Final, NamedTuple

from spanbench.measuring.child import Figures, in_child
from spanbench.measuring.figure import Goal, Measured, SamplePair, Settings, Table, figure
from spanproof.decide.prover import decide
from spanproof.search.boundedsearch import Searched, search
from spanproof.search.sharingscope import sharing_breach, start_of, steps_of
from spanproof.search.spin.verifier import Verified, needed, verify
from spanproof.support.tools import Missing
from spanproof.theorems import all_obligations
from spanspec.sharing.tables.finite import Size
from spanspec.sharing.tables.records import Sharing

PROOF: Final = ("protocol.", "lists.")
"""Of these the obligations for any number of spans, Ps, slots and threads have their ids."""

SIZES: Final = (
    Size(spans=1, procs=1, threads=1),
    Size(spans=1, procs=1, threads=2),
    Size(spans=2, procs=1, threads=1),
    Size(spans=2, procs=1, threads=2),
    Size(spans=2, procs=2, threads=2),
    Size(spans=3, procs=1, threads=1),
    Size(spans=3, procs=1, threads=2),
)

CYCLES: Final = 1

LIMIT: Final = 60.0
"""Seconds for one search of one system."""

QUICK_LIMIT: Final = 3.0


class SystemRow(NamedTuple):
    """What one system takes; a search is None if a part of the system met its limit already."""

    size: Size
    proof: float
    ours: Searched[Sharing] | None
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


def proof_seconds() -> float:
    """Return the seconds of the proof, in a process that has proved nothing before."""
    return in_child(f"{__name__}:prove", *PROOF)["seconds"]


@cache
def rows(limit: float, with_spin: bool, /) -> tuple[SystemRow, ...]:
    """Measure size after size; what holds a system that a search did not finish is not tried.

    Raises: RuntimeError if the protocol fails, or the searches disagree.
    """
    found: list[SystemRow] = []
    for size in SIZES:
        smaller = [row for row in found if is_part(row.size, size)]
        ours = spin = None
        if all(row.ours is not None and row.ours.complete for row in smaller):
            ours = _searched(size, limit)
        if with_spin and all(row.spin is not None and row.spin.complete for row in smaller):
            spin = verify(start_of(size), CYCLES, limit)
            if spin.errors:
                raise RuntimeError(f"SPIN finds {spin.errors} errors in the protocol")
        if ours and spin and ours.complete and spin.complete and ours.states != spin.states:
            raise RuntimeError(f"{ours.states} states by the model, {spin.states} by SPIN")
        found.append(SystemRow(size, proof_seconds(), ours, spin))
    return tuple(found)


def is_part(size: Size, other: Size) -> bool:
    """Tell whether a system is contained in another, larger one."""
    return size != other and all(few <= many for few, many in zip(size, other, strict=True))


def is_one_more(size: Size, other: Size) -> bool:
    """Tell whether a system has one span, P or thread more than another."""
    return is_part(other, size) and sum(size) == sum(other) + 1


def _searched(size: Size, limit: float) -> Searched[Sharing]:
    start = start_of(size)
    done = search(start, steps_of(start, CYCLES), sharing_breach, seconds=limit)
    if done.found is not None:
        raise RuntimeError(f"the protocol fails: {done.found.what}")
    return done


def limit_of(settings: Settings) -> float:
    """Return the seconds that one search may take."""
    return QUICK_LIMIT if settings.quick else LIMIT


def table(measured: tuple[SystemRow, ...]) -> Table:
    """Return what each size took."""

    def shown(done: Searched[Sharing] | Verified | None) -> str:
        if done is None:
            return "-"
        return f"{done.seconds:.3f} s" if done.complete else f"over {done.seconds:.0f} s"

    def states(row: SystemRow) -> str:
        done = [one for one in (row.spin, row.ours) if one is not None]
        if not done:
            return "-"
        most = max(one.states for one in done)
        return f"{most}" if any(one.complete for one in done) else f"over {most}"

    return Table(
        ("spans, Ps, threads", "proof", "SPIN", "own search", "states"),
        tuple(
            (
                f"{row.size.spans}, {row.size.procs}, {row.size.threads}",
                f"{row.proof:.2f} s",
                shown(row.spin),
                shown(row.ours),
                states(row),
            )
            for row in measured
        ),
    )


@figure(
    "protocol.proof",
    "the unbounded proof of the sharing protocol, again beside each larger system",
    "the same proof beside the smallest system",
    goal=Goal("at most", 1.5),
)
def proof(settings: Settings) -> Measured:
    """Show that the proof does not depend on a size: it speaks of any number of spans."""
    measured = rows(limit_of(settings), _spin_is_there())
    first, *others = (row.proof for row in measured)
    return Measured(tuple(SamplePair(one, first) for one in others), details=table(measured))


@figure(
    "protocol.search",
    "own search of the sharing protocol with one more span, P or thread",
    "the same search of the smaller system",
    goal=Goal("at least", 2),
)
def own_search(settings: Settings) -> Measured:
    """Show how the search grows."""
    done = [
        (row.size, row.ours.seconds)
        for row in rows(limit_of(settings), _spin_is_there())
        if row.ours is not None and row.ours.complete
    ]
    return Measured(
        tuple(
            SamplePair(seconds, fewer)
            for (size, seconds), (smaller, fewer) in product(done, done)
            if is_one_more(size, smaller)
        )
    )


@figure(
    "protocol.spin",
    "SPIN's search of the largest system that it finishes",
    "the unbounded proof of the sharing protocol, beside it",
)
def spin(settings: Settings) -> Measured:
    """Show what SPIN needs for a system of a few, against the proof for any number."""
    measured = rows(limit_of(settings), True)
    done = [(row, row.spin) for row in measured if row.spin is not None and row.spin.complete]
    row, verified = max(done, key=lambda pair: pair[1].states)
    size = row.size
    note = f"{size.spans} spans, {size.procs} Ps, {size.threads} threads: {verified.states} states"
    return Measured((SamplePair(verified.seconds, row.proof),), note=note)


def _spin_is_there() -> bool:
    try:
        needed()
    except Missing:
        return False
    return True
