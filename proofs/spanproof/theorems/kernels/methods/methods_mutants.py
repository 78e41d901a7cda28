"""Mutants of the methods of the implementation's span, and of how it is made."""

from spanproof.patch.mutant import Variant, variants_of

METHOD_MUTANTS = (
    *variants_of(
        "spanalloc.span.span.Span.__init__",
        Variant(
            "generation-too-large",
            "if not 0 <= sweepgen <= UINT32:",
            "if not 0 <= sweepgen:",
            "methods.made",
            "a span is made with a sweepgen of more than 32 bits",
        ),
    ),
    *variants_of(
        "spanalloc.span.span.Span.malloc_fast",
        Variant(
            "method-fast-not-counted",
            "self.alloc_count += 1",
            "self.alloc_count += 0",
            "methods.fast",
            "a slot is taken and not counted",
        ),
        Variant(
            "method-fast-cache",
            "slot - self.freeindex",
            "slot",
            "methods.fast",
            "the window is shifted by the wrong number of slots",
        ),
    ),
    *variants_of(
        "spanalloc.span.span.Span.malloc_slow",
        Variant(
            "method-slow-counts-full",
            "self.alloc_count >= self.nelems",
            "self.alloc_count > self.nelems",
            "methods.slow",
            "a slot beyond the count is handed out",
        ),
        Variant(
            "method-slow-early",
            "self.alloc_count += 1",
            "self.alloc_count += 2",
            "methods.slow",
            "a slot is counted twice",
        ),
        Variant(
            "method-slow-old-window",
            "self.alloc_cache = cache\n        self.alloc_count += 1",
            "self.alloc_count += 1",
            "methods.slow",
            "the window stays where it was, and the same slots look free from another place",
        ),
    ),
    *variants_of(
        "spanalloc.span.span.Span.malloc",
        Variant(
            "method-malloc-fast-only",
            "slot if slot >= 0 else self.malloc_slow()",
            "slot",
            "methods.malloc",
            "the slow path is never taken",
        ),
    ),
    *variants_of(
        "spanalloc.span.span.Span.malloc_large",
        Variant(
            "method-large-again",
            "self.freeindex = 1",
            "self.freeindex = 0",
            "methods.large",
            "the only slot can be taken twice",
        ),
    ),
    *variants_of(
        "spanalloc.span.span.Span.first_free",
        Variant(
            "method-first-is-next",
            "found[0]",
            "found[1]",
            "methods.first-free",
            "the slot behind the lowest free one",
        ),
    ),
    *variants_of(
        "spanalloc.span.span.Span.is_taken",
        Variant(
            "method-taken-below",
            "slot < self.freeindex",
            "slot <= self.freeindex",
            "methods.look",
            "the slot at freeindex counts as taken",
        ),
    ),
    *variants_of(
        "spanalloc.span.span.Span.set_mark",
        Variant(
            "method-mark-alone",
            "self.gcmark_bits[slot >> 6] |= bit_of(slot)",
            "self.gcmark_bits[slot >> 6] = bit_of(slot)",
            "methods.mark",
            "other marks of the word are lost",
        ),
        Variant(
            "method-mark-free",
            "not self.is_taken(slot)",
            "False",
            "methods.mark",
            "a free slot can be marked",
        ),
    ),
    *variants_of(
        "spanalloc.span.span.Span.cache",
        Variant(
            "method-cache-full",
            "self.alloc_count == self.nelems or self.freeindex == self.nelems",
            "self.freeindex == self.nelems",
            "methods.cache",
            "a span whose slots are all counted is cached",
        ),
        Variant(
            "method-cache-stale",
            "(sg + 3)",
            "(sg + 1)",
            "methods.cache",
            "a cached span looks stale",
        ),
    ),
    *variants_of(
        "spanalloc.span.span.Span.claim",
        Variant(
            "method-claim-twice",
            "self.sweepgen = (sg - 1) & UINT32",
            "self.sweepgen = (sg - 2) & UINT32",
            "methods.sweepgen",
            "two sweepers claim one span",
        ),
    ),
    *variants_of(
        "spanalloc.span.span.Span.uncache",
        Variant(
            "method-uncache-stale",
            "self.sweepgen = (sg - 1) & UINT32",
            "self.sweepgen = sg & UINT32",
            "methods.sweepgen",
            "a stale span counts as swept",
        ),
    ),
    *variants_of(
        "spanalloc.span.span.Span.sweep_slots",
        Variant(
            "method-sweep-marks-stay",
            "self.gcmark_bits = vec[i64]([0] * len(before))",
            "self.gcmark_bits = before",
            "methods.sweep",
            "the old bits become the marks",
        ),
        Variant(
            "method-sweep-cache",
            "self.alloc_cache = window(self.alloc_bits, 0)",
            "self.alloc_cache = window(before, 0)",
            "methods.sweep",
            "the window is that of the bits before",
        ),
        Variant(
            "method-sweep-zero",
            "freed > 0 or",
            "freed > 1 or",
            "methods.sweep",
            "one freed slot need not be zeroed",
        ),
    ),
    *variants_of(
        "spanalloc.span.span.Span.init_slots",
        Variant(
            "method-init-one-bitmap",
            "self.gcmark_bits = vec[i64]([0] * words)",
            "self.gcmark_bits = self.alloc_bits",
            "methods.shape",
            "marks and allocation share their bits",
        ),
    ),
    *variants_of(
        "spanalloc.span.layout.SpanLayout.shape",
        Variant(
            "method-shape-elements",
            "self.nelems = CLASS_OBJECTS[sizeclass]",
            "self.nelems = CLASS_OBJECTS[sizeclass] + 1",
            "methods.shape",
            "a slot beyond the end of the span",
        ),
    ),
    *variants_of(
        "spanalloc.span.span.Span.reset",
        Variant(
            "method-reset-keeps-count",
            "self.alloc_count = 0",
            "self.alloc_count = 1",
            "methods.states",
            "a descriptor begins with an object",
        ),
    ),
    *variants_of(
        "spanalloc.span.span.Span.make_manual",
        Variant(
            "method-manual-keeps-count",
            "self.alloc_count = 0",
            "pass",
            "methods.states",
            "a manual span has the objects that its pages had before",
        ),
        Variant(
            "method-manual-keeps-size",
            "self.elemsize = 0",
            "pass",
            "methods.states",
            "a manual span has the slot size that its pages had before",
        ),
    ),
    *variants_of(
        "spanalloc.span.layout.SpanLayout.address",
        Variant(
            "method-address-next",
            "self.checked(slot) * self.elemsize",
            "(self.checked(slot) + 1) * self.elemsize",
            "methods.addresses",
            "the address of the next slot",
        ),
    ),
    *variants_of(
        "spanalloc.span.layout.SpanLayout.index_of",
        Variant(
            "method-index-end",
            "offset < length",
            "offset <= length",
            "methods.addresses",
            "the address behind the span lies in it",
        ),
    ),
)
