"""First fit, the statistics of the page heap, growth, and what a cached span costs."""

from typing import Final, cast

import z3
from msgspec.structs import replace

from spanproof.prove.lemmas import Shown
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.integers import Integers
from spanproof.theorems.pages.tilingreads import is_addressable
from spanproof.theorems.span.sizeclass import small_classes
from spanspec.base.constants import HEAP_ADDR_LIMIT, HEAP_ARENA_BYTES, PAGE_SIZE, make_span_class
from spanspec.base.words import U8, U16, U64
from spanspec.heap.accounts import charge
from spanspec.heap.mcentral import span_bytes
from spanspec.pages.freeruns import FreeSpan
from spanspec.pages.growth import end_of_request, fits_address_space
from spanspec.pages.pagemap import MAX_ARENAS, arena_base, arena_index
from spanspec.pages.records import Arena
from spanspec.pages.runs import AMD64, LISTED, LOOSE, TAKEN, PageRun
from spanspec.pages.statistics import (
    ByteSums,
    HeapStatistics,
    after_change,
    after_growth,
    balances,
)
from spanspec.pages.treap import HERE, LEFT, NO_FIT, RIGHT, belongs_left, descend, most_of, types_of
from spanspec.span.mspan import FREE, IN_USE, MANUAL, Mspan, init_span

INTEGERS: Final = Integers()
WORDS: Final = Words(64)


# --- the search -----------------------------------------------------------------------------------


class Subtree:
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
        self.left, self.right = Subtree(p, "left"), Subtree(p, "right")

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


@obligation("pages.arenas", "HEAP-5 AR-4", INTEGERS)
def an_address_lies_in_the_arena_of_its_number(p: Proof) -> None:
    """The arenas tile the address space: each address lies in the one whose number it has, and two
    have one number just if no arena begins between them.
    """
    address, other = p.number(U64, "address"), p.number(U64, "other")
    index, second = p.integer(arena_index, address), p.integer(arena_index, other)
    base = p.integer(arena_base, index)
    p.assume(address < 1 << 47, other < 1 << 47, address <= other)
    p.show("in it", z3.And(base <= address, address < base + HEAP_ARENA_BYTES))
    p.show("one of the map", z3.And(index >= 0, index < MAX_ARENAS))
    p.show("the same just if it is in it", (second == index) == (other < base + HEAP_ARENA_BYTES))
    p.possible("the first address of another", z3.And(second == index + 1, other == address + 1))


# --- statistics -----------------------------------------------------------------------------------


ADDS_UP: Final = Shown(balances, ("pages.statistics",))


@obligation("pages.statistics", "HEAP-36 HEAP-37 I-29", INTEGERS)
def the_statistics_balance(p: Proof) -> None:
    """Whatever becomes of a descriptor or of the arena, the statistics agree with the bytes of all
    runs by state, which leave no choice for any of them; so they do before there is a heap.
    """
    stats, sums = p.fresh(HeapStatistics, "stats"), p.fresh(ByteSums, "sums")
    other, others = p.fresh(HeapStatistics, "other"), p.fresh(ByteSums, "others")
    assert isinstance(stats, HeapStatistics)
    assert isinstance(other, HeapStatistics)
    assert isinstance(sums, ByteSums)
    assert isinstance(others, ByteSums)
    p.assume(p.holds(balances, stats, sums))
    p.show("no choice", z3.Implies(p.holds(balances, other, sums), is_same(stats, other)))
    apart = z3.And(p.holds(balances, stats, others), sums.arena == others.arena)
    p.show("nor other bytes", z3.Implies(apart, is_same(sums, others)))
    nothing = ByteSums(0, 0, 0, 0, 0, 0, 0, 0)
    p.show("at the start", p.holds(balances, HeapStatistics(), nothing))
    old, new = p.fresh(PageRun, "old"), p.fresh(PageRun, "new")
    stack = cast(z3.BoolRef, p.fresh(bool, "stack"))
    assert isinstance(old, PageRun)
    assert isinstance(new, PageRun)
    for run in (old, new):
        p.assume(p.holds(is_in_order, run), p.holds(is_addressable, run))
    p.assume(p.holds(are_bytes, sums))
    moved = {is_stack: p.call(moved_sums, sums, old, new, is_stack) for is_stack in (True, False)}
    for is_stack, after in moved.items():
        p.assume(z3.Implies(stack == is_stack, p.holds(are_bytes, after)))
    counted = p.call(after_change, stats, AMD64, old, new, stack)
    for is_stack, after in moved.items():
        p.shows(ADDS_UP, counted, after, given=stack == is_stack)
    mapped = p.number(U64, "mapped")
    before, after = p.fresh(Arena, "before"), p.fresh(Arena, "after")
    more = p.call(grown_sums, sums, mapped, before, after)
    p.assume(p.holds(are_bytes, more))
    grown = p.call(after_growth, stats, mapped, before, after)
    p.show("the arena", p.holds(balances, grown, more))
    p.possible("with stacks", cast(z3.ExprRef, stats.stacks_inuse) > 0)
    for label, rule in (("into use", goes_into_use), ("out of use", goes_out_of_use)):
        p.possible(label, p.holds(rule, old, new))


def is_in_order(run: PageRun) -> bool:
    """A run is in use or manual only where it was taken: what `pages.*` claims of all runs."""
    return run.role == TAKEN or not IN_USE <= run.state <= MANUAL


def are_bytes(sums: ByteSums) -> bool:
    """No sum is negative, and what is mapped has addresses: runs lie apart in it (`pages.*`)."""
    return (
        sums.in_use >= 0
        and 0 <= sums.released <= sums.free
        and sums.stacks >= 0
        and sums.gc_manual >= 0
        and sums.arena >= 0
        and sums.hand >= 0
        and sums.mapped <= HEAP_ADDR_LIMIT
    )


def goes_into_use(old: PageRun, new: PageRun) -> bool:
    """A run that was taken becomes a span in use."""
    return old.role == TAKEN and old.state == FREE and new.state == IN_USE


def goes_out_of_use(old: PageRun, new: PageRun) -> bool:
    """A span in use is freed."""
    return old.state == IN_USE and new.role == LOOSE


def moved_sums(sums: ByteSums, old: PageRun, new: PageRun, stack: bool) -> ByteSums:
    """The bytes by state once one descriptor's record has changed."""
    return add_run(add_run(sums, old, stack, -1), new, stack, 1)


def add_run(sums: ByteSums, run: PageRun, stack: bool, times: int) -> ByteSums:
    """Add the bytes of one run to a sum, by its role and state, and leave so much less in hand."""
    size = run.npages * PAGE_SIZE * times
    if run.role == LOOSE or run.role == LISTED:
        given_back = size if run.scavenged else 0
        free, released = sums.free + size, sums.released + given_back
        return replace(sums, free=free, released=released, hand=sums.hand - size)
    if run.state == IN_USE:
        return replace(sums, in_use=sums.in_use + size, hand=sums.hand - size)
    if run.state != MANUAL:
        return sums
    if stack:
        return replace(sums, stacks=sums.stacks + size, hand=sums.hand - size)
    return replace(sums, gc_manual=sums.gc_manual + size, hand=sums.hand - size)


def grown_sums(sums: ByteSums, mapped: U64, before: Arena, after: Arena) -> ByteSums:
    """The bytes by state once arenas were mapped, and the current arena has changed."""
    more = (after.end - after.base) - (before.end - before.base)
    return replace(
        sums,
        arena=sums.arena + more,
        hand=sums.hand + mapped - more,
        mapped=sums.mapped + mapped,
    )


def is_same(one: HeapStatistics | ByteSums, other: HeapStatistics | ByteSums) -> z3.BoolRef:
    """Two records have the same fields."""
    return z3.And(*(getattr(one, name) == getattr(other, name) for name in one.__struct_fields__))


# --- growth, and what a cached span costs ---------------------------------------------------------


@obligation("pages.request", "HEAP-17 HEAP-20", INTEGERS)
def the_end_of_a_request_never_wraps(p: Proof) -> None:
    """The end of a piece of the arena lies behind all of its pages, at a physical page, and below
    2^64: a request that would wrap around is refused.
    """
    base, npages = p.number(U64, "base"), p.number(U64, "npages")
    size = npages * PAGE_SIZE
    p.assume(base <= 1 << 48)
    for unit in (4096, 16384, 65536):
        fits = p.holds(fits_address_space, base, npages, unit)
        end = p.integer_given(fits, end_of_request, base, npages, unit)
        p.show(f"{unit}: the pages fit", end - base >= size, fits)
        p.show(f"{unit}: no wrap", z3.And(end >= base, end < 1 << 64), fits)
        p.show(f"{unit}: a physical page", end % unit == 0, fits)
        p.show(f"{unit}: less than one too many", end - base - size < unit, fits)
        wraps = base + size + unit >= 1 << 64
        p.show(f"{unit}: nothing else is refused", z3.Implies(z3.Not(fits), wraps))
        p.possible(f"{unit}: refused", z3.And(z3.Not(fits), npages == (1 << 51) - 1))
        p.possible(f"{unit}: an arena", z3.And(fits, npages == 8192))


@obligation("central.charge", "CEN-2 CEN-8 CEN-10 CEN-18 I-31", INTEGERS)
def a_cached_span_is_charged_for_what_it_can_give(p: Proof) -> None:
    """What heap_live grows by when an mcache takes a span covers every object that can be allocated
    from it, and nothing that was in use before. What is swept for it first is paid for by the bytes
    of the whole span.
    """
    base = p.number(U64, "base")
    used = p.number(U16, "used")
    for number, entry in small_classes(p):
        fresh = p.call(init_span, base, entry.npages, make_span_class(number, True), base)
        assert isinstance(fresh, Mspan)
        span = replace(fresh, alloc_count=used)
        bound = z3.And(used >= 0, used <= span.nelems)
        charged = p.integer(charge, span)
        p.show(f"{entry.size}: all free slots", charged >= (span.nelems - used) * entry.size, bound)
        spent = charged + used * entry.size
        p.show(f"{entry.size}: no more", spent <= entry.span_bytes, bound)
        paid = p.integer(span_bytes, fresh.spanclass)
        p.show(f"{entry.size}: the whole span is paid for", paid == entry.span_bytes)
    p.possible("a partly used span", used == 3)
