"""Sweeping: one span, the next unswept one, and what must be swept before an allocation."""

import time
from typing import Final

from mypy_extensions import i64

from spanalloc.base.errors import HeapBroken, HeapError
from spanalloc.base.pagesizes import ARENA_PAGES
from spanalloc.base.recorder import page_number
from spanalloc.central.central import Central
from spanalloc.central.pacing import RECLAIM_OVER
from spanalloc.central.state import HeapState
from spanalloc.pages.pagemap import HeapArena
from spanalloc.span.mcache import Mcache
from spanalloc.span.snapshot import joined
from spanalloc.span.span import IN_USE, Span

CHUNK: Final = 512
"""Pages that the reclaimer searches at a time (SWP-21)."""

NOTHING_LEFT: Final = -1


def sweep_span(state: HeapState, who: Mcache, span: Span, preserve: bool) -> bool:
    """Sweep a span that `who` has claimed; return whether it went back to the page heap (SWP-24).

    With `preserve` it stays in its list, even if nothing in it is alive (SWP-25).

    Raises: SpanError if more is marked than is allocated (T-59), or the claim is not there (T-58).
    """
    sg = state.sg
    if state.specials.of_span:
        state.specials.sweep(span)
    state.pacing.sweep_begins(span.npages)
    freed = span.sweep_slots(sg)
    sizeclass = span.spanclass >> 1
    dead = sizeclass == 0 and span.alloc_count == 0
    to_central = freed > 0 and sizeclass != 0
    if state.trace is not None:
        state.trace.event(
            "se",
            who.p,
            who.thread,
            {
                "c": span.spanclass,
                "s": span.ident,
                "b": page_number(span.base),
                "pr": int(preserve),
                "we": int(span.was_empty),
                "fh": int(dead),
                "tc": int(to_central),
                "ne": span.nelems,
                "nf": freed,
                "ac": span.alloc_count,
                "g": sg,
                "ab": hexadecimal(span),
            },
        )
    state.step_ends()
    gone = False
    if to_central:
        who.nsmallfree[sizeclass] += freed
        gone = free_in_central(state, who, span, preserve)
    else:
        state.publish(span)
        if dead:
            who.nlargefree += 1
            who.largefree += span.elemsize
            state.pages.free_span(who, span, sg)
            gone = True
    # After it was published, so another thread may cache the span before it is in the stack; that
    # does no harm, since the stack is only popped in the next cycle.
    if not gone:
        state.swept().push(who, span)
        state.step_ends()
    return gone


def free_in_central(state: HeapState, who: Mcache, span: Span, preserve: bool) -> bool:
    """Publish a sweep that freed slots; return whether the span went to the heap (CEN-14)."""
    if preserve:
        state.publish(span)
        return False
    central: Central = state.central[span.spanclass]
    state.about_to_take(central.lock)
    with central.lock:
        if span.was_empty:
            central.empty.remove(span)
            central.nonempty.insert(span)
        gone = span.alloc_count == 0
        if gone:
            central.nonempty.remove(span)
        # Last of all that happens under the lock: from here the span may be taken.
        span.publish(state.sg)
        if state.trace is not None:
            state.trace.event(
                "fs",
                who.p,
                who.thread,
                {
                    "c": span.spanclass,
                    "s": span.ident,
                    "b": page_number(span.base),
                    "we": int(span.was_empty),
                    "fr": int(gone),
                    "g": state.sg,
                },
            )
    state.step_ends()
    if gone:
        state.pages.free_span(who, span, state.sg)
    return gone


def sweep_one(state: HeapState, who: Mcache, by: str) -> i64:
    """Sweep the next unswept span (SWP-15).

    Returns the pages that went back to the heap, or NOTHING_LEFT.
    """
    if state.sweepdone:
        return NOTHING_LEFT
    pacing = state.pacing
    # Counted from before the pop, so that whoever waits for all sweeping to end (SWP-38) does not
    # miss a span that is popped and not claimed yet.
    pacing.sweepers_change(1)
    try:
        span = next_unswept(state, who, by)
        if span is None:
            return NOTHING_LEFT
        npages = span.npages
        if not sweep_span(state, who, span, False):
            return 0
        pacing.add_credit(npages)
        state.step_ends()
        return npages
    finally:
        pacing.sweepers_change(-1)
        if state.turns is not None:
            state.turns.sweeper_leaves(who.thread)


def ensure_swept(state: HeapState, who: Mcache, span: Span) -> None:
    """Have a span swept: by this thread, or by the one that is at it, until it is done (SWP-18)."""
    if state.claim(who, span, "ensure"):
        state.step_ends()
        sweep_span(state, who, span, False)
    while not state.is_swept(span):
        let_others_go_on(state)


def wait_for_sweepers(state: HeapState, cycle: i64) -> None:
    """Wait until nobody sweeps what it has popped, or the cycle of that number is over (SWP-38)."""
    while state.pacing.sweepers > 0 and state.cycles == cycle:
        let_others_go_on(state)


def let_others_go_on(state: HeapState) -> None:
    """Let other threads go on, since this one has to wait for what they do.

    Raises: HeapBroken if one of them has ended half way, so that it will not be done.
    """
    if state.broken:
        raise HeapBroken(f"the heap is broken, by {state.broken}")
    if state.turns is not None:
        state.turns.cannot_go_on()
    time.sleep(0)


def next_unswept(state: HeapState, who: Mcache, by: str) -> Span | None:
    """Pop spans until one can be claimed; None once there is none left (SWP-13, SWP-14)."""
    while True:
        span = state.unswept().pop(who, by)
        state.step_ends()
        if span is None:
            state.sweepdone = True
            if state.trace is not None:
                state.trace.event("sd", who.p, who.thread, {"g": state.sg})
            state.step_ends()
            return None
        after = state.now()
        in_use = span.state == IN_USE
        if not in_use and not state.is_swept(span):
            raise HeapError(
                f"T-55: span {int(span.base):#x}, not in use, with sweepgen {span.sweepgen} "
                f"among the unswept of generation {state.sg}"
            )
        if in_use and state.claim(who, span, by):
            state.step_ends()
            return span
        if state.trace is not None:
            state.trace.event(
                "dr",
                who.p,
                who.thread,
                {
                    "s": span.ident,
                    "b": page_number(span.base),
                    "why": "gen" if in_use else "state",
                    "g": span.sweepgen,
                    "stt": span.state,
                    "lo": after,
                },
            )
        state.step_ends()


def pay_sweep_debt(state: HeapState, who: Mcache, span_bytes: i64, caller_pages: i64) -> None:
    """Sweep as much as the growth by `span_bytes` asks for (SWP-19)."""
    pacing = state.pacing
    if pacing.pages_per_byte == 0.0:
        return
    # A new basis makes what was swept before count for nothing.
    basis = pacing.pages_swept_basis
    target = pacing.pages_to_sweep(span_bytes, caller_pages)
    while True:
        if pacing.pages_swept_basis != basis:
            # The pace has changed: what is owed is reckoned anew.
            basis = pacing.pages_swept_basis
            target = pacing.pages_to_sweep(span_bytes, caller_pages)
        swept = pacing.pages_swept - basis
        if target <= swept:
            return
        if state.trace is not None:
            state.trace.event(
                "dd",
                who.p,
                who.thread,
                {"tg": target, "sw": swept, "by": span_bytes, "cp": caller_pages},
            )
        state.step_ends()
        if sweep_one(state, who, "prop") == NOTHING_LEFT:
            # So nobody asks again in this cycle.
            pacing.pages_per_byte = 0.0
            return


def reclaim(state: HeapState, who: Mcache, wanted: i64) -> None:
    """Sweep spans in which nothing is marked until so many pages are free (SWP-21)."""
    pacing = state.pacing
    trace = state.trace
    if state.sweepdone or pacing.reclaim_index >= RECLAIM_OVER:
        return
    if trace is not None:
        trace.event(
            "rb",
            who.p,
            who.thread,
            {"n": wanted, "cr": pacing.reclaim_credit, "ix": pacing.reclaim_index},
        )
    state.step_ends()
    while wanted > 0:
        if pacing.reclaim_credit > 0:
            credit, taken = pacing.take_credit(wanted)
            wanted -= taken
            if trace is not None and taken > 0:
                trace.event("rk", who.p, who.thread, {"cr": credit, "tk": taken, "n": wanted})
            state.step_ends()
            continue
        index = pacing.next_chunk(CHUNK)
        done = index // ARENA_PAGES >= len(state.sweep_arenas)
        if trace is not None:
            trace.event(
                "rc",
                who.p,
                who.thread,
                {"st": "done" if done else "beg", "ix": told_index(index), "n": wanted, "nf": 0},
            )
        if done:
            pacing.reclaim_index = RECLAIM_OVER
        state.step_ends()
        if done:
            break
        found = reclaim_chunk(state, who, index)
        if trace is not None:
            trace.event(
                "rc", who.p, who.thread, {"st": "end", "ix": index, "n": wanted, "nf": found}
            )
        state.step_ends()
        if found > wanted:
            pacing.add_credit(found - wanted)
            wanted = 0
        else:
            wanted -= found
    if trace is not None:
        trace.event("re", who.p, who.thread, {"n": wanted})
    state.step_ends()


def told_index(index: i64) -> int:
    """Return a place of the reclaimer as a trace has it: past the arenas it is 2^63 or more."""
    past: int = index - RECLAIM_OVER
    return index if past < 0 else past + (1 << 63)


def reclaim_chunk(state: HeapState, who: Mcache, index: i64) -> i64:
    """Sweep the unswept spans that begin in a chunk and whose first page has no mark (SWP-22).

    A page without a mark is no more than a hint (MAL-15). Returns the pages freed.
    """
    arena = state.sweep_arenas[index // ARENA_PAGES]
    first = index % ARENA_PAGES
    freed: i64 = 0
    for page in range(first, first + CHUNK):
        # Read without the lock, to pass over most pages at no cost; what is claimed is looked at
        # again under it.
        if arena.in_use[page] == 0 or arena.marked[page] != 0:
            continue
        span = claim_at(state, who, arena, page)
        if span is None:
            continue
        state.step_ends()
        npages = span.npages
        if sweep_span(state, who, span, False):
            freed += npages
            state.step_ends()
    return freed


def claim_at(state: HeapState, who: Mcache, arena: HeapArena, page: i64) -> Span | None:
    """Claim the span that begins at a page, if one does still, and if it is unswept."""
    state.step_ends()
    # Under the lock of the page heap it cannot be freed meanwhile.
    with state.pages.lock:
        span = state.pages.looked_up(arena, page)
        if span is not None and arena.in_use[page] != 0 and state.claim(who, span, "reclaim"):
            return span
    return None


def hexadecimal(span: Span) -> str:
    """Return the allocation bits of a span as a trace has them: slot 0 in the first byte."""
    nelems: int = span.nelems
    return joined(span.alloc_bits, nelems).to_bytes((nelems + 7) // 8, "little").hex()
