"""Mutants of pages, new spans and cycles, each planted in a step of the heap."""

from spanproof.patch.mutant import Variant, variants_of

PAGE_MUTANTS = (
    *variants_of(
        "spanspec.pages.tables.steps.may_add_arenas",
        Variant(
            "arena-in-use-entered",
            " and tiling.map.all_are(Address(base), Address(end), UNMAPPED)",
            "",
            "objects.pages.add-arenas",
            "the map forgets the spans of an arena that is entered again",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.enter_arenas",
        Variant(
            "growth-forgets-owners",
            "replace(tiling, current=Arena(start, end))",
            "replace(\n        tiling,\n        current=Arena(start, end),\n"
            "        owner=tiling.owner.set_range(Address(0), Address(base), NO_SPAN),\n    )",
            "objects.pages.enter-arenas",
            "the heap grows, and what lies below belongs to nobody",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.take_from_arena",
        Variant(
            "stale-map-entries",
            "map=tiling.map.set_range(start, end, span)",
            "map=tiling.map.set_range(Address(0), end, span)",
            "objects.pages.take-from-arena",
            "a new run takes the map entries of all pages below it",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.take_whole",
        Variant(
            "released-page-in-use",
            "replace(run, scavenged=False, role=TAKEN)",
            "replace(run, role=TAKEN)",
            "objects.pages.take-whole",
            "a run is taken whose memory the operating system has back",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.take_part",
        Variant(
            "released-part-in-use",
            "replace(cut.taken, scavenged=False, role=TAKEN)",
            "replace(cut.taken, role=TAKEN)",
            "objects.pages.take-part",
            "a part of a run is taken whose memory the operating system has back",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.use_manually",
        Variant(
            "manual-span-with-slots",
            "state=MANUAL",
            "state=IN_USE",
            "objects.pages.use-manually",
            "a stack is taken for a span with the objects of its former life",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.may_give_back",
        Variant(
            "goes-back-with-objects",
            " and alloc_count == 0",
            "",
            "objects.pages.give-back",
            "a span goes back in which objects live",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.may_scavenge",
        Variant(
            "releases-memory-in-use",
            "is_listed(tiling, span) and ",
            "",
            "objects.pages.scavenge",
            "memory is released in which objects live",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.may_scavenge_part",
        Variant(
            "releases-part-in-use",
            "        is_listed(tiling, span)\n        and ",
            "        ",
            "objects.pages.scavenge-part",
            "the upper pages of a span in use are released",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.runs.may_merge",
        Variant(
            "released-pages-lose-their-flag",
            "neighbour.scavenged == run.scavenged",
            "not run.scavenged",
            "objects.pages.merge-lower",
            "released memory below counts as there, once it is merged",
        ),
        Variant(
            "kept-pages-get-the-flag",
            "neighbour.scavenged == run.scavenged",
            "run.scavenged",
            "objects.pages.merge-upper",
            "memory above counts as released, once it is merged",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.coalescing.enter_free_set",
        Variant(
            "free-run-counts-as-taken",
            "role=LISTED",
            "role=SPARE",
            "objects.pages.enter-free-set",
            "a free run is nobody's, and not in the free set",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.use",
        Variant(
            "span-is-not-in-use",
            "state=IN_USE",
            "state=MANUAL",
            "objects.use",
            "objects are handed out in a span that the collector does not see",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.init_span",
        Variant(
            "fresh-span-has-an-object",
            "freeindex=0",
            "freeindex=1",
            "objects.slot.fresh",
            "the first slot of a span is lost",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.elemsize_of",
        Variant(
            "large-span-of-many-slots",
            "npages * PAGE_SIZE",
            "PAGE_SIZE",
            "objects.slot.fresh-large",
            "a large span is cut into pages",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.with_large_object",
        Variant(
            "large-object-loses-a-byte",
            "limit=span.base + size",
            "limit=span.base + size - 1",
            "objects.malloc-large",
            "the last byte of a large object leads to none",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.marking.with_object_marked",
        Variant(
            "17503-not-marked-at-the-start",
            "set_marked(span, obj_index(span, address))",
            "span",
            "objects.start-marking",
            "a tiny block is not marked where marking begins, and objects are placed in it",
        ),
    ),
    *variants_of(
        "spanspec.objects.steps.end_marking",
        Variant(
            "skips-a-cycle",
            "heap.cycle + 1",
            "heap.cycle + 2",
            "objects.end-marking",
            "what was marked counts as condemned",
        ),
    ),
    *variants_of(
        "spanspec.objects.steps.write",
        Variant(
            "writes-beyond-its-block",
            "heap.blocks[block].size)",
            "heap.blocks[block].size + 1)",
            "objects.write",
            "a program may write to the next block",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.set_marked",
        Variant(
            "queued-without-a-mark",
            "replace(span, gcmark_bits=span.gcmark_bits.with_bit(slot))",
            "span",
            "objects.finalizer",
            "an object whose finalizer is queued is freed by the same sweep",
        ),
    ),
    *variants_of(
        "spanproof.theorems.span.counting.frees_some",
        Variant(
            "counts-too-many",
            "count_alloc(span) < span.alloc_count",
            "count_alloc(span) <= span.alloc_count",
            "objects.slot.empty",
            "the count of a span may be 0 while a slot is allocated",
        ),
    ),
)
