"""The protocol's system beside the heap that it follows: what both hold is the same."""

from collections.abc import Iterator

from spanspec.base.constants import size_class_of
from spanspec.base.ids import ClassId, ProcId
from spanspec.base.words import U8
from spanspec.following.system import slot_id, span_id
from spanspec.heap.state import HeapState
from spanspec.sharing.records import NO_SPAN, SharedSpan, Sharing
from spanspec.span.listing import EMPTY, NONEMPTY, NOWHERE


def disagreements(heap: HeapState, state: Sharing) -> Iterator[str]:
    """Yield in words where a heap at rest, no thread in an operation, differs from the protocol.

    Rules: SWP-2 SWP-3 SWP-8 MC-1 MC-7 CEN-1.
    """
    if heap.sweepgen != state.sweepgen:
        yield f"sweepgen: {heap.sweepgen} in the heap, {state.sweepgen} in the protocol"
    lists = _lists(heap)
    buffers = [set(buffer.entries.values()) for buffer in heap.buffers]
    for identity in state.spans:
        if state.spans[identity].in_use and identity - 1 not in heap.spans:
            yield f"span {identity - 1} is in use in the protocol only"
    for span, record in heap.spans.items():
        large = size_class_of(record.spanclass) == 0
        place, central = lists.get(span, (NOWHERE, record.spanclass))
        it = state.spans[span_id(span)]
        there = (
            True,
            large,
            record.spanclass,
            record.sweepgen,
            record.alloc_count < record.nelems,
            place,
            central,
            span in buffers[0],
            span in buffers[1],
        )
        if there != _essence(it):
            yield f"span {span}: {there} in the heap, {_essence(it)} in the protocol"
    for number, mcache in heap.mcaches.items():
        flush_gen = state.procs[ProcId(number)].flush_gen
        if mcache.flush_gen != flush_gen:
            yield f"mcache {number}: flushGen {mcache.flush_gen} in the heap, not {flush_gen}"
        for spanclass, span in mcache.alloc.items():
            held = state.slots[slot_id(number, spanclass)].span
            if held != span_id(span):
                yield f"mcache {number} has span {span} for class {spanclass}, not {held - 1}"
    held_spans = sum(len(mcache.alloc) for mcache in heap.mcaches.values())
    if held_spans != sum(state.slots[slot].span != NO_SPAN for slot in state.slots):
        yield f"{held_spans} spans in the mcaches of the heap, others in the protocol"


def _lists(heap: HeapState) -> dict[int, tuple[U8, int]]:
    """Return the list, and its class, of each span that is in one."""
    found: dict[int, tuple[U8, int]] = {}
    for spanclass, central in enumerate(heap.central):
        found.update((span, (NONEMPTY, spanclass)) for span in central.nonempty)
        found.update((span, (EMPTY, spanclass)) for span in central.empty)
    return found


def _essence(it: SharedSpan) -> tuple[bool, bool, int, int, bool, U8, int, bool, bool]:
    central = ClassId(it.spanclass) if it.place == NOWHERE else it.central
    return (
        it.in_use,
        it.large,
        it.spanclass,
        it.sweepgen,
        it.has_free,
        it.place,
        central,
        it.in_buffer_0,
        it.in_buffer_1,
    )
