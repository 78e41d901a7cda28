"""What a heap can be asked, one way or another: each attack asks it while something goes wrong."""

from collections.abc import Callable
from typing import Final

from spanalloc.heap.heap import Heap
from spanalloc.pages.osmem import OsMemory, SimulatedMemory
from spanalloc.programs.audit import audit

MIB: Final = 1 << 20


Operation = Callable[[Heap, list[int]], object]
"""Asks something of a heap in which these objects are alive."""


def prepared(system: OsMemory | None = None) -> tuple[Heap, list[int]]:
    """Return a heap in which there is something of everything, and its living objects."""
    heap = Heap(2, system if system is not None else SimulatedMemory())
    live = [heap.malloc(size) for size in (8, 48, 2048, 2048, 8192, 40_000) for _ in range(4)]
    live += [heap.malloc(5, True) for _ in range(3)]
    heap.set_finalizer(live[4])
    heap.set_finalizer(heap.malloc(48), lambda address: None)
    heap.set_profile(live[5])
    heap.take_manual(4)
    heap.collect(live)
    return heap, live


def manual_span(heap: Heap) -> int:
    """Return the address of a manual span."""
    return next(iter(heap.manual))


def marked_bits(heap: Heap, live: list[int]) -> dict[int, int]:
    """Return a bitmap for the first span of some objects, in which all slots in use are marked."""
    span = next(span for span in heap.spans() if span.base <= live[0] < span.limit)
    return {span.base: span.snapshot().alloc_bits}


def mark_and_finish(heap: Heap, live: list[int]) -> None:
    """Mark within a cycle, one by one and together, and end it."""
    heap.start_cycle()
    heap.mark(live[0])
    heap.finish(live)


def wide_goal(heap: Heap, live: list[int]) -> None:
    """Let the heap grow by a factor with which goals are near 2^64."""
    heap.set_gc_percent((1 << 31) - 1)
    heap.collect(live)


OPERATIONS: Final[dict[str, Operation]] = {
    "a small object": lambda heap, live: [heap.malloc(48) for _ in range(3)],
    "a span is used up": lambda heap, live: [heap.malloc(8192) for _ in range(3)],
    "a tiny object": lambda heap, live: [heap.malloc(5, True) for _ in range(4)],
    "a large object": lambda heap, live: heap.malloc(100_000),
    "the heap grows": lambda heap, live: heap.malloc(100 * MIB),
    "a cycle": lambda heap, live: heap.collect(live),
    "marks": mark_and_finish,
    "one span swept": lambda heap, live: heap.sweep_one(),
    "all spans swept": lambda heap, live: heap.sweep_all(),
    "an object's span swept": lambda heap, live: heap.ensure_swept(live[9]),
    "all memory returned": lambda heap, live: heap.scavenge_all(),
    "swept and returned": lambda heap, live: heap.free_os_memory(),
    "time passes": lambda heap, live: heap.scavenge_by(1 << 40),
    "manual pages taken": lambda heap, live: heap.take_manual(9),
    "manual pages given": lambda heap, live: heap.free_manual(manual_span(heap)),
    "a finalizer set": lambda heap, live: heap.set_finalizer(live[1]),
    "a finalizer removed": lambda heap, live: heap.remove_finalizer(live[4]),
    "finalizers run": lambda heap, live: (heap.sweep_all(), heap.run_finalizers()),
    "a profile record": lambda heap, live: heap.set_profile(live[2]),
    "more Ps": lambda heap, live: heap.set_procs(5),
    "fewer Ps": lambda heap, live: heap.set_procs(1),
    "caches flushed": lambda heap, live: heap.flush_caches(),
    "statistics": lambda heap, live: heap.statistics(),
    "a snapshot": lambda heap, live: heap.snapshot(),
    "an audit": lambda heap, live: audit(heap.snapshot()),
    "marks as bits": lambda heap, live: heap.collect(marked_bits(heap, live)),
    "a wide goal": wide_goal,
    "an extent": lambda heap, live: (heap.extent(live[0]), heap.finalizers_due),
}
"""What a heap can be asked, one way or another."""
