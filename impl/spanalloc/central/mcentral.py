"""How a cache gets a span with a free slot, and how it lets go of one."""

from typing import Final

from mypy_extensions import i64

from spanalloc.base.errors import HeapError
from spanalloc.base.pagesizes import PAGE_SHIFT
from spanalloc.base.recorder import page_number
from spanalloc.base.sizeclass import CLASS_PAGES
from spanalloc.central.central import Central
from spanalloc.central.newspan import new_span
from spanalloc.central.state import HeapState
from spanalloc.central.sweep import pay_sweep_debt, sweep_span
from spanalloc.span.mcache import Mcache
from spanalloc.span.span import UINT32, Span

SWEPT: Final = 0
CLAIMED_NONEMPTY: Final = 1
CLAIMED_EMPTY: Final = 2


def cache_span(state: HeapState, who: Mcache, spanclass: i64) -> Span | None:
    """Return a span of a class with a free slot, for `who` alone; None without memory (CEN-2).

    Raises: MmapFailed, MadviseFailed.
    """
    central = state.central[spanclass]
    npages = CLASS_PAGES[spanclass >> 1]
    pay_sweep_debt(state, who, npages << PAGE_SHIFT, 0)
    span = search(state, who, central)
    if span is None:
        span = grow(state, who, central)
        if span is None:
            return None
    free = span.nelems - span.alloc_count
    if free == 0 or span.freeindex == span.nelems:
        raise HeapError(f"T-46: span {int(span.base):#x} has no free objects")
    state.about_to_take(central.lock)
    with central.lock:
        central.count(free)
    # The whole span counts as live from here on, as nobody hears of the single slots that are
    # taken.
    state.pacing.grow_live((npages << PAGE_SHIFT) - span.alloc_count * span.elemsize)
    return span


def search(state: HeapState, who: Mcache, central: Central) -> Span | None:
    """Search both lists for a span that has, or after a sweep gets, a free slot (CEN-3, CEN-4).

    None if a new span is needed; the end of the empty list is not always reached (CEN-5).
    """
    while True:
        source: i64 = SWEPT
        state.about_to_take(central.lock)
        with central.lock:
            span = first_usable(state, who, central)
            if span is not None:
                source = SWEPT if state.is_swept(span) else CLAIMED_NONEMPTY
                central.nonempty.remove(span)
            else:
                span = first_unswept(state, who, central)
                if span is not None:
                    source = CLAIMED_EMPTY
                    central.empty.remove(span)
            if span is not None:
                # To the back of the empty list before it is swept, so that no other search meets it
                # meanwhile.
                central.empty.insert_back(span)
                tell_taken(state, who, span, source)
        state.step_ends()
        if span is None:
            return None
        if source == SWEPT:
            return span
        # Not under the lock of the list: a sweep takes long, and others search at the same time.
        sweep_span(state, who, span, True)
        if source == CLAIMED_NONEMPTY or has_room(state, who, span):
            return span


def first_usable(state: HeapState, who: Mcache, central: Central) -> Span | None:
    """Return the first span of the nonempty list that is swept, or that could be claimed."""
    being_swept = (state.sg - 1) & UINT32
    span = central.nonempty.front()
    while span is not None:
        if state.claim(who, span, "cs-nonempty"):
            state.step_ends()
            return span
        if span.sweepgen != being_swept:
            return span
        tell_skipped(state, who, span, "N")
        state.step_ends()
        span = span.next
    return None


def first_unswept(state: HeapState, who: Mcache, central: Central) -> Span | None:
    """Return the first span of the empty list that could be claimed, up to the first swept one."""
    being_swept = (state.sg - 1) & UINT32
    span = central.empty.front()
    while span is not None:
        if state.claim(who, span, "cs-empty"):
            state.step_ends()
            return span
        if span.sweepgen != being_swept:
            break
        tell_skipped(state, who, span, "E")
        state.step_ends()
        span = span.next
    if state.trace is not None:
        state.trace.event(
            "cm",
            who.p,
            who.thread,
            {
                "c": central.spanclass,
                "s": span.ident if span is not None else -1,
                "b": page_number(span.base) if span is not None else -1,
                "g": state.sg,
            },
        )
    return None


def has_room(state: HeapState, who: Mcache, span: Span) -> bool:
    """Tell whether a swept span has a free slot, and begin to allocate there (CEN-4 a)."""
    slot = span.first_free()
    room = slot != span.nelems
    # The search alone: the slot is taken by the allocation that asked for the span.
    span.freeindex = slot
    if state.trace is not None:
        state.trace.event(
            "cr",
            who.p,
            who.thread,
            {
                "c": span.spanclass,
                "s": span.ident,
                "b": page_number(span.base),
                "room": int(room),
                "i": slot,
            },
        )
    state.step_ends()
    return room


def grow(state: HeapState, who: Mcache, central: Central) -> Span | None:
    """Get a new span from the page heap (CEN-7, CEN-11).

    Raises: MmapFailed, MadviseFailed.
    """
    npages = CLASS_PAGES[central.spanclass >> 1]
    span = new_span(state, who, npages, central.spanclass, 0, True)
    if span is None:
        return None
    state.about_to_take(central.lock)
    with central.lock:
        central.empty.insert_back(span)
        if state.trace is not None:
            state.trace.event(
                "cg",
                who.p,
                who.thread,
                {
                    "c": central.spanclass,
                    "s": span.ident,
                    "b": page_number(span.base),
                    "ne": span.nelems,
                    "g": state.sg,
                },
            )
    state.step_ends()
    return span


def uncache_span(state: HeapState, who: Mcache, span: Span) -> None:
    """Let go of a cached span; a stale one is swept (CEN-12).

    Raises: SpanError if nothing in it is allocated (T-47).
    """
    before = span.sweepgen
    if state.trace is not None:
        state.trace.event(
            "un",
            who.p,
            who.thread,
            {
                "c": span.spanclass,
                "s": span.ident,
                "b": page_number(span.base),
                "st": int(before == (state.sg + 1) & UINT32),
                "g0": before,
                "sg": state.sg,
                "fi": span.freeindex,
                "ac": span.alloc_count,
                "ne": span.nelems,
            },
        )
    after = state.now()
    stale = span.uncache(state.sg)
    state.step_ends()
    free = span.nelems - span.alloc_count
    if free > 0:
        central = state.central[span.spanclass]
        state.about_to_take(central.lock)
        with central.lock:
            central.count(-free)
            central.empty.remove(span)
            central.nonempty.insert(span)
            if state.trace is not None:
                state.trace.event(
                    "um",
                    who.p,
                    who.thread,
                    {"c": span.spanclass, "s": span.ident, "b": page_number(span.base)},
                )
        # Live bytes were counted anew by the marking since, which knew nothing of this span's free
        # slots.
        if not stale:
            state.pacing.grow_live(-free * span.elemsize)
        state.step_ends()
    if stale:
        state.tell_claim(who, span, "uncache", after)
        state.step_ends()
        if sweep_span(state, who, span, False):
            state.step_ends()


def tell_taken(state: HeapState, who: Mcache, span: Span, source: i64) -> None:
    """Record that a span was taken from a list."""
    if state.trace is not None:
        state.trace.event(
            "ct",
            who.p,
            who.thread,
            {
                "c": span.spanclass,
                "s": span.ident,
                "b": page_number(span.base),
                "src": source,
                "g": span.sweepgen,
                "lo": who.looked_at,
            },
        )


def tell_skipped(state: HeapState, who: Mcache, span: Span, which: str) -> None:
    """Record that a span was passed over, since somebody is sweeping it."""
    if state.trace is not None:
        state.trace.event(
            "ck",
            who.p,
            who.thread,
            {
                "c": span.spanclass,
                "s": span.ident,
                "b": page_number(span.base),
                "l": which,
                "g": state.sg,  # what the walk compares with; the span has one less
                "lo": who.looked_at,
            },
        )
