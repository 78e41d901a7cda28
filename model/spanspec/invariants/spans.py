"""Invariants of single spans (I-1 to I-11)."""

from collections.abc import Iterator

from spanspec.heap.state.collector import OFF
from spanspec.heap.state.state import HeapState
from spanspec.invariants.addresses import begins
from spanspec.invariants.registry import When, invariant, run_invariant, span_invariant
from spanspec.pages.tables.invariant import free_address_is_zero
from spanspec.pages.tables.runs import PageRun
from spanspec.span.alloccache import cache_is_exact
from spanspec.span.listing import NOWHERE
from spanspec.span.mspan import (
    FREE,
    IN_USE,
    MANUAL,
    Mspan,
    bounds_hold,
    count_alloc,
    count_is_exact,
    marked_and_free,
)
from spanspec.span.profile import GO_1_13, class_holds, limit_holds, slots_hold
from spanspec.span.sweepgen import is_cached, is_legal_between_cycles


@span_invariant("I-1", When.ALWAYS)
def bounds(state: HeapState, span: int, record: Mspan) -> str | None:
    """Freeindex and allocCount lie within 0..nelems (I-1)."""
    if not bounds_hold(record):
        return f"span {span}: freeindex {record.freeindex}, allocCount {record.alloc_count}"
    return None


@span_invariant("I-2", When.ALWAYS)
def counts(state: HeapState, span: int, record: Mspan) -> str | None:
    """AllocCount is the number of allocated slots (I-2)."""
    if not count_is_exact(record):
        return f"span {span}: allocCount {record.alloc_count} is not exact"
    return None


@span_invariant("I-3", When.ALWAYS)
def caches(state: HeapState, span: int, record: Mspan) -> str | None:
    """A cached span's allocCache is the window at freeindex (I-3)."""
    if is_cached(state.sweepgen, state.generation(span)) and not cache_is_exact(record):
        return f"span {span}: allocCache {record.alloc_cache:#x} is not the window"
    return None


@span_invariant("I-4", When.ALWAYS)
def marked_is_allocated(state: HeapState, span: int, record: Mspan) -> str | None:
    """Only allocated slots are marked (I-4)."""
    for slot in marked_and_free(record):
        return f"span {span}: slot {slot} is marked and free"
    return None


@span_invariant("I-5")
def no_marks_when_swept(state: HeapState, span: int, record: Mspan) -> str | None:
    """Between a sweep and the next marking no slot is marked (I-5)."""
    if state.phase != OFF or state.collector.marked:
        return None
    swept = is_legal_between_cycles(state.sweepgen, state.generation(span))
    if swept and count_alloc(record) != 0:
        return f"span {span}: swept, and has marks"
    return None


@span_invariant("I-6")
def geometry(state: HeapState, span: int, record: Mspan) -> str | None:
    """Nelems slots fit the span, and limit is the end of the last object (I-6)."""
    if not slots_hold(GO_1_13, record):
        return f"span {span}: nelems {record.nelems}"
    if not limit_holds(GO_1_13, record):
        return f"span {span}: limit {record.limit - record.base} bytes above the base"
    return None


@span_invariant("I-7")
def nothing_idle(state: HeapState, span: int, record: Mspan) -> str | None:
    """An in-use span holds at least one object (I-7)."""
    if record.alloc_count == 0:
        return f"span {span}: in use, and nothing in it is allocated"
    return None


@run_invariant("I-8", of_dead=False)
def free_is_bare(state: HeapState, span: int, run: PageRun) -> str | None:
    """A free or manual span is in no list and holds no objects (I-8)."""
    if run.state != FREE and run.state != MANUAL:
        return None
    if state.shared(span).place != NOWHERE or span in state.spans:
        return f"span {span}: not in use, and in a list or with objects"
    return None


@run_invariant("I-9", When.UNLOCKED, of_dead=False)
def scavenged_is_free(state: HeapState, span: int, run: PageRun) -> str | None:
    """Only free spans are scavenged (I-9)."""
    if run.scavenged and (run.state == IN_USE or run.state == MANUAL):
        return f"span {span}: in state {run.state}, and scavenged"
    return None


def zeroed_span(state: HeapState, span: int, record: Mspan) -> str | None:
    """In a span whose needzero is 0 nothing was freed so far.

    Rules: I-10 HEAP-35 MAL-23.
    """
    if record.needzero == 0 and state.bits_epoch[span].freed:
        return f"span {span}: something in it was freed, and needzero is 0"
    return None


@invariant("I-10", of_span=zeroed_span)
def zeroed(state: HeapState) -> Iterator[str]:
    """Where needzero is 0, free memory is zero: nothing of it was ever used.

    Rules: I-10 HEAP-35 MAL-23.
    """
    for span, record in state.spans.items():
        what = zeroed_span(state, span, record)
        if what is not None:
            yield what
    tiling = state.pages.tiling
    for address in begins(tiling.owner, tiling.written):
        if not free_address_is_zero(tiling, address):
            yield f"address {address:#x}: free, used before, and needzero is 0"


@span_invariant("I-11")
def classes(state: HeapState, span: int, record: Mspan) -> str | None:
    """Size and pages agree with the class tables (I-11)."""
    if not class_holds(GO_1_13, record):
        return (
            f"span {span}: {record.npages} pages, slots of {record.elemsize} bytes, "
            f"in class {record.spanclass}"
        )
    return None
