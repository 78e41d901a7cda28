"""Mutants of what a heap counts."""

from spanproof.patch.mutant import Variant, variants_of

COUNT_MUTANTS = (
    *variants_of(
        "spanspec.heap.accounts.hand_out",
        Variant(
            "handed-out-in-full",
            "counts.nmalloc + free_slots(span)",
            "counts.nmalloc + span.nelems",
            "accounts.objects",
            "objects that were in a span before it was cached are counted once more",
        ),
    ),
    *variants_of(
        "spanspec.heap.accounts.hand_back",
        Variant(
            "never-handed-back",
            "counts.nmalloc - free_slots(span)",
            "counts.nmalloc",
            "accounts.objects",
            "what an mcache never allocated counts as allocated for ever",
        ),
    ),
    *variants_of(
        "spanspec.heap.accounts.count_dead",
        Variant(
            "one-dies-at-a-time",
            "counts.nfree + nfreed",
            "counts.nfree + 1",
            "accounts.objects",
            "a sweep counts one dead object, however many there are",
        ),
    ),
    *variants_of(
        "spanspec.heap.accounts.refund_uncached",
        Variant(
            "50592-tail-waste-refunded",
            "accounts.heap_live - free_slots(span) * span.elemsize",
            "accounts.heap_live - charge(span)",
            "accounts.live",
            "a span that is uncached gives back its tail waste, too",
        ),
    ),
    *variants_of(
        "spanspec.heap.accounts.count_marked",
        Variant(
            "marked-added",
            "heap_live=marked",
            "heap_live=accounts.heap_live + marked",
            "accounts.live",
            "what was live before marking counts beside what was marked",
        ),
    ),
    *variants_of(
        "spanspec.heap.accounts.count_large_dead",
        Variant(
            "dead-large-object-kept",
            "accounts.nlargefree + 1",
            "accounts.nlargefree",
            "accounts.large",
            "a large object that died is counted for ever",
        ),
    ),
    *variants_of(
        "spanspec.heap.accounts.keep_tiny_allocs",
        Variant(
            "tiny-count-lost",
            "accounts.tiny_allocs + tiny_allocs",
            "tiny_allocs",
            "accounts.large",
            "the counts of mcaches that went before are forgotten",
        ),
    ),
    *variants_of(
        "spanspec.heap.pacing.credit_left",
        Variant(
            "credit-used-twice",
            "found - credit_taken(found, wanted)",
            "found",
            "accounts.reclaim",
            "pages that a reclaimer has used itself are credit for others",
        ),
    ),
    *variants_of(
        "spanspec.heap.pacing.begin_sweeping",
        Variant(
            "credit-of-last-cycle",
            "Progress(0, pages_in_use, 0, 0)",
            "Progress(0, pages_in_use, 0, pages_in_use)",
            "accounts.reclaim",
            "a sweep phase begins with credit that nobody has earned",
        ),
    ),
    *variants_of(
        "spanspec.heap.pacing.count_swept",
        Variant(
            "spans-counted-for-pages",
            "progress.pages_swept + npages",
            "progress.pages_swept + 1",
            "accounts.reclaim",
            "the pages that were swept are counted as spans",
        ),
    ),
    *variants_of(
        "spanspec.heap.pacing.take_chunk",
        Variant(
            "reclaimer-goes-back",
            "progress.reclaim_index >= after",
            "progress.reclaim_index > after + after",
            "accounts.chunks",
            "the place of the reclaimer goes back to a chunk that was taken late",
        ),
    ),
    *variants_of(
        "spanspec.heap.pacing.end_reclaiming",
        Variant(
            "reclaiming-begins-anew",
            "reclaim_index=NO_MORE_RECLAIM",
            "reclaim_index=0",
            "accounts.chunks",
            "the reclaimer begins anew once it has passed the last arena",
        ),
    ),
)
