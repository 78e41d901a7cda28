"""Wrong variants of the first state, of who holds a span, of what a cycle waits for, and of what is
always possible.
"""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

CONSEQUENCE_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.sharing.steps.caching.may_install",
        Variant(
            "never-installed",
            "state.threads[thread].task == HELD",
            "state.threads[thread].task == HELD and not state.threads[thread].preserve",
            "protocol.progress",
            "a thread can do nothing with a span that it has swept for itself",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.cycle.all_flushed",
        Variant(
            "flush-not-compared",
            "state.procs[proc].flush_gen == state.sweepgen",
            "state.procs[proc].flush_gen == state.procs[proc].flush_gen",
            "protocol.cycle-waits",
            "an unflushed P does not prevent the next cycle",
        ),
    ),
    *variants_of(
        "spanspec.sharing.invariant.invariant.is_untouched",
        Variant(
            "used-at-the-start",
            "not it.in_use and ",
            "",
            "protocol.start",
            "a span is in use before the first step",
        ),
    ),
    *variants_of(
        "spanspec.sharing.invariant.invariant.slot_is_owner",
        Variant(
            "two-slots-allowed",
            "and cached.cacher == slot",
            "",
            "protocol.exclusive",
            "two slots may hold one span",
        ),
    ),
)
