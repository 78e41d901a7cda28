"""Mutants of the sweepgen state machine."""

from spanproof.patch.mutant import Variant, variants_of

SWEEPGEN_MUTANTS = (
    *variants_of(
        "spanspec.span.sweepgen.is_stale",
        Variant(
            "stale-is-cached",
            "sg + 1",
            "sg + 3",
            "sweepgen.states",
            "a stale span is not told from one cached in this cycle",
        ),
    ),
    *variants_of(
        "spanspec.span.sweepgen.needs_sweep",
        Variant(
            "no-wrap-below-zero",
            "(sg - 2) & M32",
            "sg - 2",
            "sweepgen.states",
            "the generation does not wrap around",
        ),
    ),
    *variants_of(
        "spanspec.span.sweepgen.enter_cache",
        Variant(
            "cache-plus-one",
            "(sg + 3) & M32",
            "(sg + 1) & M32",
            "sweepgen.transitions",
            "a freshly cached span looks stale",
        ),
    ),
    *variants_of(
        "spanspec.span.sweepgen.leave_cache",
        Variant(
            "stale-case-forgotten",
            "(sg - 1) & M32 if is_stale(sg, gen) else sg",
            "sg",
            "sweepgen.transitions",
            "a stale span is uncached as if it were swept",
        ),
    ),
    *variants_of(
        "spanspec.span.sweepgen.claim_for_sweep",
        Variant(
            "claim-to-swept",
            "(sg - 1) & M32",
            "sg",
            "sweepgen.transitions",
            "claiming a span already makes it swept",
        ),
    ),
    *variants_of(
        "spanspec.span.sweepgen.next_cycle",
        Variant(
            "one-per-cycle",
            "(sg + 2) & M32",
            "(sg + 1) & M32",
            "sweepgen.relabel",
            "the heap's generation goes up by one",
        ),
        Variant(
            "no-wrap-above",
            "(sg + 2) & M32",
            "sg + 2",
            "sweepgen.relabel",
            "the heap's generation does not wrap around",
        ),
    ),
)
