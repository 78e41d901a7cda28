"""Clearing memory that objects have left behind, in as few pieces as possible.

The runtime clears a slot when it is handed out (MAL-10). Here the free slots of a span are cleared
together when the span enters a cache: whole runs of them at a time, so that handing one out has
nothing left to do. Nobody writes to a free slot in between, so nobody can tell the difference.
"""

from typing import Final

from spanalloc.pagesizes import ARENA_BYTES, ARENA_SHIFT
from spanalloc.span import Span
from spanalloc.state import HeapState

ZEROS: Final = memoryview(bytes(10 * 8192))
"""As many zeros as the longest span of small objects has bytes."""


def clear_free_slots(state: HeapState, span: Span) -> None:
    """Write zeros over all free slots of a span from freeindex on."""
    span.dirty = False
    arena = state.pages.free.pages.by_index[span.base >> ARENA_SHIFT]
    view = arena.view
    if view is None:
        return
    if span.end() > arena.base + ARENA_BYTES:
        view = None
    words = span.alloc_bits
    slot = span.freeindex
    offset = span.base - arena.base
    while slot < span.nelems:
        first = slot
        while slot < span.nelems and (words[slot >> 6] >> (slot & 63)) & 1 == 0:
            slot += 1
        if slot > first:
            start = first * span.elemsize
            size = slot * span.elemsize - start
            if view is not None:
                view[offset + start : offset + start + size] = ZEROS[:size]
            else:
                state.os.clear(span.base + start, size)
        slot += 1
