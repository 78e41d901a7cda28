"""Wrong variants of what makes objects safe: from the first step on, always, and in the end."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

SAFETY_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.pages.tables.steps.is_taken",
        Variant(
            "spare-descriptor-in-use",
            " and tiling.runs[span].role == TAKEN",
            "",
            "objects.start",
            "a descriptor that stands for no run leads to objects",
        ),
    ),
    *variants_of(
        "spanspec.sharing.invariant.places.will_be_swept",
        Variant(
            "just-popped-is-forgotten",
            " or (popper.span == span and has_popped(popper))",
            "",
            "objects.no-slot-lost",
            "nobody waits for a span that was just popped",
        ),
    ),
    *variants_of(
        "spanspec.objects.steps.may_malloc",
        Variant(
            "handed-out-twice",
            "        and is_vacant(heap, at, end)\n",
            "",
            "objects.safe",
            "an allocation is possible where an object lives",
        ),
    ),
)
