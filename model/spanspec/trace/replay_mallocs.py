"""Replay of allocations: which slot, by which path, and where a tiny object goes."""

from spanspec.alloccache import Found, next_free_fast, next_free_slow
from spanspec.constants import (
    MAX_SMALL_SIZE,
    PAGE_SIZE,
    TINY_SIZE,
    TINY_SPAN_CLASS,
    make_span_class,
)
from spanspec.mspan import Mspan, set_marked, slot_address
from spanspec.sizeclass import size_class_for
from spanspec.tiny import align_tiny, replace_tiny_block, take_tiny, tiny_fits
from spanspec.trace import events as ev
from spanspec.trace.state import OFF, Mcache, ReplayState, page_address
from spanspec.trace.verdict import Diverged, Verdict, expect


def malloc(state: ReplayState, event: ev.Malloc) -> Verdict:
    """Replay an allocation that took a slot.

    Rules: MAL-4 MAL-7 MAL-8 MAL-10 MAL-14 MAL-19 SPAN-12 SPAN-15.
    """
    if event.path == ev.LARGE:
        return _malloc_large(state, event)
    mcache = state.mcache(event.p)
    identity = mcache.alloc.get(event.spanclass)
    if identity is None:
        raise Diverged("MC-4", f"cached span of class {event.spanclass}", "one", "none")
    span = state.span(identity, event)
    _expect_class(event)
    found, path = _search(mcache, event.spanclass, span)
    expect("SPAN-15", "page of the cached span", span.base, page_address(event.base_page))
    expect("SPAN-15" if path > ev.FAST else "SPAN-12", "slot", found.slot, event.slot)
    expect("SPAN-12", "path (1 fast, 2 slow, 3 after a refill)", path, event.path)
    needzero = event.flags & ev.NEEDZERO != 0
    expect("SWP-27", "span.needzero", span.needzero != 0, needzero)
    mcache.refilled.discard(event.spanclass)
    after = found.span if state.phase == OFF else set_marked(found.span, found.slot)
    state.spans[identity] = after
    address = slot_address(after, found.slot)
    state.last_address[event.p] = address
    if event.flags & ev.TINY_BLOCK:
        _take_tiny_block(mcache, event, address)
    return Verdict.PREDICTED


def _expect_class(event: ev.Malloc) -> None:
    noscan = event.flags & ev.NOSCAN != 0
    tiny = noscan and event.size < TINY_SIZE
    expect("MAL-4", "taken by the tiny allocator", tiny, event.flags & ev.TINY_BLOCK != 0)
    if event.size > MAX_SMALL_SIZE:
        raise Diverged("MAL-4", "path of a request above 32768 bytes", ev.LARGE, event.path)
    spanclass = TINY_SPAN_CLASS if tiny else make_span_class(size_class_for(event.size), noscan)
    expect("SC-10", f"span class of {event.size} bytes", spanclass, event.spanclass)


def _search(mcache: Mcache, spanclass: int, span: Mspan) -> tuple[Found, int]:
    """Find the slot as mallocgc does; after a refill only the slow search is asked."""
    if spanclass in mcache.refilled:
        return next_free_slow(span), ev.AFTER_REFILL
    found = next_free_fast(span)
    if found.slot != span.nelems:
        return found, ev.FAST
    found = next_free_slow(span)
    if found.slot == span.nelems:
        raise Diverged("MAL-19", "what comes before this allocation", "a refill", "none")
    return found, ev.SLOW


def _take_tiny_block(mcache: Mcache, event: ev.Malloc, address: int) -> None:
    if tiny_fits(mcache.tiny, event.size):
        raise Diverged("MAL-6", f"tiny object of {event.size} bytes", "a hit", "a new block")
    mcache.tiny = replace_tiny_block(mcache.tiny, address, event.size)
    current = event.flags & ev.TINY_CURRENT != 0
    expect("MAL-8", "new block is the current one", mcache.tiny.address == address, current)


def _malloc_large(state: ReplayState, event: ev.Malloc) -> Verdict:
    """Replay a large object: the only slot of a span of its own.

    Rules: MAL-4 MAL-11 MAL-12 HEAP-23.
    """
    identity = state.at_page.get(event.base_page, -1)
    span = state.span(identity, event)
    noscan = event.flags & ev.NOSCAN != 0
    expect("MAL-11", "span class of a large object", make_span_class(0, noscan), event.spanclass)
    expect("MAL-11", "span class of its span", span.spanclass, event.spanclass)
    if event.size <= MAX_SMALL_SIZE:
        raise Diverged("MAL-4", f"path of a request of {event.size} bytes", "small", "large")
    expect("MAL-11", "pages", -(-event.size // PAGE_SIZE), span.npages)
    expect("MAL-12", "slot", 0, event.slot)
    expect("MAL-12", "objects in the span before", 0, span.alloc_count)
    expect("MAL-5", "taken by the tiny allocator", 0, event.flags & ev.TINY_BLOCK)
    expect("HEAP-23", "span.needzero", span.needzero, 1 if event.flags & ev.NEEDZERO else 0)
    span = span._replace(freeindex=1, alloc_count=1, limit=span.base + event.size)
    state.spans[identity] = span if state.phase == OFF else set_marked(span, 0)
    state.last_address[event.p] = span.base
    return Verdict.PREDICTED


def tiny_hit(state: ReplayState, event: ev.TinyHit) -> Verdict:
    """Replay a tiny object that went into the current block.

    Rules: MAL-5 MAL-6.
    """
    mcache = state.mcache(event.p)
    block = mcache.tiny
    expect("MAL-4", "request is tiny", True, event.size < TINY_SIZE and event.flags & 1 == 1)
    if not tiny_fits(block, event.size):
        raise Diverged("MAL-6", f"tiny object of {event.size} bytes", "a new block", "a hit")
    expect("MAL-6", "flags that a hit has", event.flags & 3, event.flags)
    expect("MAL-5", "offset in the block", align_tiny(block.offset, event.size), event.offset)
    address = page_address(event.base_page) + event.slot * TINY_SIZE
    expect("MAL-6", "address of the block", hex(block.address), hex(address))
    mcache.tiny = take_tiny(block, event.size)
    state.last_address[event.p] = address + event.offset
    return Verdict.PREDICTED


def note(state: ReplayState, event: ev.Mark) -> Verdict:
    """Replay a note of the traced program: an address it got is the P's last allocation."""
    if event.note != ADDRESS_NOTE:
        return Verdict.INPUT
    last = state.last_address.get(event.p)
    expect("SPAN-12", "address that the program got", last, event.first)
    return Verdict.PREDICTED


ADDRESS_NOTE = 10
"""The `note` by which a program tells an address that it was given."""
