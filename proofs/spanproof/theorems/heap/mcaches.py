"""What an mcache has for itself: its tiny block, the allocation that a refill is for, its flush."""

from typing import Final, cast

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.values.merge import as_bool
from spanproof.theorems.heap.keeping import keep_invariant
from spanspec.base.constants import TINY_SIZE
from spanspec.base.ids import NOBODY
from spanspec.base.words import U32
from spanspec.heap.courses.mcache import must_flush
from spanspec.heap.state import mcaches, refilling
from spanspec.heap.state.accounts import Accounts, keep_tiny_allocs, may_keep_tiny_allocs
from spanspec.heap.state.mcaches import MCACHE_STEPS, NO_MCACHE, OwnPart
from spanspec.heap.state.refilling import NO_REFILL, REFILL_STEPS
from spanspec.span import tiny as of
from spanspec.span.tiny import TINY_STEPS, TinyBlock

INTEGERS: Final = Integers()


def has_more_used(before: TinyBlock, after: TinyBlock, size: int) -> bool:
    """The same block has so many bytes more in use at least, and one object more is counted."""
    return (
        after.address == before.address
        and after.offset >= before.offset + size
        and after.allocs == before.allocs + 1
    )


def has_as_much_room(before: TinyBlock, after: TinyBlock, fresh: int, size: int) -> bool:
    """The block that has more room is current; no object is counted that took a slot."""
    if after.allocs != before.allocs:
        return False
    if before.address != 0 and before.offset <= size:
        return after.address == before.address and after.offset == before.offset
    return after.address == fresh and after.offset == size


@obligation("tiny.steps", "MAL-4 MAL-5 MAL-6 MAL-7 MAL-8 MC-6 HEAP-40 I-36", INTEGERS)
def a_tiny_block_is_used_from_its_start(p: Proof) -> None:
    """A tiny block lies at a multiple of 16, and 1 to 16 bytes of it are used: more with each
    object, which counts. It is replaced only by one with more room, and dropped only once the
    mcache has no span of its class.
    """
    before, taken = keep_invariant(p, TINY_STEPS, TinyBlock, of.is_sound)
    (given,), hits, hit = taken["take-tiny"]
    placed = cast(z3.ExprRef, given)
    p.show("one object more", p.implied(hits, has_more_used, before, hit, placed))
    tiny = z3.And(placed >= 1, placed < TINY_SIZE, p.holds(of.tiny_fits, before, placed))
    p.show(
        "each tiny object that fits, and no other",
        p.holds(of.may_take_tiny, before, placed) == tiny,
    )
    (fresh, size), misses, current = taken["replace-tiny-block"]
    room = p.implied(misses, has_as_much_room, before, current, fresh, size)
    p.show("the one with more room", room)
    p.show("a hit or a miss", z3.Not(z3.And(hits, misses)))
    (span,), drops, dropped = taken["drop-tiny-block"]
    p.show("its span is gone", span == NOBODY, drops)
    assert isinstance(before, TinyBlock)
    assert isinstance(dropped, TinyBlock)
    p.show("what was counted stays", dropped.allocs == before.allocs, drops)
    p.show("at first", p.holds(of.is_sound, of.NO_TINY_BLOCK))
    p.possible("an object of one byte", z3.And(hits, placed == 1))
    p.possible("a block that is kept", z3.And(misses, cast(z3.ExprRef, before.offset) < size))


@obligation("refill.steps", "MC-4 MAL-19", INTEGERS)
def a_refill_serves_who_asked_for_it(p: Proof) -> None:
    """What a refill has brought, an allocation of its class uses first, and once; before that there
    is no other refill.
    """
    before, taken = keep_invariant(p, REFILL_STEPS, int, refilling.is_sound)
    (spanclass, span), noted, after = taken["note-refill"]
    p.show("none was owed", before == NO_REFILL, noted)
    p.show("there is a span", span != NOBODY, noted)
    p.show("it is owed", after == spanclass, noted)
    (spanclass,), used, after = taken["use-refill"]
    p.show("its class", z3.And(before == spanclass, spanclass != NO_REFILL), used)
    p.show("once", after == NO_REFILL, used)
    p.show("at first", p.holds(refilling.is_sound, z3.IntVal(NO_REFILL)))


@obligation("mcaches.steps", "MC-2 MC-3 MC-9 MC-10 MC-11 HEAP-40 I-36", INTEGERS)
def an_mcache_comes_and_goes_with_nothing(p: Proof) -> None:
    """An mcache is made where there is none, with nothing in it; it goes when no P has it, with no
    tiny block and no slot owed; the tiny objects that it has counted stay counted.
    """
    before, taken = keep_invariant(p, MCACHE_STEPS, OwnPart, mcaches.is_sound)
    assert isinstance(before, OwnPart)
    for name, there in (("make-mcache", True), ("drop-mcache", False)):
        (held,), given, after = taken[name]
        assert isinstance(after, OwnPart)
        p.show(f"it changes, {name}", p.implied(given, comes_or_goes, before, after, there))
        p.show(f"no P has it, {name}", z3.Not(as_bool(held)), given)
    dropped = taken["drop-mcache"].given
    p.show("nothing is owed", before.refilled == NO_REFILL, dropped)
    p.show("no tiny block is left", before.tiny.address == 0, dropped)
    kept = p.fresh(Accounts, "accounts")
    given = z3.And(dropped, p.holds(may_keep_tiny_allocs, kept, before.tiny.allocs))
    total = p.call_given(given, keep_tiny_allocs, kept, before.tiny.allocs)
    assert isinstance(kept, Accounts)
    assert isinstance(total, Accounts)
    p.show("its count stays", total.tiny_allocs == kept.tiny_allocs + before.tiny.allocs, given)
    p.show("at first", p.holds(mcaches.is_sound, NO_MCACHE))
    p.possible("it has counted some", z3.And(given, before.tiny.allocs > 0))


@obligation("mcaches.flush", "MC-7 I-35 T-54", Words(32))
def an_mcache_is_flushed_once_in_a_cycle(p: Proof) -> None:
    """An mcache that was flushed in the cycle before is to be flushed, and one that was flushed in
    this one is not, at every sweepgen of the heap, across the wrap-around.
    """
    sg, flushed = p.number(U32, "sg"), p.number(U32, "flushed")
    before = flushed == sg - 2
    p.assume(z3.Or(flushed == sg, before))
    p.show("of the cycle before", p.holds(must_flush, sg, flushed) == before)
    p.possible("at the wrap-around", z3.And(sg == 0, before))


def comes_or_goes(before: OwnPart, after: OwnPart, there: bool) -> bool:
    """An mcache was not there and is, or the other way round; where it is, it is empty."""
    return (
        before.there != there
        and after.there == there
        and after.refilled == NO_REFILL
        and after.tiny.address == 0
        and after.tiny.allocs == 0
    )
