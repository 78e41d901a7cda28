"""Where allocation and mark bits live: bump arenas, handed on from cycle to cycle.

Bits obtained in one cycle serve as mark bits in the next and as allocation bits in the one after,
so an arena can be reused two cycles later (rules SPAN-22 to SPAN-27). Both the arenas and what is
known of a span's bits are changed by steps only.
"""

from typing import Final

from msgspec.structs import replace

from spanspec.base.records import Record
from spanspec.base.steps import step_of
from spanspec.base.words import U16, U32, Count

ARENA_BYTES: Final = 65520
"""Bytes of bits in one arena: 64 KiB less a header of 16 bytes (CONST-1)."""


class Generation(Record, frozen=True):
    """The arenas from which bits were taken in one epoch, and how many there are.

    `newest` is how many bytes are taken of the arena that came last, `taken` of all of them.
    """

    epoch: Count = 0
    arenas: Count = 0
    newest: U32 = 0
    taken: Count = 0


class BitsArenas(Record, frozen=True):
    """The arenas by age: `next` are those being filled, `free` counts those that may be reused.

    Which of the free ones is reused makes no difference: each is cleared before, and starts empty.
    """

    next: Generation
    current: Generation
    previous: Generation
    free: Count


NO_ARENAS: Final = BitsArenas(Generation(), Generation(), Generation(), 0)


def bitmap_bytes(nelems: U16) -> U16:
    """Return the bytes that the bits of a span take: whole 64-bit words.

    Rules: SPAN-22.
    """
    return (nelems + 63) // 64 * 8


def fits_arena(filled: Generation, nelems: U16) -> bool:
    """Tell whether the newest arena, if there is one, has room for the bits of a span.

    Rules: SPAN-23.
    """
    return filled.arenas > 0 and filled.newest + bitmap_bytes(nelems) <= ARENA_BYTES


def needs_chunk(arenas: BitsArenas, nelems: U16) -> bool:
    """Tell whether memory from the operating system is needed for the bits of a span.

    Rules: SPAN-24 SPAN-25.
    """
    return arenas.free == 0 and not fits_arena(arenas.next, nelems)


def generation_is_sound(one: Generation) -> bool:
    """Say what holds of the arenas of one epoch: of none more is taken than there is.

    Rules: SPAN-23.
    """
    if one.arenas == 0:
        return one.newest == 0 and one.taken == 0
    older = (one.arenas - 1) * ARENA_BYTES
    return 1 <= one.newest <= ARENA_BYTES and one.newest <= one.taken <= older + one.newest


def is_sound(arenas: BitsArenas) -> bool:
    """Say what always holds: the arenas in use are those of this epoch and of the two before.

    Rules: SPAN-23 SPAN-26 SPAN-27.
    """
    now = arenas.next.epoch
    return (
        generation_is_sound(arenas.next)
        and generation_is_sound(arenas.current)
        and generation_is_sound(arenas.previous)
        and (arenas.current.arenas == 0 or arenas.current.epoch + 1 == now)
        and (arenas.previous.arenas == 0 or arenas.previous.epoch + 2 == now)
    )


def may_take_bits(arenas: BitsArenas, nelems: U16, epoch: Count) -> bool:
    """Guard: there is a slot to have bits for, and the arenas have aged with the epoch.

    Rules: SPAN-22 SPAN-26.
    """
    return nelems >= 1 and arenas.next.epoch == epoch


def take_bits(arenas: BitsArenas, nelems: U16, epoch: Count) -> BitsArenas:
    """Take zeroed bits for a span: from the newest arena, else from a reused or a new one.

    Rules: SPAN-23 SPAN-24 SPAN-25.
    """
    filled, size = arenas.next, bitmap_bytes(nelems)
    if fits_arena(filled, nelems):
        more = replace(filled, newest=filled.newest + size, taken=filled.taken + size)
        return replace(arenas, next=more)
    assert size <= ARENA_BYTES, "T-44: markBits overflow"
    one_more = Generation(filled.epoch, filled.arenas + 1, size, filled.taken + size)
    reused = 1 if arenas.free > 0 else 0
    return replace(arenas, next=one_more, free=arenas.free - reused)


def may_next_epoch(arenas: BitsArenas, epoch: Count) -> bool:
    """Guard: marking has begun once more than the arenas have aged.

    Rules: SPAN-26.
    """
    return epoch == arenas.next.epoch + 1


def next_epoch(arenas: BitsArenas, epoch: Count) -> BitsArenas:
    """Age all arenas by one cycle: what was previous may be reused.

    Rules: SPAN-26 SPAN-27.
    """
    # Two cycles have to pass: bits serve as mark bits in one and as allocation bits in the next,
    # until the sweep of each span has replaced them.
    return BitsArenas(
        next=Generation(epoch, 0, 0, 0),
        current=arenas.next,
        previous=arenas.current,
        free=arenas.free + arenas.previous.arenas,
    )


class SpanBits(Record, frozen=True):
    """In which epochs the bits of a span were obtained: its allocBits, and its mark bits.

    A span that is not in use has none: `held` is false. `freed` tells that by some of them a slot
    was freed since it came into use.
    """

    held: bool = False
    alloc: Count = 0
    marks: Count = 0
    freed: bool = False


NO_SPAN_BITS: Final = SpanBits()


def bits_are_kept(bits: SpanBits, epoch: Count) -> bool:
    """Say what always holds: mark bits are of this epoch or the last, and allocBits as old, or one
    epoch older.

    Rules: SPAN-27 I-34.
    """
    return not bits.held or (
        bits.alloc <= bits.marks <= epoch
        and bits.alloc + 1 >= bits.marks
        and bits.marks + 1 >= epoch
    )


def is_of_this_epoch(bits: SpanBits, epoch: Count) -> bool:
    """Tell whether a span has new mark bits, as one has that is swept or that is new.

    Rules: SPAN-27.
    """
    return not bits.held or bits.marks == epoch


def may_obtain_bits(bits: SpanBits, epoch: Count) -> bool:
    """Guard: the span has no bits yet.

    Rules: SPAN-27.
    """
    return not bits.held


def obtain_bits(bits: SpanBits, epoch: Count) -> SpanBits:
    """Give a span that comes into use bits of both kinds.

    Rules: SPAN-22 SPAN-27.
    """
    return SpanBits(True, epoch, epoch, False)


def may_renew_bits(bits: SpanBits, epoch: Count, nfreed: U16) -> bool:
    """Guard: the span is in use, and the last epoch has not passed it over.

    Rules: SPAN-27.
    """
    return bits.held and bits.marks <= epoch <= bits.marks + 1


def renew_bits(bits: SpanBits, epoch: Count, nfreed: U16) -> SpanBits:
    """Give a span that is swept new mark bits; what were its mark bits become its allocBits.

    So many of its slots were found free by them that were not before.

    Rules: SPAN-27 I-10 I-34.
    """
    return SpanBits(True, bits.marks, epoch, bits.freed or nfreed > 0)


def may_drop_bits(bits: SpanBits, epoch: Count) -> bool:
    """Guard: the span was swept in this epoch, or is new.

    Rules: SPAN-27.
    """
    return bits.held and bits.marks == epoch


def drop_bits(bits: SpanBits, epoch: Count) -> SpanBits:
    """Let a span that leaves use have no bits.

    Rules: SPAN-27.
    """
    return NO_SPAN_BITS


TAKE_BITS: Final = step_of("bits_arenas", may_take_bits, take_bits, nelems=int, epoch=int)
NEXT_EPOCH: Final = step_of("bits_arenas", may_next_epoch, next_epoch, epoch=int)

ARENA_STEPS: Final = (TAKE_BITS, NEXT_EPOCH)
"""Every step of the arenas of bits."""

OBTAIN_BITS: Final = step_of("bits_epoch", may_obtain_bits, obtain_bits, epoch=int)
RENEW_BITS: Final = step_of("bits_epoch", may_renew_bits, renew_bits, epoch=int, nfreed=int)
DROP_BITS: Final = step_of("bits_epoch", may_drop_bits, drop_bits, epoch=int)

SPAN_BITS_STEPS: Final = (OBTAIN_BITS, RENEW_BITS, DROP_BITS)
"""Every step of the bits of a span."""
