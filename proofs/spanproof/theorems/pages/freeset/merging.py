"""Two trees of the treap are joined into one: by induction over their nodes.

`merge` calls itself with one tree and a subtree of the other. What that yields is taken to be what
is shown of the whole: the lower root of both is above, in order, with the sums of all of it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import z3

from spanproof.prove.methods import Fields
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.values import NONE, SymbolicObject, Value
from spanproof.theorems.pages.freeset.rotations import SIDES, WORDS, Shape, is_at, target
from spanspec.pages.freeset.treap import merge
from spanspec.pages.freeset.treapnode import Node

MERGE: Final = "spanspec.pages.freeset.treap.merge"

SHAPES: Final = (
    (True, True, True, True),
    (False, False, False, False),
)
"""Which subtrees are there: both of the left root, both of the right one. The root that is above
reads only whether the one is there that it keeps.
"""


class Joined:
    """The calls of `merge` by itself: what each is given, and the tree that it yields."""

    def __init__(self, p: Proof, name: str) -> None:
        self._p = p
        self._name = name
        self.calls: list[tuple[tuple[z3.ExprRef, z3.ExprRef], Fields]] = []

    def __call__(self, given: Sequence[Value], path: z3.BoolRef) -> Value:
        """Return a tree of which nothing is known yet."""
        one, other = given
        assert isinstance(one, SymbolicObject)
        assert isinstance(other, SymbolicObject)
        tree = Fields(self._p, Node, f"joined_{len(self.calls)}_{self._name}")
        self.calls.append(((one.identity, other.identity), tree))
        return tree.target


class RootBefore(NamedTuple):
    """A root as it is before: its node, what hangs on its sides, and the priorities there."""

    node: Fields
    below: tuple[Fields | None, ...]
    priorities: tuple[z3.ExprRef | None, ...]
    priority: z3.ExprRef

    def lowest_with(self, side: int, other: "RootBefore") -> z3.ExprRef:
        """Return the lower priority of what hangs on a side and of another root."""
        own = self.priorities[side]
        return other.priority if own is None else lower_of(own, other.priority)


def lower_of(one: z3.ExprRef, other: z3.ExprRef) -> z3.ExprRef:
    """Return the lower of two priorities."""
    return z3.If(z3.ULT(one, other), one, other)


def any_tree(p: Proof, shape: Shape, name: str, there: Sequence[bool]) -> RootBefore:
    """Return a root with subtrees that are there or not, and whose priorities are no lower."""
    node = Fields(p, Node, name)
    below = tuple(
        Fields(p, Node, f"{name}_{side}") if is_there else None
        for side, is_there in zip(SIDES, there, strict=True)
    )
    for side, one in zip(SIDES, below, strict=True):
        node.set(side, target(one))
    p.assume(shape.are_right(node, *below))
    priorities = tuple(None if one is None else one["priority"] for one in below)
    p.assume(*(z3.ULE(node["priority"], one) for one in priorities if one is not None))
    return RootBefore(node, below, priorities, node["priority"])


def joins(p: Proof, there: tuple[bool, ...]) -> tuple[z3.BoolRef, z3.BoolRef]:
    """Claim what two trees come to, with some subtrees; return which of the roots is above."""
    name = "".join(str(int(one)) for one in there)
    shape = Shape(p, True, (False, False, False))
    left = any_tree(p, shape, f"left_{name}", there[:2])
    right = any_tree(p, shape, f"right_{name}", there[2:])
    runs = [one.node.value("run") for one in (left, right)]
    inner = Joined(p, name)
    p.by_recursion(MERGE, inner)
    above = p.call(merge, left.node.target, right.node.target)
    assert isinstance(above, SymbolicObject)
    left_above = z3.ULT(left.priority, right.priority)
    (first, under_left), (second, under_right) = inner.calls
    ways = (
        ("left", left_above, left, right, 0, first, under_left),
        ("right", z3.Not(left_above), right, left, 1, second, under_right),
    )
    for label, given, root, other, near, called, tree in ways:
        # By induction: what is joined below lacks a root, so it has fewer nodes.
        lowest = root.lowest_with(1 - near, other)
        p.assume(z3.Implies(given, tree["priority"] == lowest))
        name = f"{label}, {there}"
        p.show(f"{name}: it is above", above.identity == root.node.target.identity, given)
        # Its own far side comes before the right tree, or behind the left one.
        far, whole = target(root.below[1 - near]).identity, other.node.target.identity
        pair = (far, whole) if near == 0 else (whole, far)
        p.show(f"{name}: in order", z3.And(called[0] == pair[0], called[1] == pair[1]), given)
        hung = z3.And(
            is_at(root.node, SIDES[near], root.below[near]), is_at(root.node, SIDES[1 - near], tree)
        )
        p.show(f"{name}: hung", hung, given)
        p.show(f"{name}: its sums", shape.are_right(root.node, root.below[near], tree), given)
        p.show(f"{name}: a heap", z3.ULE(root.node["priority"], tree["priority"]), given)
        both = lower_of(root.priority, other.priority)
        p.show(f"{name}: the lower root", root.node["priority"] == both, given)
    same = runs == [one.node.value("run") for one in (left, right)]
    p.show(f"{there}: the runs stay", z3.BoolVal(same))
    return left_above, z3.Not(left_above)


@obligation("treap.merge", "TREAP-1 TREAP-5 TREAP-9 I-18", WORDS)
def two_trees_are_joined_in_order(p: Proof) -> None:
    """Two trees, all of the first below all of the second, become one under the lower of their
    roots: in order, with the sums of what is below it, and no priority is lower than the one above.
    One that is empty leaves the other as it is. By induction over the nodes, so it is with all of
    them, whatever the shapes: removal leaves a treap.
    """
    ways = [joins(p, there) for there in SHAPES]
    alone = Fields(p, Node, "alone")
    none = SymbolicObject(Node, NONE)
    for label, pair in (("none first", (none, alone.target)), ("none last", (alone.target, none))):
        found = p.call(merge, *pair)
        assert isinstance(found, SymbolicObject)
        p.show(label, found.identity == alone.target.identity)
    p.possible("the left root above", z3.And(*(way[0] for way in ways)))
    p.possible("the right root above", z3.And(*(way[1] for way in ways)))
