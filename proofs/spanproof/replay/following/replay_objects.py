"""Replay of allocations: which slot, by which path, and where a tiny object goes."""

from spanproof.replay.following.verdict import (
    AFTER,
    INPUT,
    PREDICTED,
    Diverged,
    EventVerdict,
    expect,
)
from spanproof.replay.following.world import World
from spanspec.base.constants import TINY_SIZE, TINY_SPAN_CLASS
from spanspec.base.ids import NOBODY
from spanspec.events import span_events as ev
from spanspec.events.span_events import (
    FAST,
    LARGE,
    NEEDZERO,
    NOSCAN,
    TINY_BLOCK,
    TINY_CURRENT,
    ZEROED,
)
from spanspec.heap.courses.malloc import (
    NO_SMALL_CLASS,
    PlacedTiny,
    TakenSlot,
    is_tiny,
    pages_for_large,
    span_class_for,
    take_cached,
)
from spanspec.heap.courses.procs import mcache_of
from spanspec.heap.state.allp import NO_P
from spanspec.heap.state.state import HeapState, Mcache
from spanspec.heap.state.taking import allocate_large
from spanspec.pages.pageheap import page_address
from spanspec.span.mspan import slot_address

ADDRESS_NOTE = 10
"""The `note` by which a program tells an address that it was given."""


class ReplayedObjects:
    """Replays allocations, and remembers the last address that each P handed out."""

    def __init__(self, state: HeapState, world: World) -> None:
        self._state = state
        self._world = world
        self._last: dict[int, TakenSlot | int] = {}
        self.large_ready: dict[int, int] = {}
        """Spans that wait for the large object they were taken for, by P."""

    def expect_large(self, p: int, span: int) -> None:
        """Note that a P's next allocation is the large object that a span was taken for.

        Rules: MAL-11 MAL-12.
        """
        waiting = self.large_ready.get(p)
        expect("MAL-11", "large span without its object", None, waiting)
        self.large_ready[p] = span

    def malloc(self, event: ev.Malloc) -> EventVerdict:
        """Replay an allocation that took a slot.

        Rules: MAL-4 MAL-7 MAL-8 MAL-10 MAL-14 MAL-19 SPAN-12 SPAN-15.
        """
        flags = event.flags
        size = event.size
        noscan = flags & NOSCAN != 0
        spanclass = span_class_for(size, noscan)
        if event.path == LARGE or spanclass == NO_SMALL_CLASS:
            if self._world.guarded:
                self._world.expect_running(event.p)
            return self._malloc_large(event, noscan)
        if spanclass != event.spanclass:
            raise Diverged("SC-10", f"span class of {size} bytes", spanclass, event.spanclass)
        p = event.p
        if self._world.guarded:
            self._world.expect_running(p)
        if p == NO_P:
            self._expect_no_p()
        mcache = mcache_of(self._state, p)
        tiny = is_tiny(size, noscan)
        taken = take_cached(self._state, mcache, spanclass, size, tiny)
        if taken is None:
            raise Diverged("MAL-19", "what comes before this allocation", "a refill", "none")
        if not isinstance(taken, TakenSlot):
            what = f"tiny object of {size} bytes"
            raise Diverged("MAL-6", what, "a hit", "a new block", AFTER)
        record = taken.record
        if (
            taken.slot != event.slot
            or taken.path != event.path
            or record.base != page_address(event.base_page)
            or mcache.refilled != NOBODY
            or (record.needzero != 0) != (flags & NEEDZERO != 0)
            or flags > _ALL_FLAGS
        ):
            self._explain(event, taken, mcache)
        if tiny:
            told = flags & TINY_BLOCK != 0
            expect("MAL-4", "taken by the tiny allocator", True, told, AFTER)
            current = flags & TINY_CURRENT != 0
            expect("MAL-8", "new block is the current one", taken.current, current, AFTER)
        elif flags & (TINY_BLOCK | TINY_CURRENT):
            expect("MAL-4", "taken by the tiny allocator", False, True)
        self._last[p] = taken
        return PREDICTED

    def _expect_no_p(self) -> None:
        """Require that no P has allocated: the first thread does so without one up to then.

        Rules: MC-14.
        """
        others = [p for p in self._last if p != NO_P]
        if others:
            raise Diverged("MC-14", "P of an allocation", "one, as the first was there", "none")

    def _explain(self, event: ev.Malloc, taken: TakenSlot, mcache: Mcache) -> None:
        record = taken.record
        pending = mcache.refilled
        expect("MAL-19", "class whose refill has to be used first", NOBODY, pending, AFTER)
        expect(
            "SPAN-15", "page of the cached span", record.base, page_address(event.base_page), AFTER
        )
        expect("SPAN-15" if taken.path > FAST else "SPAN-12", "slot", taken.slot, event.slot, AFTER)
        expect("SPAN-12", "path (1 fast, 2 slow, 3 after a refill)", taken.path, event.path, AFTER)
        needzero = event.flags & NEEDZERO != 0
        expect("SWP-27", "span.needzero", record.needzero != 0, needzero, AFTER)
        expect("MAL-4", "flags, at most", _ALL_FLAGS, event.flags, AFTER)

    def _malloc_large(self, event: ev.Malloc, noscan: bool) -> EventVerdict:
        """Replay a large object: the only slot of a span of its own.

        Rules: MAL-4 MAL-11 MAL-12 HEAP-23.
        """
        large = span_class_for(event.size, noscan) == NO_SMALL_CLASS
        expect("MAL-4", "path (4 above 32768 bytes)", large, event.path == LARGE)
        span = self.large_ready.pop(event.p, NOBODY)
        if span == NOBODY:
            raise Diverged("MAL-11", "span for this object", "one from the page heap", "none")
        record = self._state.spans[span]
        expect("MAL-11", "page of the object", record.base, page_address(event.base_page))
        expect("MAL-11", "pages", pages_for_large(event.size), record.npages)
        expect("MAL-11", "span class", record.spanclass, event.spanclass)
        expect("MAL-11", "noscan", record.spanclass == 1, noscan)
        expect("MAL-12", "slot", 0, event.slot)
        expect("HEAP-23", "flags that a large object can have", event.flags & 3, event.flags)
        allocate_large(self._state, span, event.size)
        self._last[event.p] = record.base
        return PREDICTED

    def tiny_hit(self, event: ev.TinyHit) -> EventVerdict:
        """Replay a tiny object that went into the current block.

        Rules: MAL-5 MAL-6.
        """
        if event.p == NO_P:
            self._expect_no_p()
        mcache = mcache_of(self._state, event.p)
        block = mcache.tiny.address
        if not is_tiny(event.size, event.flags & NOSCAN != 0):
            expect("MAL-4", "request is tiny", True, False)
        if self._world.guarded:
            self._world.expect_running(event.p)
        if mcache.refilled != NOBODY:
            expect("MAL-19", "class whose refill has to be used first", NOBODY, mcache.refilled)
        placed = take_cached(self._state, mcache, TINY_SPAN_CLASS, event.size, tiny=True)
        if not isinstance(placed, PlacedTiny):
            raise Diverged("MAL-6", f"tiny object of {event.size} bytes", "a new block", "a hit")
        if event.flags > 3:
            expect("MAL-6", "flags that a hit has", event.flags & 3, event.flags)
        if placed.offset != event.offset:
            expect("MAL-5", "offset in the block", placed.offset, event.offset)
        address = page_address(event.base_page) + event.slot * TINY_SIZE
        if address != block:
            expect("MAL-6", "address of the block", hex(block), hex(address))
        self._last[event.p] = address + placed.offset
        return PREDICTED

    def note(self, event: ev.Mark) -> EventVerdict:
        """Replay a note of the traced program: an address it got is the P's last allocation.

        Rules: SPAN-12 CONC-9.
        """
        if self._world.guarded:
            self._world.expect_running(event.p)
        if event.note != ADDRESS_NOTE:
            return INPUT
        last = self._last.get(event.p)
        if isinstance(last, TakenSlot):
            last = slot_address(last.record, last.slot)
        expect("SPAN-12", "address that the program got", last, event.first)
        return PREDICTED


_ALL_FLAGS = NOSCAN | ZEROED | NEEDZERO | TINY_BLOCK | TINY_CURRENT
