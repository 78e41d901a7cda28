"""Mutants of what may not be: checks and guards that are left out, damage that is not told."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

LIMIT_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.heap.courses.cycle.cycle_starts",
        Variant(
            "cycle-starts-unflushed",
            "    check_flushed(state)\n",
            "",
            "courses.checks",
            "a cycle starts although an mcache is not flushed",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.pacing.ratio_after",
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
        "spanspec.heap.state.pacing.utilization",
        Variant(
            "one-p-assists",
            "float(effort.duration * procs)",
            "float(effort.duration)",
            "courses.checks",
            "assists are taken for a share of one P's time",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.cycle.gc_mark_done",
        Variant(
            "trigger-stays",
            "advance(state, CORRECT_RATIO, decisions.ratio_after(effort), state.collector)",
            "pass",
            "courses.checks",
            "a cycle that began by itself tells nothing of the next trigger",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.sweeping.publish",
        Variant(
            "kept-span-in-no-list",
            """    assert not unlinked, "T-49: can't preserve unlinked span"\n""",
            "",
            "courses.fatal-checks",
            "a sweep publishes a span for its sweeper that is in no list",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.sweepspan.check_marks",
        Variant(
            "marks-beyond-the-span",
            "    assert marks.value >> record.nelems == 0,",
            "    assert marks.value >= 0,",
            "courses.fatal-checks",
            "a mark behind the last slot is not noticed",
        ),
    ),
    *variants_of(
        "spanspec.heap.operations.pages.take_manual",
        Variant(
            "work-buffers-alone",
            """    if request.purpose == "stack":\n""",
            """    if request.purpose != "other":\n""",
            "courses.refusals",
            "the collector has no manual span of another size than a stack's, as a mask may be",
        ),
    ),
    *variants_of(
        "spanspec.heap.operations.pages.give_back_manual",
        Variant(
            "mask-kept-while-marking",
            """purpose == "stack" and not cycle""",
            "not cycle",
            "courses.refusals",
            "a pointer mask stays until marking is over",
        ),
        Variant(
            "stacks-freed-while-marking",
            """purpose == "stack" and not cycle.may_free(state)""",
            "False",
            "courses.refusals",
            "a span of stacks is freed while a cycle is marking",
        ),
    ),
    *variants_of(
        "spanspec.heap.operations.procs.flush_mcaches",
        Variant(
            "statistics-while-marking",
            """    require(state.phase == OFF, "statistics are not read during a cycle")\n""",
            "",
            "courses.refusals",
            "mcaches are flushed for statistics while a cycle is marking",
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
        "spanspec.heap.courses.malloc.array_size",
        Variant(
            "longest-array-refused",
            "size <= MAX_ALLOC",
            "size < MAX_ALLOC",
            "courses.edges",
            "an array of as many bytes as there are addresses makes its maker panic",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.taking.sweep_with",
        Variant(
            "guard-of-a-sweep-not-asked",
            "if not may_sweep_slots(record, it, marks):",
            "if not may_sweep_slots(record, it, marks) and False:",
            "courses.guards",
            "the slots of a span that has left use for all others are swept",
        ),
    ),
)
