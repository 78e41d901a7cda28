"""The statistics of the page heap agree with the bytes of its runs."""

from typing import Final, cast

import z3
from msgspec.structs import replace

from spanproof.prove.assumptions import PHYSICAL_PAGES
from spanproof.prove.lemmas import ShownOfSteps
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanproof.theorems.pages.tables.tilingreads import is_addressable
from spanspec.base.constants import HEAP_ADDR_LIMIT, PAGE_SIZE
from spanspec.base.words import U64
from spanspec.pages.tables.records import Arena
from spanspec.pages.tables.runs import AMD64, LISTED, LOOSE, TAKEN, PageRun
from spanspec.pages.tables.statistics import (
    ByteSums,
    HeapStatistics,
    after_change,
    after_growth,
    balances,
)
from spanspec.span.mspan import FREE, IN_USE, MANUAL

INTEGERS: Final = Integers()


ADDS_UP: Final = ShownOfSteps(balances, ("pages.statistics",))


@obligation("pages.statistics", "HEAP-36 HEAP-37 I-29", INTEGERS, assumes=(PHYSICAL_PAGES,))
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
    p.take_for_granted(PHYSICAL_PAGES)
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
