"""A run is taken out of the treap at its place: by induction over trees of any size and shape.

The way down calls itself with a subtree, and so does `merge`, which is read where it is called.
What they yield is taken to be what is shown of the whole, here and by `treap.merge`.
"""

from collections.abc import Sequence
from typing import Final

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.values import NONE, SymbolicObject, Value
from spanproof.theorems.pages.freeset.rotations import SIDES, WORDS, sums_are_right
from spanproof.theorems.pages.freeset.subtrees import (
    DescentCalls,
    Runs,
    Subtree,
    Tree,
    any_subtree,
    fields_of_none,
    forget,
    hangs,
    no_lower,
    number,
    roots,
    run_of,
    same_run,
)
from spanspec.base.words import U64
from spanspec.pages.freeset.treap import without

LINKS: Final = ("left", "right", "max_pages", "types")
"""What may change of a node when a run is taken out below it, or trees are joined."""

KEPT: Final = ("max_pages", "types", "priority")
"""What stays of a node that comes above as it is."""


class Joins:
    """The calls of `merge` by itself, below the roots of two trees, each with what it yields."""

    def __init__(self, p: Proof, left: Tree, right: Tree, at: z3.ExprRef) -> None:
        self._p = p
        self._at = at
        one, other = left.or_none(), right.or_none()
        self.pairs = ((left.right, other), (one, right.left))
        self.made: list[tuple[z3.BoolRef, list[z3.BoolRef], Subtree]] = []

    def __call__(self, given: Sequence[Value], path: z3.BoolRef) -> Value:
        """Return a tree that holds what both hold, under one of their roots."""
        p, at = self._p, self._at
        one, other = given
        assert isinstance(one, SymbolicObject)
        assert isinstance(other, SymbolicObject)
        tree = any_subtree(p, f"joined_{len(self.made)}")
        is_it = [
            z3.And(one.identity == first.target.identity, other.identity == second.target.identity)
            for first, second in self.pairs
        ]
        for given_it, pair in zip(is_it, self.pairs, strict=True):
            roots = (z3.And(side.there, same_priority(tree, side)) for side in pair)
            held = tree.holds(at) == z3.Or(*(side.holds(at) for side in pair))
            told = (held, tree.there == z3.Or(*(side.there for side in pair)))
            p.assume(z3.Implies(given_it, z3.And(*told, z3.Implies(tree.there, z3.Or(*roots)))))
        for place, root in zip(SIDES, (one, other), strict=True):
            forget(p, root, f"{tree.name}_of_{place}", *LINKS)
        self.made.append((path, is_it, tree))
        return tree.target


def same_priority(one: Subtree, other: Subtree) -> z3.BoolRef:
    """Return that the roots of two trees have one priority now."""
    return one.root["priority"] == other.root["priority"]


class Rests:
    """The calls of `without` by itself: each with what is left of the subtree."""

    def __init__(self, p: Proof, tree: Tree, base: z3.ExprRef, at: z3.ExprRef) -> None:
        self._p = p
        self._tree = tree
        self._base = base
        self._at = at
        self.calls = DescentCalls(tree, base)
        self.made: list[tuple[z3.BoolRef, list[z3.BoolRef], Subtree]] = []

    def __call__(self, given: Sequence[Value], path: z3.BoolRef) -> Value:
        """Return a tree that holds all runs of the subtree but the one that is taken out."""
        p, base, at = self._p, self._base, self._at
        root, where = given
        assert isinstance(root, SymbolicObject)
        tree = any_subtree(p, f"rest_{len(self.made)}")
        is_it = self.calls.to(root, path, number(p, where) == base)
        for given_it, side in zip(is_it, self._tree.sides, strict=True):
            held = tree.holds(at) == z3.And(side.holds(at), at != base)
            lowest = z3.Implies(tree.there, z3.UGE(tree.root["priority"], side.root["priority"]))
            p.assume(z3.Implies(z3.And(given_it, side.holds(base)), z3.And(held, lowest)))
        forget(p, root, f"{tree.name}_of", *LINKS)
        self.made.append((path, is_it, tree))
        return tree.target


@obligation("treap.remove-at", "TREAP-1 TREAP-5 TREAP-9 T-73 I-18", WORDS)
def a_run_is_taken_out_where_it_is(p: Proof) -> None:
    """In a tree of any size and shape the run at an address is taken out: the tree holds just the
    others then, in order, every node that is passed or that comes above others has right sums, and
    no priority is lower than the one above it. Just if there is no run at the address, the way goes
    down to where nothing is. That T-73 stops it there is tried (`containers.treap`).
    """
    fields_of_none(p)
    runs, at, base = Runs(p, "remove"), z3.BitVec("remove_at", 64), p.number(U64, "base")
    left, right = Tree(p, "remove_left", runs), Tree(p, "remove_right", runs)
    tree = Tree(p, "remove", runs, (left.or_none(), right.or_none()))
    p.assume(*(one.in_order(at) for one in (tree, left, right)))
    p.assume(*(tree.in_order(where) for where in (base, left.base, right.base)))
    for one in (tree, left, right):
        p.assume(no_lower(one.node["priority"], *one.sides))
    was, priority = run_of(tree.node), tree.node["priority"]
    below = [run_of(one.node) for one in (left, right)]
    kept = [{name: one.node[name] for name in KEPT} for one in (left, right)]
    rests, joins = Rests(p, tree, base, at), Joins(p, left, right, at)
    p.by_recursion("spanspec.pages.freeset.treap.without", rests)
    p.by_recursion("spanspec.pages.freeset.treap.merge", joins)
    above = p.call(without, tree.node.target, base)
    assert isinstance(above, SymbolicObject)
    calls, there, here = rests.calls, tree.holds(base), tree.base == base
    p.show("goes on below", z3.And(*calls.goes_on))
    p.show("ends where it is", calls.anywhere == z3.Not(here))
    passed = z3.And(there, z3.Not(here))
    same = z3.And(same_run(p, run_of(tree.node), was), tree.node["priority"] == priority)
    p.show("below: it is above", z3.And(above.identity == tree.node.target.identity, same), passed)
    # That it goes on at the right side is claimed above: the first call is that on the left.
    for near, (path, is_it, rest) in enumerate(rests.made):
        given, other = z3.And(passed, path), tree.sides[1 - near]
        label, side = f"to the {SIDES[near]}", SIDES[near]
        p.show(f"{label}: there", is_it[near], given)
        hung = z3.And(hangs(tree.node, side, rest), hangs(tree.node, SIDES[1 - near], other))
        p.show(f"{label}: hung", hung, given)
        p.show(f"{label}: its sums", sums_are_right(p, tree.node, *roots(rest, other)), given)
        p.show(f"{label}: a heap", no_lower(priority, rest, other), given)
        held = z3.Or(at == tree.base, rest.holds(at), other.holds(at))
        p.show(f"{label}: just these", held == z3.And(tree.holds(at), at != base), given)
        belongs = z3.ULT(at, tree.base) if near == 0 else z3.UGT(at, tree.base)
        p.show(f"{label}: in order", z3.Implies(rest.holds(at), belongs), given)
    lower, upper = tree.sides
    none = z3.And(here, z3.Not(lower.there), z3.Not(upper.there))
    p.show("here: nothing is left", above.identity == NONE, none)
    for which, (only, missing, top) in enumerate(((lower, upper, left), (upper, lower, right))):
        given = z3.And(here, only.there, z3.Not(missing.there))
        stays = [hangs(only.root, *pair) for pair in zip(SIDES, top.sides, strict=True)]
        stays += [only.root[name] == kept[which][name] for name in KEPT]
        is_above = above.identity == only.target.identity
        p.show(f"here: {only.name} alone", z3.And(is_above, *stays), given)
        held = only.holds(at) == z3.And(tree.holds(at), at != base)
        p.show(f"here: {only.name} alone: just these", held, given)
    both = z3.And(here, lower.there, upper.there)
    tops = ((left, 0), (right, 1))
    for which, ((path, is_it, rest), (top, near)) in enumerate(zip(joins.made, tops, strict=False)):
        given, own = z3.And(both, path), top.sides[near]
        label, far = f"{top.whole.name} above", 1 - near
        p.show(f"{label}: joined in order", is_it[which], given)
        hung = z3.And(hangs(top.node, SIDES[near], own), hangs(top.node, SIDES[far], rest))
        is_above = above.identity == top.node.target.identity
        p.show(f"{label}: hung", z3.And(is_above, hung), given)
        p.show(f"{label}: its sums", sums_are_right(p, top.node, *roots(own, rest)), given)
        p.show(f"{label}: a heap", no_lower(kept[which]["priority"], own, rest), given)
        held = z3.Or(at == top.base, own.holds(at), rest.holds(at))
        p.show(f"{label}: just these", held == z3.And(tree.holds(at), at != base), given)
        belongs = z3.UGT(at, top.base) if near == 0 else z3.ULT(at, top.base)
        p.show(f"{label}: in order", z3.Implies(rest.holds(at), belongs), given)
    p.show("joined if there are two", z3.Or(*(path for path, _, _ in joins.made)), both)
    stay = (
        z3.And(same_run(p, run_of(one.node), run), one.node["priority"] == was["priority"])
        for one, run, was in zip((left, right), below, kept, strict=True)
    )
    p.show("here: the runs stay", z3.And(*stay), here)
    for label, is_so in (("left", calls.on(0)), ("right", calls.on(1))):
        p.possible(f"to the {label}", z3.And(there, is_so, lower.there, upper.there))
    for label, higher in (("left", z3.ULT), ("right", z3.UGE)):
        of_both = (one["priority"] for one in kept)
        p.possible(f"{label} above", z3.And(both, higher(*of_both)))
    p.possible("nowhere", z3.And(z3.Not(there), lower.there, upper.there))
