"""mallocgc: the decision tree from a size to an object (MAL-1 to MAL-14)."""

from typing import Final

from mypy_extensions import i64

from spanalloc.base.errors import OutOfMemory
from spanalloc.base.pagesizes import PAGE_MASK, PAGE_SHIFT
from spanalloc.base.recorder import page_number
from spanalloc.base.sizeclass import MAX_SMALL_SIZE
from spanalloc.central.newspan import new_span
from spanalloc.central.procs import refill
from spanalloc.central.state import PHASE_OFF, HeapState
from spanalloc.central.sweep import pay_sweep_debt
from spanalloc.span.kernels import size_class
from spanalloc.span.mcache import EMPTY_SPAN, Mcache
from spanalloc.span.span import Span
from spanalloc.span.tiny import TINY_SIZE, TINY_SPAN_CLASS, place_in_block, takes_over

FAST: Final = 1
SLOW: Final = 2
REFILLED: Final = 3
LARGE: Final = 4

ZERO_BASE: Final = 4096
"""The address of every object of no bytes: the lowest that a pointer can have (MAL-1)."""

MAX_ALLOC: Final = 1 << 48
"""Bytes that no request can have: the address space has no more (CONST-2)."""


def allocate(state: HeapState, who: Mcache, size: i64, noscan: bool, zero: bool) -> i64:
    """Return the address of a new object of `size` bytes, 1 or more (MAL-4).

    Raises: OutOfMemory, MmapFailed, MadviseFailed.
    """
    if size > MAX_SMALL_SIZE:
        return allocate_large(state, who, size, noscan, zero)
    if noscan and size < TINY_SIZE:
        return allocate_tiny(state, who, size, zero)
    spanclass = size_class(size) * 2 + (1 if noscan else 0)
    slot, path = take(state, who, spanclass)
    span = who.alloc[spanclass]
    if state.trace is not None:
        tell_slot(state, who, span, slot, size, path, flags_of(noscan, zero, span.needzero))
    return span.base + slot * span.elemsize


def take(state: HeapState, who: Mcache, spanclass: i64) -> tuple[i64, i64]:
    """Take a slot of a class; return it, and the path to it (MAL-19).

    It is in the span that is cached afterwards. While marking, it is born marked (MAL-14).

    Raises: OutOfMemory, MmapFailed, MadviseFailed.
    """
    span = who.alloc[spanclass]
    path: i64 = FAST
    slot = span.malloc_fast()
    if slot < 0 and span is not EMPTY_SPAN:
        path = SLOW
        slot = span.malloc_slow()
    if slot < 0:
        path = REFILLED
        span = refill(state, who, spanclass)
        slot = span.malloc_slow()
    if state.phase != PHASE_OFF:
        state.mark(span, slot)
    return slot, path


def allocate_tiny(state: HeapState, who: Mcache, size: i64, zero: bool) -> i64:
    """Place a small object without pointers in a block of 16 bytes (MAL-5 to MAL-9)."""
    if who.tiny != 0:
        offset = place_in_block(who.tinyoffset, size)
        if offset >= 0:
            who.tinyoffset = offset + size
            who.tinyallocs += 1
            if state.trace is not None:
                tell_tiny(state, who, size, offset, flags_of(True, zero, 0))
            return who.tiny + offset
    slot, path = take(state, who, TINY_SPAN_CLASS)
    span = who.alloc[TINY_SPAN_CLASS]
    block = span.base + slot * span.elemsize
    current = takes_over(who.tiny, who.tinyoffset, size)
    if current:
        who.tiny = block
        who.tinyoffset = size
    if state.trace is not None:
        flags = flags_of(True, zero, span.needzero) | 8 | (16 if current else 0)
        tell_slot(state, who, span, slot, size, path, flags)
    return block


def place_tiny(who: Mcache, size: i64) -> i64:
    """Return a new object of 1..15 bytes without pointers, 0 if the cache has no room at hand.

    It goes into the current tiny block, or else into a new one, from the cached span.
    """
    if who.tiny == 0:
        return 0
    offset = place_in_block(who.tinyoffset, size)
    if offset >= 0:
        who.tinyoffset = offset + size
        who.tinyallocs += 1
        return who.tiny + offset
    span = who.alloc[TINY_SPAN_CLASS]
    slot = span.malloc()
    if slot < 0:
        return 0
    block = span.base + slot * TINY_SIZE
    if takes_over(who.tiny, who.tinyoffset, size):
        who.tiny = block
        who.tinyoffset = size
    return block


def allocate_large(state: HeapState, who: Mcache, size: i64, noscan: bool, zero: bool) -> i64:
    """Give an object of more than 32768 bytes a span of its own (MAL-11, MAL-12)."""
    npages = (size + PAGE_MASK) >> PAGE_SHIFT
    pay_sweep_debt(state, who, npages << PAGE_SHIFT, npages)
    span = new_span(state, who, npages, 1 if noscan else 0, size, zero)
    if span is None:
        raise OutOfMemory(f"no memory for {size} bytes")
    slot = span.malloc_large()
    if state.phase != PHASE_OFF:
        state.mark(span, slot)
    if state.trace is not None:
        tell_slot(state, who, span, slot, size, LARGE, flags_of(noscan, zero, 0))
    return span.base


def flags_of(noscan: bool, zero: bool, needzero: i64) -> i64:
    """Return the flags of an allocation as a trace has them."""
    return (1 if noscan else 0) + (2 if zero else 0) + (4 if needzero != 0 else 0)


def tell_slot(
    state: HeapState, who: Mcache, span: Span, slot: i64, size: i64, path: i64, flags: i64
) -> None:
    """Record an allocation that took a slot."""
    assert state.trace is not None
    state.trace.event(
        "m",
        who.p,
        who.thread,
        {
            "z": size,
            "w": path,
            "c": span.spanclass,
            "b": page_number(span.base),
            "i": slot,
            "f": flags,
        },
    )


def tell_tiny(state: HeapState, who: Mcache, size: i64, offset: i64, flags: i64) -> None:
    """Record an object in the current tiny block."""
    assert state.trace is not None
    span = state.pages.free.pages.span_at(who.tiny)
    assert span is not None
    state.trace.event(
        "t",
        who.p,
        who.thread,
        {
            "z": size,
            "b": page_number(span.base),
            "i": (who.tiny - span.base) // TINY_SIZE,
            "o": offset,
            "f": flags,
        },
    )
