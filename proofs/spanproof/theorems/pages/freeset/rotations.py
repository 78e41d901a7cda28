"""The rotations of the treap, as its nodes do them: for subtrees of whatever size and shape.

A rotation touches two nodes. Of the three subtrees below them it reads the sums and nothing else,
so what is claimed holds of every tree: each is there or is not, and has any sums.
"""

from itertools import product
from typing import Final, NamedTuple

import z3

from spanproof.prove.methods import Fields
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.values.merge import scalar_of
from spanproof.symbolic.values.values import NONE, SymbolicObject
from spanproof.theorems.pages.freeset.firstfit import has_type
from spanspec.base.words import U8
from spanspec.pages.freeset.freeruns import FreeSpan, type_of
from spanspec.pages.freeset.treapnode import Node, belongs_left

WORDS: Final = Words(64)
KINDS: Final = 4
"""How many types of runs there are."""

SIDES: Final = ("left", "right")
"""The fields of a node that lead to its subtrees."""


def is_of_type(run: FreeSpan, kind: U8) -> bool:
    """A run is of a type."""
    return type_of(run) == kind


SHAPES: Final = (
    (True, True, True),
    (False, False, False),
    (True, False, True),
    (False, True, False),
)
"""Which subtrees are there: outside of the child, between the nodes, on the node's other side. At
each node every combination of what is to its left and to its right is among these, before and
after a rotation, and a node reads nothing else.
"""


class Sums(NamedTuple):
    """What a subtree holds: the most pages of a run, and for each type whether there is one."""

    most: z3.ExprRef
    types: tuple[z3.BoolRef, ...]


def sums_told(p: Proof, node: Fields) -> Sums:
    """Return the sums that a node has."""
    types = tuple(p.holds(has_type, node["types"], kind) for kind in range(KINDS))
    return Sums(node["max_pages"], types)


def sums_of_run(p: Proof, node: Fields) -> Sums:
    """Return the sums of a node's run alone."""
    run = node.value("run")
    assert isinstance(run, FreeSpan)
    types = tuple(p.holds(is_of_type, run, kind) for kind in range(KINDS))
    return Sums(p.arithmetic.lift(scalar_of(run.npages)).term, types)


def sums_are_right(p: Proof, node: Fields, *below: tuple[Fields, z3.BoolRef]) -> z3.BoolRef:
    """Return that a node has the sums of its run and of what is below it, and no others.

    Each root below comes with whether it is there.
    """
    told = sums_told(p, node)
    parts = [(sums_of_run(p, node), z3.BoolVal(True))]
    parts += [(sums_told(p, one), there) for one, there in below]
    return z3.And(
        *(z3.Implies(there, z3.UGE(told.most, part.most)) for part, there in parts),
        z3.Or(*(z3.And(there, told.most == part.most) for part, there in parts)),
        *(
            told.types[kind] == z3.Or(*(z3.And(there, part.types[kind]) for part, there in parts))
            for kind in range(KINDS)
        ),
    )


class Shape:
    """Two nodes, one below the other, and the three subtrees below them that are there."""

    def __init__(self, p: Proof, to_right: bool, there: tuple[bool, ...]) -> None:
        self._p = p
        name = f"{'right' if to_right else 'left'}{''.join(str(int(one)) for one in there)}"
        self.node, self.child = Fields(p, Node, f"node_{name}"), Fields(p, Node, f"child_{name}")
        outer, middle, other = (
            Fields(p, Node, f"{which}_{name}") if is_there else None
            for which, is_there in zip(("outer", "middle", "other"), there, strict=True)
        )
        self.outer, self.middle, self.other = outer, middle, other
        self.near, self.far = ("left", "right") if to_right else ("right", "left")
        self.node.set(self.near, self.child.target)
        self.node.set(self.far, target(other))
        self.child.set(self.near, target(outer))
        self.child.set(self.far, target(middle))

    def are_right(self, node: Fields, *below: Fields | None) -> z3.BoolRef:
        """Return that a node has the sums of its run and of what is below it, and no others."""
        there = ((one, z3.BoolVal(True)) for one in below if one is not None)
        return sums_are_right(self._p, node, *there)


def target(node: Fields | None) -> SymbolicObject:
    """Return a node, or none."""
    return SymbolicObject(Node, NONE) if node is None else node.target


def is_at(node: Fields, side: str, other: Fields | None) -> z3.BoolRef:
    """Return that a node has another one, or none, on a side."""
    held = node.value(side)
    assert isinstance(held, SymbolicObject)
    return held.identity == target(other).identity


@obligation("treap.rotations", "TREAP-1 TREAP-4 TREAP-9 T-75 T-76 I-18", WORDS)
def a_rotation_keeps_order_and_sums(p: Proof) -> None:
    """A node that rotates with its child, to either side and above subtrees of any shape, leaves
    all runs in their order, and both nodes with the sums of what is below them. That those of the
    whole stay is `treap.sums`.
    """
    larger = []
    for to_right, there in product((True, False), SHAPES):
        shape = Shape(p, to_right, there)
        node, child = shape.node, shape.child
        p.assume(shape.are_right(child, shape.outer, shape.middle))
        p.assume(shape.are_right(node, child, shape.other))
        runs = [node.value("run"), child.value("run")]
        ran = node.run("rotate_right" if to_right else "rotate_left")
        label = f"{'right' if to_right else 'left'}, {there}"
        above = ran.value
        assert isinstance(above, SymbolicObject)
        p.show(f"{label}: not refused", z3.Not(ran.raises))
        p.show(f"{label}: the child is above", above.identity == child.target.identity)
        placed = (
            is_at(child, shape.near, shape.outer),
            is_at(child, shape.far, node),
            is_at(node, shape.near, shape.middle),
            is_at(node, shape.far, shape.other),
        )
        p.show(f"{label}: the order stays", z3.And(*placed))
        same = runs == [node.value("run"), child.value("run")]
        p.show(f"{label}: the runs stay", z3.BoolVal(same))
        p.show(f"{label}: the lower sums", shape.are_right(node, shape.middle, shape.other))
        p.show(f"{label}: the upper sums", shape.are_right(child, shape.outer, node))
        if shape.middle is not None:
            middle = sums_told(p, shape.middle).most
            larger.append(z3.UGT(middle, sums_of_run(p, child).most))
    p.possible("larger runs in the middle", z3.And(*larger))


def adopts(p: Proof, to_right: bool, there: tuple[bool, ...]) -> tuple[z3.BoolRef, z3.BoolRef]:
    """Claim what a node comes to that adopts its child, with some subtrees; return where the child
    is lifted, and where it is not.
    """
    shape = Shape(p, to_right, there)
    node, child, label = shape.node, shape.child, f"{'left' if to_right else 'right'}, {there}"
    p.assume(shape.are_right(child, shape.outer, shape.middle))
    # What hung there before is of no interest: it is what the child's tree was made from.
    node.set(shape.near, target(None))
    order = p.holds(belongs_left, child.value("run"), node.value("run"))
    p.assume(order if to_right else z3.Not(order))
    lifts = z3.UGT(node["priority"], child["priority"])
    for below in (shape.outer, shape.middle):
        if below is not None:
            p.assume(z3.ULE(child["priority"], below["priority"]))
    if shape.other is not None:
        p.assume(z3.ULE(node["priority"], shape.other["priority"]))
    # Where the child is lifted it is the run that is inserted, and all others were below the node.
    if shape.middle is not None:
        p.assume(z3.ULE(node["priority"], shape.middle["priority"]))
    runs = [node.value("run"), child.value("run")]
    ran = node.run("adopt", child.target)
    above = ran.value
    assert isinstance(above, SymbolicObject)
    p.show(f"{label}: not refused", z3.Not(ran.raises))
    p.show(f"{label}: the runs stay", z3.BoolVal(runs == [node.value("run"), child.value("run")]))
    p.show(f"{label}: the child is above", above.identity == child.target.identity, lifts)
    stays = z3.Not(lifts)
    p.show(f"{label}: the node is above", above.identity == node.target.identity, stays)
    lifted = (
        is_at(child, shape.near, shape.outer),
        is_at(child, shape.far, node),
        is_at(node, shape.near, shape.middle),
        is_at(node, shape.far, shape.other),
    )
    hung = (
        is_at(child, shape.near, shape.outer),
        is_at(child, shape.far, shape.middle),
        is_at(node, shape.near, child),
        is_at(node, shape.far, shape.other),
    )
    p.show(f"{label}: the order stays, lifted", z3.And(*lifted), lifts)
    p.show(f"{label}: the order stays, below", z3.And(*hung), stays)
    p.show(f"{label}: its sums", shape.are_right(node, child, shape.other), stays)
    top = z3.If(lifts, child["priority"], node["priority"])
    low = z3.If(lifts, node["priority"], child["priority"])
    heap = [z3.ULE(top, low)]
    heap += [z3.ULE(top, one["priority"]) for one in (shape.outer, shape.other) if one is not None]
    if shape.middle is not None:
        heap.append(z3.ULE(low, shape.middle["priority"]))
    p.show(f"{label}: a heap", z3.And(*heap))
    return lifts, stays


@obligation("treap.insert", "TREAP-1 TREAP-4 TREAP-9 T-75 T-76 I-18", WORDS)
def insertion_keeps_order_sums_and_heap(p: Proof) -> None:
    """A node takes in the tree that a subtree has become into which a run was inserted, at the side
    where its runs belong: all runs stay in their order, it has the sums of what is below it, and no
    priority is lower than the one above it. Where the other one is lifted, the sums are those of
    `treap.rotations`. By induction on the way up, so it is with the whole tree.
    """
    ways = [adopts(p, to_right, there) for to_right, there in product((True, False), SHAPES[:2])]
    p.possible("the run is lifted everywhere", z3.And(*(lifts for lifts, _ in ways)))
    p.possible("the run stays below", z3.And(*(stays for _, stays in ways)))


@obligation("treap.remove", "TREAP-1 TREAP-5 TREAP-9 I-18", WORDS)
def removal_keeps_order_and_sums(p: Proof) -> None:
    """A node that gets another subtree, of any shape or none, has the sums of what is below it
    then; its run, its priority and its other subtree stay, and the subtree is as it was. So are
    trees that are joined, and what is above a run that was taken out: by induction on the way up.
    """
    larger = []
    # Sums are made from both sides alike: what differs on the right is where the tree hangs.
    ways = [(True, *there) for there in product((True, False), repeat=2)]
    for left, below, other in (*ways, (False, True, True)):
        name = "".join(str(int(one)) for one in (left, below, other))
        node = Fields(p, Node, f"node_{name}")
        fresh = Fields(p, Node, f"fresh_{name}") if below else None
        kept = Fields(p, Node, f"kept_{name}") if other else None
        near, far = ("left", "right") if left else ("right", "left")
        node.set(near, target(None))
        node.set(far, target(kept))
        shape = Shape(p, left, (False, False, False))
        runs, priority = node.value("run"), node["priority"]
        told = [sums_told(p, one) for one in (fresh, kept) if one is not None]
        ran = node.run("hang_left" if left else "hang_right", target(fresh))
        label = f"{near}, {below}, {other}"
        p.show(f"{label}: not refused", z3.Not(ran.raises))
        p.show(f"{label}: it hangs there", z3.And(is_at(node, near, fresh), is_at(node, far, kept)))
        same = node.value("run") == runs
        p.show(f"{label}: its run stays", z3.And(z3.BoolVal(same), node["priority"] == priority))
        p.show(f"{label}: its sums", shape.are_right(node, fresh, kept))
        after = [sums_told(p, one) for one in (fresh, kept) if one is not None]
        p.show(f"{label}: what is below stays", z3.BoolVal(told == after))
        if fresh is not None:
            larger.append(z3.UGT(fresh["max_pages"], sums_of_run(p, node).most))
    p.possible("larger runs below", z3.And(*larger))
