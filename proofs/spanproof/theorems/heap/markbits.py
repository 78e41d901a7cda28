"""Bits lie where nobody clears them while a span has them: arenas and spans age together."""

from typing import Final, cast

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanproof.theorems.heap.keeping import keep_invariant
from spanspec.base.words import U16, Count
from spanspec.span import markbits as of
from spanspec.span.markbits import (
    ARENA_BYTES,
    ARENA_STEPS,
    NO_ARENAS,
    NO_SPAN_BITS,
    SPAN_BITS_STEPS,
    BitsArenas,
    Generation,
    SpanBits,
    bitmap_bytes,
)

INTEGERS: Final = Integers()


def chunks(arenas: BitsArenas) -> Count:
    """All arenas that there are."""
    return arenas.next.arenas + arenas.current.arenas + arenas.previous.arenas + arenas.free


def same_arenas(one: Generation, other: Generation) -> bool:
    """The arenas are those, filled as far."""
    return (
        one.epoch == other.epoch
        and one.arenas == other.arenas
        and one.newest == other.newest
        and one.taken == other.taken
    )


def only_next_changes(before: BitsArenas, after: BitsArenas) -> bool:
    """Nothing is taken from the arenas of an epoch that is over."""
    return (
        same_arenas(before.current, after.current)
        and same_arenas(before.previous, after.previous)
        and before.next.epoch == after.next.epoch
    )


def each_ages(before: BitsArenas, after: BitsArenas) -> bool:
    """The next arenas are the current ones, those the previous ones, and those are free."""
    return (
        after.next.arenas == 0
        and same_arenas(after.current, before.next)
        and same_arenas(after.previous, before.current)
        and after.free == before.free + before.previous.arenas
    )


def bytes_fit(before: BitsArenas, after: BitsArenas, nelems: U16) -> bool:
    """As many bytes more are taken as the bits need, and they are the last of the newest arena."""
    size = bitmap_bytes(nelems)
    return (
        after.next.taken == before.next.taken + size
        and size <= after.next.newest <= ARENA_BYTES
        and (after.next.newest == size or after.next.newest == before.next.newest + size)
    )


def is_in_use(arenas: BitsArenas, epoch: Count) -> bool:
    """Arenas from which bits were taken in an epoch are kept, whichever they are."""
    return (
        epoch == arenas.next.epoch
        or epoch + 1 == arenas.next.epoch
        or epoch + 2 == arenas.next.epoch
    )


def lies_in_use(bits: SpanBits, arenas: BitsArenas) -> bool:
    """What bits a span has lie in arenas that are kept."""
    return not bits.held or (is_in_use(arenas, bits.alloc) and is_in_use(arenas, bits.marks))


def has_room(one: Generation) -> bool:
    """No more bytes are taken than the arenas have, of which only the newest has some left."""
    return one.arenas == 0 or one.taken + ARENA_BYTES <= one.arenas * ARENA_BYTES + one.newest


def hands_on(before: SpanBits, after: SpanBits) -> bool:
    """What were mark bits serve as allocBits."""
    return after.held and after.alloc == before.marks


def tells_of_freed(before: SpanBits, after: SpanBits, nfreed: U16) -> bool:
    """A slot was freed before, or is by this sweep."""
    return after.freed == (before.freed or nfreed > 0)


def tells_of_none(after: SpanBits) -> bool:
    """No slot was freed of what comes into use, or is in use no more."""
    return not after.freed


def holds_no_bits_of(bits: SpanBits, epoch: Count) -> bool:
    """A span has no bits that were taken in an epoch."""
    return not bits.held or (bits.alloc != epoch and bits.marks != epoch)


@obligation("bits.arenas", "SPAN-22 SPAN-23 SPAN-24 SPAN-25 SPAN-26 SPAN-27 T-44", INTEGERS)
def bits_are_taken_from_the_arenas_of_the_epoch(p: Proof) -> None:
    """Bits are taken from the newest arena of the epoch, as many bytes as they need, and from no
    older one. As an epoch begins, next arenas are the current ones, those the previous ones, and
    those are free. No arena is lost, and memory is asked for just when there is one more.
    """
    before, taken = keep_invariant(p, ARENA_STEPS, BitsArenas, of.is_sound)
    assert isinstance(before, BitsArenas)
    for age in (before.next, before.current, before.previous):
        p.show("no more than there is", p.holds(has_room, age))
    (nelems, epoch), takes, after = taken["take-bits"]
    assert isinstance(after, BitsArenas)
    p.show("of this epoch", epoch == before.next.epoch, takes)
    p.show("from no older one", p.implied(takes, only_next_changes, before, after))
    p.show("as many bytes as needed", p.implied(takes, bytes_fit, before, after, nelems))
    more = p.integer_given(takes, chunks, after) - p.integer(chunks, before)
    asked = p.holds(of.needs_chunk, before, nelems)
    p.show("memory for a new one", more == z3.If(asked, z3.IntVal(1), z3.IntVal(0)), takes)
    (epoch,), turns, aged = taken["next-epoch"]
    assert isinstance(aged, BitsArenas)
    p.show("by one epoch", z3.And(epoch == before.next.epoch + 1, aged.next.epoch == epoch), turns)
    p.show("each ages", p.implied(turns, each_ages, before, aged))
    kept = p.integer_given(turns, chunks, aged) == p.integer(chunks, before)
    p.show("none is lost", kept, turns)
    p.show("at first", p.holds(of.is_sound, NO_ARENAS))
    p.possible("one is reused", z3.And(takes, more == 0, after.free < before.free))
    p.possible("a new one", z3.And(takes, asked))
    p.possible("one may be reused", z3.And(turns, aged.free > before.free))


@obligation("bits.spans", "SPAN-22 SPAN-27 I-10 I-34", INTEGERS)
def what_becomes_free_holds_no_bits_of_a_span(p: Proof) -> None:
    """Whatever is done in an epoch, a span's mark bits are of this epoch or the last, its allocBits
    of those or the one before. So they lie in arenas that are in use. An epoch ends when each span
    has new mark bits: no arena that becomes free then has bits of a span. That a slot was
    freed is known until the span leaves use.
    """
    before, now = p.fresh(SpanBits, "before"), p.number(Count, "now")
    arenas = p.fresh(BitsArenas, "arenas")
    assert isinstance(before, SpanBits)
    assert isinstance(arenas, BitsArenas)
    p.assume(p.holds(of.is_sound, arenas))
    p.assume(p.holds(of.may_take_bits, arenas, z3.IntVal(1), now))
    p.assume(p.holds(of.bits_are_kept, before, now))
    p.show("they lie in arenas in use", p.holds(lies_in_use, before, arenas))
    for step in SPAN_BITS_STEPS:
        chosen = (now, *list(p.parameters(step.take).values())[1:])
        given = p.holds(step.may, before, *chosen)
        after = p.call_given(given, step.take, before, *chosen)
        assert isinstance(after, SpanBits)
        p.show(f"{step.name} keeps it", p.implied(given, of.bits_are_kept, after, now))
        p.show(f"{step.name} is new", p.implied(given, of.is_of_this_epoch, after, now))
        if step is of.RENEW_BITS:
            p.show("mark bits become allocBits", p.implied(given, hands_on, before, after))
            p.show("what was freed", p.implied(given, tells_of_freed, before, after, chosen[1]))
        else:
            p.show(f"{step.name} frees no slot", p.implied(given, tells_of_none, after))
        p.possible(f"{step.name} is taken", given)
    due = z3.And(
        p.holds(of.is_of_this_epoch, before, now), p.holds(of.may_next_epoch, arenas, now + 1)
    )
    turned = p.call_given(due, of.next_epoch, arenas, now + 1)
    assert isinstance(turned, BitsArenas)
    p.show("an epoch later", p.implied(due, of.bits_are_kept, before, now + 1))
    p.show("still in use", p.implied(due, lies_in_use, before, turned))
    freed = cast(z3.ArithRef, turned.free) > cast(z3.ArithRef, arenas.free)
    none = p.holds(holds_no_bits_of, before, arenas.previous.epoch)
    p.show("not in what becomes free", none, z3.And(due, freed))
    p.show("at first", p.holds(of.bits_are_kept, NO_SPAN_BITS, now))
    held = cast(z3.BoolRef, before.held)
    p.possible("others become free", z3.And(due, freed, held))
    p.possible("some are two epochs old", z3.And(held, before.alloc + 2 == now))
