"""Mutants of operations: what one leaves out, takes too early, or does not wait for."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

SWEEP_COUNTED: Final = """\
        npages = state.pages.runs[span].npages
        yield claimed(state, actor, span, by)
        back = yield from sweep_span(state, actor, thread, span, preserve=False, credited=True)
        freed = npages if back else 0
    advance(state, END_POPPING, actor.thread)
"""

SWEEP_UNCOUNTED: Final = """\
        npages = state.pages.runs[span].npages
        advance(state, END_POPPING, actor.thread)
        yield claimed(state, actor, span, by)
        back = yield from sweep_span(state, actor, thread, span, preserve=False, credited=True)
        freed = npages if back else 0
    if actor.thread in state.sweepers:
        advance(state, END_POPPING, actor.thread)
"""

OPERATION_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.heap.courses.mcentral.claim_listed",
        Variant(
            "claimed-span-not-swept",
            "    yield from sweep_span(state, actor, thread, span, preserve=True)",
            "    yield from ()",
            "courses.refill-and-sweep",
            "a span that is claimed in a list is not swept",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.sweepspan.push",
        Variant(
            "swept-span-not-pushed",
            "take(state, PUSH, thread, place=place, p=actor.p)",
            "pass",
            "courses.refill-and-sweep",
            "a swept span does not get onto the swept stack",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.mcache.install",
        Variant(
            "refill-enters-no-cache",
            "take_both(state, span, ENTER_CACHE, thread)",
            "state.spans[span]",
            "courses.allocate",
            "a refill does not put its span into the cache",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.sweeping.deduct_sweep_credit",
        Variant(
            "debt-paid-once",
            "== NOTHING_LEFT",
            "!= NOTHING_LEFT",
            "courses.allocate",
            "an allocation sweeps one span at most, whatever it owes",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.cycle.marking_begins",
        Variant(
            "tiny-blocks-not-marked",
            "mark_tiny_block(state, mcache.tiny.address)",
            "pass",
            "courses.tiny",
            "the current tiny block is not marked when marking begins",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.sweepspan.sweep_span",
        Variant(
            "specials-not-looked-at",
            "if span in state.specials:",
            "if span in ():",
            "courses.specials",
            "a sweep does not decide on special records",
        ),
        Variant(
            "credit-before-its-pages",
            "        merged = yield from return_span(state, actor, thread, span, swept)\n"
            "        if credited:\n"
            "            advance(state, GIVE_CREDIT, record.npages)\n",
            "        if credited:\n"
            "            advance(state, GIVE_CREDIT, record.npages)\n"
            "        merged = yield from return_span(state, actor, thread, span, swept)\n",
            "courses.meanwhile",
            "pages of a swept span are credit before they are free",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.sweeping.sweepone",
        Variant(
            "counted-until-it-claims",
            SWEEP_COUNTED,
            SWEEP_UNCOUNTED,
            "courses.meanwhile",
            "who has claimed a span is no sweeper any more, so that nobody waits for its sweep",
        ),
        Variant(
            "told-before-all-is-swept",
            "            advance(state, NOTE_ALL_SWEPT)\n"
            "            yield ev.SweepDone(*who(actor), sweepgen=state.sweepgen)\n",
            "            yield ev.SweepDone(*who(actor), sweepgen=state.sweepgen)\n"
            "            advance(state, NOTE_ALL_SWEPT)\n",
            "courses.meanwhile",
            "it is told that all is swept before anybody could see it",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.procs.procresize",
        Variant(
            "gone-p-not-released",
            "        yield from release_all(state, actor, mcache)\n",
            "        yield from ()\n",
            "courses.procs",
            "the mcache of a P that goes is dropped with its spans",
        ),
    ),
    *variants_of(
        "spanspec.pages.pageheap.PageHeap.coalesce",
        Variant(
            "coalesces-upwards-only",
            "self.act(actor, may_merge_lower, merge_lower, span)",
            "pass",
            "courses.pages",
            "a freed run is not merged with the one below",
        ),
    ),
    *variants_of(
        "spanspec.pages.courses.scavenge.scavenge_for_growth",
        Variant(
            "growth-not-paid-for",
            "if work > 0:",
            "if work < 0:",
            "courses.scavenger",
            "nothing is released when the heap grows",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.cycle.sweep_phase_starts",
        Variant(
            "dead-mcaches-not-flushed",
            "take(state, FLUSH, proc)",
            "pass",
            "courses.procs",
            "mcaches that are gone do not count as flushed",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.mcache.prepare_for_sweep",
        Variant(
            "flush-not-noted",
            "    take(state, FLUSH, ProcId(identity))\n",
            "",
            "courses.procs",
            "a flushed mcache does not count as flushed",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.mcache.release_all",
        Variant(
            "flush-keeps-spans",
            "for spanclass in state.cached_spans(identity):",
            "for spanclass in ():",
            "courses.stop-the-world",
            "a flush leaves the spans in the mcache",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.sweepspan.return_span",
        Variant(
            "freed-span-stays-shared",
            "take_both(state, span, LEAVE_USE, thread)",
            "del state.spans[span]",
            "courses.free-and-take",
            "a span goes back to the page heap, and threads share it still",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.sweepers.begin_popping",
        Variant(
            "last-sweeper-counted-alone",
            "sweepers | {thread}",
            "frozenset({thread})",
            "courses.sweepers",
            "who begins to sweep is counted in place of the others",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.sweepers.end_popping",
        Variant(
            "nobody-sweeps-after-the-first",
            "sweepers - {thread}",
            "frozenset()",
            "courses.sweepers",
            "once one thread has swept, nobody waits for the others",
        ),
    ),
    *variants_of(
        "spanspec.pages.courses.pagealloc.free_manual",
        Variant(
            "purpose-kept",
            "    del heap.purposes[span]\n",
            "",
            "courses.pages",
            "a span that is manual no longer still counts as a stack or a work buffer",
        ),
    ),
    *variants_of(
        "spanspec.pages.pageheap.PageHeap._follow",
        Variant(
            "treap-nodes-leak",
            "self.treap_nodes.let_go()",
            "pass",
            "courses.pages",
            "the node of a run that leaves the free set is never given back",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.sweeping.finish_sweeping",
        Variant(
            "waits-for-nobody",
            "while state.inputs.seen_sweepers() and state.cycle == cycle:",
            "while state.inputs.seen_sweepers() and state.cycle != cycle:",
            "courses.meanwhile",
            "a collection is complete while another thread still sweeps",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.taking.take_both",
        Variant(
            "slots-change-untold",
            "    take_chosen(state, BESIDE[step.name], chosen, NOBODY, NOBODY)\n",
            "",
            "courses.allocate",
            "the slots of a span change, and threads are not told",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.taking.allocate",
        Variant(
            "last-slot-not-told",
            "if last or not mcache.may_allocate:",
            "if not mcache.may_allocate:",
            "courses.refill-and-sweep",
            "threads are not told that a cached span is full",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.taking.sweep_with",
        Variant(
            "sweep-keeps-the-slots",
            "    state.spans[span] = swept.span\n",
            "",
            "courses.refill-and-sweep",
            "a sweep leaves the slots of its span as they were",
        ),
    ),
)
