"""Invariants of objects (I-36 to I-40)."""

from collections.abc import Iterator

from spanspec.base.ids import NOBODY
from spanspec.heap.state.state import HeapState
from spanspec.invariants.pages import runs_in_order
from spanspec.invariants.registry import When, invariant, ordered_invariant, span_invariant
from spanspec.invariants.sweeping import cached_spans
from spanspec.pages.freeset.freeruns import SortedFreeSpans
from spanspec.pages.tables.runs import end_of
from spanspec.span.mspan import IN_USE, Mspan, slot_address
from spanspec.span.profile import GO_1_13, is_aligned
from spanspec.span.tiny import block_holds


@invariant("I-36")
def tiny_blocks(state: HeapState) -> Iterator[str]:
    """A tiny block is an allocated object of the tiny class, used from 1 to 16 bytes (I-36)."""
    for identity, mcache in state.mcaches.items():
        block = mcache.tiny
        if block.address == 0:
            if block.offset != 0:
                yield f"mcache {identity}: no tiny block, offset {block.offset}"
            continue
        span = state.pages.map.span_of(block.address)
        record = state.spans.get(span)
        if record is None or not block_holds(block, record):
            yield f"mcache {identity}: tiny block {block.address:#x}+{block.offset} in span {span}"


@ordered_invariant("I-37", When.UNLOCKED)
def no_overlap(state: HeapState, order: list[int] | None = None) -> list[str]:
    """Slots lie within their span, and in-use spans do not overlap (I-37)."""
    told: list[str] = []
    runs = state.pages.runs.records
    end = 0
    for span in runs_in_order(state.pages) if order is None else order:
        if span == NOBODY:
            continue
        run = runs[span]
        if run.base < end:
            told.append(f"span {span}: overlaps the one below")
        end = end_of(run)
        record = state.spans.get(span)
        if run.state == IN_USE and record is not None:
            beyond = slot_address(record, record.nelems)
            if beyond > end or record.limit > end:
                told.append(f"span {span}: its objects reach beyond its pages")
    return told


@invariant("I-38", When.ALWAYS)
def below_freeindex(state: HeapState) -> Iterator[str]:
    """No allocated slot is offered again: the cached window shows free slots only (I-38)."""
    for span in cached_spans(state):
        record = state.spans.get(span)
        if record is None or record.freeindex >= record.nelems:
            continue
        # By the word that the cache comes from: where a bit is set in both, a slot that was kept is
        # offered.
        kept = record.alloc_bits.word(record.freeindex >> 6) >> (record.freeindex & 63)
        if kept & record.alloc_cache:
            yield f"span {span}: a slot that was kept is offered as free"


@span_invariant("I-39")
def alignment(state: HeapState, span: int, record: Mspan) -> str | None:
    """Slots of 16 bytes or more are aligned to 16, all others to 8 (I-39, MAL-22)."""
    if not is_aligned(GO_1_13, record):
        return f"span {span}: base {record.base:#x}, slots of {record.elemsize} bytes"
    return None


@invariant("I-40", When.UNLOCKED)
def first_fit(state: HeapState) -> Iterator[str]:
    """The free set answers with the lowest run that fits, whatever its shape (I-40)."""
    plain = SortedFreeSpans()
    for entry in state.pages.free.in_order():
        plain.insert(entry)
    sizes = {entry.npages for entry in state.pages.free.in_order()}
    # At the sizes that there are the answer changes; in between it is the same.
    for npages in sorted(sizes)[:32]:
        found, lowest = state.pages.free.find(npages), plain.find(npages)
        if found != lowest:
            yield f"{npages} pages: found {found}, the lowest is {lowest}"
