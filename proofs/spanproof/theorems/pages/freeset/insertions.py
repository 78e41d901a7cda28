"""A run is put into the treap at its place: by induction over trees of any size and shape.

The way down calls itself with a subtree. What that yields is taken to be what is shown of the
whole: its root, with what hangs on both sides of it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import z3

from spanproof.prove.methods import Fields
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.values import NONE, SymbolicObject, Value
from spanproof.theorems.pages.freeset.rotations import SIDES, WORDS
from spanproof.theorems.pages.freeset.subtrees import (
    DescentCalls,
    Runs,
    Subtree,
    Tree,
    base_of,
    fields_of_none,
    forget,
    hangs,
    no_lower,
    run_of,
    same_run,
)
from spanspec.pages.freeset.treap import insert_below
from spanspec.pages.freeset.treapnode import Node


class InsertionWay(NamedTuple):
    """A call of `insert_below` by itself: its path, on which side it is, and what it yields."""

    path: z3.BoolRef
    is_it: list[z3.BoolRef]
    grown: Tree


class Grown:
    """The calls of `insert_below` by itself: each with the tree that the subtree becomes."""

    def __init__(self, p: Proof, tree: Tree, leaf: Tree, runs: Runs, at: z3.ExprRef) -> None:
        self._p = p
        self._tree = tree
        self._leaf = leaf
        self._runs = runs
        self._at = at
        self.calls = DescentCalls(tree, leaf.base)
        self.made: list[InsertionWay] = []

    def __call__(self, given: Sequence[Value], path: z3.BoolRef) -> Value:
        """Return a tree that holds the subtree's runs and the new one, under the lower root."""
        p, at, leaf = self._p, self._at, self._leaf
        root, what = given
        assert isinstance(root, SymbolicObject)
        assert isinstance(what, SymbolicObject)
        same = what.identity == leaf.node.target.identity
        is_it = self.calls.to(root, path, same)
        grown = Tree(p, f"grown_{len(self.made)}", self._runs)
        p.assume(no_lower(grown.node["priority"], *grown.sides))
        p.assume(grown.in_order(at), self._tree.in_order(grown.base))
        for given_it, side in zip(is_it, self._tree.sides, strict=True):
            told = [
                grown.holds(one) == z3.Or(side.holds(one), one == leaf.base)
                for one in (at, grown.base)
            ]
            told.append(comes_above(p, grown.node, leaf, side, *grown.sides))
            p.assume(z3.Implies(given_it, z3.And(*told)))
        for number_of, one in enumerate((root, leaf.node.target)):
            forget(p, one, f"below_{len(self.made)}_{number_of}", "max_pages", "types", *SIDES)
        self.made.append(InsertionWay(path, is_it, grown))
        return grown.node.target


def comes_above(p: Proof, top: Fields, leaf: Tree, was: Subtree, *below: Subtree) -> z3.BoolRef:
    """Return that the root of what a tree has become is the one that it was, or else the new run's,
    with nothing below it whose priority is lower than that of the tree's root was.
    """
    first, before, base = top["priority"], was.root["priority"], base_of(p, top)
    lifted = z3.Implies(was.there, z3.And(z3.ULT(first, before), no_lower(before, *below)))
    alone = z3.Implies(z3.Not(was.there), z3.And(*(z3.Not(one.there) for one in below)))
    is_leaf = z3.And(base == leaf.base, first == leaf.node["priority"], lifted, alone)
    stays = z3.And(was.there, base == base_of(p, was.root), first == before)
    return z3.Or(is_leaf, stays)


def goes_on_where_it_is(p: Proof, leaf: Tree, runs: Runs) -> None:
    """Claim that a run whose address is below a node is looked for where it is, to be refused."""
    tree = Tree(p, "twice", runs)
    calls = DescentCalls(tree, leaf.base)
    p.assume(tree.in_order(leaf.base), tree.base != leaf.base)

    def inner(given: Sequence[Value], path: z3.BoolRef) -> Value:
        calls.to(given[0], path, z3.BoolVal(True))
        return Tree(p, f"twice_{len(calls.goes_on)}", runs).node.target

    p.by_recursion("spanspec.pages.freeset.treap.insert_below", inner)
    p.call(insert_below, tree.node.target, leaf.node.target)
    p.show("goes on to one of that address", z3.And(calls.anywhere, *calls.goes_on))
    for which, side in zip(SIDES, tree.sides, strict=True):
        p.possible(f"one of that address to the {which}", side.holds(leaf.base))


@obligation("treap.insert-at", "TREAP-1 TREAP-4 T-70 T-75 T-76 I-18", WORDS)
def a_run_is_put_where_it_belongs(p: Proof) -> None:
    """In a tree of any size and shape into which a run is put there are just the runs that were
    there and the new one, in order, and no priority is lower than the one above it. The sums of the
    nodes that are passed and rotated are those of `treap.insert` and `treap.rotations`. T-70 stops
    no run whose address is not there; that it stops the others is tried (`containers.treap`).
    """
    fields_of_none(p)
    runs, at = Runs(p, "insert"), z3.BitVec("insert_at", 64)
    tree, leaf = Tree(p, "insert", runs), Tree(p, "leaf", runs)
    p.assume(*(z3.Not(one.there) for one in leaf.sides), z3.Not(tree.holds(leaf.base)))
    p.assume(tree.in_order(at), no_lower(tree.node["priority"], *tree.sides))
    was, priority = run_of(tree.node), tree.node["priority"]
    inner = Grown(p, tree, leaf, runs, at)
    p.by_recursion("spanspec.pages.freeset.treap.insert_below", inner)
    none = p.call(insert_below, SymbolicObject(Node, NONE), leaf.node.target)
    assert isinstance(none, SymbolicObject)
    p.show("alone", none.identity == leaf.node.target.identity)
    above = p.call(insert_below, tree.node.target, leaf.node.target)
    assert isinstance(above, SymbolicObject)
    p.show("goes on below", z3.And(inner.calls.anywhere, *inner.calls.goes_on))
    same = z3.And(same_run(p, run_of(tree.node), was), tree.node["priority"] == priority)
    p.show("its run stays", same)
    is_left, wanted = z3.ULT(leaf.base, tree.base), z3.Or(tree.holds(at), at == leaf.base)
    for way in inner.made:
        grown, top = way.grown, way.grown.node
        lifts = z3.UGT(priority, top["priority"])
        for near, far in ((0, 1), (1, 0)):
            here = z3.And(way.path, is_left if near == 0 else z3.Not(is_left))
            outer, middle, other = grown.sides[near], grown.sides[far], tree.sides[far]
            beyond = z3.UGT if near == 0 else z3.ULT
            placed = (
                z3.Implies(grown.holds(at), beyond(tree.base, at)),
                z3.Implies(other.holds(at), beyond(at, tree.base)),
            )
            label, given = f"stays, {SIDES[near]}", z3.And(here, z3.Not(lifts))
            hung = (
                above.identity == tree.node.target.identity,
                hangs(tree.node, SIDES[near], grown.whole),
                hangs(tree.node, SIDES[far], other),
                hangs(top, SIDES[near], outer),
                hangs(top, SIDES[far], middle),
            )
            p.show(f"{label}: hung", z3.And(*hung), given)
            p.show(f"{label}: a heap", no_lower(priority, grown.whole, other), given)
            held = z3.Or(at == tree.base, grown.holds(at), other.holds(at))
            p.show(f"{label}: just these", held == wanted, given)
            p.show(f"{label}: in order", z3.And(*placed), given)
            label, given = f"lifted, {SIDES[near]}", z3.And(here, lifts)
            hung = (
                above.identity == top.target.identity,
                hangs(top, SIDES[near], outer),
                hangs(top, SIDES[far], tree.whole),
                hangs(tree.node, SIDES[near], middle),
                hangs(tree.node, SIDES[far], other),
            )
            p.show(f"{label}: hung", z3.And(*hung), given)
            heap = (no_lower(top["priority"], outer, tree.whole), no_lower(priority, middle, other))
            p.show(f"{label}: a heap", z3.And(*heap), given)
            p.show(
                f"{label}: it comes above",
                comes_above(p, top, leaf, tree.whole, outer, tree.whole),
                given,
            )
            parts = (outer.holds(at), middle.holds(at), other.holds(at))
            held = z3.Or(at == grown.base, at == tree.base, *parts)
            p.show(f"{label}: just these", held == wanted, given)
            between = (
                beyond(tree.base, grown.base),
                z3.Implies(outer.holds(at), beyond(grown.base, at)),
                z3.Implies(middle.holds(at), beyond(at, grown.base)),
            )
            p.show(f"{label}: in order", z3.And(*placed, *between), given)
            for which, is_so in (("stays", z3.Not(lifts)), ("lifted", lifts)):
                p.possible(f"{which}, {SIDES[near]}", z3.And(here, is_so, other.there, outer.there))
    goes_on_where_it_is(p, leaf, runs)
