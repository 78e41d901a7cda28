"""Mutants of how a cycle starts.

Names that begin with an issue or a commit of Go reintroduce that bug.
"""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

CYCLE_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.sharing.steps.cycle.may_start_cycle",
        Variant(
            "24a7252e25-cycle-too-early",
            "nothing_under_way(state) and unswept_is_drained(state) and ",
            "nothing_under_way(state) and ",
            "protocol.start-cycle",
            "a cycle starts before sweeping has finished",
        ),
        Variant(
            "cycle-while-stale",
            "and all_flushed(state)",
            "",
            "protocol.start-cycle",
            "a cycle starts while a P has not flushed its cache",
        ),
        Variant(
            "cycle-in-a-running-world",
            "nothing_under_way(state) and unswept_is_drained(state)",
            "unswept_is_drained(state)",
            "protocol.start-cycle",
            "a cycle starts while a thread is in the middle of a sweep",
        ),
    ),
    *variants_of(
        "spanspec.sharing.tables.records.swept_buffer",
        Variant(
            "stacks-keep-their-roles",
            "sg // 2 % 2",
            "sg // 4 % 2",
            "protocol.start-cycle",
            "the two stacks change roles every other cycle only",
        ),
    ),
)
