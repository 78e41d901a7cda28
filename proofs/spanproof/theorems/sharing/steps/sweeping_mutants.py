"""Mutants of the steps of a sweep: popping, claiming, publishing, freeing.

Names that begin with an issue or a commit of Go reintroduce that bug.
"""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

SWEEPING_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.sharing.invariant.threadinvariant.has_popped",
        Variant(
            "popped-counts-as-lost",
            "worker.task == POPPED or ",
            "",
            "protocol.pop",
            "a span that was just popped counts as lost: in no stack, and nobody's",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.sweeping.pop",
        Variant(
            "pop-leaves-entry",
            "replace(it, in_buffer_1=False, popper=thread)",
            "replace(it, popper=thread)",
            "protocol.pop",
            "a popped span stays in the stack, to be popped again",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.sweeping.look",
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
        "spanspec.sharing.steps.sweeping.compare_and_swap",
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
        "spanspec.sharing.steps.sweeping.claim_directly",
        Variant(
            "stale-span-claimed",
            "if not needs_sweep(state.sweepgen, it.sweepgen):",
            "if is_swept(state.sweepgen, it.sweepgen):",
            "protocol.claim-directly",
            "the reclaimer takes a span out of a P's cache",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.sweeping.may_claim_directly",
        Variant(
            "claimed-while-busy",
            "is_idle(state, thread) and ",
            "",
            "protocol.claim-directly",
            "a sweeper takes a second span and forgets the first",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.sweeping.examine",
        Variant(
            "was-empty-after",
            "was_empty=not it.has_free,",
            "was_empty=not (it.has_free or freed),",
            "protocol.examine",
            "whether the span was full is asked after its slots were freed",
        ),
        Variant(
            "freed-slot-not-told",
            "has_free=it.has_free or freed",
            "has_free=it.has_free",
            "protocol.examine",
            "threads take a span for full of which a sweep has freed a slot",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.sweeping.relist",
        Variant(
            "relisted-elsewhere",
            "central=it.spanclass",
            "central=state.slots[worker.slot].spanclass",
            "protocol.relist",
            "a swept span enters the list of a class that its sweeper once wanted",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.sweeping.may_relist",
        Variant(
            "relisted-while-swept",
            "return is_to_relist(worker, state.spans[worker.span])",
            "return worker.task == SWEEPING and not worker.preserve",
            "protocol.relist",
            "a span changes lists before its marks were looked at",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.sweeping.may_publish",
        Variant(
            "published-before-the-move",
            "and not is_to_relist(worker, it)",
            "",
            "protocol.publish",
            "a span with free slots is published while it is still in the empty list",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.sweeping.publish",
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
        "spanspec.sharing.steps.sweeping.pushed",
        Variant(
            "pushed-on-unswept",
            "if swept_buffer(sg) == 1",
            "if swept_buffer(sg) == 0",
            "protocol.push",
            "a swept span goes back to the stack that it came from",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.sweeping.push",
        Variant(
            "room-not-checked",
            "replace(worker, task=CHECKING) if worker.preserve else resting(worker)",
            "resting(worker)",
            "protocol.push",
            "a thread forgets the span that it swept for itself",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.sweeping.unlisted",
        Variant(
            "dead-span-stays-listed",
            "NONEMPTY, NOWHERE)",
            "NONEMPTY, NONEMPTY)",
            "protocol.publish-dead",
            "a span that goes back to the page heap can still be found in a list",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.sweeping.may_free",
        Variant(
            "cc8f544198-freed-while-swept",
            "== FREEING",
            "== EXAMINED",
            "protocol.free",
            "a span goes back to the page heap before its sweep has finished with it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.sweeping.free",
        Variant(
            "freed-and-kept",
            "resting(worker)",
            "worker",
            "protocol.free",
            "the thread keeps the span that it gave back",
        ),
    ),
)
