"""Mutants of what a heap counts."""

from spanproof.patch.mutant import Variant, variants_of

ACCOUNT_MUTANTS = (
    *variants_of(
        "spanspec.heap.state.accounts.hand_out",
        Variant(
            "handed-out-in-full",
            "counts.nmalloc + free_slots(span)",
            "counts.nmalloc + span.nelems",
            "accounts.objects",
            "objects that were in a span before it was cached are counted once more",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.accounts.hand_back",
        Variant(
            "never-handed-back",
            "counts.nmalloc - free_slots(span)",
            "counts.nmalloc",
            "accounts.objects",
            "what an mcache never allocated counts as allocated for ever",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.accounts.count_dead",
        Variant(
            "one-dies-at-a-time",
            "counts.nfree + nfreed",
            "counts.nfree + 1",
            "accounts.objects",
            "a sweep counts one dead object, however many there are",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.accounts.refund_uncached",
        Variant(
            "50592-tail-waste-refunded",
            "accounts.heap_live - free_slots(span) * span.elemsize",
            "accounts.heap_live - charge(span)",
            "accounts.live",
            "a span that is uncached gives back its tail waste, too",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.accounts.count_marked",
        Variant(
            "marked-added",
            "heap_live=marked",
            "heap_live=accounts.heap_live + marked",
            "accounts.live",
            "what was live before marking counts beside what was marked",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.accounts.count_large_dead",
        Variant(
            "dead-large-object-kept",
            "accounts.nlargefree + 1",
            "accounts.nlargefree",
            "accounts.large",
            "a large object that died is counted for ever",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.accounts.keep_tiny_allocs",
        Variant(
            "tiny-count-lost",
            "accounts.tiny_allocs + tiny_allocs",
            "tiny_allocs",
            "accounts.large",
            "the counts of mcaches that went before are forgotten",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.accounts.may_hand_back",
        Variant(
            "more-handed-back-than-out",
            "<= counts.nmalloc - counts.nfree",
            "<= counts.nmalloc",
            "accounts.counts",
            "what was found dead is handed back once more",
        ),
        Variant(
            "last-slot-not-handed-back",
            "1 <= free_slots(span)",
            "2 <= free_slots(span)",
            "accounts.guards",
            "a span with one free slot is never handed back",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.accounts.may_count_dead",
        Variant(
            "more-dead-than-there-were",
            "1 <= nfreed <= counts.nmalloc - counts.nfree",
            "nfreed >= 1",
            "accounts.counts",
            "objects are found dead that were never handed out",
        ),
        Variant(
            "none-found-dead",
            "1 <= nfreed",
            "0 <= nfreed",
            "accounts.guards",
            "a sweep that finds nothing counts it",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.accounts.may_hand_out",
        Variant(
            "full-span-handed-out",
            "span.alloc_count < span.nelems",
            "span.alloc_count <= span.nelems",
            "accounts.objects",
            "a full span goes to an mcache",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.accounts.may_refund_uncached",
        Variant(
            "marked-refunded",
            "accounts.heap_live - accounts.live_at_mark",
            "accounts.heap_live",
            "accounts.heap",
            "what an mcache had before the mark is taken from what was marked",
        ),
        Variant(
            "last-byte-not-refunded",
            "1 <= refund",
            "2 <= refund",
            "accounts.guards",
            "the last byte of what an mcache did not use stays counted",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.accounts.may_count_large_dead",
        Variant(
            "large-object-dies-twice",
            "accounts.nlargefree < accounts.nlargealloc",
            "accounts.nlargefree <= accounts.nlargealloc",
            "accounts.heap",
            "more large objects are found dead than there were",
        ),
        Variant(
            "smallest-large-object-lives-on",
            "1 <= span.elemsize",
            "1 < span.elemsize",
            "accounts.guards",
            "a large object of one byte never dies",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.accounts.may_count_large",
        Variant(
            "large-object-without-pages",
            "span.npages >= 1",
            "span.npages >= 0",
            "accounts.guards",
            "a large object may have no page",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.accounts.may_charge_cached",
        Variant(
            "tail-of-a-full-span-charged",
            "span.alloc_count < span.nelems and charge(span) > 0",
            "charge(span) > 0",
            "accounts.guards",
            "a full span is charged for what lies behind its last slot",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.accounts.charge",
        Variant(
            "12040-charged-in-full",
            " - span.alloc_count * span.elemsize",
            "",
            "central.charge",
            "a cached span is charged for the part that was in use already",
        ),
        Variant(
            "87d939dee8-not-charged",
            "span.npages * PAGE_SIZE - span.alloc_count * span.elemsize",
            "0 * span.npages",
            "central.charge",
            "heap_live does not know what the caches have taken",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.mcentral.span_bytes",
        Variant(
            "13535-credit-by-object",
            "CLASS_TO_PAGES[size_class_of(spanclass)] * PAGE_SIZE",
            "CLASS_TO_PAGES[size_class_of(spanclass)] * PAGE_SIZE // 8",
            "central.charge",
            "sweeping is paid for by a part of the span, as by an object",
        ),
    ),
)
