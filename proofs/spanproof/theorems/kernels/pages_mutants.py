"""Mutants of the implementation's arithmetic on addresses, pages and tiny blocks."""

from spanproof.patch.mutant import Variant, variants_of

KERNEL_PAGE_MUTANTS = (
    *variants_of(
        "spanalloc.base.pagesizes.round_up",
        Variant(
            "kernel-rounds-too-far",
            "(value + unit - 1) & ~(unit - 1)",
            "(value + unit) & ~(unit - 1)",
            "kernels.rounding",
            "a multiple is rounded up to the next one",
        ),
    ),
    *variants_of(
        "spanalloc.span.tiny.place_in_block",
        Variant(
            "kernel-tiny-unaligned",
            "(offset + 3) & ~3",
            "(offset + 1) & ~1",
            "kernels.tiny",
            "tiny objects of 4 and 12 bytes are aligned to 2 only",
        ),
        Variant(
            "kernel-tiny-overflows",
            "offset + size <= TINY_SIZE",
            "offset < TINY_SIZE",
            "kernels.tiny",
            "a tiny object reaches beyond its block",
        ),
    ),
    *variants_of(
        "spanalloc.span.tiny.takes_over",
        Variant(
            "kernel-tie-replaces",
            "size < offset",
            "size <= offset",
            "kernels.tiny",
            "a tiny block is replaced by one with no more room",
        ),
    ),
    *variants_of(
        "spanalloc.base.maxtree.round_to_fanout",
        Variant(
            "kernel-group-too-many",
            "length + FANOUT - 1",
            "length + FANOUT",
            "kernels.fanout",
            "a whole row gets another group",
        ),
    ),
    *variants_of(
        "spanalloc.pages.pagemap.page_of",
        Variant(
            "kernel-page-beyond-arena",
            "& PAGE_IN_ARENA",
            "& PAGE_SHIFT",
            "kernels.page-of",
            "a page's number is not taken within its arena",
        ),
    ),
    *variants_of(
        "spanalloc.base.pagesizes.cut_address",
        Variant(
            "first-huge-page-broken-up",
            "round_down(at, huge) >= start",
            "round_down(at, huge) > start",
            "kernels.cut",
            "the scavenger breaks up a huge page that begins where the run does",
        ),
        Variant(
            "kernel-cuts-below-the-run",
            "round_down(at, huge) >= start",
            "at >= start",
            "kernels.cut",
            "a run is cut at a huge page that begins below it",
        ),
    ),
)
