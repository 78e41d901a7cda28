"""Changes of the treap are made at the right place: by induction over trees of any size and shape.

Each way down calls itself with a subtree. What that leaves is taken to be what is shown of the
whole: which runs the tree holds then. Of sums it is shown that each node that is passed has those
of what is below it, so by induction all nodes have.
"""

from collections.abc import Sequence

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.values import SymbolicObject, Value
from spanproof.theorems.pages.freeset.rotations import SIDES, WORDS, sums_are_right
from spanproof.theorems.pages.freeset.subtrees import (
    DescentCalls,
    Runs,
    Subtree,
    Tree,
    base_of,
    fields_of_none,
    forget,
    hangs,
    number,
    roots,
    run_of,
    same_run,
)
from spanspec.base.words import U64
from spanspec.pages.freeset.freeruns import FreeSpan
from spanspec.pages.freeset.treap import change


@obligation("treap.change-at", "TREAP-1 TREAP-6 TREAP-9 T-73 I-18", WORDS)
def a_run_is_changed_where_it_is(p: Proof) -> None:
    """In a tree of any size and shape the run at an address is changed to another one, which comes
    at the same place among the others; no other run is, nor is the tree's shape or a priority, and
    every node that is passed has right sums. Just if there is no run at the address, the way goes
    down to where nothing is. That T-73 stops it there is tried (`containers.treap`).
    """
    fields_of_none(p)
    tree, at = Tree(p, "change", Runs(p, "change")), z3.BitVec("change_at", 64)
    base, run = p.number(U64, "base"), p.fresh(FreeSpan, "run")
    assert isinstance(run, FreeSpan)
    new = number(p, run.base)
    p.assume(tree.in_order(at), tree.in_order(base))
    for one in (at, tree.base):
        among = (z3.ULT(one, base) == z3.ULT(one, new), z3.UGT(one, base) == z3.UGT(one, new))
        p.assume(z3.Implies(z3.And(tree.holds(one), one != base), z3.And(*among)))
    was, priority = run_of(tree.node), tree.node["priority"]
    calls = DescentCalls(tree, base)

    def inner(given: Sequence[Value], path: z3.BoolRef) -> Value:
        root, where, what = given
        assert isinstance(root, SymbolicObject)
        assert isinstance(what, FreeSpan)
        calls.to(root, path, z3.And(number(p, where) == base, same_run(p, what, run)))
        forget(p, root, f"changed_{len(calls.goes_on)}", "run", "max_pages", "types")
        return None

    def after(side: int) -> z3.BoolRef:
        """Return that an address is in a subtree afterwards."""
        one: Subtree = tree.sides[side]
        changed = z3.Or(z3.And(one.holds(at), at != base), z3.And(one.holds(base), at == new))
        return z3.If(calls.on(side), changed, one.holds(at))

    p.by_recursion("spanspec.pages.freeset.treap.change", inner)
    p.call(change, tree.node.target, base, run)
    there, here = tree.holds(base), tree.base == base
    p.show("goes on below", z3.And(*calls.goes_on))
    p.show("ends where it is", calls.anywhere == z3.Not(here))
    p.show("changed here", same_run(p, run_of(tree.node), run), here)
    p.show("not changed here", same_run(p, run_of(tree.node), was), z3.Not(here))
    stays = [hangs(tree.node, *one) for one in zip(SIDES, tree.sides, strict=True)]
    p.show("the shape stays", z3.And(*stays, tree.node["priority"] == priority))
    p.show("its sums", sums_are_right(p, tree.node, *roots(*tree.sides)))
    top = base_of(p, tree.node)
    left, right = after(0), after(1)
    held = z3.Or(z3.And(tree.holds(at), at != base), at == new)
    p.show("just these runs", z3.Or(at == top, left, right) == held, there)
    ordered = z3.And(z3.Implies(left, z3.ULT(at, top)), z3.Implies(right, z3.UGT(at, top)))
    p.show("in order", ordered, there)
    both = z3.And(tree.left.there, tree.right.there, new != base)
    for which, side in zip(SIDES, tree.sides, strict=True):
        p.possible(f"to the {which}", z3.And(both, side.holds(base)))
    p.possible("here", z3.And(both, here))
    p.possible("nowhere", z3.And(both, z3.Not(there)))
