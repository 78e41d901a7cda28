"""Where allocation and mark bits live: bump arenas, handed on from cycle to cycle.

Bits obtained in one cycle serve as mark bits in the next and as allocation bits in the one after,
so an arena can be reused two cycles later (rules SPAN-22 to SPAN-27).
"""

from typing import Final

from msgspec.structs import replace

from spanspec.base.records import Record
from spanspec.base.words import U16, U32

ARENA_BYTES: Final = 65520
"""Bytes of bits in one arena: 64 KiB less a header of 16 bytes (CONST-1)."""


class BitsArena(Record, frozen=True):
    """One arena: how many of its bytes are taken."""

    free: U32


class BitsArenas(Record, frozen=True):
    """The arenas by age, newest first within each; `next` is the one being filled."""

    next: "tuple[BitsArena, ...]"
    current: "tuple[BitsArena, ...]"
    previous: "tuple[BitsArena, ...]"
    free: "tuple[BitsArena, ...]"


NO_ARENAS: Final = BitsArenas((), (), (), ())


def bitmap_bytes(nelems: U16) -> U16:
    """Return the bytes that the bits of a span take: whole 64-bit words.

    Rules: SPAN-22.
    """
    return (nelems + 63) // 64 * 8


def fits_arena(arena: BitsArena, nelems: U16) -> bool:
    """Tell whether an arena has room for the bits of a span.

    Rules: SPAN-23.
    """
    return arena.free + bitmap_bytes(nelems) <= ARENA_BYTES


def needs_chunk(arenas: BitsArenas, nelems: U16) -> bool:
    """Tell whether memory from the operating system is needed for the bits of a span.

    Rules: SPAN-24 SPAN-25.
    """
    return not arenas.free and not (arenas.next and fits_arena(arenas.next[0], nelems))


def take_bits(arenas: BitsArenas, nelems: U16) -> BitsArenas:
    """Take zeroed bits for a span: from the newest arena, else from a reused or a new one.

    Rules: SPAN-23 SPAN-24 SPAN-25.
    """
    if arenas.next and fits_arena(arenas.next[0], nelems):
        filled = BitsArena(arenas.next[0].free + bitmap_bytes(nelems))
        return replace(arenas, next=(filled, *arenas.next[1:]))
    fresh = BitsArena(bitmap_bytes(nelems))
    assert fresh.free <= ARENA_BYTES, "T-44: markBits overflow"
    # Which arena is reused makes no difference: each is cleared before, and starts empty.
    return replace(arenas, next=(fresh, *arenas.next), free=arenas.free[1:])


def next_epoch(arenas: BitsArenas) -> BitsArenas:
    """Age all arenas by one cycle: what was previous may be reused.

    Rules: SPAN-26 SPAN-27.
    """
    # Two cycles have to pass: bits serve as mark bits in one and as allocation bits in the next,
    # until the sweep of each span has replaced them.
    return BitsArenas(
        next=(),
        current=arenas.next,
        previous=arenas.current,
        free=arenas.previous + arenas.free,
    )
