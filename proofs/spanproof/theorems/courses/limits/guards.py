"""What no guard allows is no step: each place where the heap takes steps is asked for one."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import Wrong, promise
from spanproof.theorems.cases import every_case
from spanspec.base.bitmap import NO_BITS
from spanspec.base.ids import SlotId, ThreadId
from spanspec.base.steps import NotAStep
from spanspec.heap.heap import Heap
from spanspec.heap.state.advancing import advance, change_bits, take_tiny_block
from spanspec.heap.state.contents import ENTER_CACHE, LEAVE_USE
from spanspec.heap.state.progress import GIVE_CREDIT, TAKE_CHUNK
from spanspec.heap.state.state import HeapState, Mcache
from spanspec.heap.state.taking import (
    allocate,
    allocate_large,
    drop_mcache,
    grey_in,
    make_mcache,
    sweep_with,
    take,
    take_both,
    use_span,
)
from spanspec.pages.pageheap import Actor
from spanspec.sharing.steps.steps import INSTALL
from spanspec.sharing.tables.growing import span_id
from spanspec.span.alloccache import NextFree
from spanspec.span.markbits import OBTAIN_BITS, TAKE_BITS


class GuardedHeap(NamedTuple):
    """A heap with an object of 16 bytes, in a span that an mcache has, and a large object."""

    state: HeapState
    mcache: Mcache
    small: int
    large: int
    thread: ThreadId

    @property
    def slot(self) -> SlotId:
        """The cache slot of the small span."""
        return self.state.shared(self.small).cacher


def scene() -> GuardedHeap:
    """Return such a heap."""
    heap = Heap()
    small, large = heap.span_of(heap.malloc(16)), heap.span_of(heap.malloc(100_000))
    state = heap.state
    return GuardedHeap(state, state.mcaches[0], small, large, state.thread_of(Actor(0, 0)))


def takes_a_slot(it: GuardedHeap, freeindex: int, counted: int) -> None:
    """Allocate slot 3, which a search of the small span is told to have found."""
    record = it.state.spans[it.small]
    searched = replace(record, freeindex=freeindex, alloc_count=record.alloc_count + counted)
    allocate(it.state, it.mcache, it.slot, it.small, record, NextFree(3, searched))


def takes_a_slot_that_is_not_there(it: GuardedHeap) -> None:
    """Allocate the slot behind the last one of the small span."""
    record = it.state.spans[it.small]
    end = record.nelems
    searched = replace(record, freeindex=end + 1, alloc_count=record.alloc_count + 1)
    allocate(it.state, it.mcache, it.slot, it.small, record, NextFree(end, searched))


def takes_pages_in_use(it: GuardedHeap) -> None:
    """Let a span come into use that is in use."""
    record = it.state.spans[it.small]
    use_span(it.state, it.thread, it.small, record.base, record.npages, record.spanclass)


def drops_an_mcache_with_a_span(it: GuardedHeap) -> None:
    """Let the mcache go that has the small span, as if no P had it."""
    it.state.mcache_of.clear()
    drop_mcache(it.state, 0)


def sweeps_what_left_use(it: GuardedHeap) -> None:
    """Sweep the slots of a span that has left use for all others."""
    it.state.sharing.spans.set(span_id(it.small), replace(it.state.shared(it.small), in_use=False))
    sweep_with(it.state, it.thread, it.small, NO_BITS)


Ask = Callable[[GuardedHeap], object]


def not_possible() -> tuple[tuple[str, Ask], ...]:
    """Return the step that is not possible, and how somebody asks for it."""
    return (
        # More pages are left over than were swept.
        ("give-credit (1,)", lambda it: advance(it.state, GIVE_CREDIT, 1)),
        # No arena is to be swept.
        ("take-chunk (0,)", lambda it: advance(it.state, TAKE_CHUNK, 0)),
        # The epoch is another; an mcache has no bits; the span has some.
        ("take-bits (64, 1)", lambda it: advance(it.state, TAKE_BITS, 64, 1)),
        ("take-bits is none of Mcache", lambda it: advance(it.mcache, TAKE_BITS, 64, 0)),
        ("obtain-bits (0,)", lambda it: change_bits(it.state, it.small, OBTAIN_BITS)),
        # The address is odd.
        ("replace-tiny-block 0x8 8", lambda it: take_tiny_block(it.mcache, 8, 8)),
        # It is there, and a P has it.
        ("make-mcache", lambda it: make_mcache(it.state, 0)),
        ("drop-mcache", lambda it: drop_mcache(it.state, 0)),
        # It has a span.
        ("flush", drops_an_mcache_with_a_span),
        # Nobody marks; nobody holds a span, or has one to himself.
        ("grey", lambda it: grey_in(it.state, it.small, it.state.spans[it.small].base)),
        ("install", lambda it: take(it.state, INSTALL, it.thread)),
        ("install", lambda it: take_both(it.state, it.small, ENTER_CACHE, it.thread)),
        # It has an object.
        ("leave-use", lambda it: take_both(it.state, it.small, LEAVE_USE, it.thread)),
        # It is in use; it is not, for all others.
        ("enter-use", takes_pages_in_use),
        ("sweep-slots", sweeps_what_left_use),
        # A slot that was not counted, one that was passed, one behind the last.
        ("take-slot 3", partial(takes_a_slot, freeindex=4, counted=0)),
        ("take-slot 3", partial(takes_a_slot, freeindex=5, counted=1)),
        ("take-slot 512", takes_a_slot_that_is_not_there),
        # A span of small objects; one with more pages than the object needs.
        ("take-large", lambda it: allocate_large(it.state, it.small, 16)),
        ("take-large", lambda it: allocate_large(it.state, it.large, 8192)),
    )


def is_no_step(says: str, ask: Ask, met: Counter[str]) -> None:
    """Ask for what is no step: it is refused, and no step was taken by then."""
    it = scene()
    records, taken = dict(it.state.spans), dict(it.state.taken)
    try:
        ask(it)
    except NotAStep as problem:
        promise(str(problem).startswith(says), f"{problem}, where {says} is refused")
    else:
        raise Wrong(f"{says} is not refused")
    same = it.state.spans == records and it.state.taken == taken
    promise(same, f"{says} is refused, and something was changed before")
    met["refused"] += 1


@explored(
    "courses.guards",
    "MAL-5 MAL-7 MAL-10 MAL-11 MAL-14 MC-2 MC-3 MC-10 SPAN-6 SPAN-21 SPAN-22 SPAN-27 SWP-22"
    " SWP-23 SWP-24 SWP-28 HEAP-22",
    needs="refused",
    assumes=(SMALL_SCOPE,),
)
def what_no_guard_allows_is_refused() -> Ran:
    """Each place of the heap where steps are taken is asked for one whose guard does not hold: it
    refuses that one, and has taken no other by then.
    """
    return every_case([(says, partial(is_no_step, says, ask)) for says, ask in not_possible()])
