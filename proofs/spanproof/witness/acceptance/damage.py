"""Single damages: one field, bit or entry of the runtime's records gets another value.

A damage is an address and bytes. The kinds are those that are declared to be noticed; what cannot
be is in `docs/autopsy.md`.
"""

import random
from collections.abc import Callable
from typing import Final, NamedTuple

from spanproof.witness.program.dwarf import Field
from spanproof.witness.program.layout import Layout
from spanproof.witness.program.memory import Memory
from spanproof.witness.reading.image import Image, SpanImage
from spanproof.witness.reading.source import WitnessedProgram
from spanspec.base.constants import size_class_of
from spanspec.base.words import M64


class Overwrite(NamedTuple):
    """Bytes for an address, and the descriptor of the span that they are about, or 0."""

    address: int
    data: bytes
    descriptor: int = 0


class NotHere(Exception):
    """There is nothing in this version, or in this heap, that could be damaged so."""


class TargetHeap:
    """A heap to be damaged, with the places of its records."""

    def __init__(self, memory: Memory, program: WitnessedProgram, image: Image, seed: int) -> None:
        self.memory = memory
        self.layout: Layout = program.layout
        self.image = image
        self.drawn = random.Random(seed)
        self.heap = program.addresses.need("mheap_")
        self.used = [span for span in image.spans if span.state == image.states["mSpanInUse"]]
        self.small = [
            span
            for span in self.used
            if size_class_of(span.spanclass) and span.nelems > 1 and not span.user_arena
        ]
        slots = {slot for proc in image.procs for slot in proc.slots} - {image.empty_span}
        self.cached = [span for span in self.small if span.descriptor in slots]

    def pick(self, spans: list[SpanImage]) -> SpanImage:
        """Return one of some spans."""
        if not spans:
            raise NotHere
        return self.drawn.choice(spans)

    def need(self, struct: str, *paths: str) -> Field:
        """Return a field, if the version has it."""
        found = self.layout.field(struct, *paths)
        if found is None:
            raise NotHere
        return found

    def write(self, base: int, field: Field, value: int, descriptor: int = 0) -> Overwrite:
        """Return what gives a field a value."""
        size = min(field.size, 8)
        data = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
        return Overwrite(base + field.offset, data, descriptor)

    def of_span(self, name: str, change: Callable[[int], int], spans: list[SpanImage]) -> Overwrite:
        """Return what changes a field of one of some spans."""
        span = self.pick(spans)
        field = self.need("mspan", name)
        value = self.memory.number(span.descriptor + field.offset, field.size)
        return self.write(span.descriptor, field, change(value), span.descriptor)

    def flip(self, at: int, bit: int, descriptor: int = 0) -> Overwrite:
        """Return what flips a bit of some bits."""
        address = at + bit // 8
        return Overwrite(
            address, bytes([self.memory.number(address, 1) ^ 1 << bit % 8]), descriptor
        )

    def one(self) -> int:
        """Return 1 or -1."""
        return self.drawn.choice((1, -1))

    # --- kinds ------------------------------------------------------------------------------------

    def field_off_by_one(self, name: str) -> Overwrite:
        """A number of a small span is one more or less."""
        return self.of_span(name, lambda value: value + self.one(), self.small)

    def alloc_bit(self) -> Overwrite:
        """A bit of allocBits from freeindex on."""
        span = self.pick([span for span in self.small if span.freeindex < span.nelems])
        bit = self.drawn.randrange(span.freeindex, span.nelems)
        return self.flip(span.alloc_bits_at, bit, span.descriptor)

    def cache_bit(self) -> Overwrite:
        """A bit of allocCache that stands for a slot, of a span that is not full."""
        span = self.pick([span for span in self.small if span.freeindex < span.nelems])
        slots = min(64 - span.freeindex % 64, span.nelems - span.freeindex)
        field = self.need("mspan", "allocCache")
        value = span.alloc_cache ^ 1 << self.drawn.randrange(slots)
        return self.write(span.descriptor, field, value, span.descriptor)

    def mark_of_free_slot(self) -> Overwrite:
        """The mark of a slot that is free."""
        free = [
            (span, slot)
            for span in self.small
            for slot in range(span.freeindex, span.nelems)
            if not (span.alloc_bits | span.mark_bits) >> slot & 1
        ]
        if not free:
            raise NotHere
        span, slot = self.drawn.choice(free)
        return self.flip(span.mark_bits_at, slot, span.descriptor)

    def state(self) -> Overwrite:
        """The state of a span in use."""
        return self.of_span("state", lambda _: self.drawn.choice((0, 2, 7, 255)), self.used)

    def sweepgen(self) -> Overwrite:
        """The generation of a span."""
        ahead = self.drawn.choice((-4, -3, -2, -1, 1, 2, 4, 5))
        return self.of_span("sweepgen", lambda value: value + ahead, self.used)

    def base(self) -> Overwrite:
        """The address of a span, by a page."""
        return self.of_span("startAddr", lambda value: value + 8192 * self.one(), self.used)

    def bits_of_another(self, name: str) -> Overwrite:
        """The bits of a span are those of another."""
        other = self.pick(self.small)
        value = other.alloc_bits_at if name == "allocBits" else other.mark_bits_at
        return self.of_span(name, lambda _: value, [s for s in self.small if s is not other])

    def map_entry(self, other: bool) -> Overwrite:
        """An entry of the span map: 0, or another span."""
        span = self.pick(self.used)
        ahead = self.drawn.randrange(span.npages)
        arena, place = self.image.page_of(span.base + ahead * self.image.page_size)
        value = self.pick([s for s in self.used if s is not span]).descriptor if other else 0
        spans = self.need("heapArena", "spans")
        at = self.arena(arena) + spans.offset + 8 * place
        return Overwrite(at, value.to_bytes(8, "little"), span.descriptor)

    def arena(self, index: int) -> int:
        """Return the address of the metadata of an arena."""
        first = self.need("mheap", "arenas")
        table = self.memory.number(self.heap + first.offset)
        return self.memory.number(table + 8 * index)

    def in_use_bit(self) -> Overwrite:
        """The in-use bit of a span's first page."""
        span = self.pick(self.used)
        arena, place = self.image.page_of(span.base)
        at = self.arena(arena) + self.need("heapArena", "pageInUse").offset
        return self.flip(at, place, span.descriptor)

    def page_bit(self) -> Overwrite:
        """A bit of the page bitmap."""
        chunks = self.need("mheap", "pages.chunks")
        span = self.pick(self.used)
        page = (span.base + self.image.arena_offset & M64) // self.image.page_size
        in_chunk = self.layout.constant("pallocChunkPages", 0)
        shift = self.layout.constant("pallocChunksL2Bits", 0)
        number = page // in_chunk
        block = self.memory.number(self.heap + chunks.offset + 8 * (number >> shift))
        at = block + self.layout.size("pallocData") * (number & ((1 << shift) - 1))
        bits = self.need("pallocData", "pallocBits", "pageBits")
        return self.flip(at + bits.offset, page % in_chunk, span.descriptor)

    def slot(self, value: int) -> Overwrite:
        """A slot of an mcache that holds a span."""
        places = [
            (proc, n)
            for proc in self.image.procs
            for n, slot in enumerate(proc.slots)
            if slot not in (self.image.empty_span, value)
        ]
        if not places:
            raise NotHere
        proc, number = self.drawn.choice(places)
        at = proc.mcache + self.need("mcache", "alloc").offset + 8 * number
        return Overwrite(at, value.to_bytes(8, "little"), proc.slots[number])

    def tiny(self, name: str, change: Callable[[int], int]) -> Overwrite:
        """The tiny block of a P."""
        procs = [proc for proc in self.image.procs if proc.tiny]
        if not procs:
            raise NotHere
        proc = self.drawn.choice(procs)
        field = self.need("mcache", name)
        return self.write(
            proc.mcache, field, change(self.memory.number(proc.mcache + field.offset, field.size))
        )

    def of_heap(self, name: str, by: int) -> Overwrite:
        """A number of the heap."""
        field = self.need("mheap", name)
        value = self.memory.number(self.heap + field.offset, min(field.size, 8))
        return self.write(self.heap, field, value + by)

    def set_entry(self, value: Callable[[], int]) -> Overwrite:
        """An entry of a swept span set."""
        at, head, tail = self.drawn_set()
        spine = self.memory.number(at + self.need("spanSet", "spine").offset)
        entries = self.need("spanSetBlock", "spans")
        block, place = divmod(self.drawn.randrange(head, tail), entries.length)
        address = self.memory.number(spine + 8 * block) + entries.offset + 8 * place
        return Overwrite(address, value().to_bytes(8, "little"), self.memory.number(address))

    def set_index(self) -> Overwrite:
        """The head or tail of a swept span set, by one."""
        at, head, tail = self.drawn_set()
        changed = (head + 1) << 32 | tail if self.drawn.random() < 0.5 else head << 32 | tail - 1
        return Overwrite(at + self.need("spanSet", "index").offset, changed.to_bytes(8, "little"))

    def drawn_set(self) -> tuple[int, int, int]:
        """Return the address, head and tail of a swept set that has entries."""
        array, inner = self.need("mheap", "central"), self.need("mheap", "central[].mcentral")
        which = self.image.sweepgen // 2 % 2
        found = []
        for number in range(array.length):
            for name in ("partial", "full"):
                sets = self.need("mcentral", name)
                at = self.heap + array.offset + array.stride * number + inner.offset
                at += sets.offset + sets.stride * which
                index = self.memory.number(at + self.need("spanSet", "index").offset)
                if index >> 32 < index & 0xFFFF_FFFF:
                    found.append((at, index >> 32, index & 0xFFFF_FFFF))
        if not found:
            raise NotHere
        return self.drawn.choice(found)

    def listed(self) -> Overwrite:
        """An entry of the list of all spans: another span."""
        field = self.need("mheap", "allspans")
        array, length = self.memory.words(self.heap + field.offset, 2)
        at = array + 8 * self.drawn.randrange(length)
        own = self.memory.number(at)
        other = self.pick([span for span in self.used if span.descriptor != own])
        return Overwrite(at, other.descriptor.to_bytes(8, "little"), own)

    def link(self) -> Overwrite:
        """The next span of a listed span, where central lists are linked."""
        if any("partial0" in one for one in self.image.central):
            raise NotHere
        there = {d for one in self.image.central for those in one.values() for d in those[:-1]}
        return self.of_span("next", lambda _: 0, [s for s in self.small if s.descriptor in there])

    def central_class(self) -> Overwrite:
        """The span class of an mcentral."""
        array, inner = self.need("mheap", "central"), self.need("mheap", "central[].mcentral")
        number = self.drawn.randrange(array.length)
        at = self.heap + array.offset + array.stride * number + inner.offset
        field = self.need("mcentral", "spanclass")
        return self.write(at, field, number ^ 1 << self.drawn.randrange(6))


KINDS: Final[dict[str, Callable[[TargetHeap], Overwrite]]] = {
    "freeindex by one": lambda t: t.field_off_by_one("freeindex"),
    "allocCount by one": lambda t: t.field_off_by_one("allocCount"),
    "nelems by one": lambda t: t.field_off_by_one("nelems"),
    "npages by one": lambda t: t.field_off_by_one("npages"),
    "divMul by one": lambda t: t.field_off_by_one("divMul"),
    "elemsize by a bit": lambda t: t.of_span(
        "elemsize", lambda v: v ^ 1 << t.drawn.randrange(3, 16), t.used
    ),
    "limit by a word": lambda t: t.of_span("limit", lambda v: v + 8 * t.one(), t.small),
    "spanclass, with or without pointers": lambda t: t.of_span(
        "spanclass", lambda v: v ^ 1, t.used
    ),
    "spanclass by a bit": lambda t: t.of_span(
        "spanclass", lambda v: v ^ 2 << t.drawn.randrange(7), t.used
    ),
    "freeIndexForScan beyond freeindex": lambda t: t.of_span(
        "freeIndexForScan", lambda v: v + 4096, t.small
    ),
    "needzero": lambda t: t.of_span("needzero", lambda _: t.drawn.randrange(2, 256), t.small),
    "manualFreeList": lambda t: t.of_span("manualFreeList", lambda _: 0x1000, t.used),
    "allocCountBeforeCache": lambda t: t.of_span(
        "allocCountBeforeCache", lambda v: v + 1, t.cached
    ),
    "an allocation bit": TargetHeap.alloc_bit,
    "a bit of allocCache": TargetHeap.cache_bit,
    "state": TargetHeap.state,
    "sweepgen": TargetHeap.sweepgen,
    "startAddr by a page": TargetHeap.base,
    "allocBits of another span": lambda t: t.bits_of_another("allocBits"),
    "gcmarkBits of another span": lambda t: t.bits_of_another("gcmarkBits"),
    "span map: no span": lambda t: t.map_entry(False),
    "span map: another span": lambda t: t.map_entry(True),
    "in-use bit": TargetHeap.in_use_bit,
    "page bitmap": TargetHeap.page_bit,
    "slot of an mcache: empty": lambda t: t.slot(t.image.empty_span),
    "slot of an mcache: another span": lambda t: t.slot(t.pick(t.small).descriptor),
    "tiny block": lambda t: t.tiny("tiny", lambda v: v + 8),
    "offset in the tiny block": lambda t: t.tiny("tinyoffset", lambda _: 17),
    "pagesInUse": lambda t: t.of_heap("pagesInUse", t.one()),
    "sweepgen of the heap": lambda t: t.of_heap("sweepgen", 2 * t.one()),
    "entry of a span set: nothing": lambda t: t.set_entry(lambda: 0),
    "entry of a span set: another span": lambda t: t.set_entry(lambda: t.pick(t.small).descriptor),
    "end of a span set": TargetHeap.set_index,
    "list of all spans": TargetHeap.listed,
    "link of a central list": TargetHeap.link,
    "class of an mcentral": TargetHeap.central_class,
}
"""The kinds that are declared to be noticed at rest, each with what draws one."""

ONLY_AT_REST: Final = {"a mark of a free slot": TargetHeap.mark_of_free_slot}
"""Kinds that are noticed only while no cycle runs, because they are legal while one marks."""
