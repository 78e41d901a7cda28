"""Pictures of a heap in text: a span slot by slot, and the whole heap in a few lines."""

from collections.abc import Iterator
from typing import Final

from spanspec.base.constants import size_class_of
from spanspec.base.words import U32
from spanspec.heap.state.state import HeapState
from spanspec.pages.pageheap import page_number
from spanspec.span.mspan import Mspan, is_allocated

SLOTS_A_LINE: Final = 64
"""Slots in one line of a picture: those of one word of the bitmap."""

FREE_SLOT, TAKEN_SLOT, MARKED_SLOT = ".", "#", "*"


def relative(sg: U32, sweepgen: U32) -> str:
    """Return a sweepgen relative to the heap's, such as sg-2 or sg+3."""
    distance = (sweepgen - sg + (1 << 31)) % (1 << 32) - (1 << 31)
    return f"sg{distance:+d}" if distance else "sg"


def heading(state: HeapState, span: int) -> str:
    """Return one line about an in-use span: what it is for, and where it stands."""
    record = state.spans[span]
    number = size_class_of(record.spanclass)
    kind = f"class {number}" if number else "a large object"
    scan = "noscan" if record.spanclass & 1 else "scan"
    first = page_number(record.base)
    last = first + record.npages - 1
    return (
        f"span {span}: {kind}, {record.elemsize} bytes a slot, {scan}, pages {first}..{last}, "
        f"{record.alloc_count} of {record.nelems} slots allocated, "
        f"{relative(state.sweepgen, state.generation(span))}"
    )


def slot_picture(record: Mspan, slot: int) -> str:
    """Return the sign of a slot: free, allocated, or marked."""
    if record.gcmark_bits.bit(slot):
        return MARKED_SLOT
    return TAKEN_SLOT if is_allocated(record, slot) else FREE_SLOT


def picture(state: HeapState, span: int) -> str:
    """Return an in-use span as a picture: a line for each 64 slots, a caret at freeindex.

    `#` is an allocated slot, `*` a marked one, `.` a free one.
    """
    return "\n".join((heading(state, span), *_lines(state.spans[span])))


def _lines(record: Mspan) -> Iterator[str]:
    for first in range(0, record.nelems, SLOTS_A_LINE):
        end = min(first + SLOTS_A_LINE, record.nelems)
        signs = "".join(slot_picture(record, slot) for slot in range(first, end))
        yield f"{first:5} {signs}"
        if first <= record.freeindex < end:
            yield " " * (6 + record.freeindex - first) + f"^ freeindex {record.freeindex}"


def overview(state: HeapState) -> str:
    """Return the heap in a few lines: the cycle, the spans in use by class, and the pages."""
    stats, phase = state.pages.stats, ("off", "marking", "mark termination")[state.phase]
    counts: dict[int, int] = {}
    for record in state.spans.values():
        counts[record.spanclass] = counts.get(record.spanclass, 0) + 1
    classes = ", ".join(f"{number}: {count}" for number, count in sorted(counts.items()))
    return "\n".join(
        (
            f"sweepgen {state.sweepgen}, phase {phase}, {state.cycle} cycles begun, "
            f"{state.procs} Ps, all swept: {'yes' if state.sweepdone else 'no'}",
            f"{len(state.spans)} spans in use (by span class: {classes or 'none'})",
            f"{stats.pages_in_use} pages in use, {len(state.pages.free.in_order())} free runs, "
            f"{stats.heap_sys} bytes from the system, {stats.heap_released} returned to it",
        )
    )
