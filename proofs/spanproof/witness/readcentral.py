"""Reading the central lists: linked lists, or span sets from Go 1.15 on."""

from collections.abc import Iterator

from spanproof.witness.errors import Unreadable
from spanproof.witness.image import Broken
from spanproof.witness.reader import Reader


def read_central(
    reader: Reader, only: int | None = None
) -> tuple[list[int], list[dict[str, list[int]]]]:
    """Return what span class each mcentral says it is of, and the entries of its lists or sets.

    The lists of classes other than `only` are left out, if it is given.
    """
    layout = reader.layout
    array = layout.need("mheap", "central")
    inner = layout.need("mheap", "central[].mcentral")
    own = layout.need("mcentral", "spanclass")
    classes, lists = [], []
    for number in range(array.length):
        at = reader.heap + array.offset + array.stride * number + inner.offset
        classes.append(reader.value(at, own))
        entries: dict[str, list[int]] = {}
        lists.append(entries)
        if only not in (None, number):
            continue
        for name in ("partial", "full"):
            sets = layout.field("mcentral", name)
            for which in range(sets.length if sets is not None else 0):
                assert sets is not None
                members: list[int] = []
                entries[f"{name}{which}"] = members
                with reader.attempt("CEN-1", f"the set {name}[{which}] of class {number}"):
                    members += read_set(reader, at + sets.offset + sets.stride * which)
        for name in ("nonempty", "empty"):
            first = layout.field("mcentral", f"{name}.first")
            if first is not None and "partial0" not in entries:
                those: list[int] = []
                entries[name] = those
                with reader.attempt("CEN-1", f"the list {name} of class {number}"):
                    those += read_list(reader, reader.value(at, first), f"{name} of {number}")
    return classes, lists


def read_set(reader: Reader, at: int) -> Iterator[int]:
    """Yield the entries of a span set, from head to tail; 0 for one that is not filled yet.

    Raises: Unreadable.
    """
    layout = reader.layout
    index = reader.value(at, layout.need("spanSet", "index"))
    spine = reader.value(at, layout.need("spanSet", "spine"))
    entries = layout.need("spanSetBlock", "spans")
    head, tail = index >> 32, index & 0xFFFF_FFFF
    if tail > head + reader.most_listed:
        raise Unreadable(at)
    while head < tail:
        number, offset = divmod(head, entries.length)
        count = min(tail - head, entries.length - offset)
        block = reader.memory.number(spine + 8 * number)
        if block:
            yield from reader.memory.words(block + entries.offset + 8 * offset, count)
        else:
            yield from (0 for _ in range(count))
        head += count


def read_list(reader: Reader, at: int, name: str) -> Iterator[int]:
    """Yield the entries of a linked list.

    Raises: Unreadable.
    """
    following = reader.layout.need("mspan", "next")
    seen = set()
    while at:
        if at in seen:
            reader.broken.append(Broken("SPAN-28", f"the list {name} forms a circle", at))
            return
        seen.add(at)
        yield at
        at = reader.value(at, following)
