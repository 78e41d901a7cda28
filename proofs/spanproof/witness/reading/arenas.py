"""Reading the arenas: the span map, in-use bits and page bitmap; and the arenas of mark bits."""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from spanproof.witness.program.layout import Layout
from spanproof.witness.reading.image import ArenaImage
from spanproof.witness.reading.reader import Reader
from spanspec.base.words import M64

MOST_ARENAS: Final = 1 << 16
"""More arenas come from a damaged count."""


def read_arenas(reader: Reader, pages: int) -> list[ArenaImage]:
    """Return the arenas: their part of the span map, and bits of their pages."""
    layout = reader.layout
    listed = layout.field("mheap", "heapArenas", "allArenas")
    first, spans = layout.field("mheap", "arenas"), layout.field("heapArena", "spans")
    if listed is None or first is None or spans is None or first.length != 1:
        reader.unknown.append("the span map: its layout is not known")
        return []
    found = []
    with reader.attempt("AR-1", "the list of arenas cannot be read"):
        array, length, _ = reader.slice_of(reader.heap, listed, MOST_ARENAS)
        table = reader.memory.number(reader.heap + first.offset)
        for index in reader.memory.words(array, length):
            with reader.attempt("HEAP-5", f"the metadata of arena {index} cannot be read"):
                at = reader.memory.number(table + 8 * index)
                runs = list(map_runs(reader.memory.words(at + spans.offset, pages)))
                arena = ArenaImage(index, runs)
                used = layout.field("heapArena", "pageInUse")
                if used is not None:
                    arena.in_use = reader.memory.read(at + used.offset, used.size).hex()
                arena.allocated = page_bits(reader, index, pages)
                found.append(arena)
    return found


def map_runs(words: memoryview) -> Iterator[tuple[int, int, int]]:
    """Yield the runs of equal entries of a span map that are not 0."""
    at = 0
    for descriptor, group in groupby(words):
        count = sum(1 for _ in group)
        if descriptor:
            yield at, count, descriptor
        at += count


def page_bits(reader: Reader, arena: int, pages: int) -> str | None:
    """Return which pages of an arena the page allocator counts as allocated.

    Raises: Unreadable.
    """
    chunks = reader.layout.field("mheap", "pages.chunks")
    size = reader.layout.size("pallocData")
    bits = reader.layout.field("pallocData", "pallocBits", "pageBits")
    in_chunk = reader.layout.constant("pallocChunkPages", 0)
    shift = reader.layout.constant("pallocChunksL2Bits", 0)
    if chunks is None or bits is None or not size or not in_chunk or not shift:
        return None
    found = []
    for number in range(arena * pages // in_chunk, (arena + 1) * pages // in_chunk):
        block = reader.memory.number(reader.heap + chunks.offset + 8 * (number >> shift))
        at = block + size * (number & ((1 << shift) - 1)) + bits.offset
        found.append(reader.memory.read(at, bits.size) if block else bytes(bits.size))
    return b"".join(found).hex()


def offset_of_arenas(layout: Layout) -> int:
    """Return what is added to an address, modulo 2**64, before arenas are counted.

    Versions that name the offset as a uintptr subtract it; those before (1.13, 1.14) add it.
    """
    subtracted = layout.constant("arenaBaseOffsetUintptr", 0)
    return -subtracted & M64 if subtracted else layout.constant("arenaBaseOffset", 0)


def read_bit_arenas(reader: Reader) -> dict[str, list[int]]:
    """Return the arenas of mark and allocation bits by age."""
    at, following = (
        reader.addresses.get("gcBitsArenas"),
        reader.layout.field("gcBitsArena", "next"),
    )
    if at is None or following is None:
        reader.unknown.append("arenas of mark bits: runtime.gcBitsArenas is not found")
        return {}
    found: dict[str, list[int]] = {}
    # gcBitsArenas is a lock, and the pointers free, next, current and previous, in this order.
    for place, age in enumerate(("free", "next", "current", "previous"), 1):
        those: list[int] = []
        found[age] = those
        with reader.attempt("SPAN-26", f"the {age} arenas of mark bits"):
            arena, seen = reader.memory.number(at + 8 * place), set[int]()
            while arena and arena not in seen:
                seen.add(arena)
                those.append(arena)
                arena = reader.value(arena, following)
    return found
