"""The page heap: descriptors, their runs of pages, the free set and the span map.

This module holds the state that `mheap.lock` protects, and the steps that all of its users share:
coalescing above all (HEAP-1, HEAP-29 to HEAP-33). Taking and freeing spans is in `pagealloc`,
growth in `growth`, the scavenger in `scavenge`.

A generator of this package yields each observation just after the step that it tells of.
"""

from collections.abc import Generator
from typing import Protocol

from msgspec.structs import replace

from spanspec.base.constants import ARENA_BASE, PAGE_SHIFT, PAGE_SIZE
from spanspec.base.ids import NOBODY
from spanspec.base.intervals import Intervals, Regions
from spanspec.base.records import Record
from spanspec.base.words import U32, U64
from spanspec.events import heap_events as hev
from spanspec.events.fields import EventBase
from spanspec.pages.arena import Hint, Os, Willing, initial_hints
from spanspec.pages.fixalloc import FixAlloc
from spanspec.pages.freeruns import FreeSpan, FreeSpans
from spanspec.pages.pagemap import PageMap
from spanspec.pages.persistent import (
    ARENA_HINT_BYTES,
    MSPAN_BYTES,
    TREAP_NODE_BYTES,
    AllArenas,
    AllSpans,
    Metadata,
)
from spanspec.pages.runs import (
    AMD64,
    PageRun,
    PhysicalPages,
    end_of,
    huge_pages,
    just_below,
    last_page,
    may_merge,
    merge_above,
    merge_below,
    move_boundary,
    page_run,
    realigned_boundary,
)
from spanspec.pages.statistics import HeapStatistics
from spanspec.pages.treap import Treap
from spanspec.span.mspan import DEAD, FREE

Steps = Generator[EventBase, None, None]
"""A course of steps, each told by an observation."""


class Actor(Record, frozen=True):
    """Who acts: a P (-1: none) and a thread (M)."""

    p: int
    thread: int


class Arena(Record, frozen=True):
    """The part of the newest region that no span has had yet: addresses base..end (HEAP-17)."""

    base: U64
    end: U64


class GoalSource(Protocol):
    """Where the scavenger's retained goal comes from: pacing, or what a trace tells."""

    def retained_goal(self) -> U64:
        """Return the bytes that the heap should retain at most (SCAV-3)."""
        ...


class PageHeap:
    """Everything that the lock of the page heap protects.

    `runs` has every descriptor, dead ones too. `purposes` tells what a manual span is for.

    Rules: HEAP-1 HEAP-2.
    """

    def __init__(
        self,
        goals: GoalSource,
        os: Os | None = None,
        phys: PhysicalPages = AMD64,
        free: FreeSpans | None = None,
    ) -> None:
        self.phys = phys
        self.os: Os = Willing() if os is None else os
        self.goals = goals
        self.metadata = Metadata(self.os)
        self.hints: tuple[Hint, ...] = ()
        self._hint_records = FixAlloc(self.metadata, ARENA_HINT_BYTES, "other_sys")
        self._hints_held: list[int] = []
        self.set_hints(initial_hints())
        self.all_spans = AllSpans(self.metadata)
        self.descriptors = FixAlloc(self.metadata, MSPAN_BYTES, "mspan_sys", self.all_spans.record)
        self.treap_nodes = FixAlloc(self.metadata, TREAP_NODE_BYTES, "other_sys")
        self.runs: dict[int, PageRun] = {}
        self.purposes: dict[int, str] = {}
        self.map = PageMap()
        self.free: FreeSpans = Treap() if free is None else free
        self.stats = HeapStatistics()
        self.unscavenged_huge = 0
        self.current = Arena(0, 0)
        self.arena_table = AllArenas(self.metadata)
        self._used: Intervals[bool] = Intervals(False)
        self._nodes: dict[int, int] = {}

    def set_hints(self, hints: tuple[Hint, ...]) -> None:
        """Go on with other hints; each has a record of its own (HEAP-2, AR-4)."""
        while len(self._hints_held) > len(hints):
            self._hint_records.give_back(self._hints_held.pop())
        while len(self._hints_held) < len(hints):
            self._hints_held.append(self._hint_records.take())
        self.hints = hints

    @property
    def all_arenas(self) -> Regions:
        """The numbers of all arenas, in the order in which they were mapped (AR-7)."""
        return self.arena_table.indices

    def use_pages(self, base: U64, npages: U64) -> None:
        """Note that pages have been handed out: their memory may hold anything from now on.

        This exists for the argument only, as the witness of I-10.
        """
        first = page_number(base)
        self._used.set(first, first + npages, True)

    def never_used(self, run: PageRun) -> bool:
        """Tell whether no page of a run was ever handed out."""
        first = page_number(run.base)
        return not any(self._used.values(first, first + run.npages))

    def new_descriptor(self, base: U64, npages: U64) -> int:
        """Take a descriptor and initialize it; a recycled one keeps its sweepgen.

        Rules: HEAP-4 SPAN-3 SWP-7.
        """
        span = self.descriptors.take()
        self.runs[span] = page_run(base, npages, self.last_sweepgen(span))
        return span

    def last_sweepgen(self, span: int) -> U32:
        """Return the sweepgen that a descriptor held when it was last in use, 0 before."""
        known = self.runs.get(span)
        return 0 if known is None else known.sweepgen

    def entry(self, span: int, run: PageRun) -> FreeSpan:
        """Return a free run as the free set sees it."""
        return FreeSpan(run.base, run.npages, span, run.scavenged, huge_pages(self.phys, run) > 0)

    def insert_free(self, span: int) -> None:
        """Put a free run into the free set, and count its huge pages.

        Rules: TREAP-4.
        """
        run = self.runs[span]
        self.unscavenged_huge += self.huge_contribution(run)
        self._nodes[span] = self.treap_nodes.take()
        self.free.insert(self.entry(span, run))

    def remove_free(self, span: int) -> None:
        """Take a free run out of the free set.

        Rules: TREAP-5.
        """
        run = self.runs[span]
        self.unscavenged_huge -= self.huge_contribution(run)
        self.free.remove(run.base)
        self.treap_nodes.give_back(self._nodes.pop(span))

    def mutate_free(self, span: int, run: PageRun) -> None:
        """Change a free run in place: its base, its size or its scavenged flag.

        Rules: TREAP-6.
        """
        old = self.runs[span]
        self.unscavenged_huge += self.huge_contribution(run) - self.huge_contribution(old)
        self.runs[span] = run
        self.free.mutate(old.base, self.entry(span, run))

    def huge_contribution(self, run: PageRun) -> U64:
        """Return how many unscavenged huge pages a free run counts for.

        Rules: TREAP-4 TREAP-6.
        """
        return 0 if run.scavenged else huge_pages(self.phys, run)

    def free_at(self, address: U64) -> int:
        """Return the free span that an address belongs to by the span map, or NOBODY."""
        span = self.map.span_of(address)
        return span if span != NOBODY and self.runs[span].state == FREE else NOBODY

    def coalesce(self, actor: Actor, span: int) -> hev.Coalesces:
        """Merge a free run that is not in the free set with its neighbours; return what happened.

        A neighbour of the other scavenged state stays, but where physical pages are larger than
        8 KiB the boundary may move. The caller puts the run into the free set. Huge pages that
        become whole by merging are advised about.

        Rules: HEAP-29 HEAP-30 HEAP-31 HEAP-33.
        """
        huge = self.huge_contribution(self.runs[span])
        below = self.free_at(just_below(self.runs[span]))
        below_pages = above_pages = 0
        merged_below = merged_above = NOBODY
        if below != NOBODY:
            if may_merge(self.runs[span], self.runs[below]):
                merged_below, below_pages = below, self.runs[below].npages
                huge += self.huge_contribution(self.runs[below])
                merged = merge_below(self.phys, self.runs[below], self.runs[span])
                self._absorb(span, below, merged)
                self.map.set_span(merged.base, span)
            else:
                self._realign(below, span, in_set=below)
        above = self.free_at(end_of(self.runs[span]))
        if above != NOBODY:
            if may_merge(self.runs[span], self.runs[above]):
                merged_above, above_pages = above, self.runs[above].npages
                huge += self.huge_contribution(self.runs[above])
                merged = merge_above(self.phys, self.runs[span], self.runs[above])
                self._absorb(span, above, merged)
                self.map.set_span(last_page(merged), span)
            else:
                self._realign(span, above, in_set=above)
        run = self.runs[span]
        if self.huge_contribution(run) > huge:
            self.os.huge(run.base, run.npages * PAGE_SIZE)
        return hev.Coalesces(
            p=actor.p,
            thread=actor.thread,
            span=span,
            base_page=page_number(run.base),
            npages=run.npages,
            below_npages=below_pages,
            below=merged_below,
            above_npages=above_pages,
            above=merged_above,
            scavenged=int(run.scavenged),
            needzero=run.needzero,
        )

    def _absorb(self, span: int, neighbour: int, merged: PageRun) -> None:
        """Let a run take the place of itself and a neighbour, whose descriptor dies."""
        self.remove_free(neighbour)
        self.runs[neighbour] = replace(self.runs[neighbour], state=DEAD)
        self.descriptors.give_back(neighbour)
        self.runs[span] = merged

    def _realign(self, below: int, above: int, in_set: int) -> None:
        """Move the boundary of two neighbours that share a physical page."""
        boundary = realigned_boundary(self.phys, self.runs[below], self.runs[above])
        if boundary == self.runs[above].base:
            return
        self.remove_free(in_set)
        moved = move_boundary(self.runs[below], self.runs[above], boundary)
        self.runs[below], self.runs[above] = moved.taken, moved.rest
        self.map.set_span(boundary - PAGE_SIZE, below)
        self.map.set_span(boundary, above)
        self.insert_free(in_set)


def page_number(address: U64) -> int:
    """Return the number of an address's page as traces count: from 0xc000000000 on."""
    return (address - ARENA_BASE) >> PAGE_SHIFT


def page_address(page: int) -> U64:
    """Return the address of a page by its number in traces."""
    return ARENA_BASE + (page << PAGE_SHIFT)
