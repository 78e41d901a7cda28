"""New spans for objects, from the page heap."""

from mypy_extensions import i64

from spanalloc.base.pagesizes import PAGE_SHIFT
from spanalloc.base.recorder import page_number
from spanalloc.central.slotzero import clear
from spanalloc.central.state import HeapState
from spanalloc.central.sweep import reclaim
from spanalloc.span.mcache import Mcache
from spanalloc.span.span import Span


def new_span(
    state: HeapState, who: Mcache, npages: i64, spanclass: i64, large: i64, zero: bool
) -> Span | None:
    """Take pages for objects of a class; None if there are none (HEAP-22, HEAP-23).

    `large` is the size of the object that is to fill the span, 0 for a span of small objects. The
    memory is zero if `zero` asks for it.

    Raises: MmapFailed, MadviseFailed.
    """
    if not state.sweepdone:
        reclaim(state, who, npages)
    pages = state.pages
    with pages.lock:
        span = pages.take(who, npages)
        if span is None:
            return None
        span.sweepgen = state.sg
        state.swept().push(who, span)
        pages.use(span, state.sg, spanclass, large)
        if state.trace is not None:
            state.trace.event(
                "si",
                who.p,
                who.thread,
                {
                    "c": spanclass,
                    "lg": int(large > 0),
                    "nz": span.needzero,
                    "s": span.ident,
                    "b": page_number(span.base),
                    "np": npages,
                    "es": span.elemsize,
                    "g": state.sg,
                },
            )
        if large > 0:
            state.pacing.grow_live(npages << PAGE_SHIFT)
    state.step_ends()
    if zero and span.needzero != 0:
        clear(state, span.base, npages << PAGE_SHIFT)
    span.needzero = 0
    span.dirty = False
    if state.trace is not None:
        state.trace.event(
            "ib",
            who.p,
            who.thread,
            {
                "c": spanclass,
                "s": span.ident,
                "b": page_number(span.base),
                "ne": span.nelems,
                "es": span.elemsize,
            },
        )
    state.step_ends()
    return span
