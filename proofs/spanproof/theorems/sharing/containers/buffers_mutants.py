"""Wrong variants of the sweep buffers: places, the index, what is counted, and blocks."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

BUFFER_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.sharing.containers.sweepbuf.push",
        Variant(
            "reserved-places-lost",
            "stack.index if place < stack.index else place + 1",
            "place + 1",
            "buffers.push",
            "a place that is filled late takes the places above it back",
        ),
        Variant(
            "pushed-at-the-index",
            "stack.places.set(place, span)",
            "stack.places.set(PlaceId(stack.index), span)",
            "buffers.push",
            "who fills the place that he has reserved fills one of another thread",
        ),
        Variant(
            "push-not-counted",
            "Stack(index, stack.filled + 1,",
            "Stack(index, index,",
            "buffers.count",
            "a place that is reserved counts as filled",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.sweepbuf.pop",
        Variant(
            "popped-place-stays-filled",
            "stack.places.set(place, NOT_FILLED)",
            "stack.places",
            "buffers.pop",
            "a span is popped twice",
        ),
        Variant(
            "index-above-a-pop",
            "index = stack.index if stack.index < place else place",
            "index = stack.index",
            "buffers.pop",
            "the index stays where it was, so the next one pops an empty place",
        ),
        Variant(
            "pop-not-counted",
            "stack.filled - 1",
            "stack.filled",
            "buffers.count",
            "a place that was emptied counts as filled",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.sweepbuf.find_drained",
        Variant(
            "index-falls-below",
            "index=0",
            "index=1",
            "buffers.pop",
            "who finds the stack drained leaves a place below the index that nobody fills",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.sweepbuf.may_find_drained",
        Variant(
            "first-place-found-drained",
            "place < 0",
            "place <= 0",
            "buffers.pop",
            "who takes the first place finds the stack drained",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.sweepbuf.is_reserved",
        Variant(
            "one-place-may-be-left",
            "stack.filled < stack.index",
            "stack.filled + 1 < stack.index",
            "buffers.reserved",
            "one place that nobody has filled goes unnoticed",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.sweepbuf.grow_for",
        Variant(
            "block-too-late",
            "place < BLOCK_PLACES * stack.made",
            "place <= BLOCK_PLACES * stack.made",
            "buffers.grow",
            "the first place of a block is written before there is the block",
        ),
        Variant(
            "spine-not-larger",
            "2 * spine if spine > 0 else FIRST_SPINE",
            "spine if spine > 0 else FIRST_SPINE",
            "buffers.grow",
            "a block is entered behind the end of the spine",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.sweepbuf.blocks",
        Variant(
            "last-block-not-scanned",
            "(stack.index + BLOCK_PLACES - 1) // BLOCK_PLACES",
            "stack.index // BLOCK_PLACES",
            "buffers.grow",
            "the marker passes over the spans of a block that is not full",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.bufferinvariant.is_filled",
        Variant(
            "drained-with-a-place-left",
            "not 0 <= place < stack.index",
            "not 0 < place < stack.index",
            "buffers.turn",
            "the contract lets the first place be given up before the others",
        ),
    ),
)
