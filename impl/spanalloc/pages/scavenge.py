"""The scavenger: free memory goes back to the operating system, the highest addresses first."""

from typing import Final

from mypy_extensions import i64

from spanalloc.base.errors import MadviseFailed, OsFailed
from spanalloc.base.pagesizes import PAGE, PAGE_SHIFT, cut_address
from spanalloc.base.recorder import page_number
from spanalloc.pages.freespans import FreeSpans
from spanalloc.span.mcache import Mcache
from spanalloc.span.span import Span

EVERYTHING: Final = (1 << 64) - 1
"""More bytes than there can be (SCAV-13)."""

TOP: Final = 1 << 60
"""More bytes, and a higher address, than there can be."""


def scavenge(free: FreeSpans, who: Mcache, wanted: int, by: str) -> int:
    """Return at least `wanted` bytes to the operating system, or all there is (SCAV-7).

    Spans with whole huge pages go first. Returns the bytes returned; the page heap is locked.

    Raises: MadviseFailed, OsFailed; what was returned before stays so.
    """
    free.lock.expect()
    if free.trace is not None:
        free.trace.event(
            "vb",
            who.p,
            who.thread,
            {
                "by": by,
                "n": wanted,
                "ret": free.retained(),
                "goal": free.retained_goal,
                "hp": free.runs.huge_pages,
            },
        )
    goal: i64 = TOP if wanted >> 60 > 0 else wanted
    released: i64 = 0
    for huge in (True, False):
        span = free.runs.highest(TOP, huge)
        while span is not None and released < goal:
            following = free.runs.highest(span.base, huge)
            if free.sizes.whole_end(span.end()) > free.sizes.whole_start(span.base):
                released += scavenge_span(free, who, span, goal - released, huge)
            span = following
    if free.trace is not None:
        free.trace.event("ve", who.p, who.thread, {"by": by, "rel": released})
    return released


def scavenge_span(free: FreeSpans, who: Mcache, span: Span, wanted: i64, huge: bool) -> i64:
    """Return a span that has a whole physical page, or its upper part if that is enough.

    Raises: MadviseFailed, OsFailed; the span is then as before.
    """
    chosen_base, chosen_pages = span.base, span.npages
    boundary = split_at(free, span, wanted)
    part = span
    if boundary == 0:
        free.runs.remove(span)
    else:
        part = split(free, span, boundary)
    start = free.sizes.whole_start(part.base)
    size = free.sizes.whole_end(part.end()) - start
    try:
        free.os.unused(start, size)
    except (MadviseFailed, OsFailed):
        free.add(part, who)
        raise
    free.heap_released += size
    part.scavenged = True
    if free.trace is not None:
        free.trace.event(
            "vs",
            who.p,
            who.thread,
            {
                "fs": span.ident,
                "fb": page_number(chosen_base),
                "fn": chosen_pages,
                "s": part.ident,
                "b": page_number(part.base),
                "split": int(boundary != 0),
                "huge": int(huge),
                "rel": size,
            },
        )
    free.add(part, who)
    return size


def split_at(free: FreeSpans, span: Span, wanted: i64) -> i64:
    """Return the address from which on a span is scavenged, 0 for all of it (SCAV-9).

    A huge page is not broken up, even if more is returned than is wanted (SCAV-10).
    """
    sizes = free.sizes
    start, end = sizes.whole_start(span.base), sizes.whole_end(span.end())
    return cut_address(start, end, wanted, max(sizes.physical, PAGE), sizes.huge)


def split(free: FreeSpans, span: Span, boundary: i64) -> Span:
    """Cut a free span in two; the lower part stays in the set, the upper one is returned."""
    part = free.new_descriptor(boundary, (span.end() - boundary) >> PAGE_SHIFT)
    free.runs.remove(span)
    span.npages -= part.npages
    part.needzero = span.needzero
    part.state = span.state
    free.pages.enter_ends(span)
    free.pages.enter_ends(part)
    free.runs.insert(span)
    return part


def scavenge_for_growth(free: FreeSpans, who: Mcache, size: i64) -> None:
    """Make room for `size` bytes of growth, if the goal would be exceeded (SCAV-14).

    Raises: MadviseFailed, OsFailed.
    """
    retained: int = free.retained()
    if free.trace is not None:
        free.trace.event(
            "vc", who.p, who.thread, {"ret": retained, "n": size, "goal": free.retained_goal}
        )
    # The goal may be more than a machine's integer holds.
    grown: int = size
    excess = retained + grown - free.retained_goal
    if excess > 0:
        scavenge(free, who, min(grown, excess), "grow")
