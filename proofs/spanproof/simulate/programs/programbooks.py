"""What a simulated program knows of its heap, and what contradicts it.

It keeps books of its own: of its objects, of those that were marked, of special records, and of
manual spans. What they say is one line about what is wrong, or None.
"""

import random
from typing import Final

from spanproof.simulate.judging import ProgramObjects
from spanspec.heap.heap import ZERO_BASE, Heap
from spanspec.heap.memstats import live_by_spans, read_memstats
from spanspec.heap.program import (
    AddSpecial,
    Allocate,
    AnyInput,
    EnsureSwept,
    FinishCycle,
    FlushMcaches,
    MarkObject,
    RemoveFinalizer,
    RunFinalizers,
    ScavengeAll,
    StartCycle,
    TakeManual,
)
from spanspec.pages.courses.scavenge import nothing_left
from spanspec.pages.memory.osmemory import FollowedOs
from spanspec.pages.memory.persistent import ARENA_MAP_BYTES
from spanspec.span.specials import FINALIZER, SpecialKind
from spanspec.span.sweepgen import is_legal_between_cycles

MOST_LOST: Final = 200
"""Addresses of dead objects that a program remembers."""


class ProgramBooks:
    """The books of one program on one heap.

    `marking` tells whether a cycle marks, and `to_mark` are the objects that it has yet to mark.
    `specials` are the records that were set, `manual` the manual spans, and `lost` the addresses of
    objects that a cycle found dead.
    """

    def __init__(self, rng: random.Random, heap: Heap, os: FollowedOs) -> None:
        self._rng = rng
        self._heap = heap
        self._os = os
        self.objects = ProgramObjects()
        self.marking = False
        self.to_mark: list[int] = []
        self.specials: set[tuple[int, SpecialKind]] = set()
        self.manual: list[int] = []
        self.lost: list[int] = []
        self._born: set[int] = set()
        self._marked: set[int] = set()
        self._due = 0

    def note(self, request: AnyInput, result: int | None) -> str | None:
        """Note what an input has done; return what is wrong by these books."""
        if type(request) is Allocate and result is not None and result != ZERO_BASE:
            if self.marking:
                self._born.add(result)
            return self.objects.add(result, request.size)
        if type(request) is TakeManual and result is not None:
            self.manual.append(result)
        elif type(request) is StartCycle:
            self.marking = True
            share = self._rng.choice((0.0, 0.1, 0.5, 0.5, 0.9, 1.0))
            self.to_mark = [one for one in self.objects.sizes if self._rng.random() < share]
            self._born, self._marked = set(), set()
        elif type(request) is MarkObject:
            owner = self.objects.holding(request.address)
            if owner is not None:
                self._marked.add(owner)
            return self._must_hold(request.address, "was marked")
        elif type(request) is EnsureSwept:
            state = self._heap.state
            it = state.shared(state.pages.map.span_of(request.address))
            if it.in_use and not is_legal_between_cycles(state.sweepgen, it.sweepgen):
                return f"SWP-18: the span at {request.address:#x} is not swept"
        elif type(request) is ScavengeAll and not nothing_left(self._heap.state.pages):
            return "SCAV-13: FreeOSMemory left a whole free page"
        elif type(request) is FinishCycle:
            self.marking = False
            alive = self._marked | self._born
            self.lost += [one for one in self.objects.sizes if one not in alive]
            del self.lost[:-MOST_LOST]
            self.objects.keep(alive)
            self.specials = {one for one in self.specials if self._may_have(*one)}
        elif type(request) is AddSpecial:
            if request.address != ZERO_BASE:  # nothing has one of no bytes: it is forgotten
                self.specials.add((request.address, request.kind))
            return self.check_finalizers()
        elif type(request) is RemoveFinalizer:
            self.specials.discard((request.address, "finalizer"))
            return self.check_finalizers()
        elif type(request) is RunFinalizers:
            self._due = 0
        elif type(request) is FlushMcaches:
            return self._check_memstats()
        return None

    def _must_hold(self, address: int, what: str) -> str | None:
        """Require that what was done to an object was done to one that there is."""
        if address == ZERO_BASE or self._heap.is_allocated(address):
            return None
        return f"SWP-24: {address:#x} {what}, and no object is there"

    def _check_memstats(self) -> str | None:
        """Hold the statistics against what the spans say, as Go's own tests do (HEAP-39).

        And against what the operating system has given to the runtime itself.
        """
        stats = read_memstats(self._heap.state)
        counted, there = (stats.heap_objects, stats.alloc), live_by_spans(self._heap.state)
        if counted != there:
            return f"HEAP-39: objects and bytes counted {counted}, in spans {there}"
        # The map of the arenas is in no statistic.
        pages = self._heap.state.pages
        own = self._os.own - (ARENA_MAP_BYTES if pages.all_arenas else 0)
        said = sum(pages.metadata.counted.values())
        if said != own:
            return f"OS-8: {said} bytes are counted as the runtime's own, which has {own}"
        return None

    def _may_have(self, address: int, kind: SpecialKind) -> bool:
        """Tell whether an object that was given a record may have it still, after a cycle."""
        return kind == "finalizer" or address in self.objects.sizes

    def check_finalizers(self) -> str | None:
        """Require that there are just the finalizers that were set, less those that are due."""
        state = self._heap.state
        for address in state.finalizers[self._due :]:
            if (address, "finalizer") not in self.specials:
                return f"SWP-24: a finalizer for {address:#x} is due, and none was set"
            self.specials.remove((address, "finalizer"))
        self._due = len(state.finalizers)
        there = {
            state.spans[span].base + special.offset
            for span, specials in state.specials.items()
            for special in specials
            if special.kind == FINALIZER
        }
        asked_for = {address for address, kind in self.specials if kind == "finalizer"}
        if there != asked_for:
            return f"SWP-24: a finalizer for {min(there ^ asked_for):#x} is lost, or too many"
        return None
