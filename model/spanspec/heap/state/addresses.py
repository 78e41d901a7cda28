"""What an address leads to: a span in use, or what no sound program points to (HEAP-6, HEAP-7)."""

from spanspec.base.constants import PAGE_SHIFT
from spanspec.base.ids import NOBODY
from spanspec.base.words import U64
from spanspec.heap.state.state import HeapState
from spanspec.span.mspan import IN_USE, MANUAL


def pointer_is_bad(state: HeapState, address: U64) -> bool:
    """Tell whether no sound program holds a pointer: into free memory, or beyond a span's objects.

    Pointers outside the heap, and into stacks, are none of the collector's business.

    Rules: SPAN-19 HEAP-6 T-85.
    """
    span = state.pages.map.span_of(address)
    if span == NOBODY:
        return False
    run, record = state.pages.runs[span], state.spans.get(span)
    if run.state == IN_USE and record is not None:
        return not record.base <= address < record.limit
    return run.state != MANUAL


def span_at(state: HeapState, address: U64) -> int:
    """Return the in-use span whose pages hold an address, or NOBODY.

    Rules: HEAP-7.
    """
    span = state.pages.map.span_of(address)
    record = state.spans.get(span)
    if record is None or not record.base <= address < record.base + (record.npages << PAGE_SHIFT):
        return NOBODY
    return span
