"""Mutants of the abstract allocator: what would break the promises of any allocator."""

from spanproof.patch.mutant import Variant, variants_of

ABSTRACT_MUTANTS = (
    *variants_of(
        "spanspec.objects.steps.is_vacant",
        Variant(
            "clears-what-lives",
            "heap.block_at.all_are(start, end, NOTHING)",
            "start <= end",
            "objects.abstract.provide",
            "memory is cleared in which a block lives",
        ),
        Variant(
            "releases-a-byte-that-lives",
            "heap.block_at.all_are(start, end, NOTHING)",
            "heap.block_at.all_are(start, Address(end - 1), NOTHING)",
            "objects.abstract.release",
            "the last byte of what is released still belongs to a block",
        ),
    ),
    *variants_of(
        "spanspec.objects.steps.may_malloc",
        Variant(
            "malloc-where-something-lives",
            "        and is_vacant(heap, at, end)\n",
            "",
            "objects.abstract.malloc",
            "a block begins in memory that belongs to another one",
        ),
    ),
    *variants_of(
        "spanspec.objects.steps.may_place",
        Variant(
            "tiny-beyond-its-block",
            "offset <= offset + size <= it.size",
            "offset <= it.size",
            "objects.abstract.place",
            "a tiny object reaches beyond its block",
        ),
    ),
    *variants_of(
        "spanspec.objects.steps.write",
        Variant(
            "writes-to-its-neighbour",
            "Address(block + heap.blocks[block].size)",
            "Address(block + heap.blocks[block].size + 1)",
            "objects.abstract.write",
            "a program that writes to its block changes the next one",
        ),
    ),
    *variants_of(
        "spanspec.objects.steps.set_finalizer",
        Variant(
            "finalizer-ends-a-life",
            "replace(heap.blocks[block], finalizer=wanted)",
            "replace(NO_BLOCK, finalizer=wanted)",
            "objects.abstract.set-finalizer",
            "a block that is given a finalizer is no block any more",
        ),
    ),
    *variants_of(
        "spanspec.objects.steps.free",
        Variant(
            "freed-addresses-stay",
            "block_at=heap.block_at.set_range(block, end, NOTHING)",
            "block_at=heap.block_at",
            "objects.abstract.free",
            "the addresses of a block that is gone still belong to it",
        ),
    ),
    *variants_of(
        "spanspec.objects.steps.may_start_marking",
        Variant(
            "marking-before-the-dead-are-gone",
            " and all(not is_condemned(heap, block) for block in heap.blocks)",
            "",
            "objects.abstract.start-marking",
            "marking begins while blocks of the last cycle wait to be freed",
        ),
    ),
    *variants_of(
        "spanspec.objects.steps.mark",
        Variant(
            "a-mark-shortens-a-life",
            "kept=newest(heap)",
            "kept=heap.cycle - 1",
            "objects.abstract.mark",
            "a block that is marked dies in this cycle",
        ),
    ),
    *variants_of(
        "spanspec.objects.steps.end_marking",
        Variant(
            "cycles-run-backwards",
            "cycle=heap.cycle + 1",
            "cycle=heap.cycle - 1",
            "objects.abstract.end-marking",
            "what was marked is kept for a cycle that never comes",
        ),
    ),
    *variants_of(
        "spanspec.objects.steps.resurrect",
        Variant(
            "resurrected-for-longer",
            "kept=heap.cycle, ",
            "kept=heap.cycle + 2, ",
            "objects.abstract.resurrect",
            "a block with a finalizer lives on although nobody reaches it",
        ),
    ),
    *variants_of(
        "spanspec.objects.invariant.address_has_its_block",
        Variant(
            "every-address-has-a-block",
            "block == NOTHING or (",
            "(",
            "objects.abstract.start",
            "an address in which nothing lives is said to be in a block",
        ),
    ),
    *variants_of(
        "spanspec.objects.records.newest",
        Variant(
            "marks-do-not-count",
            "heap.cycle + 1 if heap.marking else heap.cycle",
            "heap.cycle",
            "objects.abstract.dies-unmarked",
            "a block that is marked dies when marking ends",
        ),
    ),
)
