"""Wrong variants of a fresh sweep buffer, of how it follows records, and of when it is drained."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

BUFFER_RECORD_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.sharing.containers.sweepbuf.first_stack",
        Variant(
            "spine-from-nowhere",
            "Stack(0, 0, 0, 0, places)",
            "Stack(0, 0, 0, 1, places)",
            "buffers.start",
            "a buffer has a spine before a block is made",
        ),
        Variant(
            "first-place-skipped",
            "Stack(0, 0,",
            "Stack(1, 0,",
            "buffers.start",
            "a place counts as reserved before anybody has pushed",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.sweepbuf.follow",
        Variant(
            "pop-not-followed",
            "if was_in == is_in:",
            "if was_in:",
            "buffers.follow",
            "a span that was popped has an entry still, and is swept again",
        ),
        Variant(
            "pushed-again",
            "if was_in == is_in:",
            "if not was_in and not is_in:",
            "buffers.follow",
            "a span whose record has not changed is pushed once more",
        ),
    ),
    *variants_of(
        "spanspec.sharing.steps.cycle.unswept_is_drained",
        Variant(
            "entries-of-large-spans-left",
            "not is_in_unswept(state.sweepgen, state.spans[span])",
            "not is_in_unswept(state.sweepgen, state.spans[span]) or state.spans[span].large",
            "buffers.drained",
            "a cycle starts with entries in the stack that will be pushed on",
        ),
    ),
)
