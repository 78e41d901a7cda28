"""The invariants that every heap satisfies while nobody is in an operation (I-1 to I-36)."""

from collections import Counter
from itertools import pairwise
from typing import Final

from spanalloc.base.sizeclass import CLASS_OBJECTS, CLASS_PAGES, CLASS_SIZES
from spanalloc.heap.heapsnapshot import HeapShot, RunShot, SlotsShot

PAGE: Final = 8192
ARENA: Final = 1 << 26
UINT32: Final = 0xFFFF_FFFF
UINT64: Final = (1 << 64) - 1
IN_USE: Final = 1
MANUAL: Final = 2
FREE: Final = 3
TINY_SPAN_CLASS: Final = 5


def audit(shot: HeapShot) -> list[str]:
    """Return each invariant that a heap violates, with what violates it; nothing if all hold."""
    problems: list[str] = []
    if shot.broken:
        problems.append(f"broken: an operation ended half way, by {shot.broken}")
    for span in shot.spans:
        problems += audit_slots(shot, span)
    for part in (audit_pages, audit_caches, audit_lists, audit_sweep, audit_sums):
        problems += part(shot)
    return problems


def audit_slots(shot: HeapShot, span: SlotsShot) -> list[str]:
    """Check a span in use by itself."""
    where, n, free_from = f"span {span.base:#x}", span.nelems, span.freeindex
    found: list[str] = []

    def check(rule: str, holds: bool, what: str) -> None:
        if not holds:
            found.append(f"{rule}: {where}: {what}")

    check("I-1", 0 <= free_from <= n, f"freeindex {free_from} of {n}")
    check("I-1", 0 <= span.alloc_count <= n, f"{span.alloc_count} allocated of {n}")
    taken = (span.alloc_bits >> free_from).bit_count() + free_from
    check("I-2", span.alloc_count == taken, f"allocCount {span.alloc_count}, but {taken} taken")
    if span.alloc_cache is not None:
        word = span.alloc_bits >> (free_from & ~63) & UINT64
        window = (~word & UINT64) >> (free_from & 63)
        check("I-3", span.alloc_cache == window, f"allocCache {span.alloc_cache:#x}")
    allocated = span.alloc_bits | ((1 << free_from) - 1)
    check("I-4", span.mark_bits & ~allocated == 0, "a free slot is marked")
    swept = span.sweepgen in (shot.sweepgen, (shot.sweepgen + 3) & UINT32)
    if swept and shot.phase == 0:
        check("I-5", span.mark_bits == 0, "marks on a swept span")
    sizeclass = span.spanclass >> 1
    if sizeclass == 0:
        small = span.base + 32768 < span.limit <= span.base + span.elemsize
        check("I-6", n == 1 and small, f"limit {span.limit:#x} of a large span")
        check("I-11", span.elemsize == span.npages * PAGE, f"elemsize {span.elemsize}")
    else:
        check("I-6", span.limit == span.base + n * span.elemsize, f"limit {span.limit:#x}")
        shape = (CLASS_SIZES[sizeclass], CLASS_OBJECTS[sizeclass], CLASS_PAGES[sizeclass])
        check("I-11", (span.elemsize, n, span.npages) == shape, f"not of class {sizeclass}")
    check("I-7", span.alloc_count >= 1, "nothing allocated")
    stale = [(shot.sweepgen + k) & UINT32 for k in (-2, 0, 3)]
    check("I-22", span.sweepgen in stale, f"sweepgen {span.sweepgen} in {shot.sweepgen}")
    return found


def audit_pages(shot: HeapShot) -> list[str]:
    """Check that spans and the current arena tile the mapped arenas, and free spans are merged."""
    found: list[str] = []
    pieces: list[tuple[int, int, RunShot | None]] = [
        (run.base, run.base + run.npages * PAGE, run) for run in shot.runs
    ]
    if shot.current[0] != shot.current[1]:
        pieces.append((shot.current[0], shot.current[1], None))
    pieces.sort(key=lambda piece: piece[0])
    covered = sum(end - start for start, end, _ in pieces)
    if covered != len(shot.arenas) * ARENA:
        found.append(f"I-12: {covered} bytes tile {len(shot.arenas)} arenas")
    for (start, end, low), (following, _, high) in pairwise(pieces):
        if end > following:
            found.append(f"I-12: the pieces at {start:#x} and {following:#x} overlap")
        if end == following and low is not None and high is not None:
            both_free = low.state == high.state == FREE
            if both_free and low.scavenged == high.scavenged:
                found.append(f"I-14: free spans {start:#x} and {following:#x} are not merged")
    for run in shot.runs:
        if run.scavenged and run.state != FREE:
            found.append(f"I-9: span {run.base:#x} is scavenged, but not free")
    in_order = [run.ident for _, _, run in pieces if run is not None and run.state == FREE]
    if list(shot.free) != in_order:
        found.append("I-18: the set of free spans differs from the spans that are free")
    return found


def audit_caches(shot: HeapShot) -> list[str]:
    """Check what the caches hold: spans, each in one place, and tiny blocks."""
    found: list[str] = []
    spans = {span.ident: span for span in shot.spans}
    for cache in shot.caches:
        for spanclass, ident in cache.alloc:
            if ident not in spans or spans[ident].spanclass != spanclass:
                found.append(f"I-19: P {cache.p} caches span {ident} as of class {spanclass}")
            elif spans[ident].sweepgen != (shot.sweepgen + 3) & UINT32:
                found.append(f"I-19: span {ident} is cached with {spans[ident].sweepgen}")
        if cache.flush_gen != shot.sweepgen:
            found.append(f"I-35: P {cache.p} was flushed for {cache.flush_gen}")
        if (cache.tiny == 0) != (cache.tinyoffset == 0) or cache.tinyoffset > 16:
            found.append(f"I-36: P {cache.p} has tiny block {cache.tiny:#x}+{cache.tinyoffset}")
        elif cache.tiny != 0:
            holds = [one for one in shot.spans if one.base <= cache.tiny < one.limit]
            if cache.tiny % 16 or not holds or holds[0].spanclass != TINY_SPAN_CLASS:
                found.append(f"I-36: the tiny block {cache.tiny:#x} of P {cache.p} is no block")
    cached = cached_in(shot)
    found += [f"I-21: span {ident} is in several caches" for ident in cached if cached[ident] > 1]
    return found


def audit_lists(shot: HeapShot) -> list[str]:
    """Check mcentral's lists: each span is in the one where its class and condition belong."""
    found: list[str] = []
    spans, cached = {span.ident: span for span in shot.spans}, cached_in(shot)
    listed: Counter[int] = Counter()
    for central in shot.central:
        for ident, is_nonempty in (
            *((ident, True) for ident in central.nonempty),
            *((ident, False) for ident in central.empty),
        ):
            listed[ident] += 1
            span = spans.get(ident)
            if span is None or span.spanclass != central.spanclass:
                found.append(f"I-20: span {ident} is in the lists of class {central.spanclass}")
                continue
            serves_nobody = span.alloc_count == span.nelems or ident in cached
            if is_nonempty and serves_nobody:
                found.append(f"I-19: span {ident} is in nonempty, but full or cached")
            if not is_nonempty and not serves_nobody:
                found.append(f"I-19: span {ident} is in empty, with room and not cached")
    for span in shot.spans:
        if listed[span.ident] != int(span.spanclass > 1):
            found.append(f"I-19: span {span.base:#x} is in {listed[span.ident]} lists")
    return found


def cached_in(shot: HeapShot) -> Counter[int]:
    """Count the caches that each descriptor is in."""
    return Counter(ident for cache in shot.caches for _, ident in cache.alloc)


def audit_sweep(shot: HeapShot) -> list[str]:
    """Check the sweep buffers: each span in use is in the one where it belongs, once."""
    found: list[str] = []
    swept = Counter(shot.buffers[(shot.sweepgen >> 1) & 1])
    unswept = Counter(shot.buffers[1 - ((shot.sweepgen >> 1) & 1)])
    in_use = {span.ident for span in shot.spans}
    for span in shot.spans:
        waits = span.sweepgen == (shot.sweepgen - 2) & UINT32
        if waits and shot.sweepdone:
            found.append(f"I-24: span {span.base:#x} is unswept, but sweeping is done")
        if (swept[span.ident], unswept[span.ident] > 0) != (0, True) and waits:
            found.append(f"I-23: unswept span {span.base:#x} is not where it is looked for")
        if not waits and swept[span.ident] != 1:
            found.append(f"I-23: span {span.base:#x} is {swept[span.ident]} times among the swept")
    strangers = [ident for ident in swept if ident not in in_use]
    found += [f"I-23: span {ident} among the swept is not in use" for ident in strangers]
    return found


def audit_sums(shot: HeapShot) -> list[str]:
    """Check that the figures balance."""
    sums: Counter[int] = Counter()
    for run in shot.runs:
        sums[run.state] += run.npages * PAGE
    left = shot.current[1] - shot.current[0]
    manual = shot.stacks_inuse + shot.gc_manual
    balances = {
        "heap_inuse": (shot.heap_inuse, sums[IN_USE]),
        "heap_idle": (shot.heap_idle, sums[FREE] + left),
        "heap_sys": (shot.heap_sys, shot.heap_inuse + shot.heap_idle),
        "arenas": (shot.heap_sys + sums[MANUAL], len(shot.arenas) * ARENA),
        "manual": (manual, sums[MANUAL]),
        "pages_in_use": (shot.pages_in_use * PAGE, shot.heap_inuse),
    }
    found = [
        f"I-29: {name} is {seen}, the sum {expected}"
        for name, (seen, expected) in balances.items()
        if seen != expected
    ]
    if not shot.heap_released <= shot.heap_idle <= shot.heap_sys:
        found.append(f"I-29: {shot.heap_released} released of {shot.heap_idle} idle")
    if shot.pages_swept > shot.pages_in_use + sums[FREE] // PAGE:
        found.append(f"I-28: {shot.pages_swept} pages swept")
    return found
