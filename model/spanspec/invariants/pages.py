"""Invariants of the address space and of the free set (I-12 to I-18)."""

from collections.abc import Iterator

from msgspec.structs import astuple

from spanspec.base.constants import HEAP_ARENA_BYTES, PAGE_SHIFT, PAGE_SIZE
from spanspec.base.ids import NOBODY, Address, SpanId
from spanspec.heap.state.state import HeapState
from spanspec.invariants.addresses import begins
from spanspec.invariants.registry import When, invariant, ordered_invariant, run_invariant
from spanspec.pages.freeset.treap import Treap, check_treap
from spanspec.pages.pageheap import PageHeap
from spanspec.pages.tables.invariant import (
    address_has_its_span,
    arena_is_addressable,
    arena_is_unused,
    run_is_coalesced,
    run_is_sound,
    used_address_is_mapped,
)
from spanspec.pages.tables.pagemap import arena_base, arena_index
from spanspec.pages.tables.records import Tiling
from spanspec.pages.tables.runs import PageRun, end_of, released
from spanspec.span.mspan import DEAD, FREE, IN_USE


def pieces_by_page(heap: PageHeap) -> list[int] | None:
    """Return the descriptors of the runs that represent memory, by address.

    NOBODY stands where the rest of the current arena lies, if there is one. None if two of them
    begin on the same page: then something is wrong, and `pieces_in_order` says what comes first.
    """
    current, records = heap.current, heap.runs.records
    bits = (len(records) + 1).bit_length()
    # Each piece has its page, and its place in `pieces`, in one integer: Python compares integers
    # faster than tuples.
    pieces: list[int] = []
    keys: list[int] = []
    if current.end > current.base:
        keys.append(current.base >> PAGE_SHIFT << bits)
        pieces.append(NOBODY)
    for span, run in records.items():
        if run.state != DEAD:
            keys.append((run.base >> PAGE_SHIFT << bits) + len(pieces))
            pieces.append(span)
    keys.sort()
    order: list[int] = []
    mask, before = (1 << bits) - 1, -1
    for key in keys:
        page = key >> bits
        if page == before:
            return None
        order.append(pieces[key & mask])
        before = page
    return order


def pieces_in_order(heap: PageHeap) -> list[int]:
    """Return the descriptors of the runs that represent memory, and NOBODY, by address.

    Of two with the same base, the shorter comes first if there is a rest of the current arena; else
    that with the lower descriptor.
    """
    runs = [(run.base, end_of(run), span) for span, run in live_runs(heap)]
    current = heap.current
    if current.end > current.base:
        return [span for _, _, span in sorted([*runs, (current.base, current.end, NOBODY)])]
    return runs_in_order(heap)


def runs_in_order(heap: PageHeap) -> list[int]:
    """Return the descriptors of the runs that represent memory, by address.

    Of two with the same base, that with the lower descriptor comes first.
    """
    return [span for _, span in sorted((run.base, span) for span, run in live_runs(heap))]


def live_runs(heap: PageHeap) -> list[tuple[int, PageRun]]:
    """Return the runs that represent memory, each with its descriptor."""
    return [(span, run) for span, run in heap.runs.records.items() if run.state != DEAD]


@ordered_invariant("I-12", When.UNLOCKED)
def tiling(state: HeapState, order: list[int] | None = None) -> list[str]:
    """Spans and the rest of the current arena tile all mapped arenas (I-12)."""
    told: list[str] = []
    heap = state.pages
    records, current, arenas = heap.runs.records, heap.current, heap.all_arenas
    at = arena_base(min(region.start for region in arenas.regions)) if arenas else 0
    total = 0
    for span in pieces_in_order(heap) if order is None else order:
        if span == NOBODY:
            base, end = current.base, current.end
        else:
            run = records[span]
            base, end = run.base, end_of(run)
        # Arenas need not follow each other: between two there may be what is not the heap's.
        if base != at and not (
            at % HEAP_ARENA_BYTES == 0
            and base % HEAP_ARENA_BYTES == 0
            and arena_index(base) in arenas
        ):
            name = "the current arena" if span == NOBODY else f"span {span}"
            told.append(f"{name} begins at {base:#x}, the piece before ends at {at:#x}")
        at = end
        total += end - base
    if total != len(arenas) * HEAP_ARENA_BYTES:
        told.append(f"pieces of {total} bytes in {len(arenas)} arenas")
    return told


def ends_of_run(state: HeapState, span: int, run: PageRun) -> str | None:
    """Both ends of a run lead to it (I-13)."""
    tiling = state.pages.tiling
    if not run_is_sound(tiling, SpanId(span)):
        return f"span {span}: it is not found from both ends, or not in the state it should be"
    if run.state == DEAD:
        return None
    first = leads_astray(tiling, Address(run.base))
    return leads_astray(tiling, Address(end_of(run) - 1)) if first is None else first


def leads_astray(tiling: Tiling, address: Address) -> str | None:
    """Return where an address leads, if not to its span."""
    if address_has_its_span(tiling, address) and used_address_is_mapped(tiling, address):
        return None
    return f"address {address:#x}: it leads to {tiling.map[address]}"


@ordered_invariant("I-13", When.UNLOCKED, of_run=ends_of_run)
def span_map(state: HeapState, order: list[int] | None = None) -> list[str]:
    """Pages lead to their spans: all of a used one, both ends of a free one (I-13)."""
    told: list[str] = []
    tiling, records = state.pages.tiling, state.pages.runs.records
    # By address each page is found near the one before; what is wrong is told by descriptor.
    if order is None or not runs_are_sound(state.pages, order):
        for span in records:
            if not run_is_sound(tiling, SpanId(span)):
                told.append(
                    f"span {span}: it is not found from both ends, or not in the state it should be"
                )
    for address in begins(tiling.owner, tiling.map):
        what = leads_astray(tiling, address)
        if what is not None:
            told.append(what)
    return told


def runs_are_sound(heap: PageHeap, order: list[int]) -> bool:
    """Tell whether all runs are found from both ends; `order` has those that are not dead."""
    tiling = heap.tiling
    for span in order:
        if span != NOBODY and not run_is_sound(tiling, SpanId(span)):
            return False
    for span, run in heap.runs.records.items():
        if run.state == DEAD and not run_is_sound(tiling, SpanId(span)):
            return False
    return True


@run_invariant("I-14", When.UNLOCKED)
def coalesced(state: HeapState, span: int, run: PageRun) -> str | None:
    """No two free neighbours have the same scavenged flag, unless a physical page spans them.

    Rules: I-14 HEAP-16 HEAP-33.
    """
    tiling = state.pages.tiling
    if tiling.phys.size > PAGE_SIZE:
        return None
    if not run_is_coalesced(tiling, SpanId(span)):
        return f"span {span} and its neighbour above are both free"
    return None


@run_invariant("I-15", When.UNLOCKED, of_dead=False)
def scavenged_holds_a_page(state: HeapState, span: int, run: PageRun) -> str | None:
    """A scavenged run holds at least one whole physical page (I-15, HEAP-34)."""
    heap = state.pages
    if run.state == FREE and run.scavenged and released(heap.phys, run) <= 0:
        return f"span {span}: scavenged, without a whole physical page"
    return None


@invariant("I-16", When.UNLOCKED)
def current_arena(state: HeapState) -> Iterator[str]:
    """The current arena is cut at pages and ends at an arena's end (I-16)."""
    tiling = state.pages.tiling
    base, end = tiling.current.base, tiling.current.end
    unit = max(PAGE_SIZE, tiling.phys.size)
    if base % unit or end % HEAP_ARENA_BYTES or base > end:
        yield f"the current arena is {base:#x}..{end:#x}"
    for address in tiling.map:
        if not arena_is_unused(tiling, address):
            yield f"address {address:#x} of the current arena has had a span"
        if not arena_is_addressable(tiling, address):
            yield f"address {address:#x} of an arena is beyond the address space"


@run_invariant("I-17")
def in_use_pages(state: HeapState, span: int, run: PageRun) -> str | None:
    """A span has slots just when its pages are in use (I-17, HEAP-9)."""
    record = state.spans.get(span)
    if (run.state == IN_USE) != (record is not None):
        return f"span {span}: state {run.state}, {'with' if record else 'without'} slots"
    if record is not None and (record.base != run.base or record.npages != run.npages):
        return f"span {span}: its pages and its slots lie apart"
    return None


@invariant("I-18", When.UNLOCKED)
def free_set(state: HeapState) -> Iterator[str]:
    """The free set holds exactly the free runs, in good order, and counts huge pages (I-18)."""
    heap = state.pages
    listed = {entry.span: entry for entry in heap.free.in_order()}
    free = {span: run for span, run in heap.runs.records.items() if run.state == FREE}
    for span in listed.keys() ^ free.keys():
        yield f"span {span}: {'free' if span in free else 'listed'} only"
    for span in listed.keys() & free.keys():
        if astuple(listed[span]) != astuple(heap.entry(span, free[span])):
            yield f"span {span}: the free set has it as {listed[span]}"
    huge = sum(heap.huge_contribution(run) for run in free.values())
    if huge != heap.unscavenged_huge:
        yield f"{heap.unscavenged_huge} unscavenged huge pages are counted, there are {huge}"
    if isinstance(heap.free, Treap):
        yield from broken_treap(heap.free)


def broken_treap(treap: Treap) -> list[str]:
    """Return what is wrong with the order, the priorities or the sums of a treap's nodes."""
    try:
        check_treap(treap.root)
    except AssertionError as broken:
        return [str(broken)]
    return []
