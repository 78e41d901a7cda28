"""Mutants that the simulation kills: of the heap, or of the allocator that it is compared with."""

from spanproof.patch.mutant import Variant, variants_of

SIMULATION_MUTANTS = (
    *variants_of(
        "spanspec.span.mspan.slot_address",
        Variant(
            "slot-beyond-its-span",
            "span.base + slot * span.elemsize",
            "span.base + (slot + 1) * span.elemsize",
            "objects.layout.slots",
            "the last object of a span reaches beyond it, into the next one",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.obj_index",
        Variant(
            "index-of-a-neighbour",
            "address - span.base)",
            "address - span.base + 8)",
            "objects.layout.index",
            "the last bytes of an object lead to the next one",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.malloc.is_tiny",
        Variant(
            "tiny-up-to-31-bytes",
            "size < TINY_SIZE",
            "size < 2 * TINY_SIZE",
            "objects.layout.serves",
            "an object of 17 bytes is put into a slot of 16",
        ),
    ),
    *variants_of(
        "spanspec.span.alloccache.next_free_fast",
        Variant(
            "double-allocation",
            "freeindex=freeindex,",
            "freeindex=slot,",
            "objects.slot.fast",
            "the slot that is handed out stays free, and is handed out again",
        ),
    ),
    *variants_of(
        "spanspec.span.alloccache.next_free_slow",
        Variant(
            "double-allocation-slow",
            "NextFree(found.slot, replace(found.span, ",
            "NextFree(found.slot, replace(span, ",
            "objects.slot.slow",
            "the slot that the slow path hands out stays free",
        ),
    ),
    *variants_of(
        "spanspec.span.sweep.sweep",
        Variant(
            "lost-slots",
            "        freeindex=0,\n",
            "        freeindex=span.freeindex,\n",
            "objects.slot.sweep",
            "dead slots below freeindex are never free again",
        ),
        Variant(
            "freed-live-object",
            "alloc_bits=span.gcmark_bits,",
            "alloc_bits=NO_BITS,",
            "objects.slot.sweep",
            "a sweep frees marked objects, too",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.allocate_black",
        Variant(
            "new-objects-die-young",
            "span if phase == OFF else set_marked(span, slot)",
            "span",
            "objects.malloc",
            "an object that is allocated while marking is freed by the next sweep",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.find_object",
        Variant(
            "tail-leads-to-an-object",
            "address >= span.limit",
            "address >= span.limit + span.elemsize",
            "objects.malloc",
            "an address behind the last object leads to one",
        ),
    ),
    *variants_of(
        "spanspec.objects.records.is_condemned",
        Variant(
            "marked-are-condemned",
            "heap.blocks[block].kept < heap.cycle",
            "heap.blocks[block].kept <= heap.cycle",
            "objects.sweep",
            "what was marked would have to die",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.marking.with_object_marked",
        Variant(
            "17503-tiny-block-dies",
            "set_marked(span, obj_index(span, address))",
            "span",
            "objects.mark",
            "the current tiny block is not marked, and what it gets later dies with it",
        ),
    ),
    *variants_of(
        "spanspec.span.tiny.take_tiny",
        Variant(
            "tiny-objects-overlap",
            "offset=align_tiny(block.offset, size) + size",
            "offset=align_tiny(block.offset, size)",
            "objects.place",
            "the next tiny object begins where this one does",
        ),
    ),
)
