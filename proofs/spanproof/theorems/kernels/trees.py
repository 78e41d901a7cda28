"""The tree of largest weights: each node is the maximum of its children, and `lowest` is the first
place that has enough.

A tree is made by its own `__init__`, for capacities that give it one row, two and three; its
weights are then arbitrary, but for what the invariant says of them. Its numbers are mathematical
integers here: that none leaves 64 bits is not among these claims.
"""

from typing import Final

import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanalloc.base.maxtree import FANOUT, FANOUT_SHIFT, MaxTree
from spanproof.prove.methods import Fields
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.evaluation.frames import LoopBound
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.values.memory import ITEMS, Content
from spanproof.symbolic.values.merge import scalar_of
from spanproof.symbolic.values.values import SymbolicVector, SymbolicWords
from spanspec.base.words import U16

INTEGERS: Final = Integers()
SEARCH: Final = {"spanalloc.base.maxtree.MaxTree.lowest": LoopBound(FANOUT)}


def is_largest(weights: vec[i64], above: i64, first: i64) -> bool:
    """A node has the largest of sixteen weights."""
    return all(weights[first + k] <= weights[above] for k in range(FANOUT)) and any(
        weights[first + k] == weights[above] for k in range(FANOUT)
    )


def weight_at(weights: vec[i64], place: i64) -> i64:
    """The weight at a place of any row."""
    return weights[place]


class WeightTree:
    """A tree of some capacity with arbitrary weights."""

    def __init__(self, p: Proof, capacity: int) -> None:
        self._p = p
        self.fields = Fields(p, MaxTree, f"tree{capacity}")
        made = self.fields.run("__init__", capacity)
        p.show("it is made", z3.Not(made.raises))
        self.rows = self.number(self.fields["rows"])
        starts = self.fields.words("starts")
        self.starts = [self.number(starts.get(z3.IntVal(r))) for r in range(self.rows)]
        clear, place = self.fields.words("weights"), p.number(U16, "any_place")
        self.ends = [*self.starts[1:], self.number(clear.length)]
        inside = place < self.ends[-1]
        p.show("all weights are 0", clear.get(place) == 0, inside)
        self.sizes = [end - start for start, end in zip(self.starts, self.ends, strict=True)]
        groups = [size >> FANOUT_SHIFT for size in self.sizes]
        p.show("it has room", self.sizes[0] >= capacity)
        p.show("rows are whole groups", all(size % FANOUT == 0 for size in self.sizes))
        fits = all(size >= below for size, below in zip(self.sizes[1:], groups, strict=False))
        p.show("each group has a node above", fits)
        p.show("the top row is one group", self.sizes[-1] == FANOUT)
        vector = self.fields.value("weights")
        assert isinstance(vector, SymbolicVector)
        weights = z3.Function(f"weight{capacity}", p.arithmetic.sort, p.arithmetic.sort)
        content = Content(lambda index: weights(index), self.ends[-1])
        p.translator.memory.write((i64, ITEMS), vector.identity, content)

    def number(self, term: z3.ExprRef) -> int:
        """Return a number that is known."""
        known = z3.simplify(term)
        assert isinstance(known, z3.IntNumRef)
        return int(known.as_long())

    @property
    def weights(self) -> SymbolicWords:
        """The weights of all rows now."""
        return self.fields.words("weights")

    def weight(self, place: z3.ExprRef, given: z3.BoolRef, row: int = 0) -> z3.ExprRef:
        """Return the weight at a place of a row."""
        return self._p.integer_given(given, weight_at, self.weights, place + self.starts[row])

    def right(self, row: int, node: z3.ExprRef, given: z3.BoolRef) -> z3.BoolRef:
        """Return that a node of the row above a row has the largest weight of its group."""
        above, first = self.starts[row + 1] + node, self.starts[row] + node * FANOUT
        return self._p.implied(given, is_largest, self.weights, above, first)

    def has_group(self, row: int, node: z3.ExprRef) -> z3.BoolRef:
        """Return that a node of the row above a row has a group there."""
        return node < self.sizes[row] >> FANOUT_SHIFT

    def above(self, place: z3.ExprRef) -> list[z3.BoolRef]:
        """Return the invariant of each node above a place."""
        nodes = [place / FANOUT ** (row + 1) for row in range(self.rows - 1)]
        return [self.right(r, node, self.has_group(r, node)) for r, node in enumerate(nodes)]

    def bounded(self, place: z3.ExprRef) -> list[z3.BoolRef]:
        """Return that each node above a place has no less than the one below it, or the place."""
        found = []
        for row in range(self.rows - 1):
            below = self.weights.get(self.starts[row] + place / FANOUT**row)
            node = place / FANOUT ** (row + 1)
            found.append(below <= self.weights.get(self.starts[row + 1] + node))
        return found

    def is_place(self, place: z3.ExprRef) -> z3.BoolRef:
        """Return that there is such a place."""
        return place < self.sizes[0]


def term(p: Proof, value: object) -> z3.ExprRef:
    """Return what a method returned as a term."""
    return p.arithmetic.lift(scalar_of(value)).term


def descent(p: Proof, tree: WeightTree, weight: z3.ExprRef) -> list[z3.BoolRef]:
    """The invariant of the nodes that a search meets: the first of each group that is enough."""
    known, node = [], z3.IntVal(0)
    for row in range(tree.rows - 1, 0, -1):
        offset = z3.IntVal(0)
        for k in range(FANOUT - 1, -1, -1):
            enough = tree.weights.get(z3.simplify(tree.starts[row] + node + k)) >= weight
            offset = z3.If(enough, z3.IntVal(k), offset)
        at = node + offset
        known.append(tree.right(row - 1, at, tree.has_group(row - 1, at)))
        known.append(
            z3.Or(tree.has_group(row - 1, at), tree.weights.get(tree.starts[row] + at) <= 0)
        )
        node = at * FANOUT
    return known


def finds_the_first(p: Proof, capacity: int) -> None:
    """Show that `lowest` finds the first place with enough weight."""
    tree = WeightTree(p, capacity)
    weight, other = p.number(int, "weight"), p.number(U16, "other")
    p.assume(weight >= 1, tree.is_place(other), *tree.bounded(other))
    p.assume(*descent(p, tree, weight))
    ran = tree.fields.run("lowest", weight)
    place = term(p, ran.value)
    found = place != -1
    p.show("a place", z3.Implies(found, tree.is_place(place)))
    p.show("enough", tree.weight(place, found) >= weight, found)
    earlier = z3.Or(z3.Not(found), other < place)
    p.show("nothing before", tree.weight(other, z3.BoolVal(True)) < weight, earlier)
    p.possible("a later place", z3.And(found, place > FANOUT - 2))
    p.possible("none", z3.Not(found))


@obligation("trees.lowest", "TREAP-2 I-40", INTEGERS, loops=SEARCH)
def lowest_finds_the_first_place_with_enough(p: Proof) -> None:
    """`lowest` finds the first place that has at least a weight, or that there is none, if each
    node has the largest weight of its group: in trees of one row and of three.
    """
    finds_the_first(p, 16)
    finds_the_first(p, 512)


@obligation("trees.largest", "TREAP-3", INTEGERS)
def largest_is_the_largest_weight(p: Proof) -> None:
    """`largest` is the largest weight of all places, if none is below 0."""
    tree, other = WeightTree(p, 512), p.number(U16, "other")
    p.assume(tree.is_place(other), *tree.bounded(other))
    top = [tree.weights.get(z3.IntVal(tree.starts[-1] + k)) for k in range(FANOUT)]
    p.assume(*(weight >= 0 for weight in top))
    best = term(p, tree.fields.run("largest").value)
    node, known = other / FANOUT ** (tree.rows - 1), z3.BoolVal(True)
    for k, weight in enumerate(top):
        p.lemma(f"no less than {k}", best >= weight)
        p.show(f"no weight is larger, {k}", tree.weight(other, known) <= best, node == k)
    p.show("a node has it", z3.Or(best == 0, *(weight == best for weight in top)))
    p.possible("it is a place's", tree.weight(other, z3.BoolVal(True)) == best)


@obligation("trees.store", "TREAP-4 TREAP-5", INTEGERS)
def storing_keeps_each_node_the_largest_of_its_group(p: Proof) -> None:
    """`store` changes the weight of one place, and leaves each node the largest of its group."""
    for capacity in (16, 512):
        tree = WeightTree(p, capacity)
        place, other, weight = (
            p.number(U16, "place"),
            p.number(U16, "other"),
            p.number(int, "weight"),
        )
        p.assume(weight >= 0, tree.is_place(place), tree.is_place(other))
        p.assume(*tree.above(place), *tree.above(other))
        before = tree.weight(other, z3.BoolVal(True))
        ran = tree.fields.run("store", place, weight)
        p.show("it is not refused", z3.Not(ran.raises))
        now = tree.weight(other, z3.BoolVal(True))
        p.show("one place", now == z3.If(other == place, weight, before))
        for row, right in enumerate(tree.above(other)):
            p.show(f"the nodes above row {row}", right)
        p.possible("another place", z3.And(other != place, before > weight))


@obligation("trees.move", "TREAP-6", INTEGERS)
def moving_a_weight_keeps_each_node_the_largest_of_its_group(p: Proof) -> None:
    """`move` leaves a place without weight, gives another one that had none, and leaves each node
    the largest of its group.
    """
    tree = WeightTree(p, 32)
    place, to, other = (p.number(U16, name) for name in ("place", "to", "other"))
    weight = p.number(int, "weight")
    for one in (place, to, other):
        p.assume(tree.is_place(one), *tree.above(one))
    p.assume(weight >= 0, place != to, tree.weight(to, z3.BoolVal(True)) == 0)
    for one in (place, to, other):
        first = one / FANOUT * FANOUT
        p.assume(*(tree.weight(first + k, z3.BoolVal(True)) >= 0 for k in range(FANOUT)))
    before = tree.weight(other, z3.BoolVal(True))
    ran = tree.fields.run("move", place, to, weight)
    p.show("it is not refused", z3.Not(ran.raises))
    now = tree.weight(other, z3.BoolVal(True))
    p.show("moved", now == z3.If(other == to, weight, z3.If(other == place, 0, before)))
    mine, its, group = (one / FANOUT for one in (place, to, other))
    (right,) = tree.above(other)
    for name, case in (
        ("one group, another place", z3.And(mine == its, group != its)),
        ("the group entered", z3.And(mine != its, group == its)),
        ("another", z3.And(group != mine, group != its)),
    ):
        p.show(f"its node, {name}", right, case)
    for name, changed, case in (
        ("in one group", its, mine == its),
        ("the group left", mine, mine != its),
    ):
        node, first = tree.starts[1] + changed, changed * FANOUT
        weights, most = tree.weights, tree.weights.get(node)
        for k in range(FANOUT):
            p.show(f"no larger than its node, {name}, {k}", weights.get(first + k) <= most, case)
        held = [weights.get(first + k) == most for k in range(FANOUT)]
        p.show(f"its node's weight is one of them, {name}", z3.Or(*held), case)
    p.possible("in one group", place / FANOUT == to / FANOUT)
    p.possible("in two", place / FANOUT != to / FANOUT)
