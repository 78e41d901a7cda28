"""Wrong variants of the implementation's page map, page set, tree and free runs."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

STRUCTURE_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanalloc.pages.pagemap.PageMap.add",
        Variant(
            "arenas-in-order-of-mapping",
            "self.by_address[place - 1].base > arena.base",
            "self.by_address[place - 1].base < arena.base",
            "kernels.page-map",
            "arenas are listed from the highest address to the lowest",
        ),
    ),
    *variants_of(
        "spanalloc.pages.pagemap.PageMap.enter_all",
        Variant(
            "second-arena-not-entered",
            "            address += here << PAGE_SHIFT\n",
            "            address += here\n",
            "kernels.page-map",
            "of a span in two arenas the pages in the first one are entered twice",
        ),
    ),
    *variants_of(
        "spanalloc.pages.pageset.PageSet.highest",
        Variant(
            "page-itself-left-out",
            "POWERS[(last & 31) + 1] - 1",
            "POWERS[last & 31] - 1",
            "kernels.page-set",
            "the highest member up to a page is below the page",
        ),
    ),
    *variants_of(
        "spanalloc.base.maxtree.MaxTree.in_use",
        Variant(
            "places-of-weight-0",
            "if self.weights[start + place] > 0:",
            "if self.weights[start + place] >= 0:",
            "trees.in-use",
            "a tree lists the neighbours of what is stored in it",
        ),
    ),
    *variants_of(
        "spanalloc.pages.freeruns.FreeRuns.cut",
        Variant(
            "cut-run-has-all-its-pages",
            "page_of(base), span.npages - npages)",
            "page_of(base), span.npages)",
            "kernels.free-runs",
            "a run from which pages were taken counts as long as before",
        ),
    ),
)
