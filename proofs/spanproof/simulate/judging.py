"""Judges of what the model does on its own: of its events, of its objects, of its heap_live.

They keep books of their own. What they say is one line about what is wrong, or None.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from spanproof.replay.check import PLATFORM, RUNTIME
from spanproof.replay.following.replay import Replay
from spanproof.replay.following.verdict import TraceDivergence
from spanproof.replay.format.schema import Header
from spanproof.simulate.agreement import disagreements
from spanproof.simulate.program import Saved
from spanspec.base.constants import HEAP_ARENA_BYTES, PAGE_SIZE
from spanspec.base.sizeclass import CLASS_TO_PAGES, CLASS_TO_SIZE
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase
from spanspec.events.heap_events import SpanInUse
from spanspec.heap.state.state import HeapState
from spanspec.pages.tables.runs import PhysicalPages
from spanspec.sharing.tables.growing import span_id


class Failure(NamedTuple):
    """What went wrong, at which step, and the program up to it, which can be run again."""

    step: int
    what: str
    program: Saved


class Simulated(NamedTuple):
    """The outcome of a simulation: steps and observed events, by kind, and the failure if any."""

    seed: int
    steps: Counter[str]
    events: Counter[str]
    failure: Failure | None


def header_for(phys: PhysicalPages, procs: int, events: int, program: str) -> Header:
    """Return the header of a trace that the model itself has made."""
    return Header(
        format=1,
        go=RUNTIME,
        arch=PLATFORM,
        page_size=8192,
        phys_page_size=phys.size,
        huge_page_size=phys.huge,
        arena_bytes=HEAP_ARENA_BYTES,
        num_size_classes=len(CLASS_TO_SIZE),
        num_cpu=procs,
        pointer_size=8,
        first_address="0xc000000000",
        program=program,
        gomaxprocs=procs,
        class_size=list(CLASS_TO_SIZE),
        class_pages=list(CLASS_TO_PAGES),
        events=events,
        ends="complete",
    )


class ReplayJudge:
    """The replay of traces, which is told every event, and takes the proved steps by them."""

    def __init__(self, header: Header) -> None:
        self.replay = Replay(header, proves=True)

    def run(self, events: Sequence[EventBase]) -> str | None:
        """Judge the next events."""
        divergence = self.replay.run(events)
        return None if divergence is None else _told(divergence)

    def at_rest(self, heap: HeapState, spans: Sequence[int] | None = None) -> str | None:
        """Hold a heap, no thread of which is in an operation, against the replay's; or some spans.

        Their descriptors name them.
        """
        some = None if spans is None else [span_id(span) for span in spans]
        return next(disagreements(heap.sharing, self.replay.state.sharing, some), None)

    def finish(self) -> str | None:
        """Judge the events so far as a whole recording, which may end at any place."""
        divergence = self.replay.finish()
        return None if divergence is None else _told(divergence)


def _told(divergence: TraceDivergence) -> str:
    told = f"{divergence.rule}: {divergence.what}, line {divergence.line} {divergence.event}"
    return f"{told}: expected {divergence.expected}, seen {divergence.seen}"


class ProgramObjects:
    """The objects that a program was given and the collector has not found dead.

    `total` are their bytes.
    """

    def __init__(self) -> None:
        self.sizes: dict[int, int] = {}
        self.total = 0
        self._starts: list[int] = []

    def add(self, address: int, size: int) -> str | None:
        """Add an object; return what is wrong if it overlaps another."""
        at = bisect_left(self._starts, address)
        if at < len(self._starts) and address + size > self._starts[at]:
            return f"{address:#x}..{address + size:#x} overlaps {self._starts[at]:#x}"
        if at > 0 and self._starts[at - 1] + self.sizes[self._starts[at - 1]] > address:
            return f"{address:#x} lies in the object at {self._starts[at - 1]:#x}"
        insort(self._starts, address)
        self.total += size - self.sizes.get(address, 0)
        self.sizes[address] = size
        return None

    def some(self, rng: Random, number: int) -> list[int]:
        """Return some objects, as chance has it."""
        return rng.choices(self._starts, k=number) if self._starts else []

    def holding(self, address: int) -> int | None:
        """Return the object that holds an address, if one does."""
        at = bisect_right(self._starts, address) - 1
        if at < 0 or address >= self._starts[at] + max(1, self.sizes[self._starts[at]]):
            return None
        return self._starts[at]

    def keep(self, addresses: set[int]) -> None:
        """Forget all objects but some."""
        self.sizes = {start: size for start, size in self.sizes.items() if start in addresses}
        self._starts = sorted(self.sizes)
        self.total = sum(self.sizes.values())


def growth_of(event: EventBase) -> int:
    """Return by how many bytes an observed event changes heap_live.

    This is bookkeeping apart from the model's: what the caches take, less what they give back.
    """
    # By class, as this is asked of each event, and an answer of `isinstance` that is no takes long.
    if type(event) is ev.RefillEnds:
        number = event.spanclass // 2
        return CLASS_TO_PAGES[number] * PAGE_SIZE - event.alloc_count * CLASS_TO_SIZE[number]
    if type(event) is ev.Uncache and not event.stale:
        return -(event.nelems - event.alloc_count) * CLASS_TO_SIZE[event.spanclass // 2]
    if type(event) is SpanInUse and event.large:
        return event.npages * PAGE_SIZE
    return 0
