"""Mutants of what an mcache has for itself."""

from spanproof.patch.mutant import Variant, variants_of

MCACHE_MUTANTS = (
    *variants_of(
        "spanspec.heap.courses.mcache.must_flush",
        Variant(
            "flush-missed-at-the-wrap-around",
            "(sg - 2) & M32",
            "(sg - 2 if sg >= 2 else sg)",
            "mcaches.flush",
            "an mcache counts as having missed a cycle when sweepgens begin anew at 0",
        ),
        Variant(
            "flushed-in-its-own-cycle",
            "return flush_gen != sg",
            "return flush_gen == sg",
            "mcaches.flush",
            "an mcache is flushed again in the cycle in which it was flushed",
        ),
    ),
    *variants_of(
        "spanspec.span.tiny.take_tiny",
        Variant(
            "hits-not-counted",
            "block.allocs + 1",
            "block.allocs",
            "tiny.steps",
            "tiny objects that share a block are counted as one",
        ),
    ),
    *variants_of(
        "spanspec.span.tiny.may_take_tiny",
        Variant(
            "block-without-room-hit",
            " and tiny_fits(block, size)",
            "",
            "tiny.steps",
            "an object goes into a block that has no room for it",
        ),
        Variant(
            "nothing-put-into-a-block",
            "1 <= size",
            "0 <= size",
            "tiny.steps",
            "an object of no bytes takes a place in a block",
        ),
        Variant(
            "smallest-object-missed",
            "1 <= size",
            "1 < size",
            "tiny.steps",
            "an object of one byte is never put into the current block",
        ),
    ),
    *variants_of(
        "spanspec.span.tiny.may_replace_tiny_block",
        Variant(
            "replaced-without-a-miss",
            "        and not tiny_fits(block, size)\n",
            "",
            "tiny.steps",
            "a new block is taken for an object that fits the current one",
        ),
        Variant(
            "block-out-of-place",
            "        and fresh % TINY_SIZE == 0\n",
            "",
            "tiny.steps",
            "a tiny block begins within a slot",
        ),
    ),
    *variants_of(
        "spanspec.span.tiny.drop_tiny_block",
        Variant(
            "hits-of-dropped-blocks-lost",
            "replace(block, address=0, offset=0)",
            "NO_TINY_BLOCK",
            "tiny.steps",
            "with its block an mcache forgets how many objects went into blocks",
        ),
    ),
    *variants_of(
        "spanspec.span.tiny.may_drop_tiny_block",
        Variant(
            "block-dropped-from-a-cached-span",
            "span == NOBODY",
            "span >= NOBODY",
            "tiny.steps",
            "a tiny block is dropped although its mcache still has the span",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.refilling.may_note_refill",
        Variant(
            "two-refills-owed",
            "refilled == NO_REFILL and ",
            "",
            "refill.steps",
            "a second refill comes before the allocation that the first was for",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.refilling.may_use_refill",
        Variant(
            "refill-of-another-class-used",
            " and refilled == spanclass",
            "",
            "refill.steps",
            "an allocation takes its slot for one of another class",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.refilling.use_refill",
        Variant(
            "refill-owed-for-ever",
            "NO_REFILL",
            "spanclass",
            "refill.steps",
            "every allocation counts as the first after a refill",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.mcaches.may_make_mcache",
        Variant(
            "mcache-made-for-a-p-that-has-it",
            " and not held",
            "",
            "mcaches.steps",
            "an mcache is made that a P has already",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.mcaches.may_drop_mcache",
        Variant(
            "mcache-dropped-under-its-p",
            " and not held",
            "",
            "mcaches.steps",
            "an mcache goes that a P has still",
        ),
        Variant(
            "mcache-dropped-with-a-block",
            " and at.tiny.address == 0",
            "",
            "mcaches.steps",
            "an mcache goes with its tiny block",
        ),
        Variant(
            "mcache-dropped-in-a-refill",
            " and at.refilled == NO_REFILL",
            "",
            "mcaches.steps",
            "an mcache goes while an allocation is owed its slot",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.mcaches.drop_mcache",
        Variant(
            "dropped-mcache-counts-twice",
            "return NO_MCACHE",
            "return OwnPart(False, NO_REFILL, at.tiny)",
            "mcaches.steps",
            "what an mcache has counted is the heap's, and its own still",
        ),
    ),
)
