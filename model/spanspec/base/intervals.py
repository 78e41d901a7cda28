"""What each place of a long line is, held as intervals: its cost follows changes, not lengths."""

from collections.abc import Iterator, Sequence
from typing import Final, Generic, TypeVar

from spanspec.base.words import Count

ValueT = TypeVar("ValueT")

FAR_BELOW: Final = -(1 << 80)
"""Where the first interval begins: below every place that is asked for."""


class Intervals(Generic[ValueT]):
    """A value for every integer; neighbours with the same value are one interval."""

    def __init__(self, value: ValueT) -> None:
        self._starts: list[int] = [FAR_BELOW]
        self._values: list[ValueT] = [value]
        self._found: Count = 0
        """Where the last place that was asked for lies: the next one is mostly near."""

    def __len__(self) -> int:
        """Return the number of intervals."""
        return len(self._starts)

    def starts(self) -> list[int]:
        """Return where each interval begins."""
        return self._starts

    def find(self, place: int) -> int:
        """Return the number of the interval that a place lies in."""
        # The last one that begins at or below the place. Compiled, a loop over machine words takes
        # half as long as a call of `bisect_right`.
        starts = self._starts
        low, high = 0, len(starts)
        # Of five places in a replay, four lie within two intervals of the one before.
        near = self._found
        if near >= high:
            pass
        elif starts[near] > place:
            high = near
            if near > 2 and starts[near - 2] <= place:
                low = near - 2
        else:
            low = near
            # Often it is the very one, or the next.
            if near + 1 < high and starts[near + 1] > place:
                high = near + 1
            elif near + 2 < high and starts[near + 2] > place:
                low, high = near + 1, near + 2
        while high - low > 1:
            middle = (low + high) >> 1
            if starts[middle] <= place:
                low = middle
            else:
                high = middle
        self._found = low
        return low

    def at(self, place: int) -> ValueT:
        """Return the value of a place."""
        return self._values[self.find(place)]

    def all_are(self, start: int, end: int, value: ValueT) -> bool:
        """Tell whether all places from one up to another have a value."""
        if start >= end:
            return True
        # Neighbours have different values, so the places lie in one interval.
        first = self.find(start)
        behind = first + 1 == len(self._starts) or self._starts[first + 1] >= end
        return self._values[first] == value and behind

    def values(self, start: int, end: int) -> Sequence[ValueT]:
        """Return the values from one place up to another, one for each interval."""
        if start >= end:
            return ()
        return self._values[self.find(start) : self.find(end - 1) + 1]

    def set(self, start: int, end: int, value: ValueT) -> None:
        """Give every place from one up to another a value."""
        if start >= end:
            return
        # In place, and without a slice: mostly one or two intervals become one or two others.
        starts, values = self._starts, self._values
        at = self.find(start - 1) + 1
        # From here on intervals begin that are replaced, up to the last one that begins in time.
        behind, size = at, len(starts)
        while behind < size and starts[behind] <= end:
            behind += 1
        after = values[behind - 1]
        if values[at - 1] != value:
            behind += self._begin(at, behind, start, value)
            at += 1
        if after != value:
            behind += self._begin(at, behind, end, after)
            at += 1
        if at < behind:
            starts[at:behind] = []
            values[at:behind] = []

    def _begin(self, at: int, behind: int, start: int, value: ValueT) -> int:
        """Begin an interval at a place, instead of one that is replaced; return how many are new.

        Those from `at` up to `behind` are.
        """
        if at < behind:
            self._starts[at] = start
            self._values[at] = value
            return 0
        self._starts.insert(at, start)
        self._values.insert(at, value)
        return 1


class Regions(Sequence[int]):
    """Numbers in the order in which they were added, those that follow each other as one region.

    It changes by `add` only; `copy` is one that can change on its own.
    """

    def __init__(self, regions: Sequence[range] = ()) -> None:
        self.regions: list[range] = list(regions)
        self._length = sum(map(len, self.regions))

    def add(self, numbers: range) -> None:
        """Add numbers that follow each other at the end."""
        last = self.regions[-1] if self.regions else range(0)
        if last and last.stop == numbers.start:
            self.regions[-1] = range(last.start, numbers.stop)
        else:
            self.regions.append(numbers)
        self._length += len(numbers)

    def copy(self) -> "Regions":
        """Return the numbers as they are now."""
        return Regions(self.regions)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        for region in self.regions:
            yield from region

    def __contains__(self, number: object) -> bool:
        return any(number in region for region in self.regions)

    def __getitem__(self, place: int) -> int:  # type: ignore[override]
        """Return the number at a place.

        Raises: IndexError if there is none.
        """
        for region in self.regions:
            if place < len(region):
                return region[place]
            place -= len(region)
        raise IndexError("no number at this place")
