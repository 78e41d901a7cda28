"""That loops end: a measure for each.

The slow search has its variant where its loop is cut (`span.slow.*`), as have the kernels. The
loops of sweepone and cacheSpan run over what the protocol changes: see `protocol.pop` and
`protocol.claim-listed`.
"""

from typing import Final

import z3

from spanproof.prove.assumptions import ATOMICS
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanspec.base.constants import PAGES_PER_ARENA
from spanspec.base.words import U32, U64
from spanspec.heap.state.progress import CHUNK_PAGES, credit_taken, is_beyond, next_chunk
from spanspec.pages.freeset.descents import HERE, LEFT, NO_FIT, RIGHT, descend

INTEGERS: Final = Integers()


@obligation("liveness.reclaim", "SWP-21 SWP-22", INTEGERS, assumes=(ATOMICS,))
def the_reclaimer_ends(p: Proof) -> None:
    """Each round of the reclaimer takes credit, so that fewer pages are wanted, or takes a chunk,
    so that fewer are left; behind the last arena, or with nothing wanted, it ends. It never takes
    more pages than are wanted, and its chunks lie in one arena each.
    """
    wanted, credit, found = p.number(U64, "wanted"), p.number(U64, "credit"), p.number(U64, "found")
    index, arenas = p.number(U64, "index"), p.number(U32, "arenas")
    p.assume(wanted > 0, index % CHUNK_PAGES == 0)
    taken = p.integer(credit_taken, credit, wanted)
    p.show("credit: fewer wanted", z3.Implies(credit > 0, z3.And(taken > 0, taken <= wanted)))
    p.show("no more than there is", z3.And(taken >= 0, taken <= credit))
    served = p.integer(credit_taken, found, wanted)
    p.show("a chunk: no more wanted", z3.And(served >= 0, served <= wanted))
    beyond, after = p.holds(is_beyond, index, arenas), p.integer(next_chunk, index)
    left = arenas * PAGES_PER_ARENA - index
    p.show("a chunk: fewer left", z3.Implies(z3.Not(beyond), z3.And(left > 0, after > index)))
    p.show("none left: the end", z3.Implies(left <= 0, beyond))
    last = after - 1
    p.show("in one arena", last / PAGES_PER_ARENA == index / PAGES_PER_ARENA)
    p.possible("the last chunk", z3.And(z3.Not(beyond), left == CHUNK_PAGES))
    p.possible("the end", beyond)


@obligation("liveness.descent", "TREAP-2", INTEGERS)
def the_descent_ends(p: Proof) -> None:
    """The search for a run goes to a child only where there is one: so it ends."""
    left, here, right = (p.number(U64, name) for name in ("left", "here", "right"))
    npages = p.number(U64, "npages")
    p.assume(npages >= 1)
    turn = p.integer(descend, left, here, right, npages)
    p.show("a left child", z3.Implies(turn == LEFT, left > 0))
    p.show("a right child", z3.Implies(turn == RIGHT, right > 0))
    leaf = z3.And(left == 0, right == 0)
    p.show("a leaf ends it", z3.Implies(leaf, z3.Or(turn == HERE, turn == NO_FIT)))
    p.possible("a leaf that fits", z3.And(leaf, turn == HERE))
