"""Mutants of progress: operations that do not end, and sweeping that is late."""

from spanproof.patch.mutant import Variant, variants_of

PROGRESS_MUTANTS = (
    *variants_of(
        "spanspec.sharing.steps.cachespan.move_claimed",
        Variant(
            "moved-again-and-again",
            "replace(worker, task=SWEEPING)",
            "worker",
            "progress.operation",
            "a claimed span is moved to the end of its list for ever",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.sweeping.may_pop",
        Variant(
            "stale-entries-stay",
            "and is_in_unswept(state.sweepgen, state.spans[span])",
            "and is_in_unswept(state.sweepgen, state.spans[span]) and state.spans[span].in_use",
            "progress.cycle",
            "entries of spans that are out of use are never popped, and no cycle begins again",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.pacing.distance_to",
        Variant(
            "sweeping-is-late",
            " - SWEEP_MIN_HEAP_DISTANCE",
            "",
            "progress.proportional",
            "all is swept when the heap is at its trigger, and no earlier",
        ),
    ),
)
