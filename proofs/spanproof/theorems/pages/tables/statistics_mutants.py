"""Mutants of the statistics of the page heap."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

STATISTICS_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.pages.tables.statistics.after_change",
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
        "spanspec.pages.tables.statistics.after_growth",
        Variant(
            "new-arena-resident",
            "heap_released=stats.heap_released + more,",
            "",
            "pages.statistics",
            "new arenas count as resident memory",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.statistics.balances",
        Variant(
            "mapped-does-not-count",
            "        and stats.heap_sys + stats.stacks_inuse + stats.gc_manual == sums.mapped\n",
            "",
            "pages.statistics",
            "what is mapped need not be what the heap, the stacks and the work buffers have",
        ),
    ),
)
