"""A tree over numbered places: store a weight at one, find the lowest with enough weight."""

from typing import Final, final

from librt.vecs import vec
from mypy_extensions import i64

FANOUT_SHIFT: Final = 4
FANOUT: Final = 16


@final
class MaxTree:
    """Weights of the places 0..capacity - 1, at first all 0.

    Sixteen neighbours share a parent that has the largest of their weights, up to a top row of at
    most sixteen. Storing and finding look at sixteen entries of each row at most, and all rows lie
    in one piece of memory, row after row.
    """

    def __init__(self, capacity: i64) -> None:
        starts: list[i64] = [0]
        length: i64 = round_to_fanout(capacity)
        total = length
        while length > FANOUT:
            length = round_to_fanout(length >> FANOUT_SHIFT)
            starts.append(total)
            total += length
        self.starts = vec[i64](starts)
        self.rows: i64 = len(starts)
        self.weights = vec[i64]([0] * total)

    def clear(self) -> None:
        """Store 0 at all places."""
        for at in range(len(self.weights)):
            self.weights[at] = 0

    def in_use(self) -> list[i64]:
        """Return the places with a weight above 0, in order."""
        # From the top down, so that sixteen places without any take one look in each row.
        parents: list[i64] = [0]
        row = self.rows - 1
        while row >= 0:
            start = self.starts[row]
            found: list[i64] = []
            for parent in parents:
                first = parent << FANOUT_SHIFT
                for place in range(first, first + FANOUT):
                    if self.weights[start + place] > 0:
                        found.append(place)
            parents = found
            row -= 1
        return parents

    def store(self, place: i64, weight: i64) -> None:
        """Store a weight, 0 or more, at a place."""
        weights = self.weights
        row: i64 = 0
        at = place
        old = weights[at]
        weights[at] = weight
        while row + 1 < self.rows:
            above = self.starts[row + 1] + (place >> FANOUT_SHIFT)
            largest = weights[above]
            if weight >= largest:
                if weight == largest:
                    return
            elif old < largest:
                return
            else:
                # The largest of the sixteen went down: which is it now?
                first = self.starts[row] + (place & ~15)
                weight = weights[first]
                for other in range(first + 1, first + FANOUT):
                    if weights[other] > weight:
                        weight = weights[other]
                if weight == largest:
                    return
            weights[above] = weight
            old = largest
            place >>= FANOUT_SHIFT
            row += 1

    def move(self, place: i64, to: i64, weight: i64) -> None:
        """Store 0 at a place, and a weight at another that had none."""
        if place >> FANOUT_SHIFT == to >> FANOUT_SHIFT:
            # Below one parent: with the old weight moved, everything above is as it was.
            self.weights[to] = self.weights[place]
            self.weights[place] = 0
        else:
            self.store(place, 0)
        self.store(to, weight)

    def largest(self) -> i64:
        """Return the largest weight."""
        first = self.starts[self.rows - 1]
        best: i64 = 0
        for at in range(first, first + FANOUT):
            if self.weights[at] > best:
                best = self.weights[at]
        return best

    def lowest(self, weight: i64) -> i64:
        """Return the lowest place with at least this weight, 1 or more; -1 if there is none."""
        weights = self.weights
        row = self.rows - 1
        place: i64 = 0
        while row >= 0:
            first = self.starts[row] + place
            at = first
            while at < first + FANOUT and weights[at] < weight:
                at += 1
            if at == first + FANOUT:
                return -1
            place += at - first
            if row > 0:
                place <<= FANOUT_SHIFT
            row -= 1
        return place


def round_to_fanout(length: i64) -> i64:
    """Return a length rounded up to whole groups of sixteen."""
    return (length + FANOUT - 1) & ~15
