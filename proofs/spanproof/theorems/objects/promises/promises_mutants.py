"""Mutants of what programs rely on: tiny and large objects, zeroing, and where objects are.

Names that begin with an issue or a commit of Go reintroduce that bug.
"""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

OBJECT_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.span.mspan.elemsize_of",
        Variant(
            "large-one-page",
            "npages * PAGE_SIZE",
            "PAGE_SIZE",
            "large.layout",
            "a large span is cut into pages",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.with_small_limit",
        Variant(
            "limit-one-slot-early",
            "span.base + span.nelems * span.elemsize",
            "span.base + (span.nelems - 1) * span.elemsize",
            "object.slots",
            "nobody finds the object in the last slot of a span",
        ),
    ),
    *variants_of(
        "spanspec.span.tiny.take_tiny",
        Variant(
            "offset-not-advanced",
            "offset=align_tiny(block.offset, size) + size",
            "offset=align_tiny(block.offset, size)",
            "tiny.disjoint",
            "the next tiny object begins where this one does",
        ),
    ),
    *variants_of(
        "spanspec.span.tiny.replace_tiny_block",
        Variant(
            "new-block-is-empty",
            "TinyBlock(fresh, size, block.allocs)",
            "TinyBlock(fresh, 0, block.allocs)",
            "tiny.disjoint",
            "the first object of a new tiny block is forgotten",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.marking.with_object_marked",
        Variant(
            "17503-tiny-block-not-marked",
            "set_marked(span, obj_index(span, address))",
            "span",
            "tiny.survives",
            "the current tiny block is not marked at cycle start: what it gets later dies with it",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.allocate_black",
        Variant(
            "born-without-mark",
            "span if phase == OFF else set_marked(span, slot)",
            "span",
            "tiny.survives",
            "objects allocated while marking are not marked",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.malloc.pages_for_large",
        Variant(
            "large-rounded-down",
            "(size + PAGE_SIZE - 1) // PAGE_SIZE",
            "size // PAGE_SIZE",
            "large.fits",
            "a large object reaches beyond its last page",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.with_large_object",
        Variant(
            "d97625ae9e-large-not-counted",
            "alloc_count=1, ",
            "alloc_count=0, ",
            "large.fits",
            "the only slot of a large span is not counted as allocated",
        ),
    ),
    *variants_of(
        "spanspec.span.sweep.sweep",
        Variant(
            "freed-slot-counts-as-zero",
            "needzero=1 if freed_some else span.needzero",
            "needzero=span.needzero",
            "zero.slots",
            "a span in which something was freed counts as zero",
        ),
        Variant(
            "large-span-counts-as-zero",
            "freed_some = large_dead or (small and nfreed > 0)",
            "freed_some = small and nfreed > 0",
            "zero.returned",
            "a dead large span goes back as if its memory were zero",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.runs.needzero_of_both",
        Variant(
            "merged-counts-as-zero",
            "above.needzero if below.needzero == 0 else below.needzero",
            "above.needzero",
            "zero.runs",
            "a merged run forgets that its lower part was written",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.slot_address",
        Variant(
            "slots-shifted",
            "span.base + slot * span.elemsize",
            "span.base + (slot + 1) * span.elemsize",
            "object.slots",
            "the last slot of a span reaches beyond its pages",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.runs.split_run",
        Variant(
            "high-end-taken",
            "page_run(run.base, npages)",
            "page_run(end_of(run) - npages * PAGE_SIZE, npages)",
            "object.lowest-pages",
            "the pages are taken from the high end of the run",
        ),
    ),
)
