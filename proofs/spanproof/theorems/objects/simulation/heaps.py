"""The heap as one system of tables, and what a program sees of it: the abstraction.

Everything here is a rule: it calls the model's own functions, and nothing else tells what an
address leads to. `Whole` has the page heap, the slots of the spans in use, and what the argument
needs.
"""

from msgspec.structs import replace

from spanproof.theorems.objects.simulation.layout import laid_out, slot_end
from spanspec.base.constants import TINY_SIZE, is_noscan
from spanspec.base.ids import Address, SpanId
from spanspec.base.records import Record
from spanspec.base.tables import AddressMap, Table
from spanspec.base.words import U16, U64, Count
from spanspec.heap.state.contents import allocate_black, with_large_object
from spanspec.heap.state.marking import with_object_marked
from spanspec.objects.records import NO_BLOCK, NOTHING, Block
from spanspec.pages.tables.records import Tiling, is_live
from spanspec.pages.tables.runs import end_of
from spanspec.pages.tables.steps import is_taken, is_used
from spanspec.span.mspan import IN_USE, Mspan, find_object, is_allocated, set_marked, slot_address
from spanspec.span.sweep import Swept
from spanspec.span.tiny import TinyBlock


class BlockGhost(Record, frozen=True):
    """What the argument notes of a block: where its last object ends, and whether it has a
    finalizer. The runtime knows the first of current tiny blocks only, the second by a list.
    """

    used: U64
    finalizer: bool


class Whole(Record, frozen=True):
    """A heap: pages, the slots of the spans in use, and cycles.

    Ghosts: `swept_in` is the cycle in which a span was last swept, or taken into use; `cycle`
    counts the ends of marking; `block_ghosts` has what is noted of blocks; `dirty` tells which
    addresses may hold something other than zero.
    """

    tiling: Tiling
    contents: Table[SpanId, Mspan]
    swept_in: Table[SpanId, U64]
    cycle: Count
    marking: bool
    block_ghosts: Table[Address, BlockGhost]
    dirty: AddressMap[bool]


# --- what a program sees --------------------------------------------------------------------------


def is_in_use(tiling: Tiling, span: SpanId) -> bool:
    """A descriptor stands for a span of the collected heap."""
    return is_taken(tiling, span) and tiling.runs[span].state == IN_USE


def span_at(heap: Whole, address: Address) -> SpanId:
    """The span that an address leads to by the page map."""
    return heap.tiling.map[address]


def object_at(heap: Whole, address: Address) -> Address:
    """The object that an address leads to, by the page map and `find_object`, or NOTHING."""
    span = heap.tiling.map[address]
    if not is_in_use(heap.tiling, span):
        return NOTHING
    record = heap.contents[span]
    found = find_object(record, address)
    if found.base == 0 or not is_allocated(record, found.slot):
        return NOTHING
    return Address(found.base)


def kept_until(heap: Whole, span: SpanId, slot: U16) -> U64:
    """The last cycle that an object lives through: a mark counts for one, a sweep for one."""
    swept = 0 if heap.swept_in[span] == heap.cycle else 1
    marked = 1 if heap.contents[span].gcmark_bits.bit(slot) else 0
    return heap.cycle - swept + marked


def block_of(heap: Whole, address: Address) -> Block:
    """The block that begins at an address, as a program sees it."""
    if address < 0 or object_at(heap, address) != address:
        return NO_BLOCK
    span = heap.tiling.map[address]
    record = heap.contents[span]
    slot = find_object(record, address).slot
    ghost = heap.block_ghosts[address]
    return Block(
        slot_end(record, slot) - slot_address(record, slot),
        ghost.used,
        is_noscan(record.spanclass),
        kept_until(heap, span, slot),
        ghost.finalizer,
    )


def is_mapped(heap: Whole, address: Address) -> bool:
    """An address is in a run of which the memory is there: one that is not scavenged."""
    span = heap.tiling.owner[address]
    return is_live(heap.tiling, span) and not heap.tiling.runs[span].scavenged


def is_dirty(heap: Whole, address: Address) -> bool:
    """An address may hold something other than zero."""
    return heap.dirty[address]


# --- what is done to slots ------------------------------------------------------------------------


def with_new_object(
    heap: Whole, span: SpanId, taken: Mspan, slot: U16, size: U64, zero: bool, phase: int
) -> Whole:
    """Return the heap in which a slot that a search has taken holds a new object.

    It is marked at birth while marking, and cleared if it has to be zero and need not be already.
    """
    record = allocate_black(taken, slot, phase)
    at = Address(slot_address(taken, slot))
    end = Address(slot_end(taken, slot))
    clears = zero and taken.needzero != 0
    return replace(
        heap,
        contents=heap.contents.set(span, record),
        block_ghosts=heap.block_ghosts.set(at, BlockGhost(size, False)),
        dirty=heap.dirty.set_range(at, end, False) if clears else heap.dirty,
    )


def with_swept(heap: Whole, span: SpanId, swept: Swept) -> Whole:
    """Return the heap in which a sweep has made the marks of a span its allocated slots."""
    return replace(
        heap,
        contents=heap.contents.set(span, swept.span),
        swept_in=heap.swept_in.set(span, heap.cycle),
    )


def with_mark(heap: Whole, span: SpanId, address: U64) -> Whole:
    """Return the heap in which the object at an address is marked."""
    marked = with_object_marked(heap.contents[span], address)
    return replace(heap, contents=heap.contents.set(span, marked))


def with_tiny_object(heap: Whole, before: TinyBlock, after: TinyBlock) -> Whole:
    """Return the heap in which a tiny block holds one more object."""
    at = Address(before.address)
    ghost = replace(heap.block_ghosts[at], used=after.offset)
    return replace(heap, block_ghosts=heap.block_ghosts.set(at, ghost))


# --- what is done to pages ------------------------------------------------------------------------


def with_memory(heap: Whole, tiling: Tiling, start: Address, end: Address) -> Whole:
    """Return the heap in which pages are there again that the operating system had: they are zero.

    Nobody has been told of them yet.
    """
    return replace(heap, tiling=tiling, dirty=heap.dirty.set_range(start, end, False))


def with_pages(heap: Whole, tiling: Tiling) -> Whole:
    """Return the heap after a step of the page heap that moves no memory."""
    return replace(heap, tiling=tiling)


def with_span_in_use(heap: Whole, tiling: Tiling, span: SpanId, fresh: Mspan) -> Whole:
    """Return the heap in which a run has become a span; its pages are cleared if need be."""
    run = heap.tiling.runs[span]
    start, end = Address(run.base), Address(end_of(run))
    needs = run.needzero != 0
    return replace(
        heap,
        tiling=tiling,
        contents=heap.contents.set(span, fresh),
        swept_in=heap.swept_in.set(span, heap.cycle),
        dirty=heap.dirty.set_range(start, end, False) if needs else heap.dirty,
    )


def with_large_span(
    heap: Whole, tiling: Tiling, span: SpanId, fresh: Mspan, size: U64, zero: bool, phase: int
) -> Whole:
    """Return the heap in which a run has become the span of a large object.

    Its pages are cleared if the object has to be zero and they may not be.
    """
    run = heap.tiling.runs[span]
    start, end = Address(run.base), Address(end_of(run))
    clears = zero and run.needzero != 0
    return replace(
        heap,
        tiling=tiling,
        contents=heap.contents.set(span, allocate_black(with_large_object(fresh, size), 0, phase)),
        swept_in=heap.swept_in.set(span, heap.cycle),
        block_ghosts=heap.block_ghosts.set(start, BlockGhost(size, False)),
        dirty=heap.dirty.set_range(start, end, False) if clears else heap.dirty,
    )


# --- cycles, and what a program does --------------------------------------------------------------


def with_marking(heap: Whole) -> Whole:
    """Return the heap in which marking is under way."""
    return replace(heap, marking=True)


def with_cycle_over(heap: Whole) -> Whole:
    """Return the heap in which a sweep phase begins: nothing is swept in it yet."""
    return replace(heap, cycle=heap.cycle + 1, marking=False)


def with_written(heap: Whole, block: Address) -> Whole:
    """Return the heap in which a program has written to its object."""
    end = Address(block + block_of(heap, block).size)
    return replace(heap, dirty=heap.dirty.set_range(block, end, True))


def with_finalizer(heap: Whole, block: Address, wanted: bool) -> Whole:
    """Return the heap in which an object has a finalizer, or none."""
    ghost = replace(heap.block_ghosts[block], finalizer=wanted)
    return replace(heap, block_ghosts=heap.block_ghosts.set(block, ghost))


def with_queued(heap: Whole, span: SpanId, slot: U16, block: Address) -> Whole:
    """Return the heap in which a sweep has marked an object, and queued its finalizer."""
    saved = set_marked(heap.contents[span], slot)
    ghost = replace(heap.block_ghosts[block], finalizer=False)
    return replace(
        heap,
        contents=heap.contents.set(span, saved),
        block_ghosts=heap.block_ghosts.set(block, ghost),
    )


# --- what holds in every state --------------------------------------------------------------------


def contents_fit(heap: Whole, span: SpanId) -> bool:
    """A span in use has slots, laid out in its pages; it was swept in this cycle or the last.

    While marking, everything is swept.
    """
    run, record = heap.tiling.runs[span], heap.contents[span]
    return not is_in_use(heap.tiling, span) or (
        laid_out(record)
        and record.base == run.base
        and record.npages == run.npages
        and (
            heap.swept_in[span] == heap.cycle
            or (not heap.marking and heap.swept_in[span] + 1 == heap.cycle)
        )
    )


def marks_are_of_objects(heap: Whole, span: SpanId, slot: U16) -> bool:
    """Only allocated slots are marked; in a span that is swept, only while marking."""
    record = heap.contents[span]
    if not is_in_use(heap.tiling, span) or slot >= record.nelems:
        return True
    return not record.gcmark_bits.bit(slot) or (
        is_allocated(record, slot) and (heap.marking or heap.swept_in[span] != heap.cycle)
    )


def memory_is_clean(heap: Whole, address: Address) -> bool:
    """Memory that nobody has had is zero, and that of a run that was taken, is not used yet, and is
    said to need no zeroing. Whatever was taken, somebody has had.
    """
    span = heap.tiling.owner[address]
    had = heap.tiling.written[address]
    if not is_taken(heap.tiling, span):
        return had or not heap.dirty[address]
    run = heap.tiling.runs[span]
    return had and (is_used(run) or run.needzero != 0 or not heap.dirty[address])


def free_slot_is_clean(heap: Whole, address: Address) -> bool:
    """Memory in a free slot of a span that needs no zeroing is zero."""
    span = heap.tiling.map[address]
    record = heap.contents[span]
    if not heap.dirty[address] or not is_in_use(heap.tiling, span) or record.needzero != 0:
        return True
    found = find_object(record, address)
    return found.base == 0 or is_allocated(record, found.slot)


def tiny_block_holds(heap: Whole, tiny: TinyBlock) -> bool:
    """The current block of a P, if it has one, lives as long as a new one, and holds no pointers.

    Its objects end at the offset.
    """
    at = Address(tiny.address)
    block = block_of(heap, at)
    newest = heap.cycle + 1 if heap.marking else heap.cycle
    return tiny.address == 0 or (
        object_at(heap, at) == at
        and block.size == TINY_SIZE
        and block.noscan
        and block.kept == newest
        and block.used <= tiny.offset <= TINY_SIZE
        and tiny.address % TINY_SIZE == 0
    )
