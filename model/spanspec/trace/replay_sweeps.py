"""Replay of spans coming into use, being swept, and going back to the page heap."""

from spanspec.alloccache import cache_is_exact, next_free_index
from spanspec.bitmap import Bits
from spanspec.constants import size_class_of
from spanspec.mspan import (
    Mspan,
    bounds_hold,
    count_is_exact,
    init_span,
    obj_index,
    set_marked,
)
from spanspec.sizeclass import CLASS_TO_PAGES
from spanspec.sweep import Swept, publish, returns_to_heap, sweep
from spanspec.sweepgen import (
    claim_for_sweep,
    is_cached,
    is_legal_between_cycles,
    is_swept,
    next_cycle,
)
from spanspec.trace import events as ev
from spanspec.trace import heap_events as hev
from spanspec.trace.replay_caches import expect_geometry
from spanspec.trace.state import MARK, ReplayState, Sweeping, page_address
from spanspec.trace.verdict import Diverged, Verdict, expect

KEEPERS = ("cs-nonempty", "cs-empty")
"""Claims by cacheSpan: it wants to use the span, so the sweep preserves it (SWP-25)."""


def span_in_use(state: ReplayState, event: hev.SpanInUse) -> Verdict:
    """Replay that a span from the page heap comes into use; which pages it has is an input.

    Rules: HEAP-22 HEAP-23 SWP-3.
    """
    if event.span in state.spans:
        raise Diverged("HEAP-22", f"state of span {event.span} before", "not in use", "in use")
    size_class = size_class_of(event.spanclass)
    expect("HEAP-22", "large", int(size_class == 0), event.large)
    if size_class != 0:
        expect("SC-2", "pages of the class", CLASS_TO_PAGES[size_class], event.npages)
    base = page_address(event.base_page)
    span = init_span(base, event.npages, event.spanclass, state.sweepgen, base)
    expect("SPAN-1", "elemsize", span.elemsize, event.elemsize)
    expect("SWP-3", "sweepgen", span.sweepgen, event.sweepgen)
    span = span._replace(limit=base + span.nelems * span.elemsize)
    state.adopt(event.span, event.base_page, span, event)
    return Verdict.PREDICTED


def span_initialized(state: ReplayState, event: hev.SpanInitialized) -> Verdict:
    """Replay that a span's bits are set up.

    Rules: SPAN-5 SPAN-6.
    """
    span = state.span(event.span, event)
    expect_geometry(span, event)
    expect("SPAN-5", "nelems", span.nelems, event.nelems)
    expect("SPAN-1", "elemsize", span.elemsize, event.elemsize)
    return Verdict.PREDICTED


def central_grows(state: ReplayState, event: ev.CentralGrows) -> Verdict:
    """Replay that a new span is ready for the thread that asked for it.

    Rules: CEN-7 CEN-11.
    """
    span = state.span(event.span, event)
    expect_geometry(span, event)
    expect("SPAN-5", "nelems", span.nelems, event.nelems)
    expect("SWP-3", "sweepgen", span.sweepgen, event.sweepgen)
    expect("CEN-11", "allocCount of a new span", 0, span.alloc_count)
    state.taken[event.thread] = event.span
    return Verdict.PREDICTED


def central_takes(state: ReplayState, event: ev.CentralTakes) -> Verdict:
    """Take note which listed span was chosen; its generation must fit the way it was taken.

    Rules: CEN-3 CEN-4 SWP-6.
    """
    span = state.span(event.span, event)
    expect_geometry(span, event)
    expect("CEN-3", "sweepgen", span.sweepgen, event.sweepgen)
    if event.source == 0:
        expect("SWP-6", "swept", True, is_swept(state.sweepgen, span.sweepgen))
    else:
        keeper = KEEPERS[event.source - 1]
        expect("CEN-3", "sweeper", Sweeping(event.thread, keeper), state.sweeping.get(event.span))
    if event.source == 2:
        state.checking_room[event.thread] = event.span
    state.taken[event.thread] = event.span
    return Verdict.INPUT


def central_checks_room(state: ReplayState, event: ev.CentralChecksRoom) -> Verdict:
    """Replay the search for a free slot in a span that was full before its sweep.

    Rules: CEN-4 SPAN-15.
    """
    span = state.span(event.span, event)
    waiting = state.checking_room.pop(event.thread, None)
    expect("CEN-4", "span to be searched", waiting, event.span)
    expect_geometry(span, event)
    found = next_free_index(span)
    room = found.slot != span.nelems
    expect("CEN-4", "room", int(room), event.room)
    expect("SPAN-15", "first free slot", found.slot, event.slot)
    if room:
        state.spans[event.span] = found.span._replace(freeindex=found.slot)
    else:
        state.spans[event.span] = found.span
        del state.taken[event.thread]
    return Verdict.PREDICTED


def sweep_claim(state: ReplayState, event: ev.SweepClaim) -> Verdict:
    """Replay that a sweeper has won a span.

    Rules: SWP-3 SWP-15 CEN-12.
    """
    span = state.span(event.span, event)
    expect_geometry(span, event)
    expect("SPAN-1", "npages", span.npages, event.npages)
    claim = Sweeping(event.thread, event.by)
    expect("SWP-3", "sweeper before", None, state.sweeping.get(event.span))
    if event.by == "uncache":
        flusher = state.stale.pop(event.span, None)
        expect("CEN-12", "thread that flushed the stale span", flusher, event.thread)
        generation = span.sweepgen
    else:
        generation = claim_for_sweep(state.sweepgen, span.sweepgen)
    expect("SWP-3", "sweepgen", generation, event.sweepgen)
    state.spans[event.span] = span._replace(sweepgen=generation)
    state.sweeping[event.span] = claim
    return Verdict.PREDICTED


def sweep_result(state: ReplayState, event: ev.SweepResult) -> Verdict:
    """Replay a sweep: the mark bits are the input, all else follows.

    Rules: SWP-24 SWP-25 SWP-27 SWP-28 SWP-30 I-4.
    """
    span = state.span(event.span, event)
    owner = state.sweeping.pop(event.span, None)
    if owner is None:
        raise Diverged("T-58", "sweeper of the span", "one", "none")
    expect("SWP-3", "thread that sweeps", owner.thread, event.thread)
    expect_geometry(span, event)
    expect("SPAN-5", "nelems", span.nelems, event.nelems)
    expect("SWP-25", "preserve", int(owner.by in KEEPERS), event.preserve)
    swept = sweep(state.sweepgen, _with_marks(span, event.alloc_bits))
    small = size_class_of(span.spanclass) != 0
    to_central = small and swept.nfreed > 0
    expect("SWP-24", "allocCount", swept.span.alloc_count, event.alloc_count)
    expect("SWP-24", "freed objects", swept.nfreed, event.nfreed)
    expect("SWP-30", "wasempty", int(swept.was_empty), event.was_empty)
    expect("SWP-26", "large and dead", int(swept.large_dead), event.large_dead)
    expect("SWP-24", "goes on to mcentral", int(to_central), event.to_central)
    expect("SWP-3", "sweepgen to be published", state.sweepgen, event.sweepgen)
    if to_central and not event.preserve:
        state.unpublished[event.span] = swept
        state.spans[event.span] = swept.span
    else:
        state.spans[event.span] = publish(state.sweepgen, swept.span)
    if returns_to_heap(swept, event.preserve == 1):
        state.returning.add(event.span)
    return Verdict.PREDICTED


def _with_marks(span: Mspan, alloc_bits: str) -> Mspan:
    """Return the span with the recorded mark bits, which must be of allocated slots only."""
    expect("SPAN-22", "bytes of mark bits", (span.nelems + 7) // 8, len(alloc_bits) // 2)
    marks = Bits.from_hex(alloc_bits)
    if marks.value >> span.nelems:
        padding = marks.value.bit_length() - 1
        raise Diverged("I-4", f"mark of slot {padding} of {span.nelems}", "no such slot", "marked")
    slot = _first_missing(span, marks)
    if slot is not None:
        raise Diverged("MAL-14", f"mark of slot {slot}, new in the mark phase", "set", "clear")
    return span._replace(gcmark_bits=marks)


def _first_missing(span: Mspan, marks: Bits) -> int | None:
    """Return a slot that must be marked and is not, if there is one."""
    for index in range((span.nelems + 63) // 64):
        missing = span.gcmark_bits.word(index) & ~marks.word(index)
        if missing:
            return index * 64 + (missing & -missing).bit_length() - 1
    return None


def central_frees_span(state: ReplayState, event: ev.CentralFreesSpan) -> Verdict:
    """Replay the publication of a sweep that freed something.

    Rules: CEN-14 SWP-3 SWP-26.
    """
    span = state.span(event.span, event)
    swept: Swept | None = state.unpublished.pop(event.span, None)
    if swept is None:
        raise Diverged("CEN-14", "a sweep that freed something", "one", "none")
    expect_geometry(span, event)
    expect("SWP-30", "wasempty", int(swept.was_empty), event.was_empty)
    expect("CEN-14", "nothing allocated", int(span.alloc_count == 0), event.freed)
    published = publish(state.sweepgen, span)
    expect("SWP-3", "sweepgen", published.sweepgen, event.sweepgen)
    state.spans[event.span] = published
    return Verdict.PREDICTED


def heap_frees(state: ReplayState, event: hev.HeapFrees) -> Verdict:
    """Replay that an in-use span goes back to the page heap; manual spans are not modelled yet.

    Rules: HEAP-28 SWP-26 SWP-27.
    """
    if event.state != 1:
        return Verdict.NOT_MODELLED
    span = state.span(event.span, event)
    expect("SPAN-1", "address of the span", hex(span.base), hex(page_address(event.base_page)))
    expect("SPAN-1", "npages", span.npages, event.npages)
    expect("SWP-26", "due to go back", True, event.span in state.returning)
    expect("T-34", "allocCount", 0, span.alloc_count)
    expect("T-34", "swept", True, is_swept(state.sweepgen, span.sweepgen))
    expect("HEAP-28", "sweepgen", span.sweepgen, event.sweepgen)
    expect("SWP-27", "needzero", span.needzero, event.needzero)
    state.returning.discard(event.span)
    state.forget(event.span, event.base_page)
    return Verdict.PREDICTED


def phase_changes(state: ReplayState, event: ev.PhaseChanges) -> Verdict:
    """Take note of the phase; when marking begins, the current tiny blocks are marked.

    Rules: MAL-24.
    """
    state.phase = event.phase
    if event.phase == MARK:
        for mcache in state.mcaches.values():
            page = (mcache.tiny.address - page_address(0)) // 8192
            identity = state.at_page.get(page) if mcache.tiny.address else None
            if identity is not None:
                span = state.spans[identity]
                slot = obj_index(span, mcache.tiny.address)
                state.spans[identity] = set_marked(span, slot)
    return Verdict.INPUT


def sweep_phase_starts(state: ReplayState, event: ev.SweepPhaseStarts) -> Verdict:
    """Replay the relabel, before which every span must be swept and every cache flushed.

    Rules: SWP-2 SWP-4 SWP-35 MC-12 I-1 I-2 I-3.
    """
    for identity, span in state.spans.items():
        if not is_legal_between_cycles(state.sweepgen, span.sweepgen):
            state.touched = identity
            raise Diverged("SWP-4", f"sweepgen of span {identity}", "sg or sg+3", span.sweepgen)
        expect("I-1", f"bounds of span {identity}", True, bounds_hold(span))
        expect("I-2", f"allocCount of span {identity}", True, count_is_exact(span))
        if is_cached(state.sweepgen, span.sweepgen):
            expect("I-3", f"allocCache of span {identity}", True, cache_is_exact(span))
    for identity, mcache in state.mcaches.items():
        expect("T-86", f"flushGen of mcache {identity}", state.sweepgen, mcache.flush_gen)
    expect("SWP-26", "spans due to go back to the heap", set(), state.returning)
    state.sweepgen = next_cycle(state.sweepgen)
    expect("SWP-2", "the heap's sweepgen", state.sweepgen, event.sweepgen)
    return Verdict.PREDICTED
