"""The catalogue: changes of the model's text, each a bug of the Go runtime or a plain slip."""

from typing import Final, NamedTuple


class KnownBug(NamedTuple):
    """In `module`, the text `old` becomes `new`.

    `origin` is an issue or a commit of Go, or "plain" for a slip that anybody could make.
    """

    name: str
    origin: str
    module: str
    old: str
    new: str
    story: str


BUGS: Final = (
    KnownBug(
        "stale-uncache-preserves",
        "70d7e96c78",
        "heap.courses.mcentral",
        "yield from sweep_span(state, actor, thread, span, preserve=False)",
        "yield from sweep_span(state, actor, thread, span, preserve=True)",
        "uncaching a stale span keeps it in its mcentral even if nothing in it lives",
    ),
    KnownBug(
        "tiny-blocks-not-marked",
        "#17503",
        "heap.courses.cycle",
        "        mark_tiny_block(state, mcache.tiny.address)\n",
        "        pass\n",
        "the current tiny block is not marked when a cycle starts",
    ),
    KnownBug(
        "page-mark-trusted",
        "#39432",
        "heap.courses.reclaim",
        '        yield claimed(state, actor, span, "reclaim")\n',
        '        yield claimed(state, actor, span, "reclaim")\n'
        "        state.spans[span] = replace(state.spans[span], gcmark_bits=NO_BITS)\n",
        "the reclaimer believes the page's mark, which objects born marked do not set",
    ),
    KnownBug(
        "freed-while-swept",
        "cc8f544198",
        "heap.courses.sweeping",
        "        publish_alone(state, thread)\n    else:\n",
        "        if size_class != 0:\n            publish_alone(state, thread)\n    else:\n",
        "a large span goes back before its sweep is published",
    ),
    KnownBug(
        "freed-counts-all-free",
        "d97625ae9e",
        "span.sweep",
        "nfreed = span.alloc_count - nalloc",
        "nfreed = span.nelems - nalloc",
        "every free slot counts as newly freed",
    ),
    KnownBug(
        "large-never-counted",
        "d97625ae9e",
        "heap.state.contents",
        "replace(span, freeindex=1, alloc_count=1, limit",
        "replace(span, freeindex=1, alloc_count=0, limit",
        "the only slot of a large span is not counted as allocated",
    ),
    KnownBug(
        "any-fit",
        "#31616",
        "pages.treap",
        "    if left_most >= npages:\n        return LEFT\n"
        "    if run_pages >= npages:\n        return HERE\n",
        "    if run_pages >= npages:\n        return HERE\n"
        "    if left_most >= npages:\n        return LEFT\n",
        "the search returns a run that fits, but not the lowest",
    ),
    KnownBug(
        "treap-by-identity",
        "#28805",
        "pages.treap",
        "    return run.base < other.base\n",
        "    return run.span < other.span\n",
        "the treap is ordered by descriptor instead of address",
    ),
    KnownBug(
        "released-again",
        "#28595",
        "pages.scavenge",
        "((1, UNSCAVENGED_HUGE), (0, UNSCAVENGED_SMALL))",
        "((1, UNSCAVENGED_HUGE | UNSCAVENGED_HUGE << 1), (0, 15))",
        "what is scavenged already is released and counted again",
    ),
    KnownBug(
        "realign-inverted",
        "2ab6d0172e",
        "pages.runs",
        "    if below.scavenged:\n        return round_down(above.base, phys.size)\n",
        "    if not below.scavenged:\n        return round_down(above.base, phys.size)\n",
        "a shared physical page goes to the scavenged neighbour",
    ),
    KnownBug(
        "credit-by-object",
        "#13535",
        "heap.courses.mcentral",
        "deduct_sweep_credit(state, actor, span_bytes(spanclass), 0)",
        "deduct_sweep_credit(state, actor, span_bytes(spanclass) // 8, 0)",
        "sweeping is paid for by the object's bytes instead of the span's",
    ),
    KnownBug(
        "charged-in-full",
        "#12040",
        "heap.state.accounts",
        "span.npages * PAGE_SIZE - span.alloc_count * span.elemsize",
        "span.npages * PAGE_SIZE",
        "a cached span is charged for the part that was in use already",
    ),
    KnownBug(
        "pages-subtracted-twice",
        "#15022",
        "pages.statistics",
        "        stats.pages_in_use + pages,\n",
        "        stats.pages_in_use + 2 * pages,\n",
        "pages in use go down twice when a span is freed",
    ),
    KnownBug(
        "heap-live-lags",
        "87d939dee8",
        "heap.state.accounts",
        "heap_live=accounts.heap_live + charge(span)",
        "heap_live=accounts.heap_live + 0 * charge(span)",
        "heap_live does not know what the caches have taken",
    ),
    KnownBug(
        "cycle-before-swept",
        "24a7252e25",
        "heap.courses.sweeping",
        "    while (yield from sweepone(state, actor, by))",
        "    if (yield from sweepone(state, actor, by))",
        "a cycle starts before the last one's sweeping is done",
    ),
    KnownBug(
        "rounded-outwards",
        "#35445",
        "pages.runs",
        "        start = round_up(start, phys.size)\n        end = round_down(end, phys.size)\n",
        "        start = round_down(start, phys.size)\n        end = round_up(end, phys.size)\n",
        "whole physical pages are counted outwards instead of inwards",
    ),
    KnownBug(
        "walk-starts-late",
        "#35858",
        "pages.scavenge",
        "        entry = heap.free.last(wanted)\n",
        "        entry = heap.free.last(wanted)\n"
        "        entry = heap.free.before(entry.base, wanted) if entry is not None else None\n",
        "FreeOSMemory starts below the highest run",
    ),
    KnownBug(
        "any-reservation-taken",
        "e5a5c03f5b",
        "pages.steps",
        "current.end != 0 and base == current.end",
        "current.end != 0",
        "a reservation somewhere else is taken as the arena's continuation",
    ),
    KnownBug(
        "specials-by-slot",
        "#46827",
        "heap.operations.specials",
        "offset, records = address - state.spans[span].base, state.specials.get(span, ())\n",
        "offset, records = address - state.spans[span].base, state.specials.get(span, ())\n"
        "        offset -= offset % state.spans[span].elemsize\n",
        "finalizers of several objects in one tiny block are one finalizer",
    ),
    KnownBug(
        "sweepers-not-awaited",
        "#45315",
        "heap.courses.sweeping",
        "    while state.inputs.seen_sweepers() and state.cycle == cycle:\n",
        "    while False:\n",
        "runtime.GC returns while another thread sweeps the last spans",
    ),
    KnownBug(
        "not-looked-up-again",
        "#81435",
        "heap.operations.specials",
        "        # What was found dead by that sweep has no object any more.\n"
        "        span = span_to_change(state, address, kind, refused)\n",
        "",
        "an object is not looked up again once its span is swept",
    ),
    KnownBug(
        "reservation-kept",
        "#24670",
        "pages.arena",
        "        if found != 0:\n            os.release(found, size)\n",
        "",
        "a reservation that came elsewhere than hinted is not given back",
    ),
    KnownBug(
        "tail-waste-given-back",
        "#50592",
        "heap.state.accounts",
        "heap_live=accounts.heap_live - free_slots(span) * span.elemsize",
        "heap_live=accounts.heap_live - charge(span)",
        "a span that is uncached gives back its tail waste, too",
    ),
    KnownBug(
        "born-unmarked",
        "plain",
        "heap.state.contents",
        "span if phase == OFF else set_marked(span, slot)",
        "span",
        "objects allocated while marking are not marked",
    ),
    KnownBug(
        "uncached-to-the-back",
        "plain",
        "sharing.spanlist",
        "return insert(rest, NONEMPTY, after.central, span)",
        "return insert_back(rest, NONEMPTY, after.central, span)",
        "a span goes to the wrong end of the nonempty list",
    ),
    KnownBug(
        "merges-unlike",
        "plain",
        "pages.runs",
        "neighbour.scavenged == run.scavenged",
        "neighbour.npages > 0",
        "a scavenged and an unscavenged neighbour merge",
    ),
    KnownBug(
        "rest-loses-flag",
        "plain",
        "pages.runs",
        "    bounds = phys_page_bounds(phys, rest)\n    if rest.scavenged and",
        "    rest = replace(rest, scavenged=False)\n"
        "    bounds = phys_page_bounds(phys, rest)\n    if rest.scavenged and",
        "what is left of a split run forgets that it is scavenged",
    ),
    KnownBug(
        "map-one-end",
        "plain",
        "pages.coalescing",
        "    return with_page(joined, Address(last_page(merged)), span)\n",
        "    return joined\n",
        "the span map is not updated at the upper end of a merged run",
    ),
    KnownBug(
        "scavenges-upwards",
        "plain",
        "pages.scavenge",
        "    at = round_down(end - size, coarser_page(phys))\n",
        "    at = round_down(start + size, coarser_page(phys))\n",
        "a run is cut from its low end",
    ),
    KnownBug(
        "one-generation-a-cycle",
        "plain",
        "span.sweepgen",
        "    return (sg + 2) & M32\n",
        "    return (sg + 1) & M32\n",
        "the heap's sweepgen goes up by one",
    ),
    KnownBug(
        "tiny-block-survives-flush",
        "plain",
        "heap.courses.mcache",
        "    advance(mcache, DROP_TINY_BLOCK, state.cached(identity, TINY_SPAN_CLASS))\n",
        "",
        "the tiny block outlives the flush of its cache",
    ),
    KnownBug(
        "arena-map-counted",
        "plain",
        "pages.persistent",
        "                ARENA_MAP_BYTES,\n                8,\n                None,\n",
        '                ARENA_MAP_BYTES,\n                8,\n                "other_sys",\n',
        "the map of all arenas counts as memory of the runtime",
    ),
    KnownBug(
        "goal-from-goal",
        "#34048",
        "pages.scavenge",
        "to_uint64(float(last_heap_inuse) * (float(next_gc) / float(last_next_gc)))",
        "to_uint64(float(next_gc))",
        "the scavenger's goal follows from the collector's instead of the heap in use",
    ),
    KnownBug(
        "spans-for-pages",
        "#9048",
        "heap.courses.reclaim",
        "            freed += run.npages\n",
        "            freed += 1\n",
        "the reclaimer counts the spans that it frees instead of their pages",
    ),
    KnownBug(
        "search-gives-up",
        "#18155",
        "heap.courses.mcentral",
        "    thread, span = state.thread_of(actor), NOBODY\n"
        "    while span == NOBODY:\n"
        "        span = yield from walk_nonempty(state, actor, thread, slot)\n"
        "        if span != NOBODY:\n"
        "            break\n"
        "        candidate, stopped_at = yield from walk_empty(state, actor, thread, slot)\n",
        "    thread, span = state.thread_of(actor), NOBODY\n"
        "    tried = 0\n"
        "    while span == NOBODY:\n"
        "        span = yield from walk_nonempty(state, actor, thread, slot)\n"
        "        if span != NOBODY:\n"
        "            break\n"
        "        candidate, stopped_at = NOBODY, NOBODY\n"
        "        tried += 1\n"
        "        if tried <= 100:\n"
        "            candidate, stopped_at = yield from walk_empty(state, actor, thread, slot)\n",
        "the search of full spans gives up after 100 of them",
    ),
    KnownBug(
        "no-least-heap",
        "plain",
        "heap.state.pacing",
        "heap = max(to_uint64(float(marked) * (1 + ratio)), heap_minimum(gc_percent))",
        "heap = to_uint64(float(marked) * (1 + ratio))",
        "a cycle is due however small the heap is",
    ),
    KnownBug(
        "off-is-far-away",
        "plain",
        "heap.state.pacing",
        "signed(trigger) - signed(heap_live)",
        "trigger - heap_live",
        "without collection there seems to be all the time in the world for sweeping",
    ),
    KnownBug(
        "finalizers-looked-through-for-free",
        "plain",
        "heap.courses.cycle",
        "BEGIN_MARKING, bytes_with_finalizers(state)",
        "BEGIN_MARKING, 0",
        "objects that are looked through for their finalizers do not count as live",
    ),
    KnownBug(
        "zero-not-needed",
        "plain",
        "span.sweep",
        "needzero=1 if freed_some else span.needzero",
        "needzero=span.needzero",
        "a span in which something was freed counts as zero",
    ),
)
"""Every bug that can be switched in; modules are named below `spanspec`."""

NOT_IN_THE_MODEL: Final = {
    "#27997": "a pop between two reads: the model reads a span's state and generation in one step; "
    "the protocol has both, and a proof finds it",
    "14ae846f54": "a request near 2^64: it is refused before growth, which asserts that it fits; "
    "a proof of the refusal finds it",
    "9741f0275c": "a size class from a former life: the record of a manual span has none; the "
    "protocol's descriptors keep theirs, and a proof finds it",
    "#54596": "publishing freeindex before initialization: an allocation is one step here, as no "
    "collector looks at memory in between",
    "a5a6f61043": "nil entries inside a buffer's block: the collector that reads blocks is an "
    "input; a test of SWP-12 reads one with places that are not filled",
    "39380e8e01": "blocks of the span set, which Go 1.13 does not have",
    "a9b37ae026": "publication before initialization: only steps under a lock lie in between; the "
    "protocol has them apart, and a proof finds it",
    "08a72c851c": "a duration of zero: the model divides by it only where it is positive; a proof "
    "about the duration finds it",
    "#37262": "the alignment of a tiny object: the model is at one with itself; a proof finds it, "
    "and the fuzzer one planted in spanalloc",
    "omicron 1146": "mark bit arenas reused early: bits are values here, so nothing is "
    "overwritten; a test of SPAN-27 finds it",
    "#34575": "the scavenger's sleep: a decision of the heap on its own; a proof finds it, and the "
    "fuzzer one planted in spanalloc",
    "#21729": "a marked free slot is an input: the judge reports it as such",
}
"""Bugs of the list that the heap's model cannot have, why, and what finds them instead."""
