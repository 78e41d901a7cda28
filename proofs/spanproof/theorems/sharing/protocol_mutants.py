"""Mutants of the protocol's steps, of the list rules, and of the predicates that theorems rest on.

Names that begin with an issue or a commit of Go reintroduce that bug.
"""

from spanproof.patch.mutant import Variant, variants_of

SWEEPING_MUTANTS = (
    *variants_of(
        "spanspec.sharing.sweeping.pop",
        Variant(
            "pop-leaves-entry",
            "replace(it, in_buffer_1=False, popper=thread)",
            "replace(it, popper=thread)",
            "protocol.pop",
            "a popped span stays in the stack, to be popped again",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.look",
        Variant(
            "state-not-read",
            "SAW_USED if state.spans[worker.span].in_use else SAW_UNUSED",
            "SAW_UNUSED",
            "protocol.look",
            "every popped span is taken for one that is not in use",
        ),
    ),
    *variants_of(
        "spanspec.span.sweepgen.check_unused",
        Variant(
            "27997-cached-forgotten",
            "is_swept(sg, generation) or is_cached(sg, generation)",
            "is_swept(sg, generation)",
            "protocol.drop",
            "the sanity check does not know that the span may be cached again by now",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.compare_and_swap",
        Variant(
            "swap-without-compare",
            "if not needs_sweep(state.sweepgen, it.sweepgen):",
            "if is_swept(state.sweepgen, it.sweepgen):",
            "protocol.compare-and-swap",
            "a sweeper stores sg-1 without looking whether another one was faster",
        ),
        Variant(
            "owner-not-noted",
            ", owner=thread)",
            ")",
            "protocol.compare-and-swap",
            "the span does not know its sweeper",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.claim_directly",
        Variant(
            "stale-span-claimed",
            "if not needs_sweep(state.sweepgen, it.sweepgen):",
            "if is_swept(state.sweepgen, it.sweepgen):",
            "protocol.claim-directly",
            "the reclaimer takes a span out of a P's cache",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.may_claim_directly",
        Variant(
            "claimed-while-busy",
            "is_idle(state, thread) and ",
            "",
            "protocol.claim-directly",
            "a sweeper takes a second span and forgets the first",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.examine",
        Variant(
            "was-empty-after",
            "was_empty=not it.has_free,",
            "was_empty=not (it.has_free or freed),",
            "protocol.examine",
            "whether the span was full is asked after its slots were freed",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.relist",
        Variant(
            "relisted-elsewhere",
            "central=it.spanclass",
            "central=state.slots[worker.slot].spanclass",
            "protocol.relist",
            "a swept span enters the list of a class that its sweeper once wanted",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.may_relist",
        Variant(
            "relisted-while-swept",
            "return is_to_relist(worker, state.spans[worker.span])",
            "return worker.task == SWEEPING and not worker.preserve",
            "protocol.relist",
            "a span changes lists before its marks were looked at",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.may_publish",
        Variant(
            "published-before-the-move",
            "and not is_to_relist(worker, it)",
            "",
            "protocol.publish",
            "a span with free slots is published while it is still in the empty list",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.publish",
        Variant(
            "epoch-forgotten",
            "        swept_at=state.sweepgen,\n        pusher",
            "        pusher",
            "protocol.publish",
            "a swept span counts as unswept in this cycle",
        ),
        Variant(
            "finished-without-push",
            "replace(worker, task=PUSHING)",
            "resting(worker)",
            "protocol.publish",
            "a swept span never enters the swept stack, and is not swept in the next cycle",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.pushed",
        Variant(
            "pushed-on-unswept",
            "if swept_buffer(sg) == 1",
            "if swept_buffer(sg) == 0",
            "protocol.push",
            "a swept span goes back to the stack that it came from",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.push",
        Variant(
            "room-not-checked",
            "replace(worker, task=CHECKING) if worker.preserve else resting(worker)",
            "resting(worker)",
            "protocol.push",
            "a thread forgets the span that it swept for itself",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.unlisted",
        Variant(
            "dead-span-stays-listed",
            "NONEMPTY, NOWHERE)",
            "NONEMPTY, NONEMPTY)",
            "protocol.publish-dead",
            "a span that goes back to the page heap can still be found in a list",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.may_free",
        Variant(
            "cc8f544198-freed-while-swept",
            "== FREEING",
            "== EXAMINED",
            "protocol.free",
            "a span goes back to the page heap before its sweep has finished with it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweeping.free",
        Variant(
            "freed-and-kept",
            "resting(worker)",
            "worker",
            "protocol.free",
            "the thread keeps the span that it gave back",
        ),
    ),
)

CACHING_MUTANTS = (
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
        "spanspec.sharing.caching.claim_listed",
        Variant(
            "claimed-without-owner",
            ", owner=thread)",
            ")",
            "protocol.claim-listed",
            "a span claimed from a list does not know its sweeper",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.may_move_claimed",
        Variant(
            "sweep-before-move",
            "state.threads[thread].task == TAKING",
            "state.threads[thread].task == SWEEPING",
            "protocol.move-claimed",
            "a span changes lists in the middle of its sweep",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.move_claimed",
        Variant(
            "list-ends-exchanged",
            "NONEMPTY if worker.roomy else EMPTY",
            "EMPTY if worker.roomy else NONEMPTY",
            "protocol.move-claimed",
            "a claimed span is removed from the wrong list",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.take_listed",
        Variant(
            "taken-but-listed",
            "moved(it.place, NONEMPTY, EMPTY)",
            "moved(it.place, NONEMPTY, NONEMPTY)",
            "protocol.take-listed",
            "a taken span stays where the next thread finds it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.check_room",
        Variant(
            "full-span-kept",
            "    if room:\n",
            "    if room or not room:\n",
            "protocol.check-room",
            "a span without a free slot is given to an mcache",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.grow",
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
        "spanspec.sharing.caching.may_use",
        Variant(
            "a9b37ae026-published-early",
            "state.threads[thread].task == CREATING",
            "is_idle(state, thread) and not state.spans[state.threads[thread].span].in_use",
            "protocol.use",
            "a span is in use before its descriptor is ready",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.list_grown",
        Variant(
            "grown-into-nonempty",
            "moved(it.place, NOWHERE, EMPTY)",
            "moved(it.place, NOWHERE, NONEMPTY)",
            "protocol.list-grown",
            "a fresh span is put where another thread can take it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.is_vacant",
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
        "spanspec.sharing.caching.may_claim_listed",
        Variant(
            "installed-in-another-class",
            "and it.central == state.slots[slot].spanclass",
            "",
            "protocol.claim-listed",
            "a span is claimed for the cache slot of another span class",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.may_install",
        Variant(
            "installed-before-checked",
            "state.threads[thread].task == HELD",
            "state.threads[thread].task >= CHECKING",
            "protocol.install",
            "refill installs a span that it has not looked at yet",
        ),
        Variant(
            "never-installed",
            "state.threads[thread].task == HELD",
            "state.threads[thread].task == HELD and not state.threads[thread].preserve",
            "protocol.progress",
            "a thread can do nothing with a span that it has swept for itself",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.check_room",
        Variant(
            "slot-stays-in-refill",
            "searching = replace(state.slots[worker.slot], refilling=False)",
            "searching = state.slots[worker.slot]",
            "protocol.check-room",
            "a slot counts as being refilled although the search has begun anew",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.allocate",
        Variant(
            "first-slot-fills-the-span",
            "has_free=not last",
            "has_free=False",
            "protocol.allocate",
            "a span counts as full once an object was allocated from it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.may_allocate",
        Variant(
            "allocation-before-flush",
            "and is_flushed(state, slot)",
            "",
            "protocol.allocate",
            "a P allocates from its cache before it has flushed it in this cycle",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.may_retire",
        Variant(
            "refilled-with-room",
            "and not state.spans[span].has_free",
            "",
            "protocol.retire",
            "refill lets go of a span with free slots, which stays in the empty list",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.retire",
        Variant(
            "retired-in-its-slot",
            "replace(state.slots[slot], span=NO_SPAN)",
            "state.slots[slot]",
            "protocol.retire",
            "the slot keeps the span that it let go of",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.may_uncache",
        Variant(
            "flushed-by-another-p",
            "and it.proc == state.threads[thread].proc",
            "",
            "protocol.uncache",
            "a thread takes a stale span out of another P's cache",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.uncache",
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
        "spanspec.sharing.caching.move_uncached",
        Variant(
            "swept-before-the-move",
            "replace(worker, task=SWEEPING) if sweeps else resting(worker)",
            "resting(worker)",
            "protocol.move-uncached",
            "a stale span moves to the nonempty list and nobody sweeps it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.caching.may_flush",
        Variant(
            "flushed-while-holding",
            "or state.slots[slot].span == NO_SPAN",
            "or state.slots[slot].span != NO_SPAN",
            "protocol.flush",
            "a P counts as flushed while its cache still holds a stale span",
        ),
    ),
)

CYCLE_MUTANTS = (
    *variants_of(
        "spanspec.sharing.cycle.may_start_cycle",
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
        "spanspec.sharing.cycle.all_flushed",
        Variant(
            "flush-not-compared",
            "state.procs[proc].flush_gen == state.sweepgen",
            "state.procs[proc].flush_gen == state.procs[proc].flush_gen",
            "protocol.cycle-waits",
            "an unflushed P does not prevent the next cycle",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweepbuf.swept_buffer",
        Variant(
            "stacks-keep-their-roles",
            "sg // 2 % 2",
            "sg // 4 % 2",
            "protocol.start-cycle",
            "the two stacks change roles every other cycle only",
        ),
    ),
    *variants_of(
        "spanspec.sharing.invariant.is_untouched",
        Variant(
            "used-at-the-start",
            "not it.in_use and ",
            "",
            "protocol.start",
            "a span is in use before the first step",
        ),
    ),
    *variants_of(
        "spanspec.sharing.invariant.slot_is_owner",
        Variant(
            "two-slots-allowed",
            "and cached.cacher == slot",
            "",
            "protocol.exclusive",
            "two slots may hold one span",
        ),
    ),
    *variants_of(
        "spanspec.sharing.invariant.span_is_in_its_stack",
        Variant(
            "unswept-span-forgotten",
            "and (not needs_sweep(sg, it.sweepgen) or in_unswept)",
            "",
            "lists.early-stop",
            "an unswept span may be in no stack, and nobody sweeps it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.invariant.span_is_listed_right",
        Variant(
            "nonempty-may-be-full",
            "it.has_free == (it.place == NONEMPTY)",
            "(it.has_free or it.place != NONEMPTY)",
            "lists.one-place",
            "a span with a free slot may rest in the empty list, where nobody takes it",
        ),
    ),
)

MEETING_MUTANTS = (
    *variants_of(
        "spanspec.span.listing.belongs",
        Variant(
            "cached-span-in-nonempty",
            "return NONEMPTY if room and not cached else EMPTY",
            "return NONEMPTY if room else EMPTY",
            "lists.belongs",
            "a cached span with a free slot belongs in the nonempty list",
        ),
    ),
    *variants_of(
        "spanspec.span.sweep.frees_some",
        Variant(
            "freed-if-any-left",
            "swept.nfreed > 0",
            "swept.span.alloc_count > 0",
            "meeting.sweep",
            "a sweep tells that it freed something where something lives",
        ),
    ),
    *variants_of(
        "spanspec.span.sweep.leaves_nothing",
        Variant(
            "nothing-left-but-one",
            "swept.span.alloc_count == 0",
            "swept.span.alloc_count <= 1",
            "meeting.sweep",
            "a span in which one object lives counts as empty",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.has_room",
        Variant(
            "last-slot-overlooked",
            "span.alloc_count < span.nelems",
            "span.alloc_count + 1 < span.nelems",
            "meeting.sweep",
            "a span with one free slot counts as full",
        ),
    ),
)

PROTOCOL_MUTANTS = (*MEETING_MUTANTS, *SWEEPING_MUTANTS, *CACHING_MUTANTS, *CYCLE_MUTANTS)
