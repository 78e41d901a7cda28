"""The search for a free run goes to the lowest one that fits; sums tell whether there is one."""

from typing import Final

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.integers import Integers
from spanspec.base.words import U8, U64
from spanspec.pages.freeset.descents import HERE, LEFT, NO_FIT, RIGHT, descend
from spanspec.pages.freeset.freeruns import FreeSpan
from spanspec.pages.freeset.treapnode import belongs_left, most_of, types_of

INTEGERS: Final = Integers()


WORDS: Final = Words(64)


class NodeSide:
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
        self.left, self.right = NodeSide(p, "left"), NodeSide(p, "right")

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


@obligation("treap.sums", "TREAP-1 TREAP-7 TREAP-9 I-18", WORDS)
def a_rotation_leaves_the_sums_right(p: Proof) -> None:
    """A node's types are those of its run and of both subtrees, no more and no fewer. To rotate a
    node with its child, to either side, changes neither sum of the subtree: x, a, y, b, z stay in
    order.
    """
    x, y, z = (p.number(U64, name) for name in ("most_x", "most_y", "most_z"))
    a, b = p.number(U64, "pages_a"), p.number(U64, "pages_b")
    left_above = p.integer(most_of, x, a, p.integer(most_of, y, b, z))
    right_above = p.integer(most_of, p.integer(most_of, x, a, y), b, z)
    p.show("the most pages stay", left_above == right_above)
    left, right, other = (p.number(U8, name) for name in ("left", "right", "other"))
    kind, second, some = (p.number(U8, name) for name in ("kind", "second", "some"))
    for one in (kind, second, some):
        p.assume(z3.ULT(one, 4))
    for one in (left, right, other):
        p.assume(z3.ULT(one, 16))
    types = p.integer(types_of, left, kind, right)
    inside = [p.holds(has_type, one, some) for one in (types, left, right)]
    p.show("its types", inside[0] == z3.Or(inside[1], inside[2], some == kind))
    lifted = p.integer(types_of, left, kind, p.integer(types_of, right, second, other))
    lowered = p.integer(types_of, p.integer(types_of, left, kind, right), second, other)
    p.show("the types stay", lifted == lowered)
    p.possible("a type of the run alone", z3.And(inside[0], left == 0, right == 0))
    p.possible("a larger run in the middle", z3.And(z3.UGT(y, a), z3.UGT(y, b)))


def has_type(types: U8, kind: U8) -> bool:
    """A sum says that there is a run of a type."""
    return (types >> kind) & 1 == 1
