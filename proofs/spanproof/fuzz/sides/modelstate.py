"""The state of the model's heap as named parts, to be compared with another heap's."""

from spanproof.fuzz.heapsides import State
from spanspec.base.bitmap import Bits
from spanspec.base.constants import HEAP_ARENA_BYTES
from spanspec.base.sizeclass import CLASS_TO_SIZE
from spanspec.heap.memstats import dead_by_class, objects_by_class, tiny_hits
from spanspec.heap.state.progress import NO_MORE_RECLAIM
from spanspec.heap.state.state import HeapState
from spanspec.span.mspan import DEAD, IN_USE, Mspan


def state_of(state: HeapState) -> State:
    """Return all parts that make sense between any two steps."""
    heap, stats = state.pages, state.pages.stats
    cached = {span for one in state.mcaches for span in state.cached_spans(one).values()}
    done = state.progress.reclaim_index >= NO_MORE_RECLAIM
    parts: dict[str, object] = {
        "sweepgen": state.sweepgen,
        "phase": state.phase,
        "cycles": state.cycle,
        "procs": state.procs,
        "sweepdone": state.sweepdone,
        "heap_live": state.accounts.heap_live,
        "reclaim_index": -1 if done else state.progress.reclaim_index,
        "reclaim_credit": state.progress.reclaim_credit,
        "pages_swept": state.progress.pages_swept,
        "finalizers_due": tuple(state.finalizers),
        "runs": {
            span: (run.base, run.npages, run.state, run.scavenged)
            + (() if run.state == IN_USE else (run.needzero,))
            for span, run in heap.runs.records.items()
            if run.state != DEAD
        },
        "caches": caches_of(state),
        "central": {
            spanclass: (tuple(central.nonempty), tuple(central.empty))
            for spanclass, central in state.central.used()
            if central.nonempty or central.empty
        },
        "buffers": tuple(
            tuple(span for _, span in sorted(buffer.entries.items())) for buffer in state.buffers
        ),
        "free": tuple(run.span for run in heap.free.in_order()),
        "free descriptors": tuple(heap.descriptors.free),
        "arenas": tuple(index * HEAP_ARENA_BYTES - (1 << 47) for index in heap.all_arenas),
        "current arena": (heap.current.base, heap.current.end),
        "unscavenged huge pages": heap.unscavenged_huge,
        "heap_sys": stats.heap_sys,
        "heap_idle": stats.heap_idle,
        "heap_inuse": stats.heap_inuse,
        "heap_released": stats.heap_released,
        "stacks_inuse": stats.stacks_inuse,
        "gc_manual": stats.gc_manual,
        "pages_in_use": stats.pages_in_use,
    }
    for span, record in state.spans.items():
        specials = tuple((one.offset, one.kind) for one in state.specials.get(span, ()))
        generation = {"sweepgen": state.generation(span)}
        parts[f"span {span}"] = {
            **slots_of(record, span in cached),
            **generation,
            "specials": specials,
        }
    return parts


def caches_of(state: HeapState) -> dict[int, tuple[object, ...]]:
    """Return the cache of each P."""
    found: dict[int, tuple[object, ...]] = {}
    for p, identity in state.mcache_of.items():
        mcache = state.mcaches.get(identity)
        if mcache is not None and p >= 0:
            held = tuple(state.cached_spans(identity).items())
            found[p] = (
                identity,
                state.flush_gen(identity),
                held,
                mcache.tiny.address,
                mcache.tiny.offset,
            )
    return found


def slots_of(record: Mspan, cached: bool) -> dict[str, int | None]:
    """Return a span in use; its allocCache has a meaning only where slots are taken by it."""
    assert isinstance(record.alloc_bits, Bits)
    assert isinstance(record.gcmark_bits, Bits)
    known = cached and record.freeindex < record.nelems
    return {
        "base": record.base,
        "npages": record.npages,
        "spanclass": record.spanclass,
        "limit": record.limit,
        "freeindex": record.freeindex,
        "allocCount": record.alloc_count,
        "allocCache": record.alloc_cache if known else None,
        "allocBits": record.alloc_bits.value & ((1 << record.nelems) - 1),
        "gcmarkBits": record.gcmark_bits.value & ((1 << record.nelems) - 1),
        "needzero": record.needzero,
    }


def counts_of(state: HeapState) -> dict[str, int]:
    """Return how many objects and bytes were handed out and freed, while nothing is under way.

    What caches hold and have not handed out is left out, as ReadMemStats does by flushing them.
    """
    records = [
        state.spans[span] for one in state.mcaches for span in state.cached_spans(one).values()
    ]
    unused = sum(record.nelems - record.alloc_count for record in records)
    unused_bytes = sum((one.nelems - one.alloc_count) * one.elemsize for one in records)
    made, dead, tiny = objects_by_class(state), dead_by_class(state), tiny_hits(state)
    sizes = CLASS_TO_SIZE
    small = sum(n * size for n, size in zip(made, sizes, strict=True))
    freed = sum(n * size for n, size in zip(dead, sizes, strict=True))
    return {
        "mallocs": sum(made) + state.accounts.nlargealloc + tiny - unused,
        "frees": sum(dead) + state.accounts.nlargefree + tiny,
        "tinyallocs": tiny,
        "total_alloc": small + state.accounts.largealloc - unused_bytes,
        "total_free": freed + state.accounts.largefree,
    }
