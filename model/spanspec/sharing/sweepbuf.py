"""The two stacks of spans, swept and unswept, that change roles each cycle (SWP-8 to SWP-13).

Several threads may push at once, or pop at once. Each has its place by an atomic step on the
index; what it then does with the place, and when that is seen, may come in another order. So a
place can be reserved and not yet filled, or given up and not yet emptied.
"""

from typing import Final

from spanspec.base.ids import NOBODY
from spanspec.pages.persistent import SWEEP_BLOCK_BYTES

BLOCK_PLACES: Final = 512
"""Places in a block (gcSweepBlockEntries)."""

FIRST_SPINE: Final = 256
"""Blocks that the first spine has room for (gcSweepBufInitSpineCap)."""


class SweepBuffer:
    """One stack; `index` is the number of places taken.

    `made` is the number of blocks of places that there are, and `spine` how many can be entered
    where they are found: neither ever falls.
    """

    def __init__(self) -> None:
        self.index = 0
        self.made = 0
        self.spine = 0
        self.entries: dict[int, int] = {}

    def grow_for(self, place: int) -> tuple[int, ...]:
        """Make another block if a place lies behind those that there are.

        Return the bytes of each piece of memory that takes: of a spine that is twice as long as
        the old one, which is lost, if that was full; and of the block.

        Rules: SWP-10.
        """
        if place < BLOCK_PLACES * self.made:
            return ()
        sizes = [SWEEP_BLOCK_BYTES]
        if self.made == self.spine:
            self.spine = 2 * self.spine if self.spine else FIRST_SPINE
            sizes.insert(0, 8 * self.spine)
        self.made += 1
        return tuple(sizes)

    def push(self, span: int, place: int) -> None:
        """Put a span at its place, usually the one at the index; there is room for it.

        A place above the index leaves those between reserved by others; one below must be such.

        Rules: SWP-10.
        """
        # Two pushes have places of their own, but the later may be seen first, so places are given
        # and not counted here.
        assert place not in self.entries, "SWP-10: the place is taken"
        self.entries[place] = span
        self.index = max(self.index, place + 1)

    def at(self, place: int) -> int:
        """Return the span at a place; NOBODY below the first, where the stack is drained.

        Rules: SWP-11.
        """
        if place < 0:
            return NOBODY
        assert place in self.entries, "SWP-11: the place is empty"
        return self.entries[place]

    def pop(self, place: int) -> None:
        """Take out the span at a place, usually the last; below the first there is none.

        A place below the last leaves those above to others, who have given them up already.

        Rules: SWP-11.
        """
        # A pop from the drained stack takes the index below 0 in the runtime, which sets it back.
        self.index = max(min(self.index, place), 0)
        self.entries.pop(place, None)

    @property
    def reserved(self) -> bool:
        """Whether some place below the index is still to be filled."""
        return len(self.entries) < self.index

    def blocks(self) -> int:
        """Return the number of blocks of 512 entries that the stack extends over.

        Rules: SWP-12.
        """
        return -(-self.index // BLOCK_PLACES)

    def block(self, number: int) -> tuple[int, ...]:
        """Return the spans of a block of 512 places, without those that are not filled yet.

        Rules: SWP-12 T-61.
        """
        assert 0 <= number < self.made, "T-61: block index out of range"
        first = BLOCK_PLACES * number
        places = range(first, min(first + BLOCK_PLACES, self.index))
        return tuple(self.entries[place] for place in places if place in self.entries)

    def copy(self) -> "SweepBuffer":
        """Return a stack that can change on its own."""
        twin = SweepBuffer()
        twin.index, twin.entries = self.index, dict(self.entries)
        twin.made, twin.spine = self.made, self.spine
        return twin


def swept_buffer(sg: int) -> int:
    """Return which of the two stacks is the swept one; the other holds what is still unswept.

    Rules: SWP-8.
    """
    return sg // 2 % 2
