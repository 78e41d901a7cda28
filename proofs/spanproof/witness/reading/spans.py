"""Reading descriptors: all of them, with the bits and special records of those in use."""

import struct
from collections.abc import Callable
from operator import itemgetter
from typing import Final

from spanproof.witness.errors import Unreadable, WitnessError
from spanproof.witness.program.layout import Layout
from spanproof.witness.program.memory import Memory
from spanproof.witness.reading.image import SpanImage, UnreadPart
from spanproof.witness.reading.reader import Reader
from spanspec.base.constants import MAX_OBJECTS_PER_SPAN

MOST_SPANS: Final = 1 << 23
"""More descriptors come from a damaged count."""

FORMATS: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}

SPAN_FIELDS: Final = (
    "startAddr",
    "npages",
    "freeindex",
    "nelems",
    "allocCache",
    "allocBits",
    "gcmarkBits",
    "sweepgen",
    "allocCount",
    "spanclass",
    "state",
    "elemsize",
    "limit",
    "needzero",
    "specials",
    "freeIndexForScan",
    "allocCountBeforeCache",
    "divMul",
    "isUserArenaChunk",
    "manualFreeList",
    "next",
    "list",
)
"""The fields of a descriptor, in the order of `SpanImage`."""

REQUIRED: Final = 15
"""How many of them every version has."""


def span_decoder(layout: Layout) -> tuple[int, Callable[[int, bytes], SpanImage]]:
    """Return how many bytes of a descriptor are read, and what makes an image of them."""
    known = layout.types.structs["runtime.mspan"]
    for name in SPAN_FIELDS[:REQUIRED]:
        layout.need("mspan", name)
    present = [
        (known[name].offset, known[name].size, place)
        for place, name in enumerate(SPAN_FIELDS)
        if name in known and known[name].size in FORMATS
    ]
    text, at = "<", 0
    ordered = sorted(present)
    for offset, size, _ in ordered:
        text += f"{offset - at}x" if offset > at else ""
        text += FORMATS[size]
        at = offset + size
    places = [place for _, _, place in ordered]
    absent = len(places)
    order = itemgetter(
        *(places.index(n) if n in places else absent for n in range(len(SPAN_FIELDS)))
    )
    unpack = struct.Struct(text).unpack_from
    none = (0,)

    def decode(descriptor: int, data: bytes) -> SpanImage:
        return SpanImage(descriptor, *order(unpack(data) + none))

    return at, decode


def descriptors(reader: Reader) -> tuple[list[int], int]:
    """Return the addresses of all descriptors, and the capacity of their list.

    Raises: WitnessError if mheap_.allspans is no slice.
    """
    field = reader.layout.need("mheap", "allspans")
    try:
        array, length, capacity = reader.slice_of(reader.heap, field, MOST_SPANS)
        return list(reader.memory.words(array, length)) if length else [], capacity
    except Unreadable as problem:
        if problem.missing:
            raise
        raise WitnessError(
            f"mheap_.allspans cannot be read ({problem}): the layout does not fit, "
            "or the heap has no spans yet"
        ) from None


def read_spans(reader: Reader, addresses: list[int], in_use: int) -> list[SpanImage]:
    """Return the descriptors, with the bits of those that are in use."""
    size, decode = span_decoder(reader.layout)
    spans = []
    read = reader.memory.read
    for number, descriptor in enumerate(addresses):
        try:
            span = decode(descriptor, read(descriptor, size))
        except Unreadable as problem:
            if problem.missing:
                raise
            reader.broken.append(
                UnreadPart("I-33", f"allspans[{number}] is {descriptor:#x}: no memory", descriptor)
            )
            continue
        spans.append(span)
        if span.state != in_use:
            continue
        bits = bits_if_there(reader.memory, span.alloc_bits_at, span.nelems)
        if bits is not None:
            span.alloc_bits, span.alloc_read = bits, True
        bits = bits_if_there(reader.memory, span.mark_bits_at, span.nelems)
        if bits is not None:
            span.mark_bits, span.mark_read = bits, True
    return spans


def bits_if_there(memory: Memory, at: int, nelems: int) -> int | None:
    """Return the bits of a span's slots, or None where there is no memory.

    Raises: Unreadable for memory that was not copied.
    """
    try:
        return read_bits(memory, at, nelems)
    except Unreadable as problem:
        if problem.missing:
            raise
        return None


def read_bits(memory: Memory, at: int, nelems: int) -> int:
    """Return the bits of a span's slots as one number; no version has more than 1024 slots.

    Raises: Unreadable.
    """
    count = (min(nelems, MAX_OBJECTS_PER_SPAN) + 63) // 64 * 8
    return int.from_bytes(memory.read(at, count), "little")


def read_specials(reader: Reader, spans: list[SpanImage]) -> dict[int, list[tuple[int, int]]]:
    """Return the special records of each span that has some: offsets and kinds, in list order."""
    offset, kind = reader.layout.field("special", "offset"), reader.layout.field("special", "kind")
    following = reader.layout.field("special", "next")
    found: dict[int, list[tuple[int, int]]] = {}
    if offset is None or kind is None or following is None:
        reader.unknown.append("special records: their layout is not known")
        return found
    for span in spans:
        at, seen = span.specials_at, set[int]()
        if not at or span.state != reader.layout.constant("mSpanInUse", 1):
            continue
        those = found.setdefault(span.descriptor, [])
        with reader.attempt("SWP-24", "a special record cannot be read", span.descriptor):
            while at:
                if at in seen:
                    reader.broken.append(
                        UnreadPart("SWP-24", "the special records form a circle", span.descriptor)
                    )
                    break
                seen.add(at)
                those.append((reader.value(at, offset), reader.value(at, kind)))
                at = reader.value(at, following)
    return found
