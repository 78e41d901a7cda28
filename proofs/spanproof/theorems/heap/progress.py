"""The pages of a sweep phase are counted once, and used once when they are free."""

from typing import Final

import z3

from spanproof.prove.assumptions import ATOMICS
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanproof.theorems.heap.keeping import keep_invariant
from spanspec.base.constants import PAGES_PER_ARENA
from spanspec.base.words import U64
from spanspec.heap.state import progress as of
from spanspec.heap.state.progress import PROGRESS_STEPS, Progress

INTEGERS: Final = Integers()


def left_to_sweep(progress: Progress) -> U64:
    """The pages that are still to be swept."""
    return progress.pages_to_sweep - progress.pages_swept


def free_pages(progress: Progress, given: U64) -> U64:
    """The pages that were swept free: those given to who wanted some, and the credit."""
    return given + progress.reclaim_credit


def same_sweeping(before: Progress, after: Progress) -> bool:
    """Nothing is counted as swept."""
    return after.pages_swept == before.pages_swept and after.pages_to_sweep == before.pages_to_sweep


def same_reclaim(before: Progress, after: Progress) -> bool:
    """The reclaimer stands where it stood, with the same credit."""
    return (
        after.reclaim_index == before.reclaim_index
        and after.reclaim_credit == before.reclaim_credit
    )


def same_arenas(before: Progress, after: Progress) -> bool:
    """The arenas to be swept are those that they were."""
    return after.sweep_arenas == before.sweep_arenas


@obligation("progress.steps", "SWP-15 SWP-21 SWP-22 SWP-23 SWP-24 SWP-35 I-28", INTEGERS)
def each_page_is_counted_once(p: Proof) -> None:
    """However a sweep phase goes on, no page is swept twice, and what is free by it is no more than
    was swept. It begins with all pages in use to be swept, once all of the one before are; the
    arenas to be swept are those that there were by then.
    """
    before, taken = keep_invariant(p, PROGRESS_STEPS, Progress, of.is_sound)
    assert isinstance(before, Progress)
    (pages, arenas), begins, begun = taken["begin-sweeping"]
    assert isinstance(begun, Progress)
    done = p.integer(left_to_sweep, before) == 0
    p.show("a phase begins after the last", z3.Implies(begins, done))
    p.show("all is to be swept", p.integer_given(begins, left_to_sweep, begun) == pages, begins)
    p.show(
        "no credit at first", z3.And(begun.reclaim_credit == 0, begun.reclaim_index == 0), begins
    )
    p.show("the arenas that there are", begun.sweep_arenas == arenas, begins)
    (pages,), counts, counted = taken["count-swept"]
    left = p.integer_given(counts, left_to_sweep, counted)
    p.show("swept once", left == p.integer(left_to_sweep, before) - pages, counts)
    p.show("swept, and no more", p.implied(counts, same_reclaim, before, counted))
    for name in ("give-credit", "use-credit", "take-chunk", "end-reclaiming"):
        _, given, after = taken[name]
        p.show(f"{name} sweeps nothing", p.implied(given, same_sweeping, before, after))
    for name in ("count-swept", "give-credit", "use-credit", "take-chunk", "end-reclaiming"):
        _, given, after = taken[name]
        p.show(f"{name} adds no arena", p.implied(given, same_arenas, before, after))
    p.show("at first", p.holds(of.is_sound, Progress()))
    p.possible("the last page", z3.And(counts, left == 0))


@obligation("progress.credit", "SWP-15 SWP-21 SWP-23", INTEGERS, assumes=(ATOMICS,))
def pages_that_are_swept_free_are_used_once(p: Proof) -> None:
    """What a reclaimer has swept free, it uses itself or leaves as credit; from the credit no more
    is taken than there is.
    """
    progress = p.fresh(Progress, "progress")
    assert isinstance(progress, Progress)
    found, wanted = p.number(U64, "found"), p.number(U64, "wanted")
    before = p.integer(free_pages, progress, 0)
    used = p.integer(of.credit_taken, found, wanted)
    left = p.integer(of.credit_left, found, wanted)
    given = p.call(of.give_credit, progress, left)
    assert isinstance(given, Progress)
    p.show("used or left", p.integer(free_pages, given, used) == before + found)
    p.show("enough or all", z3.Or(used == wanted, left == 0))
    taken = p.integer(of.credit_taken, progress.reclaim_credit, wanted)
    after = p.call(of.use_credit, progress, taken)
    assert isinstance(after, Progress)
    p.show("from the credit", p.integer(free_pages, after, taken) == before)
    stale = p.call(of.use_credit, progress, wanted)
    assert isinstance(stale, Progress)
    p.show("never less than none", stale.reclaim_credit >= 0)
    p.show("it is used", p.holds(of.may_use_credit, progress, wanted) == (wanted > 0))
    p.possible("some are left", left > 0)
    p.possible("not enough", used < wanted)


@obligation("progress.chunks", "SWP-21 SWP-22", INTEGERS, assumes=(ATOMICS,))
def the_reclaimer_goes_up(p: Proof) -> None:
    """A chunk that was taken lies below the place of the reclaimer from then on, wherever another
    has gone meanwhile; and once it has ended, it has. It takes a chunk or ends, and never both.
    """
    progress, index = p.fresh(Progress, "progress"), p.number(U64, "index")
    assert isinstance(progress, Progress)
    takes = p.holds(of.may_take_chunk, progress, index)
    ends = p.holds(of.may_end_reclaiming, progress, index)
    p.show("one or the other", z3.Implies(index % of.CHUNK_PAGES == 0, z3.Xor(takes, ends)))
    p.show("a chunk begins there", index % of.CHUNK_PAGES == 0, takes)
    p.show("of an arena to be swept", index < progress.sweep_arenas * PAGES_PER_ARENA, takes)
    p.assume(index + of.CHUNK_PAGES < 1 << 64)
    after = p.call(of.take_chunk, progress, index)
    assert isinstance(after, Progress)
    behind = p.integer(of.next_chunk, index)
    p.show("behind the chunk", after.reclaim_index >= behind)
    p.show("never back", after.reclaim_index >= progress.reclaim_index)
    goes = z3.Or(after.reclaim_index == behind, after.reclaim_index == progress.reclaim_index)
    p.show("no further", goes)
    p.show("the same credit", after.reclaim_credit == progress.reclaim_credit)
    ended = p.call(of.end_reclaiming, progress, index)
    assert isinstance(ended, Progress)
    p.show("ended", ended.reclaim_index >= of.NO_MORE_RECLAIM)
    p.possible("another has gone further", z3.And(takes, progress.reclaim_index > behind))
