"""The searches of the treap end at the right run: by induction over trees of any size and shape.

Each way down calls itself with a subtree. What that yields is taken to be what is shown of the
whole: the lowest run, or the highest one, that is looked for, if there is any.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import z3

from spanproof.prove.methods import Fields
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.values import NONE, SymbolicObject, Value
from spanproof.theorems.pages.freeset.rotations import KINDS, SIDES, WORDS
from spanproof.theorems.pages.freeset.subtrees import (
    Runs,
    Subtree,
    Tree,
    base_of,
    bit,
    fields_of_none,
    node_or_none,
    number,
    run_of,
)
from spanspec.base.words import U8, U64
from spanspec.pages.freeset.descents import (
    find_maximal,
    find_minimal,
    first_fit,
    highest_below,
    lowest_above,
)
from spanspec.pages.freeset.freeruns import FreeSpan, passes, type_of
from spanspec.pages.freeset.treapnode import Node, types_of


class TreapSearch(NamedTuple):
    """What is looked for, by pages or by type: the lowest run, or the highest one, that is good."""

    runs: Runs
    by_pages: bool
    lowest: bool
    good: Callable[[z3.ExprRef], z3.BoolRef]
    relies: bool
    """Whether the way down relies on it that a sum is no larger than its runs make it."""

    def covers(self, tree: Subtree, at: z3.ExprRef) -> z3.BoolRef:
        """Return that a tree's sum covers the run at an address, if it is in it (TREAP-9)."""
        runs, root = self.runs, tree.root
        if self.by_pages:
            covered = z3.ULE(runs.pages(at), root["max_pages"])
        else:
            covered = runs.has_type(root["types"], at)
        return z3.Implies(tree.holds(at), covered)

    def reach(self, tree: Subtree) -> list[z3.ExprRef]:
        """Return the addresses of runs that make a tree's sum what it is, if that matters."""
        if not self.relies:
            return []
        number_of = 1 if self.by_pages else KINDS
        return [z3.BitVec(f"{tree.name}_reaches_{kind}", 64) for kind in range(number_of)]

    def is_reached(self, tree: Subtree) -> z3.BoolRef:
        """Return that a tree's sum is no larger than its runs make it."""
        runs, root, reach = self.runs, tree.root, self.reach(tree)
        if self.by_pages:
            most = z3.And(tree.holds(reach[0]), runs.pages(reach[0]) == root["max_pages"])
            return z3.Implies(tree.there, most)
        kinds = (
            z3.Implies(
                bit(root["types"], kind),
                z3.And(
                    tree.holds(at),
                    runs.scavenged(at) == bool(kind & 1),
                    runs.huge(at) == bool(kind & 2),
                ),
            )
            for kind, at in enumerate(reach)
        )
        return z3.Implies(tree.there, z3.And(z3.ULT(root["types"], 1 << KINDS), *kinds))

    def finds(
        self, tree: Subtree, there: z3.BoolRef, base: z3.BitVecRef, at: z3.ExprRef
    ) -> tuple[z3.BoolRef, z3.BoolRef]:
        """Return what is claimed of what is found in a tree: that it is in it, and good; and, of
        the run at an address, that it is neither missed nor passed by.
        """
        nearer = z3.ULE(base, at) if self.lowest else z3.UGE(base, at)
        missed = z3.Implies(z3.And(tree.holds(at), self.good(at)), z3.And(there, nearer))
        return z3.Implies(there, z3.And(tree.holds(base), self.good(base))), missed


class Found:
    """The calls of a way down by itself: what each is given, and the node that it finds, or none.

    What is assumed of it is the hypothesis of the induction: what is shown of the whole.
    """

    def __init__(
        self,
        p: Proof,
        tree: Tree,
        search: TreapSearch,
        at: z3.ExprRef,
        passed: Sequence[z3.ExprRef],
    ) -> None:
        self._p = p
        self._tree = tree
        self._search = search
        self._at = at
        self._passed = passed
        self.goes_on: list[z3.BoolRef] = []

    def __call__(self, given: Sequence[Value], path: z3.BoolRef) -> Value:
        """Return what is found below."""
        p, tree, search = self._p, self._tree, self._search
        root, *rest = given
        assert isinstance(root, SymbolicObject)
        name = f"{tree.whole.name}_found_{len(self.goes_on)}"
        found, there = Fields(p, Node, name), z3.Bool(f"{name}_there")
        base = base_of(p, found)
        p.assume(search.runs.has(run_of(found)), tree.in_order(base))
        is_it = [root.identity == side.target.identity for side in tree.sides]
        for side, given_it in zip(tree.sides, is_it, strict=True):
            for at in (self._at, *search.reach(side)):
                told = z3.And(*search.finds(side, there, base, at))
                p.assume(z3.Implies(given_it, told))
        same = [number(p, one) == what for one, what in zip(rest, self._passed, strict=True)]
        self.goes_on.append(z3.Implies(path, z3.And(z3.Or(*is_it), *same)))
        return node_or_none(found, there)


def ends_right(
    p: Proof,
    way: Callable[..., Node | None],
    lowest: bool,
    *passed: z3.ExprRef,
    by_pages: bool = False,
) -> None:
    """Claim that a way down ends at the lowest run, or at the highest one, that is looked for.

    `passed` are its arguments but the first: how many pages are needed; or an address, if it
    matters on which side of it a run is, and a filter.
    """
    name = way.__name__
    runs = Runs(p, name)

    def good(at: z3.ExprRef) -> z3.BoolRef:
        if by_pages:
            return z3.UGE(runs.pages(at), passed[0])
        *limit, wanted = passed
        beyond = z3.UGT if lowest else z3.ULT
        return z3.And(runs.has_type(wanted, at), *(beyond(at, one) for one in limit))

    fields_of_none(p)
    tree, at = Tree(p, name, runs), z3.BitVec(f"{name}_at", 64)
    # A way beside an address asks whether something was found below, and what it is told suffices.
    search = TreapSearch(runs, by_pages, lowest, good, relies=by_pages or len(passed) == 1)
    for one in (tree.whole, *tree.sides):
        if search.relies:
            p.assume(search.is_reached(one))
        # What decides on the way: an arbitrary run, the node's own, and those that make a sum.
        looked_at = [at, tree.base, *search.reach(tree.whole)]
        p.assume(*(search.covers(one, where) for where in looked_at))
        p.assume(*(tree.in_order(where) for where in (at, *search.reach(one))))
    inner = Found(p, tree, search, at, passed)
    p.by_recursion(p.translator.sources.function(way).qualified, inner)
    nothing = p.call(way, SymbolicObject(Node, NONE), *passed)
    found = p.call(way, tree.node.target, *passed)
    assert isinstance(found, SymbolicObject)
    p.show(f"{name}: nothing in an empty tree", z3.BoolVal(nothing is None))
    p.show(f"{name}: goes on below", z3.And(*inner.goes_on))
    there = found.identity != NONE
    run = p.translator.memory.read((Node, "run"), found.identity)
    assert isinstance(run, FreeSpan)
    base = number(p, run.base)
    is_good, missed = search.finds(tree.whole, there, base, at)
    p.show(f"{name}: it is one", z3.And(is_good, z3.Implies(there, runs.has(run))))
    p.show(f"{name}: none is missed", missed)
    both = z3.And(tree.left.there, tree.right.there)
    for which, side in zip(SIDES, tree.sides, strict=True):
        p.possible(f"{name}: to the {which}", z3.And(there, side.holds(base)))
    p.possible(f"{name}: here", z3.And(there, base == tree.base, both))
    p.possible(f"{name}: none", z3.And(z3.Not(there), both))


@obligation("treap.types", "TREAP-7 TREAP-9", WORDS)
def a_run_passes_by_the_bit_of_its_type(p: Proof) -> None:
    """A run passes a filter just if that has the bit which these proofs look at; and so has a sum
    of types, just if it has been made of a run of that type, or of others that have it.
    """
    runs, at, types = Runs(p, "any"), z3.BitVec("at", 64), p.number(U8, "types")
    run = runs.at(at)
    p.show("a filter", p.holds(passes, run, types) == runs.has_type(types, at))
    left, right, kind = p.number(U8, "left"), p.number(U8, "right"), p.integer(type_of, run)
    total = p.integer(types_of, left, kind, right)
    p.show("its own sum", runs.has_type(total, at))
    other = z3.BitVec("other", 64)
    alike = p.integer(type_of, runs.at(other)) == kind
    below = z3.Or(runs.has_type(left, other), runs.has_type(right, other))
    p.show("a sum", runs.has_type(total, other) == z3.Or(alike, below))
    for which in range(KINDS):
        p.possible(f"a run of type {which}", kind == which)


@obligation("treap.find", "TREAP-1 TREAP-2 TREAP-3 I-40", WORDS)
def the_lowest_run_that_fits_is_found(p: Proof) -> None:
    """In a tree of any size and shape the search ends at the lowest run with enough pages, and at
    none just if there is none. By induction: where it goes on below, it finds that of the subtree.
    """
    npages = p.number(U64, "npages")
    p.assume(npages != 0)
    ends_right(p, first_fit, True, npages, by_pages=True)


@obligation("treap.ends", "TREAP-1 TREAP-7 TREAP-8 TREAP-9 T-62 T-63", WORDS)
def the_ends_that_pass_a_filter_are_found(p: Proof) -> None:
    """In a tree of any size and shape the lowest and the highest run that pass a filter are found,
    if there are any; neither way down is ever lost (T-62, T-63).
    """
    wanted = p.number(U8, "wanted")
    ends_right(p, find_minimal, True, wanted)
    ends_right(p, find_maximal, False, wanted)


@obligation("treap.neighbours", "TREAP-1 TREAP-7 TREAP-8 TREAP-9", WORDS)
def the_next_runs_that_pass_a_filter_are_found(p: Proof) -> None:
    """In a tree of any size and shape the highest run below an address, and the lowest one above,
    that pass a filter are found, if there are any; the address may be that of a run, or not.
    """
    base, wanted = p.number(U64, "base"), p.number(U8, "wanted")
    ends_right(p, highest_below, False, base, wanted)
    ends_right(p, lowest_above, True, base, wanted)
