"""What ReadMemStats tells of a heap whose mcaches were just flushed (HEAP-38 to HEAP-40)."""

from spanspec.base.constants import NUM_SIZE_CLASSES, size_class_of
from spanspec.base.records import Record
from spanspec.base.sizeclass import CLASS_TO_SIZE
from spanspec.base.words import U64
from spanspec.heap.state.state import HeapState


class MemStats(Record, frozen=True):
    """The figures that concern the allocator; counts of objects, all else in bytes."""

    mallocs: U64
    frees: U64
    total_alloc: U64
    alloc: U64
    heap_objects: U64
    heap_sys: U64
    heap_idle: U64
    heap_inuse: U64
    heap_released: U64
    stacks_inuse: U64
    mspan_inuse: U64
    mspan_sys: U64
    mcache_inuse: U64
    mcache_sys: U64
    gc_sys: U64
    other_sys: U64
    sys: U64


def objects_by_class(state: HeapState) -> list[U64]:
    """Return how many small objects of each size class were ever handed out.

    Rules: CEN-17.
    """
    counts = [0] * NUM_SIZE_CLASSES
    for spanclass, central in state.central.used():
        counts[size_class_of(spanclass)] += central.counts.nmalloc
    return counts


def dead_by_class(state: HeapState) -> list[U64]:
    """Return how many small objects of each size class were found dead.

    Rules: HEAP-38.
    """
    counts = [0] * NUM_SIZE_CLASSES
    for spanclass, central in state.central.used():
        counts[size_class_of(spanclass)] += central.counts.nfree
    return counts


def tiny_hits(state: HeapState) -> U64:
    """Return how many tiny objects went into a block that was there; they are freed with it.

    Rules: HEAP-40.
    """
    return state.accounts.tiny_allocs + sum(mcache.tiny.allocs for mcache in state.mcaches.values())


def read_memstats(state: HeapState) -> MemStats:
    """Return the statistics; every mcache must be empty, or its free slots count as allocated.

    Rules: HEAP-38 HEAP-40 MC-9 MC-11.
    """
    assert not any(map(state.cached_spans, state.mcaches)), "MC-9: mcaches hold spans"
    heap, stats = state.pages, state.pages.stats
    made, dead, tiny = objects_by_class(state), dead_by_class(state), tiny_hits(state)
    accounts = state.accounts
    mallocs = sum(made) + accounts.nlargealloc + tiny
    frees = sum(dead) + accounts.nlargefree + tiny
    sizes = CLASS_TO_SIZE
    total = sum(n * size for n, size in zip(made, sizes, strict=True)) + accounts.largealloc
    freed = sum(n * size for n, size in zip(dead, sizes, strict=True))
    counted = heap.metadata.counted
    return MemStats(
        mallocs=mallocs,
        frees=frees,
        total_alloc=total,
        alloc=total - freed - accounts.largefree,
        heap_objects=mallocs - frees,
        heap_sys=stats.heap_sys,
        heap_idle=stats.heap_idle,
        heap_inuse=stats.heap_inuse,
        heap_released=stats.heap_released,
        stacks_inuse=stats.stacks_inuse,
        mspan_inuse=heap.descriptors.in_use,
        mspan_sys=counted["mspan_sys"],
        mcache_inuse=state.mcache_ids.in_use,
        mcache_sys=counted["mcache_sys"],
        gc_sys=counted["gc_sys"] + stats.gc_manual,
        other_sys=counted["other_sys"],
        sys=stats.heap_sys + stats.stacks_inuse + stats.gc_manual + sum(counted.values()),
    )


def live_by_spans(state: HeapState) -> tuple[U64, U64]:
    """Return the objects and bytes that the spans themselves say are allocated.

    Rules: HEAP-39.
    """
    objects = sum(record.alloc_count for record in state.spans.values())
    size = sum(record.alloc_count * record.elemsize for record in state.spans.values())
    return objects, size
