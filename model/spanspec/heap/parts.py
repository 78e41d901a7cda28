"""A heap, or a part of it, as plain numbers: to be compared as a whole, or judged."""

from typing import Final, NamedTuple

from spanspec.base.bitmap import Bits
from spanspec.heap.state.progress import NO_MORE_RECLAIM
from spanspec.heap.state.state import HeapState
from spanspec.pages.tables.pagemap import arena_base
from spanspec.pages.tables.runs import PageRun
from spanspec.sharing.tables.records import NO_SPAN
from spanspec.span.mspan import DEAD, IN_USE

NO_DESCRIPTOR: Final = -1
"""Stands for the next descriptor where there is none that was used before."""


class Wanted(NamedTuple):
    """Which part of a state is asked for: of some descriptors, and with `shape` what they are in.

    `classes` are the span classes whose lists are part of it.
    """

    spans: list[int]
    classes: list[int]
    shape: bool


class Part(NamedTuple):
    """A part of a state, in plain tuples that compare as a whole.

    Whatever is in it is in the whole state as well, by which a difference is told. `figures` are
    those of the whole heap. `slots` has an entry for each descriptor that was asked for, None if it
    is not in use for objects. The rest is empty without `shape`: the runs of the descriptors, None
    for one that is dead; the lists of the classes; all caches; the free spans by address; and the
    descriptor that is used next.
    """

    figures: tuple[object, ...]
    slots: tuple[tuple[object, ...] | None, ...]
    runs: tuple[tuple[int, ...] | None, ...]
    central: tuple[tuple[object, ...], ...]
    caches: tuple[tuple[object, ...], ...]
    free: tuple[int, ...]
    next_descriptor: int


class Whole(NamedTuple):
    """A whole state, in plain tuples that compare as a whole: all that is in use, and where it is.

    `part` is that of all descriptors that are not dead, and of all classes that list a span. With
    it go what its figures only count: the sweep buffers from the bottom, the descriptors that were
    used before, the arenas in the order in which they were mapped, the finalizers that are due.
    """

    part: Part
    buffers: tuple[tuple[int, ...], ...]
    descriptors: tuple[int, ...]
    arenas: tuple[int, ...]
    finalizers: tuple[int, ...]


def whole_of(state: HeapState) -> Whole:
    """Return the whole state of a heap in which nobody is in an operation."""
    heap, lists = state.pages, state.lists
    spans = [span for span, run in heap.runs.records.items() if run.state != DEAD]
    listed = {
        number
        for table in (lists.nonempty, lists.empty)
        for number in table
        if table[number].first != NO_SPAN
    }
    wanted = Wanted(sorted(spans), sorted(listed), True)
    return Whole(
        part_of(state, wanted),
        tuple(
            [
                tuple([span for _, span in sorted(buffer.entries.items())])
                for buffer in state.buffers
            ]
        ),
        tuple(heap.descriptors.free),
        tuple([arena_base(index) for index in heap.all_arenas]),
        tuple(state.finalizers),
    )


def part_of(state: HeapState, wanted: Wanted) -> Part:
    """Return the part that is wanted of a heap in which nobody is in an operation."""
    figures = figures_of(state)
    slots = tuple([slots_of(state, span) for span in wanted.spans])
    if not wanted.shape:
        return Part(figures, slots, (), (), (), (), NO_DESCRIPTOR)
    heap = state.pages
    free, held = heap.descriptors.free, held_of(state)
    return Part(
        figures,
        slots,
        tuple([run_of(span, heap.runs[span]) for span in wanted.spans]),
        tuple([lists_of(state, number) for number in wanted.classes]),
        tuple([cache_of(state, p, state.mcache_of[p], held) for p in procs_of(state)]),
        tuple([one.span for one in heap.free.in_order()]),
        free[-1] if free else NO_DESCRIPTOR,
    )


Held = dict[int, list[tuple[int, int]]]
"""Of each mcache that has any, its spans, as pairs of a span class and a descriptor."""


def held_of(state: HeapState) -> Held:
    """Return the spans that mcaches have, in the order of the classes.

    In one pass over the slots, as most of them are empty.
    """
    held: Held = {}
    for slot in state.slots.values():
        if slot.span != NO_SPAN and slot.proc in state.mcaches:
            held.setdefault(slot.proc, []).append((slot.spanclass, slot.span - 1))
    for pairs in held.values():
        pairs.sort()
    return held


def procs_of(state: HeapState) -> list[int]:
    """Return the Ps that have an mcache, in order."""
    return sorted([p for p in state.mcache_of if p >= 0])


def slots_of(state: HeapState, span: int) -> tuple[object, ...] | None:
    """Return the slots of a span, None if it is not in use.

    Of an allocCache it tells only where slots are taken by it.
    """
    record = state.spans.get(span)
    if record is None:
        return None
    shared = state.shared(span)
    alloc_bits, mark_bits = record.alloc_bits, record.gcmark_bits
    assert isinstance(alloc_bits, Bits)
    assert isinstance(mark_bits, Bits)
    spanclass, nelems = record.spanclass, record.nelems
    known = record.freeindex < nelems and is_cached(state, span, spanclass)
    mask = (1 << nelems) - 1
    return (
        span,
        record.base,
        record.npages,
        spanclass,
        record.elemsize,
        nelems,
        record.limit,
        record.freeindex,
        record.alloc_count,
        record.alloc_cache if known else None,
        alloc_bits.value & mask,
        mark_bits.value & mask,
        shared.sweepgen,
        record.needzero,
        shared.place,
        tuple([(one.offset, one.kind) for one in state.specials.get(span, ())]),
    )


def is_cached(state: HeapState, span: int, spanclass: int) -> bool:
    """Tell whether an mcache has a span, for its class."""
    return any(state.cached(one, spanclass) == span for one in state.mcaches)


def run_of(span: int, run: PageRun) -> tuple[int, ...] | None:
    """Return a run of pages; of one in use, whether it needs zeroing is told by its slots."""
    if run.state == DEAD:
        return None
    needzero = 0 if run.state == IN_USE else run.needzero
    return (span, run.base, run.npages, run.state, run.scavenged, needzero)


def lists_of(state: HeapState, spanclass: int) -> tuple[object, ...]:
    """Return the lists of a span class."""
    one = state.central[spanclass]
    return (spanclass, tuple(one.nonempty), tuple(one.empty))


def cache_of(state: HeapState, p: int, identity: int, held: Held) -> tuple[object, ...]:
    """Return the cache of a P."""
    tiny = state.mcaches[identity].tiny
    pairs = tuple(held.get(identity, []))
    return (identity, p, state.flush_gen(identity), pairs, tiny.address, tiny.offset)


def figures_of(state: HeapState) -> tuple[object, ...]:
    """Return the figures of the whole heap, in their order."""
    heap, stats, progress = state.pages, state.pages.stats, state.progress
    blocks: list[int] = []
    for p in procs_of(state):
        tiny = state.mcaches[state.mcache_of[p]].tiny
        blocks.append(tiny.address)
        blocks.append(tiny.offset)
    first, second = state.buffers
    over = progress.reclaim_index >= NO_MORE_RECLAIM
    return (
        state.sweepgen,
        state.phase,
        state.cycle,
        state.procs,
        state.sweepdone,
        state.accounts.heap_live,
        -1 if over else progress.reclaim_index,
        progress.reclaim_credit,
        progress.pages_swept,
        len(state.finalizers),
        first.stack.filled,
        second.stack.filled,
        len(heap.descriptors.free),
        len(heap.all_arenas),
        heap.current.base,
        heap.current.end,
        stats.heap_sys,
        stats.heap_idle,
        stats.heap_inuse,
        stats.heap_released,
        stats.stacks_inuse,
        stats.gc_manual,
        stats.pages_in_use,
        heap.unscavenged_huge,
        *blocks,
    )
