"""Free spans and their descriptors: how they are found, merged with neighbours, and counted."""

from typing import final

from mypy_extensions import i64

from spanalloc.base.mutex import Mutex
from spanalloc.base.pagesizes import PAGE, PAGE_SHIFT, round_down, round_up
from spanalloc.base.recorder import Recorder, page_number
from spanalloc.pages.freeruns import FreeRuns
from spanalloc.pages.pagemap import PageMap
from spanalloc.pages.system import System
from spanalloc.span.mcache import Mcache
from spanalloc.span.span import DEAD, FREE, Span


@final
class FreeSpans:
    """The pages that are in no use; whoever calls a method holds the lock of the page heap."""

    def __init__(self, system: System, trace: Recorder | None, lock: Mutex) -> None:
        self.os = system
        self.sizes = system.sizes
        self.trace = trace
        self.lock = lock
        self.pages = PageMap()
        self.runs = FreeRuns(self.pages, self.sizes)
        self.descriptors: list[Span] = []
        self.allspans: list[Span] = []
        self.heap_sys: i64 = 0
        self.heap_idle: i64 = 0
        self.heap_inuse: i64 = 0
        self.heap_released: i64 = 0
        self.stacks_inuse: i64 = 0
        self.gc_manual: i64 = 0
        self.retained_goal: int = 0

    def retained(self) -> i64:
        """Return the bytes that the operating system has not got back (SCAV-2)."""
        return self.heap_sys - self.heap_released

    def new_descriptor(self, base: i64, npages: i64) -> Span:
        """Return a descriptor for a run of pages: the one let go of last, or a new one (HEAP-4)."""
        self.lock.expect()
        if self.descriptors:
            span = self.descriptors.pop()
        else:
            span = Span(0, 0, 1, 0)
            span.ident = len(self.allspans)
            self.allspans.append(span)
        span.reset(base, npages)
        return span

    def released_bytes(self, span: Span) -> i64:
        """Return the bytes of a free span that the operating system has (HEAP-11)."""
        if not span.scavenged:
            return 0
        return self.sizes.whole_end(span.end()) - self.sizes.whole_start(span.base)

    def add(self, span: Span, who: Mcache) -> None:
        """Merge a free span with its neighbours, and add it to the set (HEAP-29, HEAP-28)."""
        self.lock.expect()
        sizes = self.sizes
        huge = sizes.huge_pages(span.base, span.npages)
        below, above = self.neighbour(span.base - 1), self.neighbour(span.end())
        merged_below: i64 = 0
        merged_above: i64 = 0
        ident_below: i64 = -1
        ident_above: i64 = -1
        if below is not None:
            if below.scavenged == span.scavenged:
                merged_below, ident_below = below.npages, below.ident
                huge += sizes.huge_pages(below.base, below.npages)
                self.merge(span, below)
            else:
                self.realign(below, span, below)
        if above is not None:
            if above.scavenged == span.scavenged:
                merged_above, ident_above = above.npages, above.ident
                huge += sizes.huge_pages(above.base, above.npages)
                self.merge(span, above)
            else:
                self.realign(span, above, above)
        if not span.scavenged and sizes.huge_pages(span.base, span.npages) > huge:
            self.os.welcome_huge(span.base, span.npages << PAGE_SHIFT)
        self.runs.insert(span)
        if self.trace is not None:
            self.trace.event(
                "co",
                who.p,
                who.thread,
                {
                    "s": span.ident,
                    "b": page_number(span.base),
                    "np": span.npages,
                    "bn": merged_below,
                    "bs": ident_below,
                    "an": merged_above,
                    "as": ident_above,
                    "sc": int(span.scavenged),
                    "nz": span.needzero,
                },
            )

    def neighbour(self, address: i64) -> Span | None:
        """Return the free span at the address next to a span, if there is one."""
        span = self.pages.span_at(address)
        return span if span is not None and span.state == FREE else None

    def merge(self, span: Span, other: Span) -> None:
        """Let a span absorb a free neighbour, whose descriptor is let go of (HEAP-30)."""
        self.runs.remove(other)
        span.npages += other.npages
        span.needzero |= other.needzero
        if other.base < span.base:
            span.base = other.base
        self.pages.enter_ends(span)
        other.state = DEAD
        self.descriptors.append(other)

    def realign(self, below: Span, above: Span, member: Span) -> None:
        """Let the scavenged one of two neighbours have whole physical pages only (HEAP-31).

        `member` is the one of them that is in the set.
        """
        physical = self.sizes.physical
        if physical <= PAGE:
            return
        self.runs.remove(member)
        end = above.end()
        if below.scavenged:
            boundary = round_down(above.base, physical)
        else:
            boundary = round_up(above.base, physical)
        below.npages = (boundary - below.base) >> PAGE_SHIFT
        above.base = boundary
        above.npages = (end - boundary) >> PAGE_SHIFT
        self.pages.enter(boundary - PAGE, below)
        self.pages.enter(boundary, above)
        self.runs.insert(member)
