"""Clearing memory that objects have left behind, in as few pieces as possible.

The runtime clears a slot when it is handed out (MAL-10). Here the free slots of a span are cleared
together when the span enters a cache: whole runs of them at a time, so that handing one out has
nothing left to do. Nobody writes to a free slot in between, so nobody can tell the difference.
"""

from typing import Final

from mypy_extensions import i64

from spanalloc.base.pagesizes import ARENA_BYTES
from spanalloc.central.state import HeapState
from spanalloc.span.span import Span

ZEROS: Final = memoryview(bytes(10 * 8192))
"""As many zeros as the longest span of small objects has bytes."""

FIRST_ZEROS: Final[list[memoryview]] = [ZEROS[: 8 * words] for words in range(1025)]
"""The first 0, 8, ... 8192 of them: to slice them anew takes as long as to copy 4 KiB."""


def clear(state: HeapState, base: i64, size: i64) -> None:
    """Write zeros over a range: a short one within an arena at once, else by the system's help."""
    arena = state.pages.free.pages.arena_at(base)
    view = arena.view
    offset = base - arena.base
    if view is not None and size <= len(ZEROS) and offset + size <= ARENA_BYTES:
        zeros = FIRST_ZEROS[size >> 3] if size <= 8192 else ZEROS[:size]
        view[offset : offset + size] = zeros
    else:
        state.os.clear(base, size)


def clear_free_slots(state: HeapState, span: Span) -> None:
    """Write zeros over all free slots of a span from freeindex on."""
    span.dirty = False
    arena = state.pages.free.pages.arena_at(span.base)
    if arena.view is None:
        return
    words = span.alloc_bits
    slot = span.freeindex
    while slot < span.nelems:
        first = slot
        while slot < span.nelems and (words[slot >> 6] >> (slot & 63)) & 1 == 0:
            slot += 1
        if slot > first:
            clear(state, span.base + first * span.elemsize, (slot - first) * span.elemsize)
        slot += 1
