"""Mutants of what operations leave: what they note, when they are due, and what is told of them."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

SWEEP_STOPPED: Final = """\
    if stopped:
        yield event
        yield from sweep_all(state, actor, "sync")
"""

PACE_ANEW: Final = """\
    advance(state, SET_PACE, state.inputs.sweep_pace(), state.collector)
"""

OUTCOME_MUTANTS: Final[tuple[Mutant, ...]] = (
    *(
        one
        for function, before, after, what in (
            (
                "may_set_trigger",
                "trigger.heap <= trigger.goal",
                "True",
                "a cycle may start at a heap at which it is to be over",
            ),
            (
                "may_raise_goal",
                " and collector.cycle == collector.epoch + 1",
                "",
                "the goal is raised although no cycle has begun",
            ),
            (
                "may_correct_ratio",
                "collector.phase == MARK",
                "collector.phase != OFF",
                "what a cycle has taken counts once more when it has ended marking",
            ),
            (
                "may_set_pace",
                "owes and not collector.sweepdone",
                "owes",
                "an allocation owes sweeping although all is swept",
            ),
            (
                "may_drop_pace",
                "collector.sweepdone or unswept == 0",
                "True",
                "nobody owes anything although something is unswept",
            ),
        )
        for one in variants_of(
            f"spanspec.heap.state.pacing.{function}",
            Variant(f"{function.replace('_', '-')}-always", before, after, "courses.paces", what),
        )
    ),
    *variants_of(
        "spanspec.heap.courses.sweepspan.after_specials",
        Variant(
            "saved-object-not-marked",
            "at = by_fate(at, special, fate)",
            "by_fate(at, special, fate)",
            "courses.books",
            "an object that is saved for its finalizer is freed with the others",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.pacing.distance_to",
        Variant(
            "no-room-for-sweeping",
            " - SWEEP_MIN_HEAP_DISTANCE",
            "",
            "courses.pacing",
            "sweeping is done only when the heap has reached its trigger",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.pacing.grown_since",
        Variant(
            "coming-span-not-counted",
            " + span_bytes",
            "",
            "courses.pacing",
            "an allocation does not pay for the span that it takes",
        ),
    ),
    *variants_of(
        "spanspec.pages.courses.bgscavenge.after_turn",
        Variant(
            "never-backs-off",
            "backs_off=True",
            "backs_off=False",
            "courses.scavenger-turns",
            "a scavenger that finds nothing to release tries again as soon as before",
        ),
    ),
    *variants_of(
        "spanspec.pages.courses.bgscavenge.may_sleep",
        Variant(
            "new-line-overslept",
            "scavenger.generation == line.generation",
            "scavenger.generation <= line.generation",
            "courses.scavenger-turns",
            "the scavenger sleeps although a new line was set",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.reclaim.reclaim",
        Variant(
            "end-of-reclaim-untold",
            """yield chunk_event(actor, "done", index, wanted, 0)""",
            "pass",
            "courses.told",
            "a reclaimer that has passed all arenas does not tell it",
        ),
    ),
    *variants_of(
        "spanspec.pages.courses.growth.grow",
        Variant(
            "first-growth-in-an-arena",
            "arena_base=page_number(heap.current.base) if started else None",
            "arena_base=page_number(heap.current.base) if not started else None",
            "courses.told",
            "the first growth is told to begin in an arena, and no later one is",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.newspan.take_span",
        Variant(
            "fresh-span-of-old-bits",
            """    take_bits(state, record.nelems)
    take_bits(state, record.nelems)
""",
            "    take_bits(state, record.nelems)\n",
            "courses.told",
            "a fresh span takes mark bits, and no allocBits",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.mcentral.uncached",
        Variant(
            "staleness-untold",
            "int(stale)",
            "0",
            "courses.told",
            "a span that was cached since before the cycle is told to be of this one",
        ),
    ),
    *variants_of(
        "spanspec.pages.pageheap.PageHeap.coalesce",
        Variant(
            "upper-huge-pages-not-counted",
            "huge += self.huge_contribution(upper)",
            "pass",
            "courses.told",
            "huge pages that were whole before a merge are advised about once more",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.cycle.terminate_marking",
        Variant(
            "sweeping-not-paced",
            "advance(state, SET_PACE, state.inputs.sweep_pace(), state.collector)",
            "state.inputs.sweep_pace()",
            "courses.books",
            "a sweep phase begins with the pace of the one before",
        ),
        Variant(
            "paced-before-the-world-has-swept",
            SWEEP_STOPPED + PACE_ANEW,
            PACE_ANEW + SWEEP_STOPPED,
            "courses.books",
            "where the world is stopped to sweep, the next cycle is paced before all is swept",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.cycle.gc_mark_done",
        Variant(
            "marking-ends-in-a-running-world",
            "yield StopsWorld()",
            "pass",
            "courses.books",
            "a phase ends while the other threads go on with what they are at",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.procs.procresize",
        Variant(
            "p-that-is-gone-goes-on",
            "if actor.p >= procs or",
            "if actor.p > procs or",
            "courses.books",
            "a P that has taken itself away releases the mcache that it no longer has",
        ),
        Variant(
            "p-0-goes-on-stale",
            "if 0 <= actor.p < procs else 0",
            "if 0 <= actor.p <= procs else 0",
            "courses.books",
            "where the first of the Ps that go changes their number, P 0 goes on without a flush",
        ),
        Variant(
            "another-p-is-flushed",
            "if 0 <= actor.p < procs else 0",
            "if 0 <= actor.p >= procs else 0",
            "courses.books",
            "where a P stays that starts the world again, P 0 is flushed in its place",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.sweeping.deduct_sweep_credit",
        Variant(
            "pace-stays-when-all-is-swept",
            "advance(state, DROP_PACE, state.collector, state.unswept.index)",
            "pass",
            "courses.books",
            "who finds nothing to sweep leaves the pace what it was",
        ),
        Variant(
            "old-debt-under-a-new-pace",
            "if state.pace.swept_basis != basis:",
            "if state.pace.swept_basis == basis and False:",
            "courses.books",
            "a debt stays what it was although the pace has changed",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.reclaim.reclaim",
        Variant(
            "credit-beyond-the-request",
            "credit_left(found, wanted)",
            "credit_left(found, npages)",
            "courses.books",
            "what is credit is reckoned from all that was asked for, not from what is still wanted",
        ),
        Variant(
            "more-taken-than-wanted",
            "wanted -= credit_taken(found, wanted)",
            "wanted -= credit_taken(found, npages)",
            "courses.books",
            "more pages are taken than are still wanted",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.malloc.take_slot",
        Variant(
            "fast-after-a-refill",
            "found = next_free_slow(record)\n        assert",
            "found = next_free_fast(record)\n        assert",
            "courses.books",
            "after a refill the fast search is asked, which leaves the last slot of a word alone",
        ),
    ),
    *variants_of(
        "spanspec.pages.courses.scavenge.scavenge",
        Variant(
            "small-runs-first",
            "((1, UNSCAVENGED_HUGE), (0, UNSCAVENGED_SMALL))",
            "((0, UNSCAVENGED_SMALL), (1, UNSCAVENGED_HUGE))",
            "courses.scavenger-turns",
            "runs without a huge page are released first",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.marking.page_is_marked",
        Variant(
            "page-marks-stay",
            "at.page_epoch == epoch",
            "at.page_epoch != NEVER_MARKED",
            "courses.books",
            "what the cycle before has marked is not reclaimed in this one",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.taking.look_at_popped",
        Variant(
            "late-look-stays",
            "state.tables.spans.records[span] = now",
            "pass",
            "courses.books",
            "a span becomes what it was when somebody reads it late",
        ),
    ),
    *variants_of(
        "spanspec.heap.memstats.read_memstats",
        Variant(
            "manual-spans-not-counted",
            "stats.heap_sys + stats.stacks_inuse + stats.gc_manual",
            "stats.heap_sys + stats.stacks_inuse",
            "courses.books",
            "what the collector's own spans take is in no figure",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.mcentral.walk_nonempty",
        Variant(
            "passing-over-untold",
            """yield skip(state, actor, span, "N")""",
            "pass",
            "courses.told",
            "a walk does not tell of a span that another thread is sweeping",
        ),
    ),
    *variants_of(
        "spanspec.heap.operations.specials.add",
        Variant(
            "looked-through-for-nothing",
            "advance(state, LOOK_THROUGH, state.spans[span].elemsize)",
            "pass",
            "courses.books",
            "an object that gets its finalizer while marking is looked through, and not counted",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.runs.huge_pages",
        Variant(
            "single-huge-page-overlooked",
            "run.npages < phys.huge // PAGE_SIZE",
            "run.npages <= phys.huge // PAGE_SIZE",
            "courses.told",
            "a run that is just one huge page counts for none",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.cycle.marking_begins",
        Variant(
            "queue-of-finalizers-no-root",
            "    mark_finalizers_due(state)\n",
            "",
            "courses.books",
            "an object is freed before its finalizer, which is due, has run",
        ),
    ),
    *variants_of(
        "spanspec.heap.decisions.Decisions.reclaim_candidate",
        Variant(
            "span-of-the-chunk-above",
            "not first <= record.base < end",
            "not first <= record.base <= end",
            "courses.books",
            "a stale page leads the reclaimer to the span that begins where its chunk ends",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.reclaim.reclaim_chunk",
        Variant(
            "page-looked-at-twice",
            "first = run.base + PAGE_SIZE",
            "first = run.base",
            "courses.books",
            "the reclaimer looks at the first page of a span that it has swept once more",
        ),
    ),
    *variants_of(
        "spanspec.heap.operations.pages.scavenge_later",
        Variant(
            "late-at-the-deadline",
            "decisions.scavenger.wake_at <= deadline",
            "decisions.scavenger.wake_at < deadline",
            "courses.scavenger-turns",
            "the scavenger is not awake at the end of the time that passes, when its sleep is over",
        ),
        Variant(
            "looks-at-the-old-line",
            "may_sleep(turned, decisions.line)",
            "may_sleep(turned, line)",
            "courses.scavenger-turns",
            "the scavenger sleeps although a new line was set while it released",
        ),
        Variant(
            "turn-by-the-new-line",
            "after_turn(decisions.scavenger, line, now, wanted, released)",
            "after_turn(decisions.scavenger, decisions.line, now, wanted, released)",
            "courses.scavenger-turns",
            "the scavenger takes it that it has looked at a line that was set while it released",
        ),
        Variant(
            "released-as-wanted",
            "released = event.released",
            "released = wanted",
            "courses.scavenger-turns",
            "the scavenger does not heed that it has released more than was due",
        ),
    ),
    *variants_of(
        "spanspec.span.specials.fates_of",
        Variant(
            "finalizer-of-one-address-alone",
            "slot in finalized",
            "special.kind == FINALIZER",
            "specials.sweep",
            "the profile records of an object that is saved are freed",
        ),
    ),
    *variants_of(
        "spanspec.span.specials.remove_special",
        Variant(
            "wrong-record-removed",
            "special != Special(offset, kind)",
            "special.offset != offset",
            "specials.sweep",
            "with a finalizer its object's profile record goes",
        ),
    ),
)
