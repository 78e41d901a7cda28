"""Reading the central lists: linked lists, or span sets from Go 1.15 on."""

from collections.abc import Iterator

from spanproof.witness.errors import Unreadable
from spanproof.witness.reading.image import UnreadPart
from spanproof.witness.reading.reader import Reader


class Central:
    """Reads the central lists of a heap, by class; their layout is looked up once."""

    def __init__(self, reader: Reader) -> None:
        layout = reader.layout
        array = layout.need("mheap", "central")
        inner = layout.need("mheap", "central[].mcentral")
        self._reader = reader
        self._first = reader.heap + array.offset + inner.offset
        self._stride, self.classes = array.stride, range(array.length)
        self._own = layout.need("mcentral", "spanclass")
        self._sets = [
            (f"{name}{which}", found.offset + found.stride * which)
            for name in ("partial", "full")
            if (found := layout.field("mcentral", name)) is not None
            for which in range(found.length)
        ]
        self._lists = [
            (name, first)
            for name in ("nonempty", "empty")
            if not self._sets and (first := layout.field("mcentral", f"{name}.first")) is not None
        ]
        if self._sets:
            self._index = layout.need("spanSet", "index")
            self._spine = layout.need("spanSet", "spine")
            self._spans = layout.need("spanSetBlock", "spans")

    def own_class(self, number: int) -> int:
        """Return the class that an mcentral says it is of.

        Raises: Unreadable.
        """
        return self._reader.value(self._first + self._stride * number, self._own)

    def entries(self, number: int) -> dict[str, list[int]]:
        """Return the entries of the lists or sets of a class."""
        reader, at = self._reader, self._first + self._stride * number
        found: dict[str, list[int]] = {}
        for name, offset in self._sets:
            members = found[name] = []
            with reader.attempt("CEN-1", f"the set {name[:-1]}[{name[-1]}] of class {number}"):
                members += self._set(at + offset)
        for name, first in self._lists:
            those = found[name] = []
            with reader.attempt("CEN-1", f"the list {name} of class {number}"):
                those += read_list(reader, reader.value(at, first), f"{name} of {number}")
        return found

    def _set(self, at: int) -> Iterator[int]:
        """Yield the entries of a span set, from head to tail; 0 for one that is not filled yet.

        Raises: Unreadable.
        """
        reader, entries = self._reader, self._spans
        index = reader.value(at, self._index)
        head, tail = index >> 32, index & 0xFFFF_FFFF
        if head >= tail:
            return
        if tail > head + reader.most_listed:
            raise Unreadable(at)
        spine = reader.value(at, self._spine)
        while head < tail:
            number, offset = divmod(head, entries.length)
            count = min(tail - head, entries.length - offset)
            block = reader.memory.number(spine + 8 * number)
            if block:
                yield from reader.memory.words(block + entries.offset + 8 * offset, count)
            else:
                yield from (0 for _ in range(count))
            head += count


def read_central(reader: Reader) -> tuple[list[int], list[dict[str, list[int]]]]:
    """Return what class each mcentral says it is of, and the entries of its lists or sets.

    Raises: Unreadable.
    """
    central = Central(reader)
    return (
        [central.own_class(number) for number in central.classes],
        [central.entries(number) for number in central.classes],
    )


def read_list(reader: Reader, at: int, name: str) -> Iterator[int]:
    """Yield the entries of a linked list.

    Raises: Unreadable.
    """
    following = reader.layout.need("mspan", "next")
    seen = set()
    while at:
        if at in seen:
            reader.broken.append(UnreadPart("SPAN-28", f"the list {name} forms a circle", at))
            return
        seen.add(at)
        yield at
        at = reader.value(at, following)
