"""The page heap: its tables, and what follows from a step that changes them.

This module holds the state that `mheap.lock` protects, and the course that all of its users share:
coalescing (HEAP-1, HEAP-29 to HEAP-33). Taking and freeing spans is in `pagealloc`, growth in
`growth`, the scavenger in `scavenge`; the steps that they apply are in `steps`.

A generator of this package yields each observation just after the step that it tells of.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Final, Generic, Protocol, Self, TypeVar, TypeVarTuple, cast

from spanspec.base.constants import ARENA_BASE, PAGE_SHIFT, PAGE_SIZE
from spanspec.base.ids import NOBODY, SpanId
from spanspec.base.intervals import Regions
from spanspec.base.records import Record
from spanspec.base.words import U64
from spanspec.events import heap_events as hev
from spanspec.events.fields import EventBase
from spanspec.pages.freeset.freeruns import FreeSpan, FreeSpans
from spanspec.pages.freeset.treap import Treap
from spanspec.pages.memory.arena import GrantingOs, Hint, Os, initial_hints
from spanspec.pages.memory.fixalloc import FixAlloc, Nameless
from spanspec.pages.memory.persistent import (
    ARENA_HINT_BYTES,
    MSPAN_BYTES,
    TREAP_NODE_BYTES,
    AllArenas,
    AllSpans,
    Metadata,
)
from spanspec.pages.tables.coalescing import (
    alike_above,
    alike_below,
    enter_free_set,
    may_enter_free_set,
    may_merge_lower,
    may_merge_upper,
    merge_lower,
    merge_upper,
)
from spanspec.pages.tables.pagemap import PageMap, PageTable
from spanspec.pages.tables.records import NO_SPAN, Arena, Tiling
from spanspec.pages.tables.runs import (
    AMD64,
    LISTED,
    SPARE,
    PageRun,
    PhysicalPages,
    huge_pages,
    page_run,
)
from spanspec.pages.tables.statistics import HeapStatistics, after_change, after_growth
from spanspec.span.mspan import Mspan

Chosen = TypeVarTuple("Chosen")
"""What a step is told besides the tables: identities and sizes."""

REFUSED: Final = {
    "may_add_arenas": "T-11: arena already initialized",
    "may_give_back": "T-34: mheap.freeSpanLocked - invalid free",
}
"""The fatal checks of the runtime that are guards of steps."""

UNUSED: Final = page_run(0, 0)
"""The record of a descriptor that stood for no run yet."""

# Not bound to `int`, as it always is: see `sharing.tables.growing`.
KeyT = TypeVar("KeyT")

Steps = Generator[EventBase, None, None]
"""A course of steps, each told by an observation."""


class Actor(Record, frozen=True):
    """Who acts: a P (-1: none) and a thread (M)."""

    p: int
    thread: int


class Runs(Generic[KeyT]):
    """The records of all descriptors, updated in place; any other one is spare, and was never used.

    `records` has those of the descriptors that were ever used. `changed` has what the records were
    that a step has changed, in the order of the changes.
    """

    __slots__ = ("changed", "records")

    def __init__(self) -> None:
        self.records: dict[KeyT, PageRun] = {}
        self.changed: dict[KeyT, PageRun] = {}

    def __getitem__(self, key: KeyT) -> PageRun:
        """Return the record of a descriptor."""
        return self.records.get(key, UNUSED)

    def __iter__(self) -> Iterator[SpanId]:
        """Iterate over the descriptors that were ever used."""
        return map(SpanId, cast(Iterable[int], self.records))

    def set(self, key: KeyT, value: PageRun) -> Self:
        """Give a descriptor another record."""
        records = self.records
        self.changed.setdefault(key, records.get(key, UNUSED))
        records[key] = value
        return self


class GoalSource(Protocol):
    """Where the scavenger's retained goal comes from: pacing, or what a trace tells."""

    def retained_goal(self) -> U64:
        """Return the bytes that the heap should retain at most (SCAV-3)."""
        ...


class PageHeap:
    """Everything that the lock of the page heap protects.

    `tiling` has what the steps of `steps` change, and nothing else does; its tables are updated in
    place. `runs` and `map` are two of them: every descriptor, spare ones too, and the span of each
    page. Statistics and free set follow from the records. `purposes` tells what manual spans are
    for.

    Rules: CONC-1 HEAP-1 HEAP-2.
    """

    def __init__(
        self,
        goals: GoalSource,
        os: Os | None = None,
        phys: PhysicalPages = AMD64,
        free: FreeSpans | None = None,
    ) -> None:
        self.phys = phys
        self.os: Os = GrantingOs() if os is None else os
        self.goals = goals
        self.metadata = Metadata(self.os)
        self.hints: tuple[Hint, ...] = ()
        hint_records = FixAlloc(self.metadata, ARENA_HINT_BYTES, "other_sys")
        self.hint_records = Nameless(hint_records)
        self.set_hints(initial_hints(), NOBODY)
        self.all_spans = AllSpans(self.metadata)
        self.descriptors = FixAlloc(self.metadata, MSPAN_BYTES, "mspan_sys", self.all_spans.record)
        treap_nodes = FixAlloc(self.metadata, TREAP_NODE_BYTES, "other_sys")
        self.treap_nodes = Nameless(treap_nodes)
        self.runs: Runs[int] = Runs()
        self.map = PageMap()
        owner, written = PageTable(NO_SPAN), PageTable(False)
        self.tiling = Tiling(phys, self.runs, self.map, Arena(0, 0), 0, owner, written)
        self.purposes: dict[int, str] = {}
        self.free: FreeSpans = Treap() if free is None else free
        self.stats = HeapStatistics()
        self.unscavenged_huge = 0
        self.arena_table = AllArenas(self.metadata)

    def set_hints(self, hints: tuple[Hint, ...], p: int) -> None:
        """Go on with other hints; each has a record, a new one taken on P `p` (HEAP-2, AR-4)."""
        missing = len(hints) - len(self.hint_records)
        for _ in range(missing):
            self.hint_records.hold(p)
        for _ in range(-missing):
            self.hint_records.let_go()
        self.hints = hints

    @property
    def current(self) -> Arena:
        """The part of the newest region that no span has had yet (HEAP-17)."""
        return self.tiling.current

    @property
    def all_arenas(self) -> Regions:
        """The numbers of all arenas, in the order in which they were mapped (AR-7)."""
        return self.arena_table.indices

    def act(
        self,
        actor: Actor,
        may: Callable[[Tiling, *Chosen], bool],
        step: Callable[[Tiling, *Chosen], Tiling],
        *chosen: *Chosen,
    ) -> None:
        """Take a step, which has to be possible, and let everything else follow from it.

        Rules: HEAP-1.
        """
        before = self.tiling
        # One tuple for both calls: see `heap.state.advancing.became`.
        told = (before,) + chosen  # noqa: RUF005
        assert may(*told), REFUSED.get(may.__name__, f"HEAP-1: {may.__name__} does not hold")
        self.tiling = after = step(*told)
        if after.current is not before.current or after.mapped != before.mapped:
            mapped = after.mapped - before.mapped
            self.stats = after_growth(self.stats, mapped, before.current, after.current)
        runs = self.runs
        # A step changes a few records; what follows is reckoned from these alone, not from all
        # runs.
        if runs.changed:
            for span, old in runs.changed.items():
                self._follow(actor, span, old, runs.records[span])
            runs.changed.clear()

    def _follow(self, actor: Actor, span: int, old: PageRun, new: PageRun) -> None:
        """Bring in accord with a descriptor's record what depends on it: what it counts for, the
        free set, and the allocator of descriptors.

        Rules: HEAP-4 HEAP-37 TREAP-4 TREAP-5 TREAP-6.
        """
        stack = self.purposes.get(span) == "stack"
        self.stats = after_change(self.stats, self.phys, old, new, stack)
        if new.role == LISTED:
            entry, huge = self.entry(span, new), self.huge_contribution(new)
            # Changed in place, where its base stays among the same neighbours: the tree keeps its
            # shape.
            if old.role == LISTED:
                huge -= self.huge_contribution(old)
                self.free.mutate(old.base, entry)
            else:
                self.treap_nodes.hold(actor.p)
                self.free.insert(entry)
            self.unscavenged_huge += huge
            return
        if old.role == LISTED:
            self.unscavenged_huge -= self.huge_contribution(old)
            self.free.remove(old.base)
            self.treap_nodes.let_go()
        if new.role == SPARE and old.role != SPARE:
            self.descriptors.give_back(span)

    def entry(self, span: int, run: PageRun) -> FreeSpan:
        """Return a free run as the free set sees it."""
        return FreeSpan(run.base, run.npages, span, run.scavenged, huge_pages(self.phys, run) > 0)

    def huge_contribution(self, run: PageRun) -> U64:
        """Return how many unscavenged huge pages a free run counts for.

        Rules: TREAP-4 TREAP-6.
        """
        return 0 if run.scavenged else huge_pages(self.phys, run)

    def coalesce(self, actor: Actor, number: int) -> hev.Coalesces:
        """Merge a free run with its neighbours, put it into the free set; return what happened.

        A neighbour of the other scavenged state stays, but where physical pages are larger than
        8 KiB the boundary may move. Huge pages that become whole by merging are advised about.

        Rules: HEAP-29 HEAP-30 HEAP-31 HEAP-33.
        """
        span, runs = SpanId(number), self.runs
        # Where physical pages are no larger, no boundary moves: without a run to absorb there is
        # nothing to do.
        moves = self.phys.size > PAGE_SIZE
        # What the parts have in whole huge pages, to see below whether merging has made another
        # whole.
        huge = self.huge_contribution(runs[span])
        # Asked before the step, as afterwards nobody can tell what was absorbed.
        below = alike_below(self.tiling, span)
        lower = runs[below]
        if below != NOBODY:
            huge += self.huge_contribution(lower)
        if moves or below != NOBODY:
            self.act(actor, may_merge_lower, merge_lower, span)
        above = alike_above(self.tiling, span)
        upper = runs[above]
        if above != NOBODY:
            huge += self.huge_contribution(upper)
        if moves or above != NOBODY:
            self.act(actor, may_merge_upper, merge_upper, span)
        run = runs[span]
        # Parts of a huge page may have been taken out of it one by one; now it is in one run again,
        # and the system may back it by one page.
        if self.huge_contribution(run) > huge:
            self.os.huge(run.base, run.npages * PAGE_SIZE)
        self.act(actor, may_enter_free_set, enter_free_set, span)
        return hev.Coalesces(
            *about_run(actor, span, run.base),
            npages=run.npages,
            below_npages=lower.npages,
            below=below,
            above_npages=upper.npages,
            above=above,
            scavenged=int(run.scavenged),
            needzero=run.needzero,
        )


def page_number(address: U64) -> int:
    """Return the number of an address's page as traces count: from 0xc000000000 on."""
    return (address - ARENA_BASE) >> PAGE_SHIFT


def page_address(page: int) -> U64:
    """Return the address of a page by its number in traces."""
    return ARENA_BASE + (page << PAGE_SHIFT)


# --- telling an event -----------------------------------------------------------------------------
#
# What all events of a kind have in common comes first in them, and is told by one of these; the
# arguments that a course adds are what it alone knows.


def who(actor: Actor) -> tuple[int, int]:
    """Tell who acts: P and thread."""
    return actor.p, actor.thread


def about_run(actor: Actor, span: int, base: U64) -> tuple[int, int, int, int]:
    """Tell who acts, and on which descriptor: P, thread, span, and its first page."""
    return actor.p, actor.thread, span, page_number(base)


def about_span(actor: Actor, span: int, record: Mspan) -> tuple[int, int, int, int, int]:
    """Tell who acts, and on which span in use: P, thread, span, first page, and span class."""
    return actor.p, actor.thread, span, page_number(record.base), record.spanclass


def slots_of(record: Mspan) -> tuple[int, int, int]:
    """Tell of the slots of a span: freeindex, allocCount, and how many there are."""
    return record.freeindex, record.alloc_count, record.nelems
