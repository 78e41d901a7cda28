"""Mutants of the page heap: runs, the span map, the search for a free run, and statistics.

Names that begin with an issue or a commit of Go reintroduce that bug.
"""

from spanproof.patch.mutant import Variant, variants_of

RUN_MUTANTS = (
    *variants_of(
        "spanspec.pages.runs.split_run",
        Variant(
            "rest-keeps-its-base",
            "base=run.base + npages * PAGE_SIZE, npages",
            "npages",
            "pages.take-part",
            "the rest of a split run begins where the taken part does",
        ),
        Variant(
            "rest-forgets-flag",
            "rest = replace(run, base",
            "rest = replace(run, scavenged=False, base",
            "pages.take-part",
            "the rest of a split run forgets that it is scavenged",
        ),
    ),
    *variants_of(
        "spanspec.pages.runs.cut_run",
        Variant(
            "cut-keeps-its-size",
            "replace(run, npages=(at - run.base) // PAGE_SIZE)",
            "run",
            "pages.scavenge-part",
            "the lower part of a cut run still reaches to its old end",
        ),
    ),
    *variants_of(
        "spanspec.pages.runs.may_merge",
        Variant(
            "merges-scavenged-with-not",
            "neighbour.scavenged == run.scavenged",
            "neighbour.scavenged",
            "pages.merge-upper",
            "an unscavenged run merges with a scavenged neighbour",
        ),
    ),
    *variants_of(
        "spanspec.pages.runs.merge_below",
        Variant(
            "merged-keeps-its-base",
            "        base=below.base,\n",
            "",
            "pages.merge-lower",
            "a merged run does not begin where its lower neighbour did",
        ),
    ),
    *variants_of(
        "spanspec.pages.runs.merge_above",
        Variant(
            "merged-loses-pages",
            "npages=run.npages + above.npages",
            "npages=run.npages",
            "pages.merge-upper",
            "the pages of the upper neighbour are lost",
        ),
    ),
    *variants_of(
        "spanspec.pages.runs.just_below",
        Variant(
            "looks-at-itself",
            "run.base - 1",
            "run.base",
            "pages.merge-lower",
            "coalescing looks for the lower neighbour at the run's own first page",
        ),
    ),
    *variants_of(
        "spanspec.pages.runs.last_page",
        Variant(
            "last-page-is-beyond",
            "end_of(run) - PAGE_SIZE",
            "end_of(run)",
            "pages.merge-upper",
            "the page beyond a run leads to it, its last page does not",
        ),
    ),
)

STEP_MUTANTS = (
    *variants_of(
        "spanspec.pages.coalescing.free_at",
        Variant(
            "merges-in-use",
            "if is_listed(tiling, span)",
            "if not is_loose(tiling, span)",
            "pages.merge-lower",
            "a free run merges with a neighbour that is in use",
        ),
    ),
    *variants_of(
        "spanspec.pages.steps.add_arenas",
        Variant(
            "arena-not-entered",
            "map=tiling.map.set_range(Address(base), Address(end), NO_SPAN),",
            "",
            "pages.add-arenas",
            "new arenas are not entered into the span map",
        ),
    ),
    *variants_of(
        "spanspec.pages.steps.may_add_arenas",
        Variant(
            "arena-entered-twice",
            "tiling.map.all_are(Address(base), Address(end), UNMAPPED)",
            "base < end",
            "pages.add-arenas",
            "arenas are entered although spans lie there",
        ),
    ),
    *variants_of(
        "spanspec.pages.steps.continues",
        Variant(
            "e5a5c03f5b-region-taken-unseen",
            " and base == current.end",
            "",
            "pages.enter-arenas",
            "a region is taken without a look at whether it is the arena's continuation",
        ),
    ),
    *variants_of(
        "spanspec.pages.steps.may_enter_arenas",
        Variant(
            "remainder-lost",
            "tiling.current.base >= tiling.current.end",
            "tiling.current.base >= 0",
            "pages.enter-arenas",
            "the current arena begins anew elsewhere before it is used up",
        ),
    ),
    *variants_of(
        "spanspec.pages.steps.take_from_arena",
        Variant(
            "grown-and-not-mapped",
            "map=tiling.map.set_range(start, end, span),",
            "",
            "pages.take-from-arena",
            "a grown span is not in the span map",
        ),
        Variant(
            "piece-stays-in-the-arena",
            "Arena(end, tiling.current.end)",
            "tiling.current",
            "pages.take-from-arena",
            "what became a span is still in the current arena",
        ),
    ),
    *variants_of(
        "spanspec.pages.steps.take_whole",
        Variant(
            "inner-pages-stale",
            "map=tiling.map.set_range(start, end, span),",
            "",
            "pages.take-whole",
            "the inner pages of a span in use lead to what was there before",
        ),
        Variant(
            "used-and-scavenged",
            "scavenged=False, ",
            "",
            "pages.take-whole",
            "a span in use still counts as scavenged",
        ),
    ),
    *variants_of(
        "spanspec.pages.steps.take_part",
        Variant(
            "rest-not-mapped",
            "with_page(rest, Address(cut.rest.base), chosen)",
            "rest",
            "pages.take-part",
            "the rest of a split run is not found from its first page",
        ),
        Variant(
            "part-not-mapped",
            "replace(mapped, map=mapped.map.set_range(start, end, span))",
            "mapped",
            "pages.take-part",
            "the pages of an allocation that is cut off a run still lead to the run",
        ),
    ),
    *variants_of(
        "spanspec.pages.steps.use",
        Variant(
            "not-in-use",
            "state=IN_USE, ",
            "",
            "pages.use",
            "a span that is put to use keeps the state it had",
        ),
    ),
    *variants_of(
        "spanspec.pages.steps.may_use_manually",
        Variant(
            "free-run-used",
            "is_taken(tiling, span) and ",
            "",
            "pages.use-manually",
            "a run is put to use that is in the free set",
        ),
    ),
    *variants_of(
        "spanspec.pages.steps.may_give_back",
        Variant(
            "dead-run-freed",
            "is_taken(tiling, span)\n        and ",
            "",
            "pages.give-back",
            "a descriptor that stands for nothing is freed",
        ),
        Variant(
            "freed-as-zero",
            "        and needzero != 0\n",
            "",
            "pages.give-back",
            "a span that was written to is freed as one that need not be zeroed",
        ),
        Variant(
            "freed-with-objects",
            "        and alloc_count == 0\n",
            "",
            "pages.give-back",
            "a span is freed although something in it is allocated",
        ),
    ),
    *variants_of(
        "spanspec.pages.steps.may_scavenge",
        Variant(
            "used-run-scavenged",
            "is_listed(tiling, span) and ",
            "",
            "pages.scavenge",
            "the memory of a span in use is given back",
        ),
    ),
    *variants_of(
        "spanspec.pages.steps.scavenge_part",
        Variant(
            "lower-end-not-mapped",
            "with_page(apart, Address(last_page(cut.taken)), span)",
            "apart",
            "pages.scavenge-part",
            "the lower part of a cut run is not found from its new last page",
        ),
    ),
    *variants_of(
        "spanspec.pages.coalescing.absorb_below",
        Variant(
            "absorbed-stays-alive",
            "replace(tiling.runs[below], state=DEAD, role=SPARE)",
            "tiling.runs[below]",
            "pages.merge-lower",
            "the descriptor of a merged run lives on",
        ),
        Variant(
            "merged-not-mapped-below",
            "with_page(joined, Address(merged.base), span)",
            "joined",
            "pages.merge-lower",
            "the span map is not updated at the lower end of a merged run",
        ),
    ),
    *variants_of(
        "spanspec.pages.coalescing.absorb_above",
        Variant(
            "upper-end-not-mapped",
            "with_page(joined, Address(last_page(merged)), span)",
            "joined",
            "pages.merge-upper",
            "the span map is not updated at the upper end of a merged run",
        ),
    ),
    *variants_of(
        "spanspec.pages.coalescing.may_enter_free_set",
        Variant(
            "enters-uncoalesced",
            " and alike_above(tiling, span) == NO_SPAN",
            "",
            "pages.enter-free-set",
            "a run enters the free set beside a free run with the same flag",
        ),
    ),
    *variants_of(
        "spanspec.pages.invariant.run_has_its_address",
        Variant(
            "overlap-allowed",
            "tiling.owner[address] == span",
            "tiling.owner[address] != NO_SPAN",
            "pages.no-overlap",
            "two live runs may have a page in common",
        ),
    ),
)

SEARCH_MUTANTS = (
    *variants_of(
        "spanspec.pages.treap.descend",
        Variant(
            "31616-any-fit",
            "    if left_most >= npages:\n        return LEFT\n    if run_pages >= npages:\n"
            "        return HERE\n",
            "    if run_pages >= npages:\n        return HERE\n    if left_most >= npages:\n"
            "        return LEFT\n",
            "treap.first-fit",
            "the search stops at a run that fits, though a lower one does, too",
        ),
        Variant(
            "last-fit",
            "return RIGHT if right_most >= npages else NO_FIT",
            "return NO_FIT",
            "treap.first-fit",
            "the search never looks at higher addresses",
        ),
    ),
    *variants_of(
        "spanspec.pages.treap.most_of",
        Variant(
            "sum-forgets-the-right",
            "larger = left_most if left_most >= right_most else right_most",
            "larger = left_most",
            "treap.none-fits",
            "a node's sum leaves its right subtree out",
        ),
    ),
    *variants_of(
        "spanspec.pages.treap.types_of",
        Variant(
            "types-forget-the-right",
            " | right_types",
            " | (right_types & left_types)",
            "treap.sums",
            "a node's types leave its right subtree out",
        ),
    ),
    *variants_of(
        "spanspec.pages.pagemap.arena_index",
        Variant(
            "arenas-overlap",
            "// HEAP_ARENA_BYTES",
            "// (2 * HEAP_ARENA_BYTES)",
            "pages.arenas",
            "two arenas have one number",
        ),
    ),
    *variants_of(
        "spanspec.pages.treap.belongs_left",
        Variant(
            "28805-by-descriptor",
            "run.base < other.base",
            "run.span < other.span",
            "treap.order",
            "the treap is ordered by descriptor instead of address",
        ),
    ),
)

STATISTICS_MUTANTS = (
    *variants_of(
        "spanspec.pages.statistics.after_change",
        Variant(
            "15022-pages-subtracted-twice",
            "stats.pages_in_use + pages",
            "stats.pages_in_use + 2 * pages",
            "pages.statistics",
            "pages in use go down twice when a span is freed",
        ),
        Variant(
            "manual-bytes-lost",
            "stats.heap_sys - manual",
            "stats.heap_sys",
            "pages.statistics",
            "manual spans still count as heap",
        ),
    ),
    *variants_of(
        "spanspec.pages.statistics.after_growth",
        Variant(
            "new-arena-resident",
            "heap_released=stats.heap_released + more,",
            "",
            "pages.statistics",
            "new arenas count as resident memory",
        ),
    ),
)

ACCOUNT_MUTANTS = (
    *variants_of(
        "spanspec.pages.growth.fits_address_space",
        Variant(
            "14ae846f54-request-wraps",
            "npages <= (M64 - base - unit) // PAGE_SIZE",
            "npages <= M64 // PAGE_SIZE",
            "pages.request",
            "the end of a request for 2^64 - 8192 bytes overflows",
        ),
    ),
    *variants_of(
        "spanspec.heap.accounts.charge",
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
        "spanspec.pages.invariant.address_has_its_span",
        Variant(
            "unused-leads-somewhere",
            "tiling.map[address] < 0",
            "tiling.map[address] >= 0",
            "pages.start",
            "the invariant wants an address without a span to lead to one",
        ),
    ),
    *variants_of(
        "spanspec.pages.statistics.balances",
        Variant(
            "mapped-does-not-count",
            "        and stats.heap_sys + stats.stacks_inuse + stats.gc_manual == sums.mapped\n",
            "",
            "pages.statistics",
            "what is mapped need not be what the heap, the stacks and the work buffers have",
        ),
    ),
    *variants_of(
        "spanspec.heap.mcentral.span_bytes",
        Variant(
            "13535-credit-by-object",
            "CLASS_TO_PAGES[size_class_of(spanclass)] * PAGE_SIZE",
            "CLASS_TO_PAGES[size_class_of(spanclass)] * PAGE_SIZE // 8",
            "central.charge",
            "sweeping is paid for by a part of the span, as by an object",
        ),
    ),
)

TILING_MUTANTS = (
    *ACCOUNT_MUTANTS,
    *RUN_MUTANTS,
    *STEP_MUTANTS,
    *SEARCH_MUTANTS,
    *STATISTICS_MUTANTS,
)
