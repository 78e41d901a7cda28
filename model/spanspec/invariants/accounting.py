"""Invariants of the statistics and of the descriptors (I-29 to I-34)."""

from collections.abc import Iterator

from spanspec.base.constants import HEAP_ARENA_BYTES, NUM_SIZE_CLASSES, PAGE_SIZE, size_class_of
from spanspec.heap.state.state import HeapState
from spanspec.invariants.registry import When, invariant
from spanspec.invariants.sweeping import cached_spans
from spanspec.pages.tables.runs import released
from spanspec.span.markbits import bits_are_kept
from spanspec.span.mspan import DEAD, FREE, IN_USE, MANUAL


@invariant("I-29", When.UNLOCKED)
def heap_statistics(state: HeapState) -> Iterator[str]:
    """The statistics are the sums over the spans (I-29, HEAP-36)."""
    heap, stats = state.pages, state.pages.stats
    in_use = manual = free = given_back = 0
    for run in heap.runs.records.values():
        if run.state == IN_USE:
            in_use += run.npages * PAGE_SIZE
        elif run.state == MANUAL:
            manual += run.npages * PAGE_SIZE
        elif run.state == FREE:
            free += run.npages * PAGE_SIZE
            given_back += released(heap.phys, run)
    rest = heap.current.end - heap.current.base
    expected = {
        "heap_inuse": (in_use, stats.heap_inuse),
        "heap_idle": (free + rest, stats.heap_idle),
        "heap_sys": (in_use + free + rest, stats.heap_sys),
        "heap_released": (given_back + rest, stats.heap_released),
        # In-use, manual and free runs, with what is left of the current arena, are all that was
        # mapped.
        "mapped": (manual + stats.heap_sys, len(heap.all_arenas) * HEAP_ARENA_BYTES),
        "pages in use": (in_use, stats.pages_in_use * PAGE_SIZE),
        "manual": (manual, stats.stacks_inuse + stats.gc_manual),
    }
    for name, (summed, counted) in expected.items():
        if summed != counted:
            yield f"{name}: the spans sum up to {summed}, counted are {counted}"
    if not stats.heap_released <= stats.heap_idle <= stats.heap_sys:
        yield f"released {stats.heap_released}, idle {stats.heap_idle}, sys {stats.heap_sys}"


@invariant("I-30")
def object_counts(state: HeapState) -> Iterator[str]:
    """Of each class, what was handed out less what was freed is allocated or cached (I-30)."""
    handed_out = [0] * NUM_SIZE_CLASSES
    for spanclass, central in state.central.used():
        handed_out[size_class_of(spanclass)] += central.counts.nmalloc - central.counts.nfree
    held = [0] * NUM_SIZE_CLASSES
    cached = cached_spans(state)
    for span, record in state.spans.items():
        # A cached span counts as handed out as a whole: nobody knows until it is uncached how many
        # of its slots its P has taken.
        count = record.nelems if span in cached else record.alloc_count
        held[size_class_of(record.spanclass)] += count
    for number in range(1, NUM_SIZE_CLASSES):
        out = handed_out[number]
        if out != held[number]:
            yield f"class {number}: {out} objects are counted, {held[number]} are held"


@invariant("I-31")
def heap_live(state: HeapState) -> Iterator[str]:
    """At least what the last marking has found is live; in a recording nobody counts it (I-31)."""
    if state.accounts.heap_live < state.accounts.live_at_mark:
        yield f"heap_live is {state.accounts.heap_live}"


@invariant("I-32")
def large_counts(state: HeapState) -> Iterator[str]:
    """Large objects allocated less those freed are the large spans (I-32)."""
    sizes = [r.elemsize for r in state.spans.values() if size_class_of(r.spanclass) == 0]
    accounts = state.accounts
    count = accounts.nlargealloc - accounts.nlargefree
    if count != len(sizes):
        yield f"{count} large objects are counted, there are {len(sizes)}"
    size = accounts.largealloc - accounts.largefree
    if size != sum(sizes):
        yield f"{size} bytes of large objects counted"


@invariant("I-33", When.UNLOCKED)
def descriptors(state: HeapState) -> Iterator[str]:
    """Descriptors in use are those handed out; the dead ones are free, and manual ones are known by
    their purpose (I-33).
    """
    heap = state.pages
    dead: set[int] = set()
    manual: set[int] = set()
    for span, run in heap.runs.records.items():
        if run.state == DEAD:
            dead.add(span)
        elif run.state == MANUAL:
            manual.add(span)
    free = set(heap.descriptors.free)
    if len(free) != len(heap.descriptors.free):
        yield "a descriptor is free twice"
    if dead != free:
        yield f"descriptors {sorted(dead ^ free)} are dead or free, and not both"
    if manual != heap.purposes.keys():
        yield f"descriptors {sorted(manual ^ heap.purposes.keys())} are manual, or have a purpose"


@invariant("I-34")
def mark_bits(state: HeapState) -> Iterator[str]:
    """No span's bits are older than two epochs: none lie in a free arena (I-34)."""
    epoch = state.collector.epoch
    for span, bits in state.bits_epoch.items():
        # Two cycles on, the arena that the bits lie in is cleared for others (see `markbits`).
        if not bits_are_kept(bits, epoch):
            yield f"span {span}: bits of epochs {bits.alloc} and {bits.marks}, now is {epoch}"
