"""The catalogue: changes of the model's text, each a bug of the Go runtime or a plain slip."""

from typing import Final, NamedTuple

from spanproof.patch.mutant import module_and_place
from spanproof.patch.patches import patched
from spanproof.theorems.mutants import MUTANTS


class KnownBug(NamedTuple):
    """In `module`, the text `old` becomes `new`: it stands there once, or is first in `function`.

    `origin` is an issue or a commit of Go, or "plain" for a slip that anybody could make.
    """

    name: str
    origin: str
    module: str
    old: str
    new: str
    story: str
    function: str | None = None

    def apply(self, text: str) -> str:
        """Return the text of the module with the bug.

        Raises: DoesNotApply if the piece is not there: the bug is out of date.
        """
        where = f"spanspec.{self.module}"
        return patched(text, self.old, self.new, function=self.function, where=where)


def as_proofs_have_it(name: str, origin: str, mutant: str) -> KnownBug:
    """Return a bug that a proof kills, too: its change is that of the mutant."""
    it = MUTANTS[mutant]
    module, function = module_and_place(it.function)
    module = module.removeprefix("spanspec.")
    return KnownBug(name, origin, module, it.old, it.new, it.story, function)


BUGS: Final = (
    KnownBug(
        "stale-uncache-preserves",
        "70d7e96c78",
        "heap.courses.mcentral",
        "yield from sweep_span(state, actor, thread, span, preserve=False)",
        "yield from sweep_span(state, actor, thread, span, preserve=True)",
        "uncaching a stale span keeps it in its mcentral even if nothing in it lives",
    ),
    as_proofs_have_it("tiny-blocks-not-marked", "#17503", "tiny-blocks-not-marked"),
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
        "heap.courses.sweepspan",
        "        publish_alone(state, thread)\n    else:\n",
        "        if size_class != 0:\n            publish_alone(state, thread)\n    else:\n",
        "a large span goes back before its sweep is published",
    ),
    as_proofs_have_it("freed-counts-all-free", "d97625ae9e", "sweep-counts-free-slots"),
    as_proofs_have_it("large-never-counted", "d97625ae9e", "d97625ae9e-large-not-counted"),
    as_proofs_have_it("any-fit", "#31616", "31616-any-fit"),
    as_proofs_have_it("treap-by-identity", "#28805", "28805-by-descriptor"),
    KnownBug(
        "released-again",
        "#28595",
        "pages.courses.scavenge",
        "((1, UNSCAVENGED_HUGE), (0, UNSCAVENGED_SMALL))",
        "((1, UNSCAVENGED_HUGE | UNSCAVENGED_HUGE << 1), (0, 15))",
        "what is scavenged already is released and counted again",
    ),
    as_proofs_have_it("realign-inverted", "2ab6d0172e", "2ab6d0172e-realign-inverted"),
    as_proofs_have_it("credit-by-object", "#13535", "13535-credit-by-object"),
    as_proofs_have_it("charged-in-full", "#12040", "12040-charged-in-full"),
    as_proofs_have_it("pages-subtracted-twice", "#15022", "15022-pages-subtracted-twice"),
    as_proofs_have_it("heap-live-lags", "87d939dee8", "87d939dee8-not-charged"),
    KnownBug(
        "cycle-before-swept",
        "24a7252e25",
        "heap.courses.sweeping",
        "    while (yield from sweepone(state, actor, by))",
        "    if (yield from sweepone(state, actor, by))",
        "a cycle starts before the last one's sweeping is done",
    ),
    as_proofs_have_it("rounded-outwards", "#35445", "35445-rounded-outwards"),
    KnownBug(
        "walk-starts-late",
        "#35858",
        "pages.courses.scavenge",
        "        entry = heap.free.last(wanted)\n",
        "        entry = heap.free.last(wanted)\n"
        "        entry = heap.free.before(entry.base, wanted) if entry is not None else None\n",
        "FreeOSMemory starts below the highest run",
    ),
    as_proofs_have_it("any-reservation-taken", "e5a5c03f5b", "e5a5c03f5b-region-taken-unseen"),
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
        "pages.memory.arena",
        "        if found != 0:\n            os.release(found, size)\n",
        "",
        "a reservation that came elsewhere than hinted is not given back",
    ),
    as_proofs_have_it("tail-waste-given-back", "#50592", "50592-tail-waste-refunded"),
    as_proofs_have_it("born-unmarked", "plain", "born-without-mark"),
    KnownBug(
        "uncached-to-the-back",
        "plain",
        "sharing.containers.spanlist",
        "return insert(rest, NONEMPTY, after.central, span)",
        "return insert_back(rest, NONEMPTY, after.central, span)",
        "a span goes to the wrong end of the nonempty list",
    ),
    KnownBug(
        "merges-unlike",
        "plain",
        "pages.tables.runs",
        "neighbour.scavenged == run.scavenged",
        "neighbour.npages > 0",
        "a scavenged and an unscavenged neighbour merge",
    ),
    KnownBug(
        "rest-loses-flag",
        "plain",
        "pages.tables.runs",
        "    bounds = phys_page_bounds(phys, rest)\n    if rest.scavenged and",
        "    rest = replace(rest, scavenged=False)\n"
        "    bounds = phys_page_bounds(phys, rest)\n    if rest.scavenged and",
        "what is left of a split run forgets that it is scavenged",
    ),
    as_proofs_have_it("map-one-end", "plain", "upper-end-not-mapped"),
    as_proofs_have_it("scavenges-upwards", "plain", "cut-from-the-low-end"),
    as_proofs_have_it("one-generation-a-cycle", "plain", "one-per-cycle"),
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
        "pages.memory.persistent",
        "                ARENA_MAP_BYTES,\n                8,\n                None,\n",
        '                ARENA_MAP_BYTES,\n                8,\n                "other_sys",\n',
        "the map of all arenas counts as memory of the runtime",
    ),
    KnownBug(
        "goal-from-goal",
        "#34048",
        "pages.courses.scavengeline",
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
    as_proofs_have_it("zero-not-needed", "plain", "freed-slot-counts-as-zero"),
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
