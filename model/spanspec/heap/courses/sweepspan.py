"""The course of one sweep, from the claim to the push (SWP-24 to SWP-31, CEN-14)."""

from msgspec.structs import replace

from spanspec.base.bitmap import Bitmap, Bits, hexadecimal
from spanspec.base.constants import size_class_of
from spanspec.base.ids import ThreadId
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.heap.courses.course import Course
from spanspec.heap.courses.publishing import publish_alone
from spanspec.heap.state.accounts import COUNT_DEAD, COUNT_LARGE_DEAD
from spanspec.heap.state.advancing import advance, change_bits, take_bits
from spanspec.heap.state.contents import LEAVE_USE
from spanspec.heap.state.progress import COUNT_SWEPT, GIVE_CREDIT
from spanspec.heap.state.specials import DueTable, SpanSpecials, SpecialTable, by_fate
from spanspec.heap.state.state import HeapState
from spanspec.heap.state.taking import sweep_with, take, take_both
from spanspec.pages.courses.pagealloc import free_in_use
from spanspec.pages.pageheap import Actor, about_run, about_span
from spanspec.sharing.steps.steps import PUBLISH, PUBLISH_DEAD, PUSH, RELIST
from spanspec.sharing.steps.sweeping import may_free, may_publish_dead, may_relist, publishes_alone
from spanspec.sharing.tables.records import swept_buffer
from spanspec.span.markbits import DROP_BITS, RENEW_BITS
from spanspec.span.mspan import Mspan
from spanspec.span.specials import KEPT, QUEUED, fates_of
from spanspec.span.sweep import Swept, frees_some, leaves_nothing


def claimed(state: HeapState, actor: Actor, span: int, by: ev.Claimer) -> ev.SweepClaim:
    """Tell that a thread owns the sweep of a span."""
    record = state.spans[span]
    return ev.SweepClaim(
        *about_span(actor, span, record),
        by=by,
        npages=record.npages,
        sweepgen=state.generation(span),
        not_before=state.inputs.not_before(),
    )


def sweep_span(
    state: HeapState,
    actor: Actor,
    thread: ThreadId,
    span: int,
    preserve: bool,
    credited: bool = False,
) -> Course[bool]:
    """Sweep a span that the thread owns; return whether it went back to the page heap.

    `credited`: the pages of a span that goes back count as credit for those who allocate.

    Without anything freed, or with `preserve`, the sweepgen is published by a store of its own,
    some time before the next step; otherwise under the lock of the central list.

    Rules: SWP-24 SWP-25 SWP-26 SWP-29 SWP-31.
    """
    record = state.spans[span]
    found = state.inputs.marks(span)
    check_marks(record, found)
    marks: Bitmap = found
    if span in state.specials:
        marks = after_specials(state, actor, span, replace(record, gcmark_bits=found))
    # Counted before the sweep, so that who pays for an allocation by sweeping sees it at once.
    advance(state, COUNT_SWEPT, record.npages)
    swept = sweep_with(state, thread, span, marks)
    age_bits(state, span, swept)
    size_class = size_class_of(record.spanclass)
    to_central = size_class != 0 and frees_some(swept)
    if to_central:
        advance(state.central[record.spanclass], COUNT_DEAD, swept.nfreed)
    yield result_of(state, actor, span, swept, preserve, to_central)
    # Without a store here, `free_to_central` publishes under the lock of the list, where also the
    # move between lists happens: others see both or neither.
    if publishes_alone(size_class == 0, preserve, frees_some(swept)):
        publish_alone(state, thread)
    else:
        yield free_to_central(state, actor, thread, span, swept)
    if may_free(state.sharing, thread):
        # Credit comes last: who takes it looks for no other pages, so these have to be free then.
        merged = yield from return_span(state, actor, thread, span, swept)
        if credited:
            advance(state, GIVE_CREDIT, record.npages)
        yield merged
        return True
    # Pushed last: from here the span is what the next cycle has to sweep.
    yield push(state, actor, thread, span)
    return False


def result_of(
    state: HeapState, actor: Actor, span: int, swept: Swept, preserve: bool, to_central: bool
) -> ev.SweepResult:
    """Tell what a sweep found, before its sweepgen is published."""
    record = swept.span
    return ev.SweepResult(
        *about_span(actor, span, record),
        preserve=int(preserve),
        was_empty=int(swept.was_empty),
        large_dead=int(swept.large_dead),
        to_central=int(to_central),
        nelems=record.nelems,
        nfreed=swept.nfreed,
        alloc_count=record.alloc_count,
        sweepgen=state.sweepgen,
        alloc_bits=hexadecimal(record.alloc_bits, record.nelems),
    )


def check_marks(record: Mspan, marks: Bits) -> None:
    """Check the marks that a sweep of a span finds: the marker's and allocation's own.

    Only allocated slots may be marked, and all that were allocated while marking are.

    Rules: SPAN-20 I-4 MAL-14 T-59.
    """
    found, known, kept = marks.value, record.gcmark_bits, record.alloc_bits
    assert marks.value >> record.nelems == 0, "I-4: a slot beyond the span was marked"
    # All words at once: to ask for each of them takes as long as the rest of a sweep.
    assert isinstance(known, Bits), "only bits that are known can be looked through"
    assert isinstance(kept, Bits), "only bits that are known can be looked through"
    assert known.value & ~found == 0, "MAL-14: a slot allocated while marking is not marked"
    # Above freeindex a slot without a bit is free; below it is allocated, so a mark there is right.
    bad = (found & ~kept.value) >> record.freeindex
    if bad:
        slot = record.freeindex + (bad & -bad).bit_length() - 1
        raise AssertionError(f"T-59: slot {slot} is free, and marked")


def after_specials(state: HeapState, actor: Actor, span: int, record: Mspan) -> Bitmap:
    """Let a sweep decide on a span's special records; return its marks, and those of what it saves.

    Rules: SWP-24.
    """
    before, at = state.specials[span], specials_of(state, span, record)
    for special, fate in zip(before, fates_of(record, before), strict=True):
        # The queue is memory of the runtime's own, which counts, so it has to be there before the
        # entry.
        if fate == QUEUED:
            state.finalizer_blocks.make_room(len(state.finalizers) + 1, actor.p)
        at = by_fate(at, special, fate)
        if fate != KEPT:
            state.special_records[special.kind].let_go()
    return at.span.gcmark_bits


def specials_of(state: HeapState, span: int, record: Mspan) -> SpanSpecials:
    """Return the special records of a span, whose slots a record has, with the finalizers due."""
    records = SpecialTable(state.specials, span, record)
    return SpanSpecials(record, record, records, DueTable(state.finalizers))


def age_bits(state: HeapState, span: int, swept: Swept) -> None:
    """Note in which epoch the bits were obtained: mark bits become allocBits, new ones are taken.

    Rules: SPAN-27 I-10 I-34.
    """
    take_bits(state, swept.span.nelems)
    change_bits(state, span, RENEW_BITS, swept.nfreed)


def free_to_central(
    state: HeapState, actor: Actor, thread: ThreadId, span: int, swept: Swept
) -> ev.CentralFreesSpan:
    """Publish a sweep that freed something; a span that was full moves to the nonempty list.

    A span with nothing left leaves its list, to go back to the page heap.

    Rules: CEN-14 CEN-15 SWP-3.
    """
    # The move comes first: once sg is stored, an mcache may have the span, which then must be where
    # cached spans are.
    if may_relist(state.sharing, thread):
        take(state, RELIST, thread)
    take(state, PUBLISH_DEAD if may_publish_dead(state.sharing, thread) else PUBLISH, thread)
    record = state.spans[span]
    return ev.CentralFreesSpan(
        *about_span(actor, span, record),
        was_empty=int(swept.was_empty),
        freed=int(leaves_nothing(swept)),
        sweepgen=state.generation(span),
    )


def return_span(
    state: HeapState, actor: Actor, thread: ThreadId, span: int, swept: Swept
) -> Course[hev.Coalesces]:
    """Give a swept span back to the page heap; return what its pages became, still to be told.

    Rules: SWP-24 SWP-26 HEAP-26.
    """
    record = state.spans[span]
    take_both(state, span, LEAVE_USE, thread)
    assert span not in state.specials, "SWP-24: a span without objects keeps special records"
    change_bits(state, span, DROP_BITS)
    if swept.large_dead:
        advance(state, COUNT_LARGE_DEAD, record)
    return (
        yield from free_in_use(
            state.pages,
            actor,
            span,
            state.generation(span),
            record.alloc_count,
            record.needzero,
        )
    )


def push(state: HeapState, actor: Actor, thread: ThreadId, span: int) -> ev.BufferPush:
    """Push a span on the swept stack.

    Rules: SWP-9 SWP-10.
    """
    place = state.inputs.place_to_push(swept_buffer(state.sweepgen))
    take(state, PUSH, thread, place=place, p=actor.p)
    return pushed(state, actor, span, place)


def pushed(state: HeapState, actor: Actor, span: int, place: int) -> ev.BufferPush:
    """Tell that a span is in the swept stack."""
    return ev.BufferPush(
        *about_run(actor, span, state.pages.runs[span].base),
        buffer=swept_buffer(state.sweepgen),
        place=place,
        not_before=state.inputs.not_before(),
    )
