"""mallocgc: which path a request takes, and which slot it gets (rules MAL-1 to MAL-24).

`mallocgc` is the whole operation. A recorder sees its request only at its end, so the replay of a
trace begins in the middle: it runs the refill by its own events, and then the last part.
"""

from typing import Final

from msgspec.structs import replace

from spanspec.base.constants import (
    MAX_SMALL_SIZE,
    PAGE_SIZE,
    TINY_SIZE,
    TINY_SPAN_CLASS,
    make_span_class,
)
from spanspec.base.ids import NOBODY, SlotId
from spanspec.base.records import Record
from spanspec.base.sizeclass import size_class_for
from spanspec.base.words import M64, U16, U64
from spanspec.events import span_events as ev
from spanspec.heap.courses.course import Course
from spanspec.heap.courses.mcache import refill
from spanspec.heap.courses.newspan import take_large
from spanspec.heap.courses.procs import mcache_of
from spanspec.heap.state.advancing import advance, hit_tiny_block, take_tiny_block
from spanspec.heap.state.collector import MARK_TERMINATION
from spanspec.heap.state.refilling import USE_REFILL
from spanspec.heap.state.state import HeapState, Mcache
from spanspec.heap.state.taking import allocate, allocate_large
from spanspec.pages.pageheap import Actor, page_number
from spanspec.sharing.tables.records import NO_SPAN
from spanspec.span.alloccache import next_free_fast, next_free_slow
from spanspec.span.mspan import Mspan, slot_address

MAX_ALLOC: Final = 1 << 48
"""Bytes above which the callers of mallocgc panic: the address space has no more (CONST-2)."""

ZERO_BASE: Final = 0x1000
"""The address of every object of 0 bytes: a static variable, outside all arenas (MAL-3)."""

NO_SMALL_CLASS: Final = -1
"""The answer of `span_class_for` for a request above 32768 bytes."""


def is_tiny(size: U64, noscan: bool) -> bool:
    """Tell whether the tiny allocator serves a request of so many bytes.

    Rules: MAL-4.
    """
    return noscan and size < TINY_SIZE


def span_class_for(size: U64, noscan: bool) -> int:
    """Return the span class that serves a request of 1 byte or more, or NO_SMALL_CLASS.

    Rules: MAL-4 MAL-10 MAL-21 SC-10.
    """
    if size > MAX_SMALL_SIZE:
        return NO_SMALL_CLASS
    if is_tiny(size, noscan):
        return TINY_SPAN_CLASS
    return make_span_class(size_class_for(size), noscan)


def pages_for_large(size: U64) -> U64:
    """Return the pages of a large object of so many bytes.

    Rules: MAL-11.
    """
    assert size + PAGE_SIZE <= M64, "T-21: out of memory"
    return (size + PAGE_SIZE - 1) // PAGE_SIZE


def check_may_allocate(phase: ev.Phase) -> None:
    """Require that marking is not just being completed, with the world stopped.

    Rules: MAL-1 T-18.
    """
    assert phase != MARK_TERMINATION, "T-18: mallocgc called with gcphase == _GCmarktermination"


def array_size(elemsize: U64, count: int) -> U64 | None:
    """Return the bytes of an array of so many elements; None where its maker panics.

    One of a single element is asked for as it is, however large.

    Rules: MAL-20.
    """
    if count == 1:
        return elemsize
    size = elemsize * count
    return size if count >= 0 and size <= MAX_ALLOC else None


class TakenSlot(Record, frozen=True):
    """A slot that was taken: the span's record before, the slot, and the path (1, 2 or 3).

    `current`: the slot is the P's tiny block now.
    """

    record: Mspan
    slot: U16
    path: ev.Path
    current: bool = False


class PlacedTiny(Record, frozen=True):
    """Where a tiny object went: the address of the block, and the offset in it."""

    block: U64
    offset: int


def take_slot(state: HeapState, mcache: Mcache, spanclass: int) -> TakenSlot | None:
    """Take a slot of the cached span, fast or by the slow search; None if a refill is needed.

    While marking, the new object is marked at once.

    Rules: MAL-10 MAL-14 MAL-19 SPAN-12 SPAN-15 T-16.
    """
    slot = SlotId(mcache.first_slot + spanclass)
    cached = state.slots.get(slot)
    if cached is None or cached.span == NO_SPAN:
        return None
    span = cached.span - 1
    record = state.spans[span]
    if mcache.refilled == spanclass:
        found = next_free_slow(record)
        assert found.slot < record.nelems, "T-16: freeIndex is not valid"
        # Only the first allocation after a refill is told as such.
        advance(mcache, USE_REFILL, spanclass)
        path: ev.Path = ev.AFTER_REFILL
    else:
        found = next_free_fast(record)
        path = ev.FAST
        if found.slot == record.nelems:
            found = next_free_slow(record)
            path = ev.SLOW
            if found.slot == record.nelems:
                return None
    allocate(state, mcache, slot, span, record, found)
    return TakenSlot(record, found.slot, path)


def take_cached(
    state: HeapState, mcache: Mcache, spanclass: int, size: U64, tiny: bool
) -> TakenSlot | PlacedTiny | None:
    """Place a small object in what its P has cached: the tiny block, or a slot of its span.

    All of it is one step, since nobody else touches a P's mcache. None if a refill is needed.

    Rules: MAL-4 MAL-5 MAL-6 MAL-7 MAL-8 MAL-10 MAL-19.
    """
    if tiny:
        block = mcache.tiny.address
        # The block is tried before the span. A hit takes no slot, and needs no mark: while marking,
        # the block is marked already (MAL-14, MAL-24).
        offset = hit_tiny_block(mcache, size)
        if offset is not None:
            return PlacedTiny(block, offset)
    taken = take_slot(state, mcache, spanclass)
    if tiny and taken is not None:
        address = slot_address(taken.record, taken.slot)
        if take_tiny_block(mcache, address, size):
            return replace(taken, current=True)
    return taken


def flags_of(
    noscan: bool, zero: bool, needzero: bool, tiny_block: bool = False, current: bool = False
) -> int:
    """Return the flags by which a trace tells of an allocation."""
    return (
        noscan * ev.NOSCAN
        + zero * ev.ZEROED
        + needzero * ev.NEEDZERO
        + tiny_block * ev.TINY_BLOCK
        + current * ev.TINY_CURRENT
    )


def slot_taken(actor: Actor, size: U64, noscan: bool, zero: bool, taken: TakenSlot) -> ev.Malloc:
    """Tell that an object took a slot."""
    record = taken.record
    needzero, tiny = record.needzero != 0, is_tiny(size, noscan)
    return ev.Malloc(
        p=actor.p,
        size=size,
        path=taken.path,
        spanclass=record.spanclass,
        base_page=page_number(record.base),
        slot=taken.slot,
        flags=flags_of(noscan, zero, needzero, tiny, taken.current),
    )


def tiny_hit(
    state: HeapState, actor: Actor, size: U64, noscan: bool, zero: bool, placed: PlacedTiny
) -> ev.TinyHit:
    """Tell that a tiny object went into the current block."""
    record = state.spans[state.pages.map.span_of(placed.block)]
    assert record.spanclass == TINY_SPAN_CLASS, "MAL-6: the tiny block is of another class"
    return ev.TinyHit(
        p=actor.p,
        size=size,
        base_page=page_number(record.base),
        slot=(placed.block - record.base) // record.elemsize,
        offset=placed.offset,
        flags=flags_of(noscan, zero, needzero=False),
    )


def mallocgc(
    state: HeapState, actor: Actor, size: U64, noscan: bool = False, zero: bool = True
) -> Course[int]:
    """Allocate an object; return its address, or NOBODY where there is no memory for it.

    `noscan`: it has no pointers; `zero`: cleared memory is wanted.

    Rules: MAL-1 MAL-3 MAL-4 MAL-10 MAL-11 MAL-18 MAL-19 T-18.
    """
    check_may_allocate(state.phase)
    # All objects without bytes share an address, outside all spans: the collector ignores it.
    if size == 0:
        return ZERO_BASE
    spanclass = span_class_for(size, noscan)
    if spanclass == NO_SMALL_CLASS:
        return (yield from large_alloc(state, actor, size, noscan, zero))
    mcache, tiny = mcache_of(state, actor.p), is_tiny(size, noscan)
    # Once more, and it must succeed: a refill either gives a span with room, or there is no memory.
    placed = take_cached(state, mcache, spanclass, size, tiny)
    if placed is None:
        if not (yield from refill(state, actor, mcache, spanclass)):
            return NOBODY
        placed = take_cached(state, mcache, spanclass, size, tiny)
        assert placed is not None, "MAL-19: a refilled span has a free slot"
    if isinstance(placed, PlacedTiny):
        yield tiny_hit(state, actor, size, noscan, zero, placed)
        return placed.block + placed.offset
    yield slot_taken(actor, size, noscan, zero, placed)
    return slot_address(placed.record, placed.slot)


def large_alloc(state: HeapState, actor: Actor, size: U64, noscan: bool, zero: bool) -> Course[int]:
    """Allocate an object of more than 32768 bytes; return its address, NOBODY without memory.

    Rules: MAL-11 MAL-12 MAL-13 HEAP-23 T-21.
    """
    span = yield from take_large(state, actor, pages_for_large(size), noscan)
    if span == NOBODY:
        return NOBODY
    record = allocate_large(state, span, size)
    yield slot_taken(actor, size, noscan, zero, TakenSlot(record, 0, ev.LARGE))
    return record.base
