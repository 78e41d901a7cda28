"""Runs of pages: what the page heap knows of a span (rules HEAP-10 to HEAP-16, HEAP-30, HEAP-31).

A descriptor always has a run, whatever its state; the slots of an in-use span stand apart, in its
`Mspan`. Addresses and sizes are in bytes, `npages` in pages of 8192 bytes.
"""

from typing import Final, Literal

from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.records import Record
from spanspec.base.words import U8, U16, U64
from spanspec.span.mspan import DEAD, FREE, IN_USE, MANUAL, SpanState


class PhysicalPages(Record, frozen=True):
    """What the operating system's pages are: `size` of one, and of a huge one (0: there are none).

    Both are powers of two, in bytes (CONST-3).
    """

    size: U64
    huge: U64


AMD64: Final = PhysicalPages(4096, 2097152)


Role = Literal[0, 1, 2, 3]

SPARE: Final[Role] = 0
TAKEN: Final[Role] = 1
LOOSE: Final[Role] = 2
LISTED: Final[Role] = 3
"""Where a descriptor is: with its allocator, standing for no run; with a user of its run, or with a
thread that takes it from the free set; free, and with a thread that coalesces it; in the free set.

The runtime has this in its structures, not in the state of a span: one that is taken whole keeps
state FREE, one that is cut off a run state DEAD, until it is put to use (HEAP-13, HEAP-22).
"""


class PageRun(Record, frozen=True):
    """A run of pages and its state; what the slots in it are, its `Mspan` says."""

    base: U64
    npages: U64
    state: "SpanState"
    scavenged: bool
    needzero: U8
    role: "Role" = SPARE


class Bounds(Record, frozen=True):
    """Addresses from `start` up to, not including, `end`; empty if `end` is not above `start`."""

    start: U64
    end: U64


def round_up(value: U64, align: U64) -> U64:
    """Round up to a multiple of a power of two."""
    return (value + align - 1) & ~(align - 1)


def round_down(value: U64, align: U64) -> U64:
    """Round down to a multiple of a power of two."""
    return value & ~(align - 1)


def end_of(run: PageRun) -> U64:
    """Return the address just beyond a run."""
    return run.base + run.npages * PAGE_SIZE


def just_below(run: PageRun) -> U64:
    """Return the last address before a run: the span map leads from there to the run below.

    Rules: HEAP-29.
    """
    return run.base - 1


def last_page(run: PageRun) -> U64:
    """Return the address of a run's last page.

    Rules: HEAP-8.
    """
    return end_of(run) - PAGE_SIZE


def page_run(base: U64, npages: U64) -> PageRun:
    """Return the run of a descriptor that was just initialized.

    Rules: SPAN-3.
    """
    return PageRun(base, npages, DEAD, False, 0, SPARE)


def phys_page_bounds(phys: PhysicalPages, run: PageRun) -> Bounds:
    """Return the part of a run that consists of whole physical pages; it may be empty.

    Rules: HEAP-10.
    """
    start = run.base
    end = end_of(run)
    if phys.size > PAGE_SIZE:
        start = round_up(start, phys.size)
        end = round_down(end, phys.size)
    return Bounds(start, end)


def released(phys: PhysicalPages, run: PageRun) -> U64:
    """Return how many bytes of a run the operating system has back.

    Rules: HEAP-11.
    """
    if not run.scavenged:
        return 0
    bounds = phys_page_bounds(phys, run)
    return bounds.end - bounds.start


def releasable(phys: PhysicalPages, run: PageRun) -> U64:
    """Return how many bytes of a run releasing it would give back.

    Rules: SCAV-6 HEAP-10.
    """
    bounds = phys_page_bounds(phys, run)
    return bounds.end - bounds.start if bounds.end > bounds.start else 0


def huge_pages(phys: PhysicalPages, run: PageRun) -> U64:
    """Return the number of whole huge pages inside a run.

    Rules: HEAP-12.
    """
    if phys.huge == 0 or run.npages < phys.huge // PAGE_SIZE:
        return 0
    start = round_up(run.base, phys.huge)
    end = round_down(end_of(run), phys.huge)
    return (end - start) // phys.huge if end > start else 0


class Split(Record, frozen=True):
    """The two parts of a run that was cut: `taken` below, `rest` above."""

    taken: PageRun
    rest: PageRun


def split_run(phys: PhysicalPages, run: PageRun, npages: U64) -> Split:
    """Cut the low `npages` off a free run; the rest keeps the old descriptor and its flags.

    A rest without a whole physical page cannot be released, so it stops being scavenged.

    Rules: HEAP-13 HEAP-15.
    """
    taken = page_run(run.base, npages)
    taken = replace(taken, scavenged=run.scavenged, needzero=run.needzero)
    rest = replace(run, base=run.base + npages * PAGE_SIZE, npages=run.npages - npages)
    bounds = phys_page_bounds(phys, rest)
    # Else it would count as released, with no byte that could be.
    if rest.scavenged and bounds.end <= bounds.start:
        rest = replace(rest, scavenged=False)
    return Split(taken, rest)


def cut_run(run: PageRun, at: U64) -> Split:
    """Cut a free run at an address: `taken` below keeps the descriptor, `rest` above is released.

    Rules: SCAV-9.
    """
    upper = page_run(at, (end_of(run) - at) // PAGE_SIZE)
    return Split(
        replace(run, npages=(at - run.base) // PAGE_SIZE),
        replace(upper, needzero=run.needzero, state=FREE),
    )


def may_merge(run: PageRun, neighbour: PageRun) -> bool:
    """Tell whether a free run absorbs a free neighbour: one with the same scavenged flag.

    Rules: HEAP-29 HEAP-33.
    """
    return neighbour.scavenged == run.scavenged


def needzero_of_both(below: PageRun, above: PageRun) -> U8:
    """Return whether two runs in one need zeroing: 0 only if all of it is zero.

    Rules: HEAP-30 HEAP-35.
    """
    # The two values are 0 and 1; what is meant is their maximum.
    return above.needzero if below.needzero == 0 else below.needzero


def merge_below(phys: PhysicalPages, below: PageRun, run: PageRun) -> PageRun:
    """Return a run after it absorbed the one just below.

    Rules: HEAP-30.
    """
    assert boundary_is_physical(phys, below, run), (
        "T-27: neighboring scavenged spans boundary is not a physical page boundary"
    )
    return replace(
        run,
        base=below.base,
        npages=below.npages + run.npages,
        needzero=needzero_of_both(below, run),
    )


def merge_above(phys: PhysicalPages, run: PageRun, above: PageRun) -> PageRun:
    """Return a run after it absorbed the one just above.

    Rules: HEAP-30.
    """
    assert boundary_is_physical(phys, run, above), (
        "T-27: neighboring scavenged spans boundary is not a physical page boundary"
    )
    return replace(run, npages=run.npages + above.npages, needzero=needzero_of_both(run, above))


def boundary_is_physical(phys: PhysicalPages, below: PageRun, above: PageRun) -> bool:
    """Tell whether two neighbours may merge where physical pages are larger than 8 KiB.

    Rules: HEAP-30.
    """
    if phys.size <= PAGE_SIZE or not below.scavenged or not above.scavenged:
        return True
    return phys_page_bounds(phys, below).end == phys_page_bounds(phys, above).start


def realigned_boundary(phys: PhysicalPages, below: PageRun, above: PageRun) -> U64:
    """Return where the boundary of two free neighbours of different scavenged state belongs.

    Where physical pages are larger than 8 KiB, the page that both share goes to the one that is
    not scavenged.

    Rules: HEAP-31.
    """
    # A physical page that is partly unscavenged was written to, so no part of it is released.
    if below.scavenged:
        return round_down(above.base, phys.size)
    return round_up(above.base, phys.size)


def move_boundary(below: PageRun, above: PageRun, boundary: U64) -> Split:
    """Return two neighbours after their common boundary has moved.

    Rules: HEAP-31.
    """
    end = end_of(above)
    return Split(
        replace(below, npages=(boundary - below.base) // PAGE_SIZE),
        replace(above, base=boundary, npages=(end - boundary) // PAGE_SIZE),
    )


def check_can_be_allocated(run: PageRun, npages: U64) -> PageRun:
    """Return a chosen run, which has to be free and large enough.

    Rules: HEAP-13 T-30 T-31.
    """
    assert run.state == FREE, "T-30: candidate mspan for allocation is not free"
    assert run.npages >= npages, "T-31: candidate mspan for allocation is too small"
    return run


def check_can_be_freed(run: PageRun, alloc_count: U16) -> PageRun:
    """Return a run that may go back: it is in use or manual, and nothing in it is allocated.

    Rules: HEAP-28 T-33 T-34 T-35.
    """
    assert run.state == IN_USE or run.state == MANUAL, (
        "T-35: mheap.freeSpanLocked - invalid span state"
    )
    assert run.state != MANUAL or alloc_count == 0, (
        "T-33: mheap.freeSpanLocked - invalid stack free"
    )
    assert alloc_count == 0, "T-34: mheap.freeSpanLocked - invalid free"
    return run
