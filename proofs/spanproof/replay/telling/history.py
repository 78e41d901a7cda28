"""What a divergence shows: the events that touched the same span before, and the state around."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from spanproof.replay.format.schema import spans_of
from spanproof.replay.telling.phrases import PHASES, STATES, in_full, slots_of
from spanspec.base.constants import NUM_SPAN_CLASSES
from spanspec.base.ids import NOBODY
from spanspec.events.fields import EventBase
from spanspec.heap.picture import relative
from spanspec.heap.state.state import HeapState
from spanspec.pages.pageheap import page_address, page_number
from spanspec.span.mspan import Mspan, is_allocated

SHOWN = 8
"""Events shown with a divergence."""


def as_text(event: EventBase) -> str:
    """Return an event as it stands in a trace."""
    return msgspec.json.encode(event).decode()


def touches(event: EventBase, spans: set[int], page: int, spanclass: int) -> bool:
    """Tell whether an event is about one of some spans, a page, or the lists of a span class."""
    if spans & spans_of(event):
        return True
    if page != NOBODY and getattr(event, "base_page", NOBODY) == page:
        return True
    return not spans and page == NOBODY and getattr(event, "spanclass", NOBODY) == spanclass >= 0


Batch = tuple[int, Sequence[EventBase]]
"""Consecutive events, and the line of the first."""


def backwards(batches: Sequence[Batch], line: int) -> Iterator[tuple[int, EventBase]]:
    """Yield the events before a line, the last one first, with their lines."""
    for first, events in reversed(batches):
        for offset in reversed(range(min(len(events), line - first))):
            yield first + offset, events[offset]


def past_of(event: EventBase, line: int, past: Sequence[Batch]) -> tuple[str, ...]:
    """Return the last events before a line that touched the same spans, pages or lists."""
    spans = spans_of(event)
    page = getattr(event, "base_page", NOBODY)
    spanclass = getattr(event, "spanclass", NOBODY)
    found: list[str] = []
    for place, earlier in backwards(past, line):
        if touches(earlier, spans, page, spanclass):
            found.append(f"{place}: {in_full(earlier)}")
            if len(found) == SHOWN:
                break
    return tuple(reversed(found))


def surroundings(state: HeapState, event: EventBase) -> Iterator[str]:
    """Yield lines that describe the state around an event."""
    stats = state.pages.stats
    yield (
        f"heap sweepgen {state.sweepgen}, phase {PHASES[state.phase]}, "
        f"{len(state.spans)} spans in use, {stats.pages_in_use} pages in use, "
        f"{len(state.pages.free.in_order())} free runs, "
        f"{stats.heap_released} bytes released"
    )
    spans = spans_of(event)
    page = getattr(event, "base_page", NOBODY)
    if page != NOBODY:
        spans.add(state.pages.map.span_of(page_address(page)))
    for span in sorted(spans - {NOBODY}):
        yield from describe(state, span)
    spanclass = getattr(event, "spanclass", NOBODY)
    if 2 <= spanclass < NUM_SPAN_CLASSES:
        central = state.central[spanclass]
        yield (
            f"span class {spanclass}: nonempty {some(central.nonempty)}, "
            f"empty {some(central.empty)}"
        )
    identity = state.mcache_of.get(event.p, NOBODY)
    mcache = state.mcaches.get(identity)
    if mcache is not None:
        held = list(state.cached_spans(identity).items())
        cached = ", ".join(f"{c}: span {s}" for c, s in held[:12])
        tiny = f"{mcache.tiny.address:#x}+{mcache.tiny.offset}"
        yield f"P {event.p}: tiny block {tiny}, caches {cached or 'nothing'}"


def describe(state: HeapState, span: int) -> Iterator[str]:
    """Yield lines that describe a span: its run, its neighbours, and its slots if it is in use."""
    run = state.pages.runs.records.get(span)
    if run is None:
        yield f"span {span}: never seen"
        return
    first = page_number(run.base)
    flags = ", scavenged" if run.scavenged else ""
    yield (
        f"span {span}: {STATES[run.state]}, pages {first}..{first + run.npages - 1}{flags}, "
        f"needzero {run.needzero}"
    )
    record = state.spans.get(span)
    if record is not None:
        yield (
            f"  span class {record.spanclass}, nelems {record.nelems}, "
            f"freeindex {record.freeindex}, allocCount {record.alloc_count}, "
            f"sweepgen {relative(state.sweepgen, state.generation(span))}, "
            f"needzero {record.needzero}"
        )
        yield "  " + ", ".join(f"{what} slots {slots_of(bits)}" for what, bits in bitmaps(record))


def bitmaps(record: Mspan) -> Iterator[tuple[str, int]]:
    """Yield the sets of slots that a span's bits are: allocated, free by the cache, and marked."""
    slots = range(record.nelems)
    yield "allocated", sum(1 << slot for slot in slots if is_allocated(record, slot))
    window = record.alloc_cache << record.freeindex
    yield "free by allocCache", window & ((1 << record.nelems) - 1)
    yield "marked", sum(1 << slot for slot in slots if record.gcmark_bits.bit(slot))


def some(spans: Iterable[int]) -> str:
    """Return the first few spans of a list, from the front."""
    shown = list(spans)
    more = f" and {len(shown) - 6} more" if len(shown) > 6 else ""
    return (" ".join(str(span) for span in shown[:6]) or "-") + more
