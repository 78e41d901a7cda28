"""Holding what a heap tells against what is there, and was there before, when it tells it."""

from itertools import pairwise
from typing import Final

from spanproof.simulate.exhaustive.trying import Player, promise
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import NOBODY
from spanspec.base.words import M32
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase
from spanspec.pages.memory.arena import GrantingOs
from spanspec.pages.pageheap import page_number
from spanspec.span.mspan import FREE, IN_USE, Mspan

HUGE: Final = 2 << 20
"""Bytes of a huge page."""

LARGE: Final = (0, 1)
"""The span classes of large objects."""

OWN_GENERATION: Final = (
    ev.RefillBegins,
    ev.RefillEnds,
    ev.CentralTakes,
    ev.CentralGrows,
    ev.CentralFreesSpan,
    ev.SweepClaim,
    ev.SweepDrops,
    hev.SpanInUse,
    hev.HeapFrees,
)
"""Events whose sweepgen is the span's; that of all others is the heap's."""

OF_A_RECORD: Final = ("spanclass", "nelems", "freeindex", "alloc_count", "elemsize")
"""What an event may tell of the record of a span in use."""

WHOSE_PAGES: Final = (
    ev.SweepClaim,
    hev.SpanInUse,
    hev.SpanManual,
    hev.HeapFrees,
    hev.GrowAddsSpan,
    hev.HeapAllocates,
)
"""Events whose pages are those of their span."""


class Advised(GrantingOs):
    """An operating system that notes for which regions it was advised to use huge pages."""

    def __init__(self) -> None:
        super().__init__()
        self.advice: list[tuple[int, int]] = []

    def huge(self, address: int, size: int) -> None:
        """Note it."""
        self.advice.append((address, size))


class CheckedPlayer(Player):
    """Plays programs, and holds each event against the state in which it is told.

    `claimed` has the records that spans had when their sweeps began; `bits` counts the bytes of
    mark bits and allocBits that were taken since marking last began.
    """

    def __init__(self, procs: int = 1) -> None:
        self.set_up = False
        self.claimed: dict[int, Mspan] = {}
        self.released = self.bits = 0
        self.kernel = Advised()
        super().__init__(procs, self.kernel)
        self.set_up = True

    def _note(self, event: EventBase) -> None:
        super()._note(event)
        if self.set_up:
            if isinstance(event, ev.SpanEvent) and event.span != NOBODY:
                self._about_a_span(event)
            self._generation(event)
            self._swept(event)
            self._of_the_cycle(event)
            self._of_the_pages(event)

    def _about_a_span(self, event: ev.SpanEvent) -> None:
        run, record = self.state.pages.runs[event.span], self.state.spans.get(event.span)
        first = page_number(run.base)
        promise(event.base_page == first, f"{event}: the span begins at page {first}")
        if isinstance(event, WHOSE_PAGES):
            promise(event.npages == run.npages, f"{event}: the span has {run.npages} pages")
        for name in OF_A_RECORD if record is not None else ():
            told, there = getattr(event, name, None), getattr(record, name)
            promise(told in (None, there), f"{event}: the {name} of the span is {there}")

    def _generation(self, event: EventBase) -> None:
        told, sg = getattr(event, "sweepgen", None), self.state.sweepgen
        if told is not None:
            own = isinstance(event, OWN_GENERATION)
            due = self.state.generation(getattr(event, "span", NOBODY)) if own else sg
            promise(told == due, f"{event}: the sweepgen is {due}")
        if isinstance(event, ev.Uncache):
            due = int(event.sweepgen_before == (sg + 1) & M32)
            good = (event.stale, event.heap_sweepgen) == (due, sg)
            promise(good, f"{event}: the heap's sweepgen is {sg}")

    def _swept(self, event: EventBase) -> None:
        match event:
            case ev.SweepClaim():
                self.claimed[event.span] = self.state.spans[event.span]
            case ev.SweepResult():
                record, before = self.state.spans[event.span], self.claimed[event.span]
                count = (record.nelems + 7) // 8
                words = [record.alloc_bits.word(at) for at in range((record.nelems + 63) // 64)]
                self._takes_bits(record, 1)
                marks = b"".join(word.to_bytes(8, "little") for word in words)[:count].hex()
                large, died = event.spanclass in LARGE, before.alloc_count - record.alloc_count
                due = (
                    died,
                    int(large and died > 0),
                    int(not large and died > 0),
                    int(before.alloc_count == before.nelems),
                    marks,
                )
                said = (event.nfreed, event.large_dead, event.to_central, event.was_empty)
                promise((*said, event.alloc_bits) == due, f"{event}: it is {due}")
            case ev.CentralFreesSpan():
                record, before = self.state.spans[event.span], self.claimed[event.span]
                due_now = (int(before.alloc_count == before.nelems), int(record.alloc_count == 0))
                promise((event.was_empty, event.freed) == due_now, f"{event}: {due_now}")
            case ev.CentralChecksRoom():
                record = self.state.spans[event.span]
                room = int(record.alloc_count < record.nelems)
                good = (event.room, event.slot) == (room, record.freeindex)
                promise(good, f"{event}: {record.alloc_count} of its slots are taken")
            case ev.BufferPush():
                there = self.state.buffers[event.buffer].at(event.place)
                promise(there == event.span, f"{event}: there is {there}")
            case hev.SpanInitialized():
                self._takes_bits(self.state.spans[event.span], 2)
                bits, now = self.state.bits_epoch[event.span], self.state.collector.epoch
                promise((bits.alloc, bits.marks) == (now, now), f"I-34: {bits}, and it is {now}")

    def _takes_bits(self, record: Mspan, times: int) -> None:
        self.bits += times * 8 * ((record.nelems + 63) // 64)
        taken = self.state.bits_arenas.next.taken
        promise(taken == self.bits, f"SPAN-27: {taken} bytes of bits are taken, not {self.bits}")

    def _of_the_cycle(self, event: EventBase) -> None:
        state = self.state
        match event:
            case ev.CycleStarts():
                before = (state.accounts.heap_live, state.cycle - 1)
                promise((event.heap_live, event.cycle) == before, f"{event}: before are {before}")
            case ev.PhaseChanges(phase=1):
                self.bits = 0
            case ev.SweepPhaseStarts():
                promise(event.arenas == len(state.pages.all_arenas), f"{event}: the arenas")
            case hev.ReclaimBegins():
                there = (state.progress.reclaim_credit, state.progress.reclaim_index)
                promise((event.credit, event.index) == there, f"{event}: there are {there}")

    def _advised(self, event: hev.Coalesces, base: int) -> None:
        """Hold what was advised: huge pages that lie in the merged run, and in none of its parts.

        Rules: HEAP-31.
        """
        lower = event.below_npages if event.below != NOBODY else 0
        upper = event.above_npages if event.above != NOBODY else 0
        bounds = [base + at * PAGE_SIZE for at in (0, lower, event.npages - upper, event.npages)]
        apart = sum(whole_huge(start, end) for start, end in pairwise(bounds))
        due = not event.scavenged and whole_huge(base, bounds[-1]) > apart
        there = [(base, event.npages * PAGE_SIZE)] if due else []
        promise(self.kernel.advice == there, f"HEAP-31: {self.kernel.advice}, not {there}")
        self.kernel.advice.clear()

    def _of_the_pages(self, event: EventBase) -> None:
        heap = self.state.pages
        match event:
            case hev.ScavengeBegins() | hev.ScavengeIfNeeded():
                stats, goal = heap.stats, self.state.inputs.retained_goal()
                there = (stats.heap_sys - stats.heap_released, goal)
                promise((event.retained, event.goal) == there, f"{event}: there are {there}")
                self.released = 0
                if isinstance(event, hev.ScavengeBegins):
                    kept = [run for run in heap.free.in_order() if not run.scavenged]
                    ends = [(run.base, run.base + run.npages * PAGE_SIZE) for run in kept]
                    huge = sum(whole_huge(*bounds) for bounds in ends)
                    promise(event.huge_pages == huge, f"{event}: there are {huge} huge pages")
            case hev.ScavengesSpan():
                self.released += event.released
                split = int(event.span != event.chosen)
                promise(event.split == split, f"{event}: of span {event.chosen}")
            case hev.ScavengeEnds():
                promise(event.released == self.released, f"{event}: it was {self.released}")
            case hev.Coalesces():
                run = heap.runs[event.span]
                now = (run.npages, int(run.scavenged), int(run.needzero), run.state)
                said = (event.npages, event.scavenged, event.needzero, FREE)
                promise(said == now, f"{event}: there is {now}")
                self._advised(event, run.base)
            case hev.HeapAllocates():
                split = int(event.chosen_npages != event.npages)
                promise(event.split == split, f"{event}: of {event.chosen_npages} pages")
            case hev.SpanInUse():
                due = (IN_USE, int(event.spanclass in LARGE))
                promise((heap.runs[event.span].state, event.large) == due, f"{event}: not {due}")


def whole_huge(start: int, end: int) -> int:
    """Return how many huge pages lie in a region."""
    return max(end // HUGE - -(-start // HUGE), 0)
