"""Growth: the page heap takes address space from the current arena (rules HEAP-17 to HEAP-21)."""

from collections.abc import Generator

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import SpanId
from spanspec.base.words import M64, U64
from spanspec.events import heap_events as hev
from spanspec.events.fields import EventBase
from spanspec.pages.courses.scavenge import scavenge_for_growth
from spanspec.pages.memory.arena import reserve_arenas
from spanspec.pages.pageheap import Actor, PageHeap, Steps, about_run, page_number, who
from spanspec.pages.tables.pagemap import arena_index
from spanspec.pages.tables.runs import round_up
from spanspec.pages.tables.steps import (
    add_arenas,
    continues,
    enter_arenas,
    may_add_arenas,
    may_enter_arenas,
    may_take_from_arena,
    take_from_arena,
)


def fits_address_space(base: U64, npages: U64, unit: U64) -> bool:
    """Tell whether the end of a piece, rounded up to a power of two, is an address.

    Rules: HEAP-17.
    """
    return npages <= (M64 - base - unit) // PAGE_SIZE


def end_of_request(base: U64, npages: U64, unit: U64) -> U64:
    """Return where the current arena would begin after a piece of `npages` was taken from it.

    `unit` is the size of a physical page in bytes.

    Rules: HEAP-17 HEAP-20.
    """
    assert fits_address_space(base, npages, unit), (
        "HEAP-17: the end of the request does not fit an address"
    )
    # Rounded up to physical pages, so that what is left of the arena can be released page by page.
    return round_up(base + npages * PAGE_SIZE, unit)


def grow(heap: PageHeap, actor: Actor, npages: U64) -> Generator[EventBase, None, bool]:
    """Add a free span of `npages` pages from the current arena; map new arenas if it is too small.

    Return False if the operating system gives none; nothing has changed then but the hints.

    Rules: HEAP-17 HEAP-18 HEAP-20 HEAP-21 SCAV-16.
    """
    started = heap.current.base != 0
    yield hev.HeapGrows(
        *who(actor),
        npages=npages,
        arena_base=page_number(heap.current.base) if started else None,
        arena_end=page_number(heap.current.end) if started else None,
    )
    end = end_of_request(heap.current.base, npages, heap.phys.size)
    if end > heap.current.end:
        size = yield from map_arenas(heap, actor, npages * PAGE_SIZE)
        if size == 0:
            return False
    piece = heap.current.base
    # Reckoned again: the current arena may have moved to another region.
    end = end_of_request(piece, npages, heap.phys.size)
    yield hev.HeapGrown(
        *who(actor),
        npages=npages,
        arena_base=page_number(end),
        arena_end=page_number(heap.current.end),
        piece=page_number(piece),
    )
    yield from add_grown_span(heap, actor, end - piece)
    return True


def check_mapped(address: U64, mapped_at: U64) -> None:
    """Require that a region was mapped, and where it was asked for.

    Rules: OS-4 T-79 T-80.
    """
    assert mapped_at != 0, "T-79: runtime: out of memory"
    assert mapped_at == address, "T-80: runtime: cannot map pages in arena address space"


def map_arenas(heap: PageHeap, actor: Actor, ask: U64) -> Generator[EventBase, None, U64]:
    """Reserve and map arenas for `ask` bytes, and let the current arena go on there.

    Return the bytes mapped, 0 for none.

    Rules: AR-4 AR-5 AR-7 AR-8 HEAP-17.
    """
    region = reserve_arenas(heap.os, heap.hints, ask)
    if region is None:
        # Every hint was tried, and has failed; the next growth asks for memory anywhere at once.
        heap.set_hints((), actor.p)
        return 0
    heap.set_hints(region.hints, actor.p)
    check_mapped(region.base, heap.os.map(region.base, region.size))
    npages = region.size // PAGE_SIZE
    heap.act(actor, may_add_arenas, add_arenas, region.base, npages)
    first = arena_index(region.base)
    arenas = range(first, arena_index(region.base + region.size - 1) + 1)
    heap.arena_table.add(arenas, heap.phys.size, actor.p)
    contiguous = continues(heap.current, region.base)
    yield hev.ArenaMapped(
        *who(actor),
        base_page=page_number(region.base),
        npages=npages,
        asked=ask,
        contiguous=int(contiguous),
    )
    rest = heap.current
    # The old region would be lost otherwise, as only one is remembered.
    if not contiguous and rest.end > rest.base:
        yield from add_grown_span(heap, actor, rest.end - rest.base)
    # The remainder of the old arena, if any, was added before this counts as idle (HEAP-18).
    heap.act(actor, may_enter_arenas, enter_arenas, region.base, npages)
    return region.size


def add_grown_span(heap: PageHeap, actor: Actor, size: U64) -> Steps:
    """Make the low end of the current arena a free span: scavenged, and zero.

    Rules: HEAP-19.
    """
    # The new pages are about to be used. So that the heap does not retain more than its goal,
    # others are released first.
    yield from scavenge_for_growth(heap, actor, size)
    span = SpanId(heap.descriptors.take(actor.p))
    heap.act(actor, may_take_from_arena, take_from_arena, span, size // PAGE_SIZE)
    run = heap.runs[span]
    yield hev.GrowAddsSpan(*about_run(actor, span, run.base), npages=run.npages)
    yield heap.coalesce(actor, span)
