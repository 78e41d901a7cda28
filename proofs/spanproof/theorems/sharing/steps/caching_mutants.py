"""Mutants of the steps by which spans get into mcaches and out of them, and of growth.

Names that begin with an issue or a commit of Go reintroduce that bug.
"""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

CACHING_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.span.listing.on_empty",
        Variant(
            "empty-walk-claims-swept",
            "return SKIP if is_sweeping(sg, generation) else STOP",
            "return SKIP if is_sweeping(sg, generation) else CLAIM",
            "protocol.claim-listed",
            "the walk along the empty list claims spans that are swept or cached",
        ),
    ),
    *variants_of(
        "spanspec.span.listing.on_nonempty",
        Variant(
            "taken-while-swept",
            "SKIP if is_sweeping(sg, generation) else TAKE",
            "TAKE",
            "protocol.take-listed",
            "cacheSpan takes a span that another thread is sweeping",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.cachespan.claim_listed",
        Variant(
            "claimed-without-owner",
            ", owner=thread)",
            ")",
            "protocol.claim-listed",
            "a span claimed from a list does not know its sweeper",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.cachespan.may_move_claimed",
        Variant(
            "sweep-before-move",
            "state.threads[thread].task == TAKING",
            "state.threads[thread].task == SWEEPING",
            "protocol.move-claimed",
            "a span changes lists in the middle of its sweep",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.cachespan.move_claimed",
        Variant(
            "list-ends-exchanged",
            "NONEMPTY if worker.roomy else EMPTY",
            "EMPTY if worker.roomy else NONEMPTY",
            "protocol.move-claimed",
            "a claimed span is removed from the wrong list",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.cachespan.take_listed",
        Variant(
            "taken-but-listed",
            "moved(it.place, NONEMPTY, EMPTY)",
            "moved(it.place, NONEMPTY, NONEMPTY)",
            "protocol.take-listed",
            "a taken span stays where the next thread finds it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.cachespan.check_room",
        Variant(
            "full-span-kept",
            "    if room:\n",
            "    if room or not room:\n",
            "protocol.check-room",
            "a span without a free slot is given to an mcache",
        ),
        Variant(
            "slot-stays-in-refill",
            "searching = replace(state.slots[worker.slot], refilling=False)",
            "searching = state.slots[worker.slot]",
            "protocol.check-room",
            "a slot counts as being refilled although the search has begun anew",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.cachespan.grow",
        Variant(
            "grown-with-old-generation",
            "sweepgen=generation_of_new_span(state.sweepgen),",
            "",
            "protocol.grow",
            "a recycled descriptor keeps the generation of its former life",
        ),
        Variant(
            "9741f0275c-grown-with-old-class",
            "        spanclass=state.slots[slot].spanclass,\n        sweepgen",
            "        sweepgen",
            "protocol.grow",
            "a recycled descriptor keeps the class of its former life",
        ),
        Variant(
            "new-span-not-pushed",
            "pushed(state.sweepgen, it),",
            "it,",
            "protocol.grow",
            "a new span is in no stack, and is not swept in the next cycle",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.cachespan.may_use",
        Variant(
            "a9b37ae026-published-early",
            "state.threads[thread].task == CREATING",
            "is_idle(state, thread) and not state.spans[state.threads[thread].span].in_use",
            "protocol.use",
            "a span is in use before its descriptor is ready",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.cachespan.list_grown",
        Variant(
            "grown-into-nonempty",
            "moved(it.place, NOWHERE, EMPTY)",
            "moved(it.place, NOWHERE, NONEMPTY)",
            "protocol.list-grown",
            "a fresh span is put where another thread can take it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.cachespan.is_vacant",
        Variant(
            "installed-over-another",
            "and it.span == NO_SPAN",
            "",
            "protocol.take-listed",
            "a span is taken for a slot that still holds another, which is lost",
        ),
        Variant(
            "refilled-by-two",
            "and not it.refilling",
            "",
            "protocol.claim-listed",
            "two threads look for a span for one slot, and one of them can do nothing with it",
        ),
        Variant(
            "refilled-for-another-p",
            "it.proc == state.threads[thread].proc\n        and ",
            "",
            "protocol.take-listed",
            "a thread takes a span for the slot of a P that it does not run on",
        ),
        Variant(
            "refilled-before-flush",
            "and is_flushed(state, slot)",
            "",
            "protocol.claim-listed",
            "a span is claimed for an mcache that still has the spans of the last cycle",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.cachespan.may_claim_listed",
        Variant(
            "installed-in-another-class",
            "and it.central == state.slots[slot].spanclass",
            "",
            "protocol.claim-listed",
            "a span is claimed for the cache slot of another span class",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.caching.may_install",
        Variant(
            "installed-before-checked",
            "state.threads[thread].task == HELD",
            "state.threads[thread].task >= HELD - 2",
            "protocol.install",
            "refill installs a span that it has not looked at yet",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.caching.allocate",
        Variant(
            "first-slot-fills-the-span",
            "has_free=not last",
            "has_free=False",
            "protocol.allocate",
            "a span counts as full once an object was allocated from it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.caching.may_allocate",
        Variant(
            "allocation-before-flush",
            "and is_flushed(state, slot)",
            "",
            "protocol.allocate",
            "a P allocates from its cache before it has flushed it in this cycle",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.caching.may_retire",
        Variant(
            "refilled-with-room",
            "and not state.spans[span].has_free",
            "",
            "protocol.retire",
            "refill lets go of a span with free slots, which stays in the empty list",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.caching.retire",
        Variant(
            "retired-in-its-slot",
            "replace(state.slots[slot], span=NO_SPAN)",
            "state.slots[slot]",
            "protocol.retire",
            "the slot keeps the span that it let go of",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.caching.may_uncache",
        Variant(
            "flushed-by-another-p",
            "and it.proc == state.threads[thread].proc",
            "",
            "protocol.uncache",
            "a thread takes a stale span out of another P's cache",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.caching.uncache",
        Variant(
            "flushed-and-not-swept",
            "SWEEPING if sweeps else IDLE",
            "IDLE",
            "protocol.uncache",
            "a stale span is flushed and nobody sweeps it",
        ),
        Variant(
            "70d7e96c78-stale-preserved",
            "preserve=False",
            "preserve=True",
            "protocol.uncache",
            "a stale span is swept with preserve, so that a wholly free one stays in its list",
        ),
    ),
    *variants_of(
        "spanspec.span.listing.leaves_cache_for_nonempty",
        Variant(
            "uncached-and-lost",
            "return has_free",
            "return False",
            "protocol.uncache",
            "an uncached span with free slots stays in the empty list, where nobody takes it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.caching.move_uncached",
        Variant(
            "swept-before-the-move",
            "replace(worker, task=SWEEPING) if sweeps else resting(worker)",
            "resting(worker)",
            "protocol.move-uncached",
            "a stale span moves to the nonempty list and nobody sweeps it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.caching.may_flush",
        Variant(
            "flushed-while-holding",
            "or state.slots[slot].span == NO_SPAN",
            "or state.slots[slot].span != NO_SPAN",
            "protocol.flush",
            "a P counts as flushed while its cache still holds a stale span",
        ),
    ),
)
