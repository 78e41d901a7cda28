"""What a count may be off by, and which pages may be nobody's: what threads are between two writes.

A step of the model changes a span and the counts that it takes part in at once. The runtime writes
one after the other, so between two writes of one step a count has the whole amount of that span, or
lacks it. A count may therefore be off by the amounts of spans that threads are at, one span a
thread, and by nothing else; a page that nobody has has to be at hand of a thread at the page heap.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations, product
from typing import Final, NamedTuple

from msgspec.structs import replace

from spanproof.witness.judging.finding import Finding, JudgedImage
from spanproof.witness.judging.operations import (
    at_pages,
    central,
    doing,
    innermost,
    large,
    refill,
    release,
    sweep,
    sweeping,
)
from spanproof.witness.reading.image import SpanImage, ThreadImage
from spanspec.base.constants import size_class_of
from spanspec.pages.tables.runs import page_run
from spanspec.pages.tables.statistics import manual_bytes, pages_used
from spanspec.span.mspan import IN_USE, MANUAL

MOST_AT_ONCE: Final = 3
"""Threads that are looked at together; more of them in the middle of one count were never seen."""

MOST_PAGES: Final = 1 << 20

PAGES_AT_ONCE: Final = 64
"""Pages that a P's page cache has, and that are scavenged at once (VER-3)."""


class Share(NamedTuple):
    """By how much one thread may let a count be off, at least and at most: by which span."""

    thread: ThreadImage
    span: SpanImage
    function: str
    least: int
    most: int


def changes(counts: str) -> tuple[str, ...]:
    """Return the functions during which a count is changed."""
    match counts:
        case "large objects" | "bytes of large objects":
            return (*at_pages(), *sweeping(), *large())
        case "objects":
            return (*refill(), *central(), *release(), *sweep())
        case _:
            return at_pages()


def amounts(scene: JudgedImage, finding: Finding, span: SpanImage) -> Iterator[tuple[int, int]]:
    """Yield what a count may be off by in the middle of a step about a span: least and most.

    Rules: HEAP-36 HEAP-37 CEN-8 CEN-12 SWP-24 MAL-13.
    """
    if span.npages > MOST_PAGES:
        return
    run = page_run(span.base, span.npages)
    size = scene.image.page_size
    large = size_class_of(span.spanclass) == 0
    match finding.counts:
        case "pagesInUse":
            whole = pages_used(replace(run, state=IN_USE))
        case "bytes of spans in use (inHeap)":
            whole = pages_used(replace(run, state=IN_USE)) * size
        case "bytes of manual spans":
            whole = manual_bytes(replace(run, state=MANUAL))
        case "large objects":
            whole = int(large)
        case "bytes of large objects":
            whole = span.elemsize if large else 0
        case _:
            if span.spanclass >> 1 != (finding.spanclass or 0) >> 1:
                return
            whole = abs(span.alloc_count - span.count_before_cache)
            # What was freed is counted after allocCount was set to what is left.
            room = min(span.nelems, MOST_PAGES) - span.alloc_count
            if room > 0:
                yield 1, room
            if span.alloc_count:
                yield span.alloc_count, span.alloc_count
                yield -span.alloc_count, -span.alloc_count
    if whole:
        yield whole, whole
        yield -whole, -whole


def shares_of(scene: JudgedImage, finding: Finding, thread: ThreadImage) -> list[Share]:
    """Return what a thread may let a count be off by.

    A refill lets one span go, which its slot still has, while it sweeps another for it: it may be
    between two writes about both.

    Rules: MC-4 CEN-4.
    """
    function = innermost(thread, changes(finding.counts))
    if not function:
        return []
    sweeps = bool(innermost(thread, (*sweep(), *release(), *central())))
    found = []
    for descriptor in at_hand(scene, thread):
        span = scene.by_descriptor.get(descriptor)
        if span is not None:
            found += [
                Share(thread, span, function, least, most)
                for least, most in amounts(scene, finding, span)
                if least == most or sweeps
            ]
    if innermost(thread, (*refill(), *release())):
        leaving = [one for one in found if one.span.descriptor in scene.cached]
        coming = [one for one in found if one.span.descriptor not in scene.cached]
        found += [
            Share(thread, new.span, function, old.least + new.least, old.most + new.most)
            for old, new in product(leaving, coming)
        ]
    return found


def at_hand(scene: JudgedImage, thread: ThreadImage) -> set[int]:
    """Return the descriptors that a thread works with: in a register, on its stack, or cached by
    the P that it has.
    """
    held = {
        descriptor
        for descriptor, places in scene.cached.items()
        if any(scene.image.procs[number].m == thread.m for number, _ in places)
    }
    return held | thread.near.keys()


def balanced(scene: JudgedImage, finding: Finding) -> tuple[Share, ...]:
    """Return the threads and spans that a count is off by, or none if they do not explain it."""
    each = [shares_of(scene, finding, thread) for thread in scene.image.threads]
    each = [shares for shares in each if shares]
    for number in range(1, MOST_AT_ONCE + 1):
        for some in combinations(each, number):
            for chosen in product(*some):
                least = sum(share.least for share in chosen)
                most = sum(share.most for share in chosen)
                if least <= finding.amount <= most and len({s.span.descriptor for s in chosen}) == (
                    number
                ):
                    return chosen
    return ()


def holder_of_pages(scene: JudgedImage, finding: Finding, threads: Iterable[ThreadImage]) -> str:
    """Return what shows that a thread at the page heap has some pages at hand, or "".

    It has the address of the run that it takes, gives back or scavenges, or the descriptor of the
    span that is to have the run.
    """
    start, end = finding.address, finding.address + finding.amount
    window = PAGES_AT_ONCE * scene.image.page_size
    for thread in threads:
        function = doing(thread, at_pages())
        if not function:
            continue
        how = f"thread {thread.thread} is in {function}"
        for page in thread.pages:
            if start <= page < end or (page <= start and end <= page + window):
                return f"{how}, with page {page:#x} at hand"
        for descriptor in thread.near:
            span = scene.by_descriptor.get(descriptor)
            if span is None or not 0 < span.npages < MOST_PAGES:
                continue
            if span.base <= start and end <= span.base + span.npages * scene.image.page_size:
                return f"{how}, with span {descriptor:#x} at hand"
    return ""
