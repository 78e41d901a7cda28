"""Where a rule compares, both sides are tried: the last that is allowed, and the next."""

from collections import Counter

from msgspec.structs import replace

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import every_case, refuses
from spanspec.base.bitmap import Bits
from spanspec.base.constants import NUM_SPAN_CLASSES, PAGE_SIZE
from spanspec.base.ids import PlaceId, SpanId
from spanspec.base.words import M64
from spanspec.heap.courses.malloc import MAX_ALLOC, array_size, pages_for_large
from spanspec.heap.heap import Heap
from spanspec.heap.program import FreeManual, TakeManual
from spanspec.heap.state.collector import MARK, Collector, may_look_through
from spanspec.heap.state.contents import NO_CONTENTS, may_enter_use
from spanspec.heap.state.specials import (
    DueTable,
    SpanSpecials,
    SpecialTable,
    may_add,
    special_holds,
    special_id,
)
from spanspec.pages.memory.arena import GrantingOs
from spanspec.pages.memory.fixalloc import FixAlloc
from spanspec.pages.memory.persistent import Metadata
from spanspec.pages.tables.coalescing import realign
from spanspec.pages.tables.runs import PhysicalPages
from spanspec.sharing.containers.bufferinvariant import has_room_for
from spanspec.sharing.containers.sweepbuf import SweepBuffer
from spanspec.sharing.tables.records import UNUSED
from spanspec.span.markbits import ARENA_BYTES, NO_ARENAS, take_bits
from spanspec.span.mspan import allocated_below, init_span
from spanspec.span.profile import GO_1_13, is_aligned
from spanspec.span.specials import PROFILE, Special

LARGE = replace(UNUSED, large=True)
"""What threads share of a descriptor that was made ready for a large object."""


def sizes(met: Counter[str]) -> None:
    """An array is as long as may be, or empty; a large object has all pages that 64 bits count."""
    for elemsize, count, due in (
        (8, 0, 0),
        (8, -1, None),
        (MAX_ALLOC >> 8, 256, MAX_ALLOC),
        (MAX_ALLOC >> 8, 257, None),
        (MAX_ALLOC + 1, 1, MAX_ALLOC + 1),
    ):
        told = array_size(elemsize, count)
        promise(told == due, f"MAL-20: {told} bytes of {count} elements of {elemsize}")
    most = M64 - PAGE_SIZE
    promise(pages_for_large(most) == (1 << 51) - 1, "MAL-11: the largest of all objects")
    refuses("T-21", lambda: pages_for_large(most + 1))
    met["sizes"] += 1


def spans(met: Counter[str]) -> None:
    """A span comes into use on the first page that may be one, and is of the last class at most."""
    for base, spanclass, allowed in (
        (PAGE_SIZE, 1, True),
        (0, 1, False),
        (PAGE_SIZE + 1, 1, False),
        (PAGE_SIZE, NUM_SPAN_CLASSES, False),
    ):
        it = LARGE if spanclass == 1 else replace(UNUSED, spanclass=spanclass, has_free=True)
        may = may_enter_use(NO_CONTENTS, it, base, 1, spanclass)
        promise(may == allowed, f"HEAP-22: class {spanclass} at {base:#x} is {may}")
    span = init_span(base=PAGE_SIZE, npages=1, spanclass=10, limit=2 * PAGE_SIZE)
    for elemsize, aligned in ((8, True), (16, True), (24, False), (32, True), (40, False)):
        good = is_aligned(GO_1_13, replace(span, elemsize=elemsize))
        promise(good == aligned, f"I-39: slots of {elemsize} bytes, and aligned is {good}")
    searched = replace(span, freeindex=5, alloc_bits=Bits(0b1011_0000))
    for end, number in ((0, 0), (4, 4), (5, 5), (6, 6), (7, 6), (8, 7), (9, 7)):
        told = allocated_below(searched, end)
        promise(told == number, f"SPAN-9: {told} of the first {end} slots are allocated")
    met["spans"] += 1


def records(met: Counter[str]) -> None:
    """A special record lies below the limit of its span, in one of its slots."""
    span = init_span(base=PAGE_SIZE, npages=1, spanclass=42, limit=2 * PAGE_SIZE)
    size, end = span.elemsize, span.nelems
    promise(end * size < PAGE_SIZE, "SPAN-5: a span with a tail")
    # All count as allocated, also what lies behind the last, so that nothing else refuses it.
    span = replace(span, freeindex=end + 1, alloc_count=end)
    for slot, limit, allowed in (
        (end - 1, span.limit, True),
        (end, span.limit, False),
        (1, span.base + size + 1, True),
        (1, span.base + size, False),
    ):
        bounded, offset = replace(span, limit=limit), slot * size
        it = special_id(offset, PROFILE)
        none = SpanSpecials(bounded, bounded, SpecialTable({}, 1, bounded), DueTable([]))
        told = may_add(none, it, slot)
        promise(told == allowed, f"SWP-24: a record of slot {slot} below {limit:#x} is {told}")
        one = SpecialTable({1: (Special(offset, PROFILE),)}, 1, bounded)
        holds = special_holds(SpanSpecials(bounded, bounded, one, DueTable([])), it)
        promise(holds == allowed, f"SWP-24: slot {slot} below {limit:#x} has a record: {holds}")
    at = Collector(MARK, cycle=1, epoch=1)
    looked = [may_look_through(at, size) for size in (0, 1)]
    promise(looked == [False, True], f"SWP-34: {looked} of no byte, and of one")
    met["records"] += 1


def pieces(met: Counter[str]) -> None:
    """What just fits is cut off what is there: descriptors of a chunk, bits of an arena."""
    metadata = Metadata(GrantingOs())
    made = FixAlloc(metadata, 4096, "mspan_sys")
    for number in range(1, 9):
        made.take(-1)
        counted = metadata.counted["mspan_sys"]
        chunks = -(-number // 4)
        promise(counted == chunks << 14, f"HEAP-4: {counted} bytes for {number} of 4 KiB")
    taken = take_bits(NO_ARENAS, 8 * ARENA_BYTES, 0)
    promise(taken.next.newest == ARENA_BYTES, f"SPAN-23: bits of a whole arena: {taken.next}")
    stack = replace(SweepBuffer().stack, made=2, spine=256)
    room = [has_room_for(stack, PlaceId(place)) for place in (0, 1023, 1024)]
    promise(room == [True, True, False], f"SWP-10: room in two blocks of 512 places: {room}")
    met["pieces"] += 1


def boundaries(met: Counter[str]) -> None:
    """Where a physical page is just one of the heap, no boundary between runs is moved."""
    for size in (4096, 8192):
        heap = Heap(phys=PhysicalPages(size, 0))
        below, above = (SpanId(heap.step(TakeManual(0, 4)).result or 0) for _ in range(2))
        heap.step(FreeManual(0, above))
        tiling = heap.state.pages.tiling
        promise(realign(tiling, below, above) is tiling, "HEAP-31: a boundary is moved")
        promise(not heap.state.pages.runs.changed, "HEAP-31: a run is changed")
    met["boundaries"] += 1


@explored(
    "courses.edges",
    "MAL-11 MAL-20 T-21 HEAP-4 HEAP-22 HEAP-31 I-39 SPAN-9 SPAN-23 SWP-10 SWP-24 SWP-34",
    needs="sizes spans records pieces boundaries",
    assumes=(SMALL_SCOPE,),
)
def the_last_that_is_allowed_is_and_the_next_is_not() -> Ran:
    """Sizes, spans, special records, what is cut off a chunk, and boundaries of runs: what is just
    allowed is, and what is beyond that is not.
    """
    return every_case(
        (
            ("sizes", sizes),
            ("spans", spans),
            ("special records", records),
            ("pieces", pieces),
            ("boundaries", boundaries),
        )
    )
