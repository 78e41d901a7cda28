"""Mutants of what other versions of Go do: span sets, and bits inside spans."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

VERSION_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.sharing.steps.setsteps.pop_unswept",
        Variant(
            "popped-entry-stays",
            "taken = replace(it, entries=it.entries.without(kind, swept=False))",
            "taken = it",
            "versions.span-sets",
            "a span stays in the unswept set out of which it was taken",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.setsteps.place",
        Variant(
            "swept-span-in-no-set",
            "yield changed(state, thread, replace(worker, task=task), pushed(it))",
            "yield changed(state, thread, replace(worker, task=task))",
            "versions.span-sets",
            "a span that was swept gets into no set",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.setsteps.start_cycle",
        Variant(
            "another-stops-the-world",
            "thread == 0 and quiet",
            "thread != 0 and quiet",
            "versions.span-sets",
            "a cycle is begun by a thread that has not stopped the world",
        ),
    ),
    *variants_of(
        "spanspec.span.profile.reserved_bytes",
        Variant(
            "marks-where-slots-are",
            "return pointers + BYTES_FOR_MARKS",
            "return pointers",
            "versions.profile",
            "the last slots of a span lie on its mark bits",
        ),
    ),
)
