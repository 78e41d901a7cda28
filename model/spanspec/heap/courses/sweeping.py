"""Who sweeps what, and when: one span, all that is left, or for credit (SWP-14 to SWP-33)."""

from typing import Final

from spanspec.base.ids import NOBODY, ThreadId
from spanspec.base.words import U64
from spanspec.events import span_events as ev
from spanspec.heap.courses.course import Course, Waits
from spanspec.heap.courses.sweepspan import claimed, sweep_span
from spanspec.heap.state.advancing import advance
from spanspec.heap.state.collector import NOTE_ALL_SWEPT
from spanspec.heap.state.pacing import DROP_PACE, Debt
from spanspec.heap.state.state import HeapState
from spanspec.heap.state.sweepers import BEGIN_POPPING, END_POPPING
from spanspec.heap.state.taking import look_at_popped, take
from spanspec.pages.pageheap import Actor, about_run, page_number, who
from spanspec.sharing.containers.sweepbuf import FIND_DRAINED
from spanspec.sharing.steps.steps import CLAIM_DIRECTLY, POP
from spanspec.sharing.tables.growing import span_id
from spanspec.sharing.tables.records import swept_buffer
from spanspec.span.mspan import IN_USE
from spanspec.span.sweepgen import is_legal_between_cycles, needs_sweep

NOTHING_LEFT: Final = -1
"""What `sweepone` answers when the unswept stack is drained (SWP-15)."""


def sweepone(state: HeapState, actor: Actor, by: ev.Popper) -> Course[int]:
    """Sweep one span of the unswept stack; return the pages freed, or NOTHING_LEFT.

    Rules: SWP-14 SWP-15 SWP-16.
    """
    if state.inputs.sweep_is_done():
        return NOTHING_LEFT
    # Counted while it works: runtime.GC waits until nobody does (SWP-38).
    advance(state, BEGIN_POPPING, actor.thread)
    number = 1 - swept_buffer(state.sweepgen)
    # A popped span that somebody else sweeps is no result: pop the next.
    freed = NOTHING_LEFT
    while freed == NOTHING_LEFT:
        thread = state.thread_of(actor)
        place = state.inputs.place_to_pop(number)
        span = state.buffers[number].at(place)
        # The index is set back, else many who find the stack drained would take it ever lower.
        if span == NOBODY:
            advance(state.buffers[number], FIND_DRAINED, place)
        else:
            take(state, POP, thread, span_id(span), place=place)
        yield popped(state, actor, span, place, by)
        if span == NOBODY:
            # Only who finds the stack drained may say so. Spans that others have popped are still
            # being swept then; `sweepers` tells of those.
            advance(state, NOTE_ALL_SWEPT)
            yield ev.SweepDone(*who(actor), sweepgen=state.sweepgen)
            break
        if not claims_popped(state, thread, span):
            yield drop(state, actor, span)
            continue
        npages = state.pages.runs[span].npages
        yield claimed(state, actor, span, by)
        back = yield from sweep_span(state, actor, thread, span, preserve=False, credited=True)
        freed = npages if back else 0
    advance(state, END_POPPING, actor.thread)
    return freed


def sweep_all(state: HeapState, actor: Actor, by: ev.Popper) -> Course[None]:
    """Sweep until the unswept stack is drained.

    Rules: SWP-32 SWP-33.
    """
    while (yield from sweepone(state, actor, by)) != NOTHING_LEFT:
        pass


def popped(state: HeapState, actor: Actor, span: int, place: int, by: ev.Popper) -> ev.BufferPop:
    """Tell that a span was popped from the unswept stack, or that there is none."""
    base = NOBODY if span == NOBODY else page_number(state.inputs.seen_base(span))
    return ev.BufferPop(
        *who(actor),
        span=span,
        base_page=base,
        buffer=1 - swept_buffer(state.sweepgen),
        by=by,
        place=place,
        not_before=state.inputs.not_before(),
    )


def finish_sweeping(state: HeapState, actor: Actor) -> Course[U64]:
    """Sweep what the cycle has left, as runtime.GC does at its end; return the pages freed.

    A span that another thread has popped is not swept yet when the stack is empty, so wait until
    nobody sweeps any more. Once another cycle has begun, all of that is over.

    Rules: SWP-38 SWP-16.
    """
    cycle, freed = state.cycle, 0
    while state.cycle == cycle:
        pages = yield from sweepone(state, actor, "GC")
        if pages == NOTHING_LEFT:
            break
        freed += pages
    while state.inputs.seen_sweepers() and state.cycle == cycle:
        yield Waits(lambda: not state.inputs.seen_sweepers() or state.cycle != cycle)
    return freed


def claims_popped(state: HeapState, thread: ThreadId, span: int) -> bool:
    """Let a thread look at the span that it has popped; tell whether it claims it.

    It does not where the span is not in use any more, or is swept, or another thread's.

    Rules: SWP-14 SWP-15.
    """
    seen = state.inputs.seen_popped(thread, span)
    return seen is not None and look_at_popped(state, thread, seen)


def drop(state: HeapState, actor: Actor, span: int) -> ev.SweepDrops:
    """Tell why a popped span is left alone."""
    seen = state.inputs.seen_state(span)
    return ev.SweepDrops(
        *about_run(actor, span, state.inputs.seen_base(span)),
        why="gen" if seen == IN_USE else "state",
        sweepgen=state.inputs.seen_generation(span),
        state=seen,
        not_before=state.inputs.not_before(),
    )


def deduct_sweep_credit(
    state: HeapState, actor: Actor, span_bytes: U64, caller_pages: U64
) -> Course[None]:
    """Before a span is taken, sweep until the allocation has paid for it.

    If somebody has set another pace meanwhile, what is owed is reckoned anew.

    Rules: SWP-19 CEN-2 MAL-11.
    """
    owed: Debt | None = None
    basis = state.pace.swept_basis
    while True:
        owed = state.inputs.debt(span_bytes, caller_pages, owed)
        if owed is None:
            return
        yield ev.SweepDebt(
            *who(actor),
            target=owed.target,
            swept=owed.swept,
            span_bytes=span_bytes,
            caller_pages=caller_pages,
        )
        if (yield from sweepone(state, actor, "prop")) == NOTHING_LEFT:
            # All is swept, so nothing is owed any more until the next cycle sets a pace.
            advance(state, DROP_PACE, state.collector, state.unswept.index)
            return
        if state.pace.swept_basis != basis:
            owed, basis = None, state.pace.swept_basis


def ensure_swept(state: HeapState, actor: Actor, span: int) -> Course[None]:
    """Sweep a span whose specials are to be changed, if nobody has yet.

    If another thread is at it, or has it in its cache since before the cycle, wait for that.

    Rules: SWP-18.
    """
    if needs_sweep(state.sweepgen, state.inputs.seen_generation(span)):
        thread = state.thread_of(actor)
        take(state, CLAIM_DIRECTLY, thread, span_id(span))
        yield claimed(state, actor, span, "ensure")
        yield from sweep_span(state, actor, thread, span, preserve=False)
    # The runtime spins here. In a schedule the wait is a place at which other threads go on.
    while not seen_swept(state, span):
        yield Waits(lambda: seen_swept(state, span))


def seen_swept(state: HeapState, span: int) -> bool:
    """Tell whether the acting thread sees that a span is swept in this cycle, cached or not.

    Rules: SWP-18.
    """
    return is_legal_between_cycles(state.sweepgen, state.inputs.seen_generation(span))
