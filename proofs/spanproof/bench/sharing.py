"""The proof of the sharing protocol, at the grain of single stores, beside its search.

The search is bounded to one start of a cycle: even so, two spans and two threads are many.
"""

from functools import cache
from typing import Final, NamedTuple

from spanproof.bench.figure import Goal, Measured, Pair, Settings, Table, figure
from spanproof.bench.protocol import limit_of, proof_seconds
from spanproof.boundedsearch import Searched, search
from spanproof.sharingscope import sharing_breach, start_of, steps_of
from spanspec.protocol.finite import Size
from spanspec.protocol.records import Sharing

PROOF: Final = ("protocol.", "lists.")
"""The ids of the obligations begin so."""

SIZES: Final = (Size(1, 1, 1), Size(1, 1, 2), Size(2, 1, 1), Size(1, 2, 2), Size(2, 1, 2))

ONE_MORE: Final = ((0, 1), (0, 2), (1, 3), (1, 4))
"""Which of the sizes have one thread, span or P more than which."""

CYCLES: Final = 1


class Row(NamedTuple):
    """What a system of some size takes."""

    size: Size
    proof: float
    searched: Searched[Sharing]


@cache
def rows(limit: float) -> tuple[Row, ...]:
    """Measure each size, with a limit of seconds for its search.

    Raises: RuntimeError if the protocol fails.
    """
    return tuple(Row(size, proof_seconds(PROOF, 1), searched(size, limit)) for size in SIZES)


def searched(size: Size, limit: float) -> Searched[Sharing]:
    """Visit all states of a system of some size."""
    start = start_of(size)
    done = search(start, steps_of(start, CYCLES), sharing_breach, seconds=limit)
    if done.found is not None:
        raise RuntimeError(f"the protocol fails: {done.found.what}")
    return done


@figure(
    "protocol.sharing",
    "own search of the finer sharing protocol with one more span, P or thread, and one cycle",
    "the same search of the smaller system",
    goal=Goal("at least", 2),
)
def sharing(settings: Settings) -> Measured:
    """Show how the search grows, beside the unbounded proof, which does not."""
    taken = rows(limit_of(settings))
    pairs = tuple(
        Pair(taken[larger].searched.seconds, taken[smaller].searched.seconds)
        for smaller, larger in ONE_MORE
        if taken[smaller].searched.complete and taken[larger].searched.complete
    )
    return Measured(pairs, details=table(taken))


def table(taken: tuple[Row, ...]) -> Table:
    """Return what each size took."""
    shown = []
    for size, proof, done in taken:
        mark = "" if done.complete else "over "
        shown.append(
            (
                f"{size.spans}, {size.procs}, {size.threads}",
                f"{proof:.2f} s",
                f"{mark}{done.seconds:.2f} s",
                f"{mark}{done.states}",
            )
        )
    return Table(("spans, Ps, threads", "proof", "own search", "states"), tuple(shown))
