"""First fit, and the statistics of the page heap."""

from typing import Final, cast

import z3
from msgspec.structs import replace

from spanproof.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanspec.constants import PAGE_SIZE
from spanspec.freespans import FreeSpan
from spanspec.statistics import (
    ByteSums,
    HeapStatistics,
    balances,
    grown,
    into_manual,
    into_use,
    mapped,
    out_of_manual,
    out_of_use,
    scavenged,
    taken_out,
)
from spanspec.treap import HERE, LEFT, NO_FIT, RIGHT, belongs_left, descend, most_of
from spanspec.words import U64

INTEGERS: Final = Integers()


# --- the search -----------------------------------------------------------------------------------


class Subtree:
    """One side of a node: whether a run is inside, and the most pages of a run, at a witness."""

    def __init__(self, p: Proof, name: str) -> None:
        self.most = p.number(U64, f"{name}_most")
        self.inside = z3.Function(f"inside_{name}", z3.IntSort(), z3.BoolSort())
        self.largest = z3.Int(f"largest_{name}")


class SearchNode:
    """A node of the treap: its run is 0, others are known by number; a run has a base and pages."""

    def __init__(self, p: Proof) -> None:
        self.base = z3.Function("base", z3.IntSort(), z3.IntSort())
        self.pages = z3.Function("pages", z3.IntSort(), z3.IntSort())
        self.left, self.right = Subtree(p, "left"), Subtree(p, "right")

    def below(self, run: z3.ExprRef) -> z3.BoolRef:
        """Return whether a run is in the subtree of the node."""
        return z3.Or(run == 0, self.left.inside(run), self.right.inside(run))

    def sound(self, run: z3.ExprRef) -> list[z3.BoolRef]:
        """Return what a search tree with right sums says of a run (TREAP-1)."""
        base, pages, left, right = self.base, self.pages, self.left, self.right
        return [
            pages(run) >= 1,
            z3.Implies(left.inside(run), z3.And(base(run) < base(0), pages(run) <= left.most)),
            z3.Implies(right.inside(run), z3.And(base(run) > base(0), pages(run) <= right.most)),
        ]

    def largest(self) -> list[z3.BoolRef]:
        """Return that the sum of a side that is not empty is reached by a run in it."""
        return [
            z3.Or(
                side.most == 0,
                z3.And(side.inside(side.largest), self.pages(side.largest) == side.most),
            )
            for side in (self.left, self.right)
        ]


@obligation("treap.first-fit", "TREAP-1 TREAP-2 TREAP-3 I-40", INTEGERS)
def the_descent_finds_the_lowest_run_that_fits(p: Proof) -> None:
    """At each node of the treap the search goes where the lowest run with enough pages is: so the
    run that it ends at is the lowest of all, whatever the shape of the tree.
    """
    node = SearchNode(p)
    npages = p.number(U64, "npages")
    lowest = z3.Int("lowest")
    runs = [lowest, z3.IntVal(0), node.left.largest, node.right.largest]
    p.assume(npages >= 1, *node.largest())
    for run in runs:
        p.assume(*node.sound(run))
        fits = z3.And(node.below(run), node.pages(run) >= npages)
        p.assume(z3.Implies(fits, node.base(lowest) <= node.base(run)))
    p.assume(node.below(lowest), node.pages(lowest) >= npages)
    turn = p.integer(descend, node.left.most, node.pages(0), node.right.most, npages)
    p.show("left", z3.Implies(turn == LEFT, node.left.inside(lowest)))
    p.show("here", z3.Implies(turn == HERE, node.base(lowest) == node.base(0)))
    p.show("right", z3.Implies(turn == RIGHT, node.right.inside(lowest)))
    p.show("never lost", turn != NO_FIT)
    for way in (LEFT, HERE, RIGHT):
        p.possible(f"each turn: {way}", turn == way)


@obligation("treap.none-fits", "TREAP-2 TREAP-9", INTEGERS)
def the_sum_of_the_root_tells_that_none_fits(p: Proof) -> None:
    """A node's sum is the most pages of a run below it; if it is too small, no run fits."""
    node = SearchNode(p)
    npages = p.number(U64, "npages")
    some = z3.Int("some")
    p.assume(npages >= 1, *node.largest())
    for run in (some, z3.IntVal(0), node.left.largest, node.right.largest):
        p.assume(*node.sound(run))
    total = p.integer(most_of, node.left.most, node.pages(0), node.right.most)
    p.show("no more than the sum", z3.Implies(node.below(some), node.pages(some) <= total))
    reached = [
        z3.And(node.below(run), node.pages(run) == total)
        for run in (z3.IntVal(0), node.left.largest, node.right.largest)
    ]
    p.show("the sum is reached", z3.Or(*reached))
    turn = p.integer(descend, node.left.most, node.pages(0), node.right.most, npages)
    p.show("none fits", (turn == NO_FIT) == (total < npages))
    p.possible("a run that does not fit", z3.And(node.below(some), turn == NO_FIT))


@obligation("treap.order", "TREAP-1 TREAP-4", INTEGERS)
def the_tree_is_ordered_by_address(p: Proof) -> None:
    """Insertion goes left for lower addresses and right for higher ones: never by descriptor."""
    run, other = p.fresh(FreeSpan, "run"), p.fresh(FreeSpan, "other")
    assert isinstance(run, FreeSpan)
    assert isinstance(other, FreeSpan)
    p.show("by address", p.holds(belongs_left, run, other) == (run.base < other.base))
    p.possible("descriptors the other way", z3.And(run.base < other.base, run.span > other.span))


# --- statistics -----------------------------------------------------------------------------------


@obligation("pages.statistics", "HEAP-36 HEAP-37 I-29", INTEGERS)
def the_statistics_balance(p: Proof) -> None:
    """Whatever the page heap does, its statistics agree with the bytes of its runs by state."""
    stats, sums = p.fresh(HeapStatistics, "stats"), p.fresh(ByteSums, "sums")
    assert isinstance(stats, HeapStatistics)
    assert isinstance(sums, ByteSums)
    npages, unreleased = p.number(U64, "npages"), p.number(U64, "unreleased")
    size = npages * PAGE_SIZE
    p.assume(p.holds(balances, stats, sums))

    def keeps(label: str, after: object, **changes: z3.ExprRef) -> None:
        p.show(label, p.holds(balances, after, replace(sums, **changes)))

    taken = p.call(taken_out, stats, size, unreleased)
    rest = {"free": sums.free - size, "released": sums.released - unreleased}
    keeps("into use", p.call(into_use, taken, size, npages), in_use=sums.in_use + size, **rest)
    for label, stack, field in (("stack", True, "stacks"), ("work buffer", False, "gc_manual")):
        used: z3.ExprRef = getattr(sums, field)
        manual = p.call(into_manual, taken, size, stack)
        keeps(f"{label} taken", manual, **{field: used + size}, **rest)
        given = p.call(out_of_manual, stats, size, stack)
        keeps(f"{label} freed", given, **{field: used - size}, free=sums.free + size)
    freed = p.call(out_of_use, stats, size, npages)
    keeps("out of use", freed, in_use=sums.in_use - size, free=sums.free + size)
    keeps("scavenged", p.call(scavenged, stats, size), released=sums.released + size)
    bigger = p.call(grown, p.call(mapped, stats, size), size)
    keeps("arenas mapped", bigger, arena=sums.arena + size, mapped=sums.mapped + size)
    piece = {"free": sums.free + size, "released": sums.released + size}
    keeps("a span from the arena", stats, arena=sums.arena - size, **piece)
    p.possible("with stacks", z3.And(cast(z3.ExprRef, stats.stacks_inuse) > 0, size > 0))
