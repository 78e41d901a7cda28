"""Spans from the page heap into use, for a central list or a large object (HEAP-22, MAL-11)."""

from spanspec.base.constants import PAGE_SIZE, size_class_of
from spanspec.base.ids import NOBODY, SlotId, ThreadId
from spanspec.base.words import U64
from spanspec.events import heap_events as hev
from spanspec.heap.courses.course import Course, NeedPages
from spanspec.heap.courses.reclaim import reclaim
from spanspec.heap.courses.sweeping import deduct_sweep_credit
from spanspec.heap.courses.sweepspan import pushed
from spanspec.heap.state.accounts import COUNT_LARGE
from spanspec.heap.state.advancing import advance, change_bits, take_bits
from spanspec.heap.state.state import HeapState
from spanspec.heap.state.taking import take, use_span
from spanspec.pages.courses.pagealloc import NO_MEMORY, make_in_use
from spanspec.pages.pageheap import Actor, about_run, about_span
from spanspec.sharing.steps.steps import GROW
from spanspec.sharing.tables.growing import slot_id, span_id
from spanspec.sharing.tables.records import swept_buffer
from spanspec.span.markbits import OBTAIN_BITS
from spanspec.span.mspan import Mspan


def take_span(
    state: HeapState,
    actor: Actor,
    thread: ThreadId,
    npages: U64,
    slot: SlotId,
    noscan: bool = False,
) -> Course[int]:
    """Take a span of `npages` into use, with every slot free; NOBODY without memory.

    It is for a cache slot, or, as that of class 0 is never used, for a large object: whether that
    has pointers is nobody else's business, and told only later.

    Until all is swept, as many pages are reclaimed first. Its needzero is 0 afterwards in any
    case: the memory was cleared, or the caller does not mind.

    Rules: HEAP-22 HEAP-23 CEN-11 SPAN-6 SPAN-7 SWP-9 SWP-21.
    """
    # Else the heap could grow by new spans while whole spans of garbage wait for their sweep.
    if not state.inputs.sweep_is_done():
        yield from reclaim(state, actor, npages)
    span = yield NeedPages(npages)
    assert span is not None, "a driver answers a request for pages with a span"
    if span == NO_MEMORY:
        return NOBODY
    run = state.pages.runs[span]
    assert run.npages == npages, "HEAP-13: the span has another size than was asked for"
    spanclass: int = state.sharing.slots[slot].spanclass
    large = size_class_of(spanclass) == 0
    place = state.inputs.place_to_push(swept_buffer(state.sweepgen))
    take(state, GROW, thread, span_id(span), slot, large, place=place, p=actor.p)
    yield pushed(state, actor, span, place)
    if large:
        spanclass = state.inputs.large_span_class(1 if noscan else 0)
    # In use before its bits are set up, as in the runtime; no slot is taken until the span is
    # installed, and the collector finds no pointer into it.
    record = use_span(state, thread, span, run.base, npages, spanclass)
    make_in_use(state.pages, actor, span)
    check_bitmap(run.base, npages)
    # Twice: mark bits, and allocation bits.
    take_bits(state, record.nelems)
    take_bits(state, record.nelems)
    change_bits(state, span, OBTAIN_BITS)
    if large:
        advance(state, COUNT_LARGE, record)
    yield hev.SpanInUse(
        *about_run(actor, span, run.base),
        spanclass=spanclass,
        large=int(large),
        needzero=run.needzero,
        npages=npages,
        elemsize=record.elemsize,
        sweepgen=state.generation(span),
    )
    yield initialized(actor, span, record)
    return span


def check_bitmap(base: U64, npages: U64) -> None:
    """Require that the pointer bitmap of a span consists of whole bytes: of four words each.

    Rules: SPAN-6 T-82 T-83.
    """
    assert npages * PAGE_SIZE // 8 % 4 == 0, "T-82: initSpan: unaligned length"
    assert base % 32 == 0, "T-83: initSpan: unaligned base"


def initialized(actor: Actor, span: int, record: Mspan) -> hev.SpanInitialized:
    """Tell that the bits of a span are set up."""
    return hev.SpanInitialized(
        *about_span(actor, span, record), nelems=record.nelems, elemsize=record.elemsize
    )


def take_large(state: HeapState, actor: Actor, npages: U64, noscan: bool) -> Course[int]:
    """Take a span for one large object, after its share of sweeping.

    Rules: MAL-11 SWP-19.
    """
    yield from deduct_sweep_credit(state, actor, npages * PAGE_SIZE, npages)
    thread = state.thread_of(actor)
    slot = slot_id(state.sharing.threads[thread].proc, 0)
    return (yield from take_span(state, actor, thread, npages, slot, noscan))
