"""Mutants of what the scavenger releases.

Names that begin with an issue or a commit of Go reintroduce that bug.
"""

from spanproof.patch.mutant import Variant, variants_of

SCAVENGE_MUTANTS = (
    *variants_of(
        "spanspec.pages.tables.runs.phys_page_bounds",
        Variant(
            "35445-rounded-outwards",
            "start = round_up(start, phys.size)",
            "start = round_down(start, phys.size)",
            "scavenge.bounds",
            "a release begins at a physical page that the run does not wholly contain",
        ),
    ),
    *variants_of(
        "spanspec.pages.courses.scavenge.split_address",
        Variant(
            "cut-from-the-low-end",
            "round_down(end - size, coarser_page(phys))",
            "round_down(start + size, coarser_page(phys))",
            "scavenge.cut",
            "a run is cut so that its lower part has the size asked for",
        ),
        Variant(
            "huge-page-below-the-run",
            "round_down(at, phys.huge) >= start",
            "at >= start",
            "scavenge.cut",
            "a run is cut at a huge page that begins below it",
        ),
    ),
    *variants_of(
        "spanspec.pages.courses.scavenge.coarser_page",
        Variant(
            "cut-at-any-page",
            "phys.size if phys.size > PAGE_SIZE else PAGE_SIZE",
            "PAGE_SIZE",
            "scavenge.cut",
            "a run is cut in the middle of a physical page",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.runs.cut_run",
        Variant(
            "cut-loses-a-page",
            "(end_of(run) - at) // PAGE_SIZE",
            "(end_of(run) - at) // PAGE_SIZE - 1",
            "scavenge.parts",
            "the upper part of a cut run ends a page too early",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.freeruns.type_of",
        Variant(
            "28595-flag-not-seen",
            "(SCAVENGED_BIT if run.scavenged else 0)",
            "0",
            "scavenge.once",
            "what is scavenged already is released and counted again",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.runs.boundary_is_physical",
        Variant(
            "any-boundary-merges",
            "phys_page_bounds(phys, below).end == phys_page_bounds(phys, above).start",
            "True",
            "scavenge.merge",
            "two scavenged runs merge in the middle of a physical page",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.runs.huge_pages",
        Variant(
            "huge-page-below-counted",
            "round_up(run.base, phys.huge)",
            "round_down(run.base, phys.huge)",
            "scavenge.huge-pages",
            "a huge page that begins below the run counts as one of it",
        ),
        Variant(
            "huge-page-above-counted",
            "round_down(end_of(run), phys.huge)",
            "round_up(end_of(run), phys.huge)",
            "scavenge.huge-pages",
            "a huge page that ends above the run counts as one of it",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.runs.realigned_boundary",
        Variant(
            "2ab6d0172e-realign-inverted",
            "if below.scavenged:",
            "if not below.scavenged:",
            "scavenge.realign",
            "the physical page that both share goes to the scavenged neighbour",
        ),
    ),
)
