"""Mutants of the arenas of bits, and of the bits of spans."""

from spanproof.patch.mutant import Variant, variants_of

MARKBITS_MUTANTS = (
    *variants_of(
        "spanspec.span.markbits.next_epoch",
        Variant(
            "arenas-reused-too-soon",
            "free=arenas.free + arenas.previous.arenas",
            "free=arenas.free + arenas.current.arenas",
            "bits.arenas",
            "arenas are reused an epoch too soon, while spans have their allocBits there",
        ),
        Variant(
            "arenas-lost",
            "free=arenas.free + arenas.previous.arenas",
            "free=arenas.free",
            "bits.arenas",
            "arenas that no span has bits in any more are never used again",
        ),
    ),
    *variants_of(
        "spanspec.span.markbits.take_bits",
        Variant(
            "old-arena-filled-on",
            "filled.arenas + 1, size, ",
            "filled.arenas + 1, filled.newest, ",
            "bits.arenas",
            "a new arena counts as filled as far as the last one",
        ),
    ),
    *variants_of(
        "spanspec.span.markbits.fits_arena",
        Variant(
            "arena-overfilled",
            "filled.newest + bitmap_bytes(nelems) <= ARENA_BYTES",
            "filled.newest < ARENA_BYTES",
            "bits.arenas",
            "the last bits in an arena reach beyond its end",
        ),
    ),
    *variants_of(
        "spanspec.span.markbits.may_take_bits",
        Variant(
            "bits-of-the-last-epoch",
            " and arenas.next.epoch == epoch",
            "",
            "bits.arenas",
            "bits are taken before the arenas have aged with the epoch",
        ),
    ),
    *variants_of(
        "spanspec.span.markbits.may_next_epoch",
        Variant(
            "epoch-left-out",
            "epoch == arenas.next.epoch + 1",
            "epoch >= arenas.next.epoch + 1",
            "bits.arenas",
            "arenas age by one epoch, and two have begun",
        ),
    ),
    *variants_of(
        "spanspec.span.markbits.renew_bits",
        Variant(
            "alloc-bits-kept",
            "SpanBits(True, bits.marks, ",
            "SpanBits(True, bits.alloc, ",
            "bits.spans",
            "a sweep keeps the old allocBits beside its new mark bits",
        ),
        Variant(
            "what-was-freed-forgotten",
            "bits.freed or nfreed > 0",
            "nfreed > 0",
            "bits.spans",
            "only the last sweep tells whether a slot of a span was freed",
        ),
    ),
    *variants_of(
        "spanspec.span.markbits.is_of_this_epoch",
        Variant(
            "epoch-ends-unswept",
            "bits.marks == epoch",
            "bits.marks <= epoch",
            "bits.spans",
            "an epoch ends while a span has its mark bits from the one before",
        ),
    ),
    *variants_of(
        "spanspec.span.markbits.generation_is_sound",
        Variant(
            "more-taken-than-arenas",
            "older = (one.arenas - 1) * ARENA_BYTES",
            "older = one.arenas * ARENA_BYTES",
            "bits.arenas",
            "more bytes are taken than the arenas of an epoch have",
        ),
    ),
)
