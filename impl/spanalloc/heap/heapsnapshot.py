"""A whole heap as plain records, to be compared, checked and printed."""

from typing import Final, NamedTuple

from spanalloc.central.central import Central
from spanalloc.central.pacing import RECLAIM_OVER
from spanalloc.central.state import HeapState
from spanalloc.span.mcache import EMPTY_SPAN, Mcache
from spanalloc.span.snapshot import joined, unsigned
from spanalloc.span.span import DEAD, IN_USE, Span
from spanalloc.span.specials import Special


class RunShot(NamedTuple):
    """A run of pages in any use (SPAN-2); `ident` numbers its descriptor."""

    ident: int
    base: int
    npages: int
    state: int
    scavenged: bool
    needzero: int


class SlotsShot(NamedTuple):
    """A span in use for objects; bit i of a bitmap is slot i.

    `alloc_cache` is None where it has no meaning: the span is full, or not cached. `specials` are
    pairs of how far above its base a special record's address is, and its kind.
    """

    ident: int
    base: int
    npages: int
    spanclass: int
    elemsize: int
    nelems: int
    limit: int
    freeindex: int
    alloc_count: int
    alloc_cache: int | None
    alloc_bits: int
    mark_bits: int
    sweepgen: int
    needzero: int
    listed: int
    specials: tuple[tuple[int, int], ...]


class CacheShot(NamedTuple):
    """The cache of a P: pairs of a span class and a descriptor, and the tiny block."""

    ident: int
    p: int
    flush_gen: int
    alloc: tuple[tuple[int, int], ...]
    tiny: int
    tinyoffset: int


class CentralShot(NamedTuple):
    """The lists of a span class, from the front, as numbers of descriptors."""

    spanclass: int
    nonempty: tuple[int, ...]
    empty: tuple[int, ...]


class HeapShot(NamedTuple):
    """A whole heap at a moment when nobody was in an operation.

    `buffers` are the two sweep buffers from the bottom, `free` the free spans in address order,
    `arenas` in the order in which they were mapped. `reclaim_index` is -1 past the arenas.
    """

    sweepgen: int
    phase: int
    cycles: int
    procs: int
    sweepdone: bool
    heap_live: int
    reclaim_index: int
    reclaim_credit: int
    runs: tuple[RunShot, ...]
    spans: tuple[SlotsShot, ...]
    caches: tuple[CacheShot, ...]
    central: tuple[CentralShot, ...]
    buffers: tuple[tuple[int, ...], ...]
    free: tuple[int, ...]
    free_descriptors: tuple[int, ...]
    arenas: tuple[int, ...]
    current: tuple[int, int]
    heap_sys: int
    heap_idle: int
    heap_inuse: int
    heap_released: int
    stacks_inuse: int
    gc_manual: int
    pages_in_use: int
    pages_swept: int
    finalizers_due: tuple[int, ...]
    unscavenged_huge_pages: int
    broken: str = ""


PartShot = tuple[
    tuple[int, ...],
    tuple[tuple[object, ...] | None, ...],
    tuple[tuple[int, ...] | None, ...],
    tuple[tuple[object, ...], ...],
    tuple[tuple[object, ...], ...],
    tuple[int, ...],
    int,
]
"""A part of a heap: what may have changed in one operation.

First the figures of the whole heap, in the order of `figures_of`; then an entry for each descriptor
that was asked for, as `slots_in_part` has it, None if it is not in use for objects. The rest is
empty unless it was asked for: the runs of the same descriptors, the lists of some span classes, all
caches, the free spans in address order, and the descriptor that is used next.

All are plain tuples, with the fields of the records below: those take longer to make.
"""


NO_DESCRIPTOR: Final = -1
"""Stands for the next descriptor where there is none that was used before."""


def part_of(state: HeapState, idents: list[int], classes: list[int], shape: bool) -> PartShot:
    """Return the state of some descriptors, and with `shape` of what they are in."""
    free = state.pages.free
    some = [free.allspans[ident] for ident in idents if ident < len(free.allspans)]
    specials = state.specials.of_span
    spans = tuple(
        [
            slots_in_part(span, is_cached(state, span), specials.get(span.ident))
            if span.state == IN_USE
            else None
            for span in some
        ]
    )
    if not shape:
        return (figures_of(state), spans, (), (), (), (), NO_DESCRIPTOR)
    last = free.descriptors[-1].ident if free.descriptors else NO_DESCRIPTOR
    return (
        figures_of(state),
        spans,
        tuple([run_in_part(span) for span in some]),
        tuple([lists_in_part(state.central[spanclass]) for spanclass in classes]),
        tuple([cache_in_part(cache) for cache in state.mcaches]),
        tuple([span.ident for span in free.runs.in_order()]),
        last,
    )


WholeShot = tuple[
    PartShot, tuple[tuple[int, ...], ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]
]
"""A whole heap: the part of all descriptors that are not dead, and of all classes that list any.

Then what its figures only count: the sweep buffers from the bottom, the descriptors that were used
before, the arenas in the order in which they were mapped, the finalizers that are due.
"""


def whole_of(state: HeapState) -> WholeShot:
    """Return all that `shot_of` does, in plain tuples, of a heap in which nobody is at work."""
    free = state.pages.free
    idents = [span.ident for span in free.allspans if span.state != DEAD]
    classes = [int(central.spanclass) for central in listing(state)]
    return (
        part_of(state, idents, classes, True),
        tuple([tuple([span.ident for span in buffer.spans]) for buffer in state.buffers]),
        tuple([span.ident for span in free.descriptors]),
        tuple([arena.base for arena in free.pages.all]),
        tuple([address for address, _ in state.specials.due]),
    )


def listing(state: HeapState) -> list[Central]:
    """Return those of all span classes that have a span in a list."""
    return [
        central
        for central in state.central
        if central.nonempty.first is not None or central.empty.first is not None
    ]


def slots_in_part(span: Span, cached: bool, specials: list[Special] | None) -> tuple[object, ...]:
    """Return a span in use, with the fields of a `SlotsShot`."""
    known = cached and span.freeindex < span.nelems
    nelems: int = span.nelems
    return (
        span.ident,
        span.base,
        span.npages,
        span.spanclass,
        span.elemsize,
        nelems,
        span.limit,
        span.freeindex,
        span.alloc_count,
        unsigned(span.alloc_cache) if known else None,
        joined(span.alloc_bits, nelems),
        joined(span.gcmark_bits, nelems),
        span.sweepgen,
        span.needzero,
        span.listed,
        () if specials is None else tuple([(int(one.offset), int(one.kind)) for one in specials]),
    )


def run_in_part(span: Span) -> tuple[int, ...] | None:
    """Return a run with the fields of a `RunShot`, None if it is dead.

    Of one in use, whether it needs zeroing is told by its slots.
    """
    if span.state == DEAD:
        return None
    needzero = 0 if span.state == IN_USE else span.needzero
    return (span.ident, span.base, span.npages, span.state, span.scavenged, needzero)


def lists_in_part(central: Central) -> tuple[object, ...]:
    """Return the lists of a span class, with the fields of a `CentralShot`."""
    return (
        central.spanclass,
        tuple([span.ident for span in central.nonempty.in_order()]),
        tuple([span.ident for span in central.empty.in_order()]),
    )


def cache_in_part(cache: Mcache) -> tuple[object, ...]:
    """Return a cache, with the fields of a `CacheShot`."""
    held = tuple(
        [
            (spanclass, span.ident)
            for spanclass, span in enumerate(cache.alloc)
            if span is not EMPTY_SPAN
        ]
    )
    return (cache.ident, cache.p, cache.flush_gen, held, cache.tiny, cache.tinyoffset)


def is_cached(state: HeapState, span: Span) -> bool:
    """Tell whether a P has a span in use in its cache."""
    return any(cache.alloc[span.spanclass] is span for cache in state.mcaches)


def figures_of(state: HeapState) -> tuple[int, ...]:
    """Return the figures of a whole heap that take no walk through it.

    The last ones are the tiny block of each P, and how much of it is used.
    """
    pages, pacing = state.pages, state.pacing
    free = pages.free
    blocks: list[int] = []
    for cache in state.mcaches:
        blocks.append(cache.tiny)
        blocks.append(cache.tinyoffset)
    return (
        state.sg,
        state.phase,
        state.cycles,
        len(state.mcaches),
        state.sweepdone,
        pacing.heap_live,
        -1 if pacing.reclaim_index >= RECLAIM_OVER else pacing.reclaim_index,
        pacing.reclaim_credit,
        pacing.pages_swept,
        len(state.specials.due),
        len(state.buffers[0].spans),
        len(state.buffers[1].spans),
        len(free.descriptors),
        len(free.pages.all),
        pages.arena_base,
        pages.arena_end,
        free.heap_sys,
        free.heap_idle,
        free.heap_inuse,
        free.heap_released,
        free.stacks_inuse,
        free.gc_manual,
        pages.pages_in_use,
        free.runs.huge_pages,
        *blocks,
    )


def shot_of(state: HeapState) -> HeapShot:
    """Return the state of a heap, in which nobody must be in an operation, as records."""
    free = state.pages.free
    pacing = state.pacing
    used = [span for span in free.allspans if span.state != DEAD]
    specials = state.specials.of_span
    return HeapShot(
        sweepgen=state.sg,
        phase=state.phase,
        cycles=state.cycles,
        procs=len(state.mcaches),
        sweepdone=state.sweepdone,
        heap_live=pacing.heap_live,
        reclaim_index=-1 if pacing.reclaim_index >= RECLAIM_OVER else pacing.reclaim_index,
        reclaim_credit=pacing.reclaim_credit,
        runs=tuple([run_of(span) for span in used]),
        spans=tuple(
            [
                SlotsShot._make(
                    slots_in_part(span, is_cached(state, span), specials.get(span.ident))
                )
                for span in used
                if span.state == IN_USE
            ]
        ),
        caches=tuple([CacheShot._make(cache_in_part(cache)) for cache in state.mcaches]),
        central=tuple([CentralShot._make(lists_in_part(one)) for one in listing(state)]),
        buffers=tuple([tuple([span.ident for span in buffer.spans]) for buffer in state.buffers]),
        free=tuple([span.ident for span in free.runs.in_order()]),
        free_descriptors=tuple([span.ident for span in free.descriptors]),
        arenas=tuple([arena.base for arena in free.pages.all]),
        current=(state.pages.arena_base, state.pages.arena_end),
        heap_sys=free.heap_sys,
        heap_idle=free.heap_idle,
        heap_inuse=free.heap_inuse,
        heap_released=free.heap_released,
        stacks_inuse=free.stacks_inuse,
        gc_manual=free.gc_manual,
        pages_in_use=state.pages.pages_in_use,
        pages_swept=pacing.pages_swept,
        finalizers_due=tuple([address for address, _ in state.specials.due]),
        unscavenged_huge_pages=free.runs.huge_pages,
        broken=state.broken,
    )


def run_of(span: Span) -> RunShot:
    """Return a run of pages as a record."""
    return RunShot(span.ident, span.base, span.npages, span.state, span.scavenged, span.needzero)
