"""The state of a heap of spanalloc as named parts, to be compared with the model's."""

from spanalloc.heap.heapsnapshot import HeapShot
from spanproof.fuzz.heapsides import State
from spanspec.span.mspan import IN_USE

PARTS = (
    "sweepgen",
    "phase",
    "cycles",
    "procs",
    "sweepdone",
    "heap_live",
    "reclaim_index",
    "reclaim_credit",
    "pages_swept",
    "finalizers_due",
    "buffers",
    "free",
    "arenas",
)
FIGURES = (
    "heap_sys",
    "heap_idle",
    "heap_inuse",
    "heap_released",
    "stacks_inuse",
    "gc_manual",
    "pages_in_use",
)
"""What both sides call by the same name."""


def state_of(shot: HeapShot) -> State:
    """Return the state that a snapshot shows."""
    parts: dict[str, object] = {name: getattr(shot, name) for name in (*PARTS, *FIGURES)}
    parts["runs"] = {
        run.ident: (run.base, run.npages, run.state, run.scavenged)
        + (() if run.state == IN_USE else (run.needzero,))
        for run in shot.runs
    }
    parts["caches"] = {
        cache.p: (cache.ident, cache.flush_gen, cache.alloc, cache.tiny, cache.tinyoffset)
        for cache in shot.caches
    }
    parts["central"] = {one.spanclass: (one.nonempty, one.empty) for one in shot.central}
    parts["free descriptors"] = shot.free_descriptors
    parts["current arena"] = shot.current
    parts["unscavenged huge pages"] = shot.unscavenged_huge_pages
    for span in shot.spans:
        parts[f"span {span.ident}"] = {
            "base": span.base,
            "npages": span.npages,
            "spanclass": span.spanclass,
            "limit": span.limit,
            "freeindex": span.freeindex,
            "allocCount": span.alloc_count,
            "allocCache": span.alloc_cache,
            "allocBits": span.alloc_bits,
            "gcmarkBits": span.mark_bits,
            "sweepgen": span.sweepgen,
            "needzero": span.needzero,
            "specials": span.specials,
        }
    return parts
