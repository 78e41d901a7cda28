"""Mutants of what becomes of one run, or of two that meet."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

RUN_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.pages.tables.runs.split_run",
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
        "spanspec.pages.tables.runs.cut_run",
        Variant(
            "cut-keeps-its-size",
            "replace(run, npages=(at - run.base) // PAGE_SIZE)",
            "run",
            "pages.scavenge-part",
            "the lower part of a cut run still reaches to its old end",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.runs.may_merge",
        Variant(
            "merges-scavenged-with-not",
            "neighbour.scavenged == run.scavenged",
            "neighbour.scavenged",
            "pages.merge-upper",
            "an unscavenged run merges with a scavenged neighbour",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.runs.merge_below",
        Variant(
            "merged-keeps-its-base",
            "        base=below.base,\n",
            "",
            "pages.merge-lower",
            "a merged run does not begin where its lower neighbour did",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.runs.merge_above",
        Variant(
            "merged-loses-pages",
            "npages=run.npages + above.npages",
            "npages=run.npages",
            "pages.merge-upper",
            "the pages of the upper neighbour are lost",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.runs.just_below",
        Variant(
            "looks-at-itself",
            "run.base - 1",
            "run.base",
            "pages.merge-lower",
            "coalescing looks for the lower neighbour at the run's own first page",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.runs.last_page",
        Variant(
            "last-page-is-beyond",
            "end_of(run) - PAGE_SIZE",
            "end_of(run)",
            "pages.merge-upper",
            "the page beyond a run leads to it, its last page does not",
        ),
    ),
)
