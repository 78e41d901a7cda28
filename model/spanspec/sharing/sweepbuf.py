"""The two stacks of spans, swept and unswept, that change roles each cycle (SWP-8 to SWP-13).

Several threads may push at once, or pop at once. Each has its place by an atomic step on the
index; what it then does with the place, and when that is seen, may come in another order. So a
place can be reserved and not yet filled, or given up and not yet emptied.
"""

from spanspec.base.ids import NOBODY


class SweepBuffer:
    """One stack; `index` is the number of places taken."""

    def __init__(self) -> None:
        self.index = 0
        self.entries: dict[int, int] = {}

    def push(self, span: int, place: int) -> None:
        """Put a span at its place, usually the one at the index.

        A place above the index leaves those between reserved by others; one below must be such.

        Rules: SWP-10.
        """
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
        return -(-self.index // 512)

    def block(self, number: int) -> tuple[int, ...]:
        """Return the spans of a block of 512 places, without those that are not filled yet.

        Rules: SWP-12 T-61.
        """
        assert 0 <= number < self.blocks(), "T-61: block index out of range"
        places = range(512 * number, min(512 * (number + 1), self.index))
        return tuple(self.entries[place] for place in places if place in self.entries)

    def copy(self) -> "SweepBuffer":
        """Return a stack that can change on its own."""
        twin = SweepBuffer()
        twin.index, twin.entries = self.index, dict(self.entries)
        return twin


def swept_buffer(sg: int) -> int:
    """Return which of the two stacks is the swept one; the other holds what is still unswept.

    Rules: SWP-8.
    """
    return sg // 2 % 2
