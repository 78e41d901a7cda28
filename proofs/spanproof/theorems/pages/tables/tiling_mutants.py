"""Mutants of the steps of the page heap: arenas, runs that are taken, given back and merged.

Names that begin with an issue or a commit of Go reintroduce that bug.
"""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

TILING_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.pages.tables.coalescing.free_at",
        Variant(
            "merges-in-use",
            "if is_listed(tiling, span)",
            "if not is_loose(tiling, span)",
            "pages.merge-lower",
            "a free run merges with a neighbour that is in use",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.coalescing.realign",
        Variant(
            "end-below-not-mapped",
            "with_page(with_page(apart, Address(last_page(lower)), below), at, above)",
            "with_page(apart, at, above)",
            "pages.realign",
            "where a boundary has moved, the last page of the lower run leads elsewhere",
        ),
        Variant(
            "boundary-without-its-pages",
            ".set_range(start, at, below).set_range(at, end, above)",
            ".set_range(start, at, below)",
            "pages.realign",
            "pages that a boundary has passed stay with the run that lost them",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.add_arenas",
        Variant(
            "arena-not-entered",
            "map=tiling.map.set_range(Address(base), Address(end), NO_SPAN),",
            "",
            "pages.add-arenas",
            "new arenas are not entered into the span map",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.may_add_arenas",
        Variant(
            "arena-entered-twice",
            "tiling.map.all_are(Address(base), Address(end), UNMAPPED)",
            "base < end",
            "pages.add-arenas",
            "arenas are entered although spans lie there",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.continues",
        Variant(
            "e5a5c03f5b-region-taken-unseen",
            " and base == current.end",
            "",
            "pages.enter-arenas",
            "a region is taken without a look at whether it is the arena's continuation",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.may_enter_arenas",
        Variant(
            "remainder-lost",
            "tiling.current.base >= tiling.current.end",
            "tiling.current.base >= 0",
            "pages.enter-arenas",
            "the current arena begins anew elsewhere before it is used up",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.take_from_arena",
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
        "spanspec.pages.tables.steps.take_whole",
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
        "spanspec.pages.tables.steps.take_part",
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
        "spanspec.pages.tables.steps.use",
        Variant(
            "not-in-use",
            "state=IN_USE, ",
            "",
            "pages.use",
            "a span that is put to use keeps the state it had",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.may_use_manually",
        Variant(
            "free-run-used",
            "is_taken(tiling, span) and ",
            "",
            "pages.use-manually",
            "a run is put to use that is in the free set",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.may_give_back",
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
        "spanspec.pages.tables.steps.may_scavenge",
        Variant(
            "used-run-scavenged",
            "is_listed(tiling, span) and ",
            "",
            "pages.scavenge",
            "the memory of a span in use is given back",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.steps.scavenge_part",
        Variant(
            "lower-end-not-mapped",
            "with_page(apart, Address(last_page(cut.taken)), span)",
            "apart",
            "pages.scavenge-part",
            "the lower part of a cut run is not found from its new last page",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.coalescing.absorb_below",
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
        "spanspec.pages.tables.coalescing.absorb_above",
        Variant(
            "upper-end-not-mapped",
            "with_page(joined, Address(last_page(merged)), span)",
            "joined",
            "pages.merge-upper",
            "the span map is not updated at the upper end of a merged run",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.coalescing.may_enter_free_set",
        Variant(
            "enters-uncoalesced",
            " and alike_above(tiling, span) == NO_SPAN",
            "",
            "pages.enter-free-set",
            "a run enters the free set beside a free run with the same flag",
        ),
    ),
)
