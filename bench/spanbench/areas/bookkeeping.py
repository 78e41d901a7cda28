"""What the allocator needs to know about memory, in memory: bytes for a span, bits for a slot."""

import gc
import os
from functools import cache
from pathlib import Path
from typing import Final

from spanalloc import Heap, SimulatedMemory
from spanbench.measuring.child import Figures, in_child
from spanbench.measuring.figure import Goal, Measured, SamplePair, Settings, figure
from spanbench.measuring.pairing import in_turns

GO_SPAN: Final = 136
"""Bytes of Go's mspan."""

GO_SLOT: Final = 2
"""Bits that Go keeps of a slot: allocated, and marked."""

SMALLEST: Final = 8
SLOTS: Final = 1024
"""A page has so many slots of so many bytes, or a single one."""

SPANS: Final = 16_384

SPANS_QUICK: Final = 4_096

ROUNDS: Final = 3


def resident() -> int:
    """Return the bytes of this process that are resident."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def growth(size: str, slots: str, spans: str) -> Figures:
    """Fill spans, run a cycle that finds them alive, and sweep; return bytes resident a span.

    The memory of the objects is simulated, so that what grows is bookkeeping only. A first heap
    is filled and let go of, so that what is loaded and built once is not counted.
    """
    number, each = int(spans), int(slots)

    def fill(heap: Heap, some: int) -> None:
        first = [0] * some
        for span in range(some):
            first[span] = heap.malloc(int(size))
            for _ in range(each - 1):
                heap.malloc(int(size))
        heap.collect(first)
        heap.sweep_all()

    with Heap(os=SimulatedMemory()) as heap:
        fill(heap, 64)
    with Heap(os=SimulatedMemory()) as heap:
        fill(heap, 64)
        gc.collect()
        before = resident()
        fill(heap, number)
        gc.collect()
        return {"bytes": (resident() - before) / number}


@cache
def grown(settings: Settings) -> tuple[SamplePair, ...]:
    """Return pairs of bytes resident a span: with one slot, and with many of them."""
    spans = SPANS_QUICK if settings.quick else SPANS

    def sample(size: int, slots: int) -> float:
        return in_child(f"{__name__}:growth", f"{size}", f"{slots}", f"{spans}")["bytes"]

    rounds = 1 if settings.quick else ROUNDS
    return in_turns(
        lambda: sample(SLOTS * SMALLEST, 1),
        lambda: sample(SMALLEST, SLOTS),
        rounds,
        warm_up=False,
    )


@figure(
    "memory.span",
    "bytes resident for a span in use with one slot, its share of all tables included",
    "the 136 bytes of Go's mspan",
    goal=Goal("at most", 4),
)
def span(settings: Settings) -> Measured:
    """Measure what a span costs."""
    pairs = tuple(SamplePair(one, GO_SPAN) for one, _ in grown(settings))
    return Measured(pairs, unit="bytes")


@figure(
    "memory.slot",
    "bits resident for each further slot of a span",
    "the 2 bits of Go, allocated and marked",
    goal=Goal("at most", 4),
)
def slot(settings: Settings) -> Measured:
    """Measure what a slot costs: the difference between spans of many slots and of one."""
    pairs = tuple(
        SamplePair(8 * (many - one) / (SLOTS - 1), GO_SLOT) for one, many in grown(settings)
    )
    return Measured(pairs, unit="bits")
