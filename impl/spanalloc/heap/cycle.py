"""The collector's cycle as the allocator sees it: what is marked is up to the caller."""

from librt.vecs import vec
from mypy_extensions import i64, u8

from spanalloc.base.errors import BadRequest, HeapError
from spanalloc.base.pagesizes import ARENA_PAGES
from spanalloc.central.procs import prepare_for_sweep, resize
from spanalloc.central.state import PHASE_MARK, PHASE_MARK_TERMINATION, PHASE_OFF, HeapState
from spanalloc.central.sweep import NOTHING_LEFT, sweep_one
from spanalloc.pages.pagemap import page_of
from spanalloc.span.kernels import count_ones
from spanalloc.span.layout import ADDRESS_SPACE
from spanalloc.span.mcache import Mcache
from spanalloc.span.span import IN_USE, MANUAL, UINT32, Span
from spanalloc.span.specials import FINALIZER


def begin_cycle(state: HeapState, who: Mcache) -> None:
    """Begin to mark, with the world stopped and everything swept (SWP-32, MAL-24).

    Roots are the tiny blocks that are being filled, and objects whose finalizers have not run.

    Raises: HeapError if a cache was not flushed since the last cycle (T-86).
    """
    for cache in state.mcaches:
        if cache.flush_gen != state.sg:
            raise HeapError(f"T-86: P {cache.p} not flushed in generation {state.sg}")
    while sweep_one(state, who, "gcstart") != NOTHING_LEFT:
        pass
    for arena in state.pages.free.pages.all:
        arena.marked = vec[u8]([0] * ARENA_PAGES)
    if state.trace is not None:
        state.trace.event(
            "gc",
            who.p,
            who.thread,
            {"tr": "cycle", "cy": state.cycles, "mode": 0, "hl": state.pacing.heap_live},
        )
    state.cycles += 1
    change_phase(state, who, PHASE_MARK)
    for cache in state.mcaches:
        if cache.tiny != 0:
            mark_object(state, cache.tiny)
    for address in state.specials.roots():
        mark_object(state, address)
    state.pacing.scanned = finalized(state)
    state.pacing.cycle_begins()
    resize(state, who, len(state.mcaches))


def finalized(state: HeapState) -> i64:
    """Return the bytes of the slots with a finalizer, counted once for each that they have.

    A cycle looks through them, so that what they refer to outlives them (markrootSpans).
    """
    total: i64 = 0
    records = state.specials.of_span
    if records:
        for span in state.swept().spans:
            for special in records.get(span.ident, []):
                if special.kind == FINALIZER:
                    total += span.elemsize
    return total


def mark_object(state: HeapState, address: i64) -> None:
    """Mark the object that holds an address, and the first page of its span (SPAN-19, SPAN-21).

    Raises: BadRequest if the address is in no span; SpanError if it is in a free slot.
    """
    span = span_holding(state, address)
    state.mark(span, slot_holding(span, address))
    arena = state.pages.free.pages.arena_at(span.base)
    arena.marked[page_of(span.base)] = 1


def in_address_space(address: int) -> i64:
    """Return an address as a machine word.

    Raises: BadRequest if it is none that the heap could have.
    """
    if not 0 <= address < ADDRESS_SPACE:
        raise BadRequest(f"{address:#x} is in no object of this heap")
    return address


def span_holding(state: HeapState, address: i64) -> Span:
    """Return the span in use that has an address among its objects (SPAN-19).

    Raises: BadRequest if there is none.
    """
    span = state.pages.free.pages.span_at(address)
    if span is None or span.state != IN_USE or not span.base <= address < span.limit:
        problem = f"{int(address):#x} is in no object of this heap"
        if span is not None and span.state != MANUAL:
            problem += ": a bad pointer, to free memory or behind a span's objects (T-85)"
        raise BadRequest(problem)
    return span


def span_around(state: HeapState, address: i64) -> Span:
    """Return the span in use that has an address in its pages, perhaps behind its objects.

    Raises: BadRequest if there is none.
    """
    span = state.pages.free.pages.span_at(address)
    if span is None or span.state != IN_USE or not span.base <= address < span.end():
        raise BadRequest(f"{int(address):#x} is in no span in use of this heap")
    return span


def slot_holding(span: Span, address: i64) -> i64:
    """Return the slot of an address in a span."""
    return ((address - span.base) * span.magic) >> 32


def end_cycle(state: HeapState, who: Mcache, now: int, took: int, assisting: int) -> None:
    """End marking, with the world stopped: from now on spans are swept (SWP-34 to SWP-37).

    `took`: for how many nanoseconds it marked, -1 for a cycle that was asked for; `assisting`: what
    Ps spent on assists.
    """
    pacing = state.pacing
    if took >= 0:
        pacing.cycle_took(took, assisting, len(state.mcaches))
    change_phase(state, who, PHASE_MARK_TERMINATION)
    live: i64 = 0
    for span in state.swept().spans:
        live += count_ones(span.gcmark_bits, span.nelems) * span.elemsize
    free = state.pages.free
    pacing.cycle_ends(live, free.heap_inuse)
    change_phase(state, who, PHASE_OFF)
    state.sg = (state.sg + 2) & UINT32
    state.sweepdone = False
    if state.swept().spans:
        raise HeapError("T-88: non-empty swept list")
    pacing.pages_swept = 0
    pacing.reclaim_index = 0
    pacing.reclaim_credit = 0
    state.sweep_arenas = state.pages.free.pages.all[:]
    if state.trace is not None:
        state.trace.event(
            "sg",
            who.p,
            who.thread,
            {"g": state.sg, "mode": 0, "na": len(state.sweep_arenas)},
        )
    pace_anew(state, now)
    resize(state, who, len(state.mcaches))
    for cache in state.mcaches:
        prepare_for_sweep(state, cache)


def change_phase(state: HeapState, who: Mcache, phase: i64) -> None:
    """Set the phase of the collector."""
    if state.trace is not None:
        state.trace.event("ph", who.p, who.thread, {"x": phase})
    state.phase = phase


def pace_anew(state: HeapState, now: int) -> None:
    """Set when the next cycle starts, and the pace of sweeping and of the scavenger (SCAV-5)."""
    pacing, free = state.pacing, state.pages.free
    pacing.set_pace(state.pages.pages_in_use, state.sweepdone)
    state.line.pace(
        free.sizes,
        pacing.last_inuse,
        pacing.next_gc,
        pacing.last_next_gc,
        free.retained(),
        free.runs.huge_pages,
        now,
    )
    free.retained_goal = state.line.goal
    state.line.wake(now)
