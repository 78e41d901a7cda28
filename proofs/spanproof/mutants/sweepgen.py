"""Mutants of the sweepgen state machine and of the ownership protocol."""

from spanproof.mutants.mutant import Variant, variants_of

SWEEPGEN_MUTANTS = (
    *variants_of(
        "spanspec.sweepgen.is_stale",
        Variant(
            "stale-is-cached",
            "sg + 1",
            "sg + 3",
            "sweepgen.states",
            "a stale span is not told from one cached in this cycle",
        ),
    ),
    *variants_of(
        "spanspec.sweepgen.needs_sweep",
        Variant(
            "no-wrap-below-zero",
            "(sg - 2) & M32",
            "sg - 2",
            "sweepgen.states",
            "the generation does not wrap around",
        ),
    ),
    *variants_of(
        "spanspec.sweepgen.enter_cache",
        Variant(
            "cache-plus-one",
            "(sg + 3) & M32",
            "(sg + 1) & M32",
            "sweepgen.transitions",
            "a freshly cached span looks stale",
        ),
    ),
    *variants_of(
        "spanspec.sweepgen.leave_cache",
        Variant(
            "stale-case-forgotten",
            "(sg - 1) & M32 if is_stale(sg, gen) else sg",
            "sg",
            "sweepgen.transitions",
            "a stale span is uncached as if it were swept",
        ),
    ),
    *variants_of(
        "spanspec.sweepgen.claim_for_sweep",
        Variant(
            "claim-to-swept",
            "(sg - 1) & M32",
            "sg",
            "sweepgen.transitions",
            "claiming a span already makes it swept",
        ),
    ),
    *variants_of(
        "spanspec.sweepgen.next_cycle",
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
    *variants_of(
        "spanspec.ownership.allocate_span",
        Variant(
            "old-generation-kept",
            "sweepgen=generation_of_new_span(state.sweepgen),",
            "",
            "ownership.allocate",
            "a recycled descriptor keeps the generation of its former life",
        ),
    ),
    *variants_of(
        "spanspec.ownership.cache_span",
        Variant(
            "slot-not-filled",
            ", span=span)",
            ", span=NO_SPAN)",
            "ownership.cache",
            "the span is cached, but in no slot",
        ),
    ),
    *variants_of(
        "spanspec.ownership.retire_span",
        Variant(
            "retired-but-kept",
            ", span=NO_SPAN)",
            ")",
            "ownership.retire",
            "the slot keeps the span that it let go of",
        ),
    ),
    *variants_of(
        "spanspec.ownership.uncache_span",
        Variant(
            "stale-not-swept",
            "Sweeper(span) if stale else state.sweepers[sweeper]",
            "state.sweepers[sweeper]",
            "ownership.uncache",
            "a stale span is flushed and nobody sweeps it",
        ),
        Variant(
            "swept-by-nobody-known",
            "sweeper=sweeper",
            "sweeper=it.sweeper",
            "ownership.uncache",
            "the flushed span does not know its sweeper",
        ),
    ),
    *variants_of(
        "spanspec.ownership.may_flush",
        Variant(
            "flush-without-emptying",
            "state.slots[slot].span == NO_SPAN",
            "state.slots[slot].span != NO_SPAN",
            "ownership.flush",
            "a cache counts as flushed while it still holds a stale span",
        ),
    ),
    *variants_of(
        "spanspec.ownership.may_claim",
        Variant(
            "claim-while-busy",
            "and state.sweepers[sweeper].span == NO_SPAN",
            "",
            "ownership.claim",
            "a sweeper takes a second span and forgets the first",
        ),
        Variant(
            "claim-without-cas",
            "needs_sweep(state.sweepgen, state.spans[span].sweepgen)",
            "is_sweeping(state.sweepgen, state.spans[span].sweepgen)",
            "ownership.claim",
            "a sweeper takes a span that another one is sweeping",
        ),
        Variant(
            "claim-a-cached-span",
            "needs_sweep(state.sweepgen, state.spans[span].sweepgen)",
            "is_stale(state.sweepgen, state.spans[span].sweepgen)",
            "ownership.claim",
            "a sweeper takes a span out of another P's cache",
        ),
    ),
    *variants_of(
        "spanspec.ownership.publish_span",
        Variant(
            "sweeper-stays-busy",
            "Sweeper(NO_SPAN)",
            "Sweeper(span)",
            "ownership.publish",
            "the sweep is over and its owner does not let go",
        ),
        Variant(
            "swept-at-forgotten",
            "swept_at=state.sweepgen,",
            "",
            "ownership.publish",
            "a swept span counts as unswept in this cycle",
        ),
    ),
    *variants_of(
        "spanspec.ownership.all_swept",
        Variant(
            "cycle-too-early",
            "is_legal_between_cycles(state.sweepgen, state.spans[span].sweepgen)",
            "is_legal(state.sweepgen, state.spans[span].sweepgen)",
            "ownership.cycle",
            "a cycle starts before sweeping has finished",
        ),
        Variant(
            "cycle-unflushed",
            "state.slots[slot].flush_gen == state.sweepgen",
            "state.sweepgen == state.sweepgen",
            "ownership.cycle",
            "a cycle starts while a P has not flushed its cache",
        ),
    ),
    *variants_of(
        "spanspec.ownership.slot_is_owner",
        Variant(
            "owner-not-checked",
            "and cached.cacher == slot",
            "",
            "ownership.exclusive",
            "two slots may hold one span",
        ),
    ),
)
