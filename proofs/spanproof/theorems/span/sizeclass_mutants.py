"""Mutants of the size classes, of address arithmetic, and of the tiny allocator."""

from spanproof.patch.mutant import Variant, variants_of

SIZECLASS_MUTANTS = (
    *variants_of(
        "spanspec.base.sizeclass._lookup_table",
        Variant(
            "class-one-below",
            "entry.size >= size",
            "entry.size >= size - 8",
            "sizeclass.smallest",
            "a request just above a class size gets that class",
        ),
    ),
    *variants_of(
        "spanspec.base.sizeclass.size_class_for",
        Variant(
            "seam-1024",
            "size <= SMALL_SIZE_MAX - SMALL_SIZE_DIV",
            "size <= SMALL_SIZE_MAX + SMALL_SIZE_DIV",
            "sizeclass.smallest",
            "sizes above the first table are looked up in it",
        ),
        Variant(
            "round-down",
            "size + SMALL_SIZE_DIV - 1",
            "size",
            "sizeclass.smallest",
            "a request is rounded down to a multiple of 8",
        ),
        Variant(
            "large-table-off-by-one",
            "LARGE_SIZE_DIV - 1 - SMALL_SIZE_MAX",
            "LARGE_SIZE_DIV - SMALL_SIZE_MAX",
            "sizeclass.smallest",
            "the second table is read one entry too far",
        ),
    ),
    *variants_of(
        "spanspec.base.sizeclass.round_up_size",
        Variant(
            "rounding-overflows",
            "size > M64 - PAGE_SIZE",
            "size > M64",
            "sizeclass.rounding",
            "the largest requests are rounded past 2**64",
        ),
    ),
    *variants_of(
        "spanspec.base.sizeclass._division_magic",
        Variant(
            "magic-too-coarse",
            "{last_of_largest_residue, largest}",
            "{largest}",
            "sizeclass.division",
            "the magic is accepted when it divides the end of the span",
        ),
    ),
    *variants_of(
        "spanspec.base.sizeclass.divide_by_size",
        Variant(
            "second-shift-lost",
            " >> magic.div_shift2",
            "",
            "sizeclass.division",
            "the product of the magic is not shifted back",
        ),
    ),
    *variants_of(
        "spanspec.base.sizeclass.generate_classes",
        Variant(
            "waste-understated",
            "(size - classes[-1].size - 1)",
            "(size - classes[-1].size - 2)",
            "sizeclass.waste",
            "the worst request is taken to be two bytes above the class below",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.layout",
        Variant(
            "one-slot-lost",
            "total // elemsize if",
            "total // elemsize - 1 if",
            "sizeclass.layout",
            "the last slot of each span is never used",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.obj_index",
        Variant(
            "index-from-next-slot",
            "address - span.base",
            "address - span.base + 1",
            "sizeclass.obj-index",
            "the last byte of a slot belongs to the next one",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.find_object",
        Variant(
            "object-in-the-tail",
            "address >= span.limit",
            "address > span.limit",
            "sizeclass.find-object",
            "the first byte behind the last slot belongs to an object",
        ),
        Variant(
            "object-of-interior-pointer",
            "FoundObject(slot_address(span, slot), slot)",
            "FoundObject(address, slot)",
            "sizeclass.find-object",
            "an interior pointer is taken for the object's base",
        ),
    ),
    *variants_of(
        "spanspec.span.tiny.align_tiny",
        Variant(
            "tiny-alignment-ignored",
            "(offset + 7) & ~7",
            "offset",
            "tiny.inside",
            "8-byte tiny objects are not aligned",
        ),
        Variant(
            "37262-12-bytes-to-8",
            "size & 7 == 0",
            "size & 7 == 0 or size == 12",
            "tiny.inside",
            "a tiny object of 12 bytes is aligned to 8",
        ),
    ),
    *variants_of(
        "spanspec.span.tiny.tiny_fits",
        Variant(
            "tiny-overlaps-next",
            "<= TINY_SIZE",
            "<= TINY_SIZE + 1",
            "tiny.inside",
            "a tiny object reaches into the next slot",
        ),
    ),
    *variants_of(
        "spanspec.span.tiny.replace_tiny_block",
        Variant(
            "tiny-tie-replaces",
            "size < block.offset",
            "size <= block.offset",
            "tiny.inside",
            "a new block with as much room left replaces the current one",
        ),
        Variant(
            "tiny-worse-block-kept",
            "size < block.offset",
            "size > block.offset",
            "tiny.inside",
            "the block with less room left becomes the current one",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.init_span",
        Variant(
            "fresh-span-used",
            "freeindex=0",
            "freeindex=1",
            "sizeclass.layout",
            "a fresh span loses its first slot",
        ),
    ),
)
