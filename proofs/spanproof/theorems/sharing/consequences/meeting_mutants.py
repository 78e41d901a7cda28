"""Mutants of what is told of a sweep to the steps of threads."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

MEETING_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.span.sweep.frees_some",
        Variant(
            "freed-if-any-left",
            "swept.nfreed > 0",
            "swept.span.alloc_count > 0",
            "meeting.sweep",
            "a sweep tells that it freed something where something lives",
        ),
    ),
    *variants_of(
        "spanspec.span.sweep.leaves_nothing",
        Variant(
            "nothing-left-but-one",
            "swept.span.alloc_count == 0",
            "swept.span.alloc_count <= 1",
            "meeting.sweep",
            "a span in which one object lives counts as empty",
        ),
    ),
    *variants_of(
        "spanspec.span.mspan.has_room",
        Variant(
            "last-slot-overlooked",
            "span.alloc_count < span.nelems",
            "span.alloc_count + 1 < span.nelems",
            "meeting.sweep",
            "a span with one free slot counts as full",
        ),
    ),
)
