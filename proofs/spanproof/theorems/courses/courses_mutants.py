"""Wrong variants of courses: what they leave out, take too early, or choose wrongly."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

COURSE_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.heap.mcentral.claim_listed",
        Variant(
            "claimed-span-not-swept",
            "    yield from sweep_span(state, actor, thread, span, preserve=True)",
            "    yield from ()",
            "courses.refill-and-sweep",
            "a span that is claimed in a list is not swept",
        ),
    ),
    *variants_of(
        "spanspec.heap.sweeping.push",
        Variant(
            "swept-span-not-pushed",
            "take(state, PUSH, thread, place=place, p=actor.p)",
            "pass",
            "courses.refill-and-sweep",
            "a swept span does not get onto the swept stack",
        ),
    ),
    *variants_of(
        "spanspec.heap.mcache.install",
        Variant(
            "refill-enters-no-cache",
            "take_both(state, span, ENTER_CACHE, thread)",
            "state.spans[span]",
            "courses.allocate",
            "a refill does not put its span into the cache",
        ),
    ),
    *variants_of(
        "spanspec.heap.sweeping.deduct_sweep_credit",
        Variant(
            "debt-paid-once",
            "== NOTHING_LEFT",
            "!= NOTHING_LEFT",
            "courses.allocate",
            "an allocation sweeps one span at most, whatever it owes",
        ),
    ),
    *variants_of(
        "spanspec.heap.cycle.marking_begins",
        Variant(
            "tiny-blocks-not-marked",
            "mark_tiny_block(state, mcache.tiny.address)",
            "pass",
            "courses.tiny",
            "the current tiny block is not marked when marking begins",
        ),
    ),
    *variants_of(
        "spanspec.heap.sweeping.sweep_span",
        Variant(
            "specials-not-looked-at",
            "if span in state.specials:",
            "if span in ():",
            "courses.specials",
            "a sweep does not decide on special records",
        ),
    ),
    *variants_of(
        "spanspec.heap.procs.procresize",
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
        "spanspec.pages.scavenge.scavenge_for_growth",
        Variant(
            "growth-not-paid-for",
            "if work > 0:",
            "if work < 0:",
            "courses.scavenger",
            "nothing is released when the heap grows",
        ),
    ),
    *variants_of(
        "spanspec.heap.cycle.sweep_phase_starts",
        Variant(
            "dead-mcaches-not-flushed",
            "take(state, FLUSH, proc)",
            "pass",
            "courses.procs",
            "mcaches that are gone do not count as flushed",
        ),
    ),
    *variants_of(
        "spanspec.heap.mcache.prepare_for_sweep",
        Variant(
            "flush-not-noted",
            "    take(state, FLUSH, ProcId(identity))\n",
            "",
            "courses.procs",
            "a flushed mcache does not count as flushed",
        ),
    ),
    *variants_of(
        "spanspec.heap.cycle.cycle_starts",
        Variant(
            "cycle-starts-unflushed",
            "    check_flushed(state)\n",
            "",
            "courses.checks",
            "a cycle starts although an mcache is not flushed",
        ),
    ),
    *variants_of(
        "spanspec.heap.mcache.release_all",
        Variant(
            "flush-keeps-spans",
            "for spanclass in state.cached_spans(identity):",
            "for spanclass in ():",
            "courses.stop-the-world",
            "a flush leaves the spans in the mcache",
        ),
    ),
    *variants_of(
        "spanspec.heap.sweeping.return_span",
        Variant(
            "freed-span-stays-shared",
            "take_both(state, span, LEAVE_USE, thread)",
            "del state.spans[span]",
            "courses.free-and-take",
            "a span goes back to the page heap, and threads share it still",
        ),
    ),
    *variants_of(
        "spanspec.heap.pacing.ratio_after",
        Variant(
            "all-of-the-error-at-once",
            "TRIGGER_GAIN * error",
            "error",
            "courses.checks",
            "a cycle moves the next trigger by all of its error",
        ),
        Variant(
            "growth-not-scaled",
            "utilization(effort, procs) / GOAL_UTILIZATION",
            "1.0",
            "courses.checks",
            "what share of time a cycle has taken does not matter",
        ),
    ),
    *variants_of(
        "spanspec.heap.pacing.utilization",
        Variant(
            "one-p-assists",
            "float(effort.duration * procs)",
            "float(effort.duration)",
            "courses.checks",
            "assists are taken for a share of one P's time",
        ),
    ),
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
            f"spanspec.heap.pacing.{function}",
            Variant(f"{function.replace('_', '-')}-always", before, after, "courses.paces", what),
        )
    ),
    *variants_of(
        "spanspec.heap.cycle.gc_mark_done",
        Variant(
            "trigger-stays",
            "advance(state, CORRECT_RATIO, decisions.ratio_after(effort), state.collector)",
            "pass",
            "courses.checks",
            "a cycle that began by itself tells nothing of the next trigger",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.publish",
        Variant(
            "kept-span-in-no-list",
            """    assert not unlinked, "T-49: can't preserve unlinked span"\n""",
            "",
            "courses.fatal-checks",
            "a sweep publishes a span for its sweeper that is in no list",
        ),
    ),
    *variants_of(
        "spanspec.heap.sweeping.check_marks",
        Variant(
            "marks-beyond-the-span",
            "    assert marks.value >> record.nelems == 0,",
            "    assert marks.value >= 0,",
            "courses.fatal-checks",
            "a mark behind the last slot is not noticed",
        ),
    ),
    *variants_of(
        "spanspec.sharing.setsteps.pop_unswept",
        Variant(
            "popped-entry-stays",
            "taken = replace(it, entries=it.entries.without(1 if kind == 1 else 2, False))",
            "taken = it",
            "versions.span-sets",
            "a span stays in the unswept set out of which it was taken",
        ),
    ),
    *variants_of(
        "spanspec.sharing.setsteps.place",
        Variant(
            "swept-span-in-no-set",
            "yield changed(state, thread, replace(worker, task=task), pushed(it))",
            "yield changed(state, thread, replace(worker, task=task))",
            "versions.span-sets",
            "a span that was swept gets into no set",
        ),
    ),
    *variants_of(
        "spanspec.span.profile.reserved_bytes",
        Variant(
            "marks-where-slots-are",
            "return pointers + BYTES_FOR_MARKS",
            "return pointers",
            "versions.profile",
            "the last slots of a span lie on its mark bits",
        ),
    ),
    *variants_of(
        "spanspec.heap.sweeping.after_specials",
        Variant(
            "saved-object-not-marked",
            "at = by_fate(at, special, fate)",
            "by_fate(at, special, fate)",
            "courses.books",
            "an object that is saved for its finalizer is freed with the others",
        ),
    ),
    *variants_of(
        "spanspec.heap.pacing.distance_to",
        Variant(
            "no-room-for-sweeping",
            " - SWEEP_MIN_HEAP_DISTANCE",
            "",
            "courses.pacing",
            "sweeping is done only when the heap has reached its trigger",
        ),
    ),
    *variants_of(
        "spanspec.heap.pacing.grown_since",
        Variant(
            "coming-span-not-counted",
            " + span_bytes",
            "",
            "courses.pacing",
            "an allocation does not pay for the span that it takes",
        ),
    ),
    *variants_of(
        "spanspec.pages.bgscavenge.after_turn",
        Variant(
            "never-backs-off",
            "backs_off=True",
            "backs_off=False",
            "courses.scavenger-turns",
            "a scavenger that finds nothing to release tries again as soon as before",
        ),
    ),
    *variants_of(
        "spanspec.pages.bgscavenge.may_sleep",
        Variant(
            "new-line-overslept",
            "scavenger.generation == line.generation",
            "scavenger.generation <= line.generation",
            "courses.scavenger-turns",
            "the scavenger sleeps although a new line was set",
        ),
    ),
    *variants_of(
        "spanspec.heap.reclaim.reclaim",
        Variant(
            "end-of-reclaim-untold",
            """yield chunk_event(actor, "done", index, wanted, 0)""",
            "pass",
            "courses.told",
            "a reclaimer that has passed all arenas does not tell it",
        ),
    ),
    *variants_of(
        "spanspec.heap.newspan.take_span",
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
        "spanspec.heap.sweepers.begin_popping",
        Variant(
            "last-sweeper-counted-alone",
            "sweepers | {thread}",
            "frozenset({thread})",
            "courses.sweepers",
            "who begins to sweep is counted in place of the others",
        ),
    ),
    *variants_of(
        "spanspec.heap.sweepers.end_popping",
        Variant(
            "nobody-sweeps-after-the-first",
            "sweepers - {thread}",
            "frozenset()",
            "courses.sweepers",
            "once one thread has swept, nobody waits for the others",
        ),
    ),
    *variants_of(
        "spanspec.heap.mcentral.uncached",
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
        "spanspec.heap.cycle.terminate_marking",
        Variant(
            "sweeping-not-paced",
            "advance(state, SET_PACE, state.inputs.sweep_pace(), state.collector)",
            "state.inputs.sweep_pace()",
            "courses.books",
            "a sweep phase begins with the pace of the one before",
        ),
    ),
    *variants_of(
        "spanspec.heap.sweeping.deduct_sweep_credit",
        Variant(
            "pace-stays-when-all-is-swept",
            "advance(state, DROP_PACE, state.collector, state.unswept.index)",
            "pass",
            "courses.books",
            "who finds nothing to sweep leaves the pace what it was",
        ),
    ),
    *variants_of(
        "spanspec.heap.operations.specials.flush_mcaches",
        Variant(
            "statistics-while-marking",
            """    require(state.phase == OFF, "statistics are not read during a cycle")\n""",
            "",
            "courses.refusals",
            "mcaches are flushed for statistics while a cycle is marking",
        ),
    ),
    *variants_of(
        "spanspec.heap.marking.page_is_marked",
        Variant(
            "page-marks-stay",
            "at.page_epoch == epoch",
            "at.page_epoch != NEVER_MARKED",
            "courses.books",
            "what the cycle before has marked is not reclaimed in this one",
        ),
    ),
    *variants_of(
        "spanspec.invariants.spans.zeroed",
        Variant(
            "used-memory-counts-as-zero",
            "if not free_address_is_zero(tiling, address):",
            "if free_address_is_zero(tiling, address) and False:",
            "courses.damage",
            "free memory that was used, and need not be zeroed, is no problem",
        ),
    ),
    *variants_of(
        "spanspec.heap.taking.look_at_popped",
        Variant(
            "late-look-stays",
            "state.tables.spans.records[span] = now",
            "pass",
            "courses.books",
            "a span becomes what it was when somebody reads it late",
        ),
    ),
    *variants_of(
        "spanspec.pages.pagealloc.free_manual",
        Variant(
            "purpose-kept",
            "    del heap.purposes[span]\n",
            "",
            "courses.pages",
            "a span that is manual no longer still counts as a stack or a work buffer",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.marked_and_free",
        Variant(
            "marked-free-slot-untold",
            "found.append(slot)",
            "pass",
            "courses.damage",
            "a slot that is free, and marked, is no problem",
        ),
        Variant(
            "marked-free-slot-misnamed",
            "(marked & -marked).bit_length() - 1",
            "(marked & -marked).bit_length()",
            "courses.damage",
            "of a slot that is free, and marked, the next one is told",
        ),
    ),
    *variants_of(
        "spanspec.pages.mallocinit.linear_alloc",
        Variant(
            "linear-alloc-beyond-the-end",
            "address + size > linear.end",
            "address > linear.end",
            "memory.metadata",
            "a piece of memory from the low end may reach beyond it",
        ),
    ),
    *variants_of(
        "spanspec.invariants.accounting.heap_live",
        Variant(
            "live-bytes-unchecked",
            "state.accounts.heap_live < state.accounts.live_at_mark",
            "state.accounts.heap_live < 0",
            "courses.damage",
            "fewer bytes are live than marking has found, and nobody objects",
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
        "spanspec.heap.sweeping.deduct_sweep_credit",
        Variant(
            "old-debt-under-a-new-pace",
            "if state.pace.swept_basis != basis:",
            "if state.pace.swept_basis == basis and False:",
            "courses.books",
            "a debt stays what it was although the pace has changed",
        ),
    ),
    *variants_of(
        "spanspec.heap.mcentral.walk_nonempty",
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
        "spanspec.pages.runs.huge_pages",
        Variant(
            "single-huge-page-overlooked",
            "run.npages < phys.huge // PAGE_SIZE",
            "run.npages <= phys.huge // PAGE_SIZE",
            "courses.told",
            "a run that is just one huge page counts for none",
        ),
    ),
    *variants_of(
        "spanspec.heap.sweeping.finish_sweeping",
        Variant(
            "waits-for-nobody",
            "while state.inputs.seen_sweepers() and state.cycle == cycle:",
            "while state.inputs.seen_sweepers() and state.cycle != cycle:",
            "courses.meanwhile",
            "a collection is complete while another thread still sweeps",
        ),
    ),
    *variants_of(
        "spanspec.heap.malloc.array_size",
        Variant(
            "longest-array-refused",
            "size <= MAX_ALLOC",
            "size < MAX_ALLOC",
            "courses.edges",
            "an array of as many bytes as there are addresses makes its maker panic",
        ),
    ),
    *variants_of(
        "spanspec.heap.cycle.marking_begins",
        Variant(
            "queue-of-finalizers-no-root",
            "    mark_finalizers_due(state)\n",
            "",
            "courses.books",
            "an object is freed before its finalizer, which is due, has run",
        ),
    ),
    *variants_of(
        "spanspec.heap.taking.sweep_with",
        Variant(
            "guard-of-a-sweep-not-asked",
            "if not may_sweep_slots(record, it, marks):",
            "if not may_sweep_slots(record, it, marks) and False:",
            "courses.guards",
            "the slots of a span that has left use for all others are swept",
        ),
    ),
    *variants_of(
        "spanspec.pages.osmemory.FollowedOs.is_usable",
        Variant(
            "prepared-page-used",
            "if phys.size > PAGE_SIZE:",
            "if phys.size >= PAGE_SIZE:",
            "memory.states",
            "memory that was not made ready may be used where physical pages are just as large",
        ),
    ),
    *variants_of(
        "spanspec.heap.reclaim.reclaim_chunk",
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
    ),
)
