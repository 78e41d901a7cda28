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
from spanproof.symbolic.memory import NONE
from spanproof.symbolic.merge import scalar_of
from spanproof.symbolic.values import SymbolicObject
from spanspec.base.words import U8
from spanspec.pages.freeruns import FreeSpan, type_of
from spanspec.pages.treap import Node

WORDS: Final = Words(64)
KINDS: Final = 4
"""How many types of runs there are."""


def has_type(types: U8, kind: U8) -> bool:
    """A sum says that there is a run of a type."""
    return (types >> kind) & 1 == 1


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

    def told(self, node: Fields) -> Sums:
        """Return the sums that a node has."""
        kinds = range(KINDS)
        types = tuple(self._p.holds(has_type, node["types"], kind) for kind in kinds)
        return Sums(node["max_pages"], types)

    def of_run(self, node: Fields) -> Sums:
        """Return the sums of a node's run alone."""
        run = node.value("run")
        assert isinstance(run, FreeSpan)
        types = tuple(self._p.holds(is_of_type, run, kind) for kind in range(KINDS))
        return Sums(self._p.arithmetic.lift(scalar_of(run.npages)).term, types)

    def are_right(self, node: Fields, *below: Fields | None) -> z3.BoolRef:
        """Return that a node has the sums of its run and of what is below it, and no others."""
        told = self.told(node)
        parts = [self.of_run(node), *(self.told(one) for one in below if one is not None)]
        return z3.And(
            *(z3.UGE(told.most, part.most) for part in parts),
            z3.Or(*(told.most == part.most for part in parts)),
            *(
                told.types[kind] == z3.Or(*(part.types[kind] for part in parts))
                for kind in range(KINDS)
            ),
        )


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
            middle = shape.told(shape.middle).most
            larger.append(z3.UGT(middle, shape.of_run(child).most))
    p.possible("larger runs in the middle", z3.And(*larger))
