"""Trees of free runs of any size and shape: a node, and on each side a subtree that is what it
holds.

What a subtree holds is a predicate of addresses. A claim about all runs is made of an arbitrary
address, and what is known of them is assumed at the addresses that are looked at.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, cast

import z3

from spanproof.prove.methods import Fields
from spanproof.prove.proof import Proof
from spanproof.symbolic.values.merge import as_bool, scalar_of
from spanproof.symbolic.values.values import NONE, SymbolicObject, Value
from spanproof.theorems.pages.freeset.rotations import KINDS, SIDES
from spanspec.pages.freeset.freeruns import FreeSpan
from spanspec.pages.freeset.treapnode import Node

ADDRESS: Final = z3.BitVecSort(64)

FIELDS: Final = ("run", "max_pages", "types", "priority")
"""What is read of a node that may be there or not, behind a question whether it is."""


def number(p: Proof, value: Value) -> z3.BitVecRef:
    """Return a number as a term."""
    return cast(z3.BitVecRef, p.arithmetic.lift(scalar_of(value)).term)


def run_of(node: Fields) -> FreeSpan:
    """Return the run of a node."""
    run = node.value("run")
    assert isinstance(run, FreeSpan)
    return run


def base_of(p: Proof, node: Fields) -> z3.BitVecRef:
    """Return the address of a node's run."""
    return number(p, run_of(node).base)


def fields_of_none(p: Proof) -> None:
    """Let None have fields, of any values: that none is read is a claim at each place."""
    nothing = Fields(p, Node, "nothing")
    for field in FIELDS:
        p.translator.memory.write((Node, field), NONE, nothing.value(field))
    for side in SIDES:
        p.translator.memory.write((Node, side), NONE, SymbolicObject(Node, NONE))


def node_or_none(node: Fields, there: z3.BoolRef) -> SymbolicObject:
    """Return a node that is there or not."""
    return SymbolicObject(Node, z3.If(there, node.target.identity, NONE))


def bit(types: z3.ExprRef, kind: int) -> z3.BoolRef:
    """Return that a bit of a number is set."""
    return cast(z3.BoolRef, z3.Extract(kind, kind, types) == 1)


class Runs:
    """The free runs that there are, by address, and the priorities of their nodes."""

    def __init__(self, p: Proof, name: str) -> None:
        self._p = p
        self.pages = z3.Function(f"pages_{name}", ADDRESS, ADDRESS)
        self.scavenged = z3.Function(f"scavenged_{name}", ADDRESS, z3.BoolSort())
        self.huge = z3.Function(f"huge_{name}", ADDRESS, z3.BoolSort())
        self.priority = z3.Function(f"priority_{name}", ADDRESS, ADDRESS)

    def at(self, address: z3.ExprRef) -> FreeSpan:
        """Return the run at an address; its descriptor does not matter."""
        make: Callable[..., FreeSpan] = FreeSpan
        scavenged, huge = self.scavenged(address), self.huge(address)
        return make(address, self.pages(address), 0, scavenged, huge)

    def has(self, run: FreeSpan) -> z3.BoolRef:
        """Return that a run is the one at its address."""
        return same_run(self._p, run, self.at(number(self._p, run.base)))

    def has_type(self, types: z3.ExprRef, at: z3.ExprRef) -> z3.BoolRef:
        """Return that a sum of types, or a filter, has the bit for a run (TREAP-7).

        `treap.types` shows that it is what the model says, which takes a solver longer: there the
        type is a number by which a word is shifted.
        """
        small, scavenged, huge, both = (bit(types, kind) for kind in range(KINDS))
        of_huge = z3.If(self.scavenged(at), both, huge)
        of_small = z3.If(self.scavenged(at), scavenged, small)
        return cast(z3.BoolRef, z3.If(self.huge(at), of_huge, of_small))


class Subtree(NamedTuple):
    """A subtree that is there or not: its name, its root, and what it holds."""

    name: str
    root: Fields
    target: SymbolicObject
    there: z3.BoolRef
    holds: Callable[[z3.ExprRef], z3.BoolRef]


def any_subtree(p: Proof, name: str) -> Subtree:
    """Return a subtree of which nothing is known; what it holds is a predicate of addresses."""
    root, there = Fields(p, Node, name), z3.Bool(f"{name}_there")
    inside = z3.Function(f"in_{name}", ADDRESS, z3.BoolSort())

    def holds(at: z3.ExprRef) -> z3.BoolRef:
        return z3.And(there, inside(at))

    return Subtree(name, root, node_or_none(root, there), there, holds)


class Tree:
    """A node with a subtree on each side, any or these, in order; it is there."""

    def __init__(
        self, p: Proof, name: str, runs: Runs, sides: tuple[Subtree, Subtree] | None = None
    ) -> None:
        self.node = Fields(p, Node, name)
        self.left, self.right = sides or (
            any_subtree(p, f"{name}_left"),
            any_subtree(p, f"{name}_right"),
        )
        self.node.set("left", self.left.target)
        self.node.set("right", self.right.target)
        self.base = base_of(p, self.node)
        there = z3.BoolVal(True)
        self.whole = Subtree(name, self.node, self.node.target, there, self.holds)
        self.sides = (self.left, self.right)
        p.assume(runs.has(run_of(self.node)), runs.priority(self.base) == self.node["priority"])

    def holds(self, at: z3.ExprRef) -> z3.BoolRef:
        """Return that there is a run at an address in the tree."""
        return z3.Or(at == self.base, self.left.holds(at), self.right.holds(at))

    def in_order(self, at: z3.ExprRef) -> z3.BoolRef:
        """Return that a run is on the side of the node where it belongs (TREAP-1)."""
        return z3.And(
            z3.Implies(self.left.holds(at), z3.ULT(at, self.base)),
            z3.Implies(self.right.holds(at), z3.UGT(at, self.base)),
        )

    def or_none(self) -> Subtree:
        """Return it as a subtree that is there or not."""
        name, there = self.whole.name, z3.Bool(f"{self.whole.name}_there")

        def holds(at: z3.ExprRef) -> z3.BoolRef:
            return z3.And(there, self.holds(at))

        return Subtree(name, self.node, node_or_none(self.node, there), there, holds)


class DescentCalls:
    """The calls of a way down by itself: where each goes on, and whether it goes on rightly."""

    def __init__(self, tree: Tree, held: z3.ExprRef) -> None:
        self._tree = tree
        self._held = held
        self._ways: list[tuple[z3.BoolRef, list[z3.BoolRef]]] = []
        self.goes_on: list[z3.BoolRef] = []

    def to(self, root: Value, path: z3.BoolRef, same: z3.BoolRef) -> list[z3.BoolRef]:
        """Note a call; return of each side whether it goes on there.

        The subtree has the address that is looked for just if the whole has it; `same` tells that
        everything else is passed on as it is.
        """
        assert isinstance(root, SymbolicObject)
        tree, held = self._tree, self._held
        is_it = [root.identity == side.target.identity for side in tree.sides]
        found = tree.holds(held)
        right = (
            z3.And(one, side.holds(held) == found)
            for one, side in zip(is_it, tree.sides, strict=True)
        )
        self.goes_on.append(z3.Implies(path, z3.And(z3.Or(*right), same)))
        self._ways.append((path, is_it))
        return is_it

    @property
    def anywhere(self) -> z3.BoolRef:
        """Whether it goes on below at all."""
        return z3.Or(*(path for path, _ in self._ways))

    def on(self, side: int) -> z3.BoolRef:
        """Return whether it goes on on a side."""
        return z3.Or(*(z3.And(path, is_it[side]) for path, is_it in self._ways))


def same_run(p: Proof, one: FreeSpan, other: FreeSpan) -> z3.BoolRef:
    """Return that two runs have the same address, length and type."""
    return z3.And(
        number(p, one.base) == number(p, other.base),
        number(p, one.npages) == number(p, other.npages),
        as_bool(one.scavenged) == as_bool(other.scavenged),
        as_bool(one.huge) == as_bool(other.huge),
    )


def roots(*below: Subtree) -> list[tuple[Fields, z3.BoolRef]]:
    """Return the roots of subtrees, each with whether it is there."""
    return [(one.root, one.there) for one in below]


def hangs(node: Fields, side: str, tree: Subtree) -> z3.BoolRef:
    """Return that a node has a tree, or none if it is not there, on a side now."""
    held = node.value(side)
    assert isinstance(held, SymbolicObject)
    return cast(z3.BoolRef, held.identity == tree.target.identity)


def no_lower(priority: z3.ExprRef, *below: Subtree) -> z3.BoolRef:
    """Return that no root of some trees has a lower priority now (TREAP-1)."""
    return z3.And(*(z3.Implies(one.there, z3.ULE(priority, one.root["priority"])) for one in below))


def forget(p: Proof, root: SymbolicObject, name: str, *fields: str) -> None:
    """Let some fields of a node, if it is there, hold whatever it may be."""
    anything, below = Fields(p, Node, name), Fields(p, Node, f"{name}_below")
    memory = p.translator.memory

    def write(identity: z3.ExprRef, given: z3.BoolRef, field: str, value: Value) -> None:
        if z3.is_app_of(identity, z3.Z3_OP_ITE):
            condition, one, other = identity.children()
            write(one, z3.And(given, condition), field, value)
            write(other, z3.And(given, z3.Not(condition)), field, value)
        elif not z3.eq(identity, NONE):
            old = memory.read((Node, field), identity)
            memory.write((Node, field), identity, memory.joined(given, value, old))

    for field in fields:
        side = field in SIDES
        value = node_or_none(below, z3.Bool(f"{name}_{field}")) if side else anything.value(field)
        write(root.identity, z3.BoolVal(True), field, value)
