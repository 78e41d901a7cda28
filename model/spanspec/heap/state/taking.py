"""Steps of spans: of what threads share of them, of their slots, and of mcaches (CONC-1 to CONC-9).

A course chooses who and what; the step decides what becomes of their records. What has an order,
the lists of mcentral and the sweep buffers, follows from the records of spans before and after.
Here and in `advancing`, and nowhere else, the state of a heap changes.
"""

from typing import Final

from spanspec.base.bitmap import Bitmap
from spanspec.base.ids import NOBODY, ProcId, SlotId, SpanId, ThreadId
from spanspec.base.steps import NotAStep, Step
from spanspec.base.words import U64
from spanspec.heap.state.accounts import KEEP_TINY_ALLOCS
from spanspec.heap.state.advancing import advance, after
from spanspec.heap.state.contents import (
    BESIDE,
    NO_CONTENTS,
    TAKE_LARGE,
    enter_use,
    may_enter_use,
    may_sweep_slots,
    may_take_slot,
    sweep_slots,
    take_slot,
)
from spanspec.heap.state.marking import GREY
from spanspec.heap.state.mcaches import DROP_MCACHE, MAKE_MCACHE, NO_MCACHE, OwnPart
from spanspec.heap.state.state import HeapState, Mcache, Times
from spanspec.sharing.containers.spanlist import follow
from spanspec.sharing.steps.steps import (
    ALLOCATE,
    COMPARE_AND_SWAP,
    DROP,
    EXAMINE,
    FLUSH,
    LOOK,
    MOVE_CLAIMED,
    START_CYCLE,
    USE,
    Choice,
)
from spanspec.sharing.tables.records import IDLE, NO_SPAN, SAW_USED, SharedSpan, Sharing
from spanspec.span.alloccache import NextFree
from spanspec.span.mspan import IN_USE, Mspan, has_room
from spanspec.span.sweep import Swept, frees_some, leaves_nothing

CACHE_LINE: Final = 64
"""Bytes to which what threads share without a lock is aligned."""


def own_part(state: HeapState, identity: int) -> OwnPart:
    """Return what an mcache has for itself; nothing if there is none."""
    mcache = state.mcaches.get(identity)
    return NO_MCACHE if mcache is None else OwnPart(True, mcache.refilled, mcache.tiny)


def make_mcache(state: HeapState, identity: int) -> None:
    """Take the step by which an mcache comes, empty and flushed.

    Rules: MC-2 MC-3.

    Raises: NotAStep if its guard does not hold.
    """
    held = identity in state.mcache_of.values()
    made = after(own_part(state, identity), MAKE_MCACHE, held)
    take(state, FLUSH, ProcId(identity))
    mcache = state.mcaches[identity] = Mcache(identity)
    mcache.refilled, mcache.tiny = made.refilled, made.tiny


def drop_mcache(state: HeapState, identity: int) -> None:
    """Take the step by which an mcache goes, and its count to the heap's. Empty, it is flushed.

    Rules: MC-10 MC-11.

    Raises: NotAStep if its guard does not hold, or it has a span.
    """
    held, own = identity in state.mcache_of.values(), own_part(state, identity)
    after(own, DROP_MCACHE, held)
    take(state, FLUSH, ProcId(identity))
    advance(state, KEEP_TINY_ALLOCS, own.tiny.allocs)
    del state.mcaches[identity]


def grey_in(state: HeapState, span: int, address: U64) -> None:
    """Take the step of the marker that marks an object of a span.

    Raises: NotAStep if there is none, or nobody marks.

    Rules: SPAN-21 MAL-15.
    """
    marked = after(state.marked_span(span), GREY, state.collector, address)
    state.spans[span], state.page_marks[span] = marked.record, marked.page_epoch


def take(
    state: HeapState, step: Step[Sharing], *chosen: Choice, place: int = NOBODY, p: int = NOBODY
) -> None:
    """Take a step: its guard has to hold. `place` is that in a sweep buffer, if it is about one.

    `p` is the P on which that is: if the buffer grows, memory is taken there.

    Raises: NotAStep if the guard does not hold; AssertionError if a fatal check of the runtime
        fails, with the rule's id.
    """
    take_chosen(state, step, chosen, place, p)


def take_chosen(
    state: HeapState, step: Step[Sharing], chosen: tuple[Choice, ...], place: int, p: int
) -> None:
    """Take a step, as `take` does, with what was chosen in one tuple.

    Raises: as `take`.
    """
    # One tuple for both calls: see `became`.
    told, spans = (state.sharing,) + chosen, state.tables.spans  # noqa: RUF005
    if not step.may(*told):
        raise NotAStep(f"{step.name} is not possible: {about(state, step, chosen)}")
    spans.forget()
    state.sharing = step.take(*told)
    counted = state.step_counts.get(step.name)
    if counted is None:
        counted = state.step_counts[step.name] = Times()
    counted.times += 1
    span, before = spans.replaced, spans.before
    if span is not None and before is not None:
        after = spans.records[span]
        # A claimed span moves even from the empty list to the empty list: to its back.
        if before.place != after.place or step is MOVE_CLAIMED:
            state.lists = follow(state.lists, span, before, after)
        if before.in_buffer_0 != after.in_buffer_0:
            enter_or_leave(state, 0, span, place, p, before.in_buffer_0, after.in_buffer_0)
        if before.in_buffer_1 != after.in_buffer_1:
            enter_or_leave(state, 1, span, place, p, before.in_buffer_1, after.in_buffer_1)
    elif step is START_CYCLE:
        # Guards hold for the rest of the cycle once they hold (`allocate`), and have to be asked
        # anew.
        for mcache in state.mcaches.values():
            mcache.may_allocate = False


def take_both(state: HeapState, span: int, step: Step[Mspan], *chosen: Choice) -> Mspan:
    """Take a step of a span's slots, and the step beside it of what threads share of the span.

    What is chosen is for what threads share. What fails changes nothing, be it a guard or a fatal
    check. Returns the record afterwards; that of a span that has left use is none.

    Raises: NotAStep if one of the guards does not hold; AssertionError as `take`.
    """
    told = state.spans[span], state.shared(span)
    if not step.may(*told):
        raise NotAStep(f"{step.name} is not possible: {told[0]}, {told[1]}")
    record = step.take(*told)
    take_chosen(state, BESIDE[step.name], chosen, NOBODY, NOBODY)
    if record.state == IN_USE:
        state.spans[span] = record
    else:
        del state.spans[span]
    return record


def use_span(
    state: HeapState, thread: ThreadId, span: int, base: U64, npages: U64, spanclass: int
) -> Mspan:
    """Take the step by which a span comes into use on fresh pages; return its record.

    This does what `take_both` does, by calls that are compiled.

    Raises: NotAStep if one of the guards does not hold; AssertionError as `take`.

    Rules: HEAP-22 SPAN-4 SPAN-6.
    """
    before, it = state.spans.get(span, NO_CONTENTS), state.shared(span)
    if not may_enter_use(before, it, base, npages, spanclass):
        raise NotAStep(f"enter-use {base:#x} {npages} {spanclass} is not possible: {before}, {it}")
    record = enter_use(before, it, base, npages, spanclass)
    take(state, USE, thread)
    state.spans[span] = record
    return record


def allocate(
    state: HeapState, mcache: Mcache, slot: SlotId, span: int, record: Mspan, found: NextFree
) -> None:
    """Take the step by which an mcache allocates what a search has found in the span of a slot.

    This does what `take_both` does, by calls that are compiled. To others, only the last slot makes
    a difference: their step changes nothing before, and its guard, once it holds, does so to the
    end of the cycle while there are slots. To ask it for each object would be most of the time of a
    replay.

    Rules: MAL-10 MAL-14.

    Raises: NotAStep if the span may not be allocated from, or the slot not be taken.
    """
    phase = state.collector.phase
    if not may_take_slot(record, found, phase):
        raise NotAStep(f"take-slot {found.slot} is not possible: {record}")
    last = not has_room(found.span)
    if last or not mcache.may_allocate:
        take(state, ALLOCATE, slot, last)
        mcache.may_allocate = True
    state.spans[span] = take_slot(record, found, phase)


def allocate_large(state: HeapState, span: int, size: U64) -> Mspan:
    """Take the step by which an object gets the span that was taken for it; return the record.

    Raises: NotAStep if its guard does not hold.

    Rules: MAL-11 MAL-12 MAL-14.
    """
    phase = state.collector.phase
    record = after(state.spans[span], TAKE_LARGE, state.shared(span), size, phase)
    state.spans[span] = record
    return record


def sweep_with(state: HeapState, thread: ThreadId, span: int, marks: Bitmap) -> Swept:
    """Take the step by which the owner of a sweep makes the marks the slots of its span.

    This does what `take_both` does, by calls that are compiled; threads are told what it finds.

    Raises: NotAStep if one of the guards does not hold; AssertionError as `take`.

    Rules: SWP-24 SWP-28.
    """
    record, it = state.spans[span], state.shared(span)
    if not may_sweep_slots(record, it, marks):
        raise NotAStep(f"sweep-slots is not possible: {record}, {it}")
    swept = sweep_slots(record, it, marks)
    take(state, EXAMINE, thread, frees_some(swept), leaves_nothing(swept))
    state.spans[span] = swept.span
    return swept


def enter_or_leave(
    state: HeapState, buffer: int, span: SpanId, place: int, p: int, was_in: bool, is_in: bool
) -> None:
    """Let a sweep buffer follow the record of a span that was pushed or popped.

    Rules: SWP-10 SWP-11.
    """
    stack = state.buffers[buffer]
    if is_in:
        for size in stack.grow_for(place):
            state.pages.metadata.persistent(size, CACHE_LINE, "gc_sys", p)
    stack.follow(span, place, was_in, is_in)


def look_at_popped(state: HeapState, thread: ThreadId, seen: SharedSpan) -> bool:
    """Let a thread look at the span that it has popped; return whether it claims it.

    It may have looked before the last change of the span, and then saw another record. Reading
    changes nothing but the reader, so the steps are taken with the span as it was.

    Rules: SWP-14 SWP-15 CONC-4 T-55.

    Raises: NotAStep if it would have claimed the span as it was.
    """
    span = state.sharing.threads[thread].span
    now = state.tables.spans[span]
    state.tables.spans.records[span] = seen
    try:
        take(state, LOOK, thread)
        saw_used = state.sharing.threads[thread].task == SAW_USED
        take(state, COMPARE_AND_SWAP if saw_used else DROP, thread)
    finally:
        if seen is not now:
            state.tables.spans.records[span] = now
    claims = state.sharing.threads[thread].task != IDLE
    if claims and seen is not now:
        raise NotAStep(f"span {span - 1} is claimed as it was: {seen}, not {now}")
    return claims


def about(state: HeapState, step: Step[Sharing], chosen: tuple[Choice, ...]) -> str:
    """Tell what was chosen for a step, and the records of it."""
    sharing = state.sharing
    told = [f"heap sweepgen {sharing.sweepgen}"]
    for (parameter, kind), value in zip(step.chosen.items(), chosen, strict=True):
        told.append(f"{parameter} {value}")
        if kind is ThreadId:
            worker = sharing.threads[ThreadId(value)]
            told.append(str(worker))
            if worker.span != NO_SPAN:
                told.append(str(sharing.spans[worker.span]))
        elif kind is SpanId:
            told.append(str(sharing.spans[SpanId(value)]))
    return ", ".join(told)
