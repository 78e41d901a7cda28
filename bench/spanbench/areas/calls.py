"""One malloc, called from interpreted Python: against a call that does nothing, and against the
allocator of the standard library.
"""

import time
from collections.abc import Callable
from itertools import repeat
from multiprocessing.heap import Heap as StandardHeap
from statistics import median
from typing import Final

import spanalloc
from spanbench.areas.serving import NOT_COMPILED, nanoseconds
from spanbench.measuring.child import in_child, sources_only
from spanbench.measuring.figure import Goal, Measured, SamplePair, Settings, Table, figure
from spanbench.measuring.pairing import in_turns
from spanbench.others import baseline
from spanproof.support.tools import Missing

SIZES: Final = (8, 32, 128, 1024)
"""Bytes of the objects asked for, one loop each: a refill serves 1024, 256, 64, or 8 of them."""

TYPICAL: Final = 32
"""The size that counts: half of what the recorded compiler asks for is no larger."""

CALLS: Final = 20_000
"""Calls in a loop; then a cycle, which is not timed, frees what they gave."""

ROUNDS: Final = 41

OBJECTS: Final = 10_000
"""Objects of 64 bytes that are alive together before they are all freed."""

OBJECT: Final = 64


def need_compiled() -> None:
    """Raise Missing unless spanalloc and the empty method are compiled."""
    if not spanalloc.COMPILED or baseline.__file__.endswith(".py"):
        raise Missing(NOT_COMPILED)


def per_call(malloc: Callable[[int], int], size: int) -> float:
    """Return seconds of one call; ten stand in a row, so that the loop hardly counts."""
    started = time.process_time()
    for _ in repeat(None, CALLS // 10):
        malloc(size)
        malloc(size)
        malloc(size)
        malloc(size)
        malloc(size)
        malloc(size)
        malloc(size)
        malloc(size)
        malloc(size)
        malloc(size)
    return (time.process_time() - started) / CALLS


@figure(
    "call.malloc",
    "one malloc of spanalloc, called from interpreted Python",
    "a compiled method with the same arguments that does nothing",
    goal=Goal("at most", 2),
)
def malloc_call(settings: Settings) -> Measured:
    """Measure calls of several sizes; refills of the cache are part of them, cycles are not."""
    need_compiled()
    rounds = 5 if settings.quick else ROUNDS
    nothing = baseline.Nothing()
    pairs: dict[int, tuple[SamplePair, ...]] = {}
    rows: list[tuple[str, ...]] = []
    with spanalloc.Heap() as heap:
        for size in SIZES:
            addresses: list[float] = []

            def ours(size: int = size) -> float:
                taken = per_call(heap.malloc, size)
                heap.collect()
                heap.sweep_all()
                return taken

            def theirs(size: int = size, addresses: list[float] = addresses) -> float:
                addresses.append(per_call(nothing.address, size))
                return per_call(nothing.malloc, size)

            pairs[size] = in_turns(ours, theirs, rounds)
            mine, empty = (median(pair[side] for pair in pairs[size]) for side in (0, 1))
            shown = (nanoseconds(one) for one in (mine, empty, median(addresses)))
            rows.append((f"{size}", *shown))
    heading = ("bytes", "malloc, ns", "nothing, ns", "a new int of 40 bits, ns")
    note = f"{TYPICAL} bytes; refills of the cache are part of it, cycles are not"
    return Measured(pairs[TYPICAL], details=Table(heading, tuple(rows)), note=note)


def spanalloc_batch(heap: spanalloc.Heap) -> float:
    """Return seconds to allocate an object and to have it freed, in a batch."""
    malloc = heap.malloc
    started = time.process_time()
    for _ in repeat(None, OBJECTS):
        malloc(OBJECT)
    heap.collect()
    heap.sweep_all()
    return (time.process_time() - started) / OBJECTS


def standard_batch(heap: StandardHeap) -> float:
    """Return the same for the heap of multiprocessing, which frees object by object."""
    malloc, free = heap.malloc, heap.free
    started = time.process_time()
    blocks = [malloc(OBJECT) for _ in repeat(None, OBJECTS)]
    for block in blocks:
        free(block)
    return (time.process_time() - started) / OBJECTS


def against_standard(settings: Settings) -> Measured:
    """Measure allocating and freeing against the heap of multiprocessing, in this process."""
    standard = StandardHeap()
    with spanalloc.Heap() as heap:
        pairs = in_turns(
            lambda: spanalloc_batch(heap),
            lambda: standard_batch(standard),
            3 if settings.quick else ROUNDS // 4,
        )
    return Measured(pairs, note=f"{OBJECTS} objects of {OBJECT} bytes, then all of them freed")


@figure(
    "call.malloc-free",
    "malloc, and free by a cycle, called from interpreted Python",
    "malloc and free of the standard library's multiprocessing.heap.Heap",
    reads="speed",
    goal=Goal("at least", 40),
)
def malloc_and_free(settings: Settings) -> Measured:
    """Measure a batch of objects from birth to death."""
    need_compiled()
    return against_standard(settings)


def interpreted_batches(quick: str) -> dict[str, float]:
    """Measure the same where spanalloc runs interpreted; return the samples by number.

    Raises: RuntimeError if it does not.
    """
    if spanalloc.COMPILED:
        raise RuntimeError("spanalloc is compiled here")
    pairs = against_standard(Settings(quick=quick == "quick")).pairs
    mine = {f"ours {number}": pair.ours for number, pair in enumerate(pairs)}
    return mine | {f"theirs {number}": pair.theirs for number, pair in enumerate(pairs)}


@figure(
    "call.interpreted",
    "malloc, and free by a cycle, of spanalloc that runs interpreted",
    "malloc and free of the standard library's multiprocessing.heap.Heap",
    reads="speed",
    goal=Goal("at least", 3),
)
def interpreted(settings: Settings) -> Measured:
    """Measure the sources without the compiled modules, in a process of their own."""
    with sources_only() as folder:
        quick = "quick" if settings.quick else "full"
        taken = in_child(f"{__name__}:interpreted_batches", quick, path=folder)
    rounds = (len(taken) - 1) // 2
    pairs = [SamplePair(taken[f"ours {one}"], taken[f"theirs {one}"]) for one in range(rounds)]
    return Measured(
        tuple(pairs), note=f"{OBJECTS} objects of {OBJECT} bytes, then all of them freed"
    )
