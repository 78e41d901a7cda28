"""Reading an image of the heap out of memory, by a layout."""

import struct
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from spanproof.witness.dwarf import Field
from spanproof.witness.errors import Unreadable, WitnessError
from spanproof.witness.image import (
    KIND,
    ArenaImage,
    Broken,
    Image,
    ProcImage,
    SpanImage,
)
from spanproof.witness.layout import CLASS_TABLES, Layout
from spanproof.witness.memory import Memory
from spanspec.base.constants import MAX_OBJECTS_PER_SPAN
from spanspec.base.words import M64

MOST_SPANS: Final = 1 << 23
MOST_PROCS: Final = 1 << 14
MOST_ARENAS: Final = 1 << 16
MOST_LISTED: Final = 1 << 16
"""More of anything comes from a damaged count."""

FEW: Final = 1024
"""Entries that a set may have beyond two for each span: one may be left over."""

FORMATS: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}

SPAN_FIELDS: Final = (
    ("startAddr",),
    ("npages",),
    ("freeindex",),
    ("nelems",),
    ("allocCache",),
    ("allocBits",),
    ("gcmarkBits",),
    ("sweepgen",),
    ("allocCount",),
    ("spanclass",),
    ("state",),
    ("elemsize",),
    ("limit",),
    ("needzero",),
    ("specials",),
    ("freeIndexForScan",),
    ("allocCountBeforeCache",),
    ("divMul",),
    ("isUserArenaChunk",),
    ("manualFreeList",),
    ("next",),
    ("list",),
)
"""The fields of a descriptor, in the order of `SpanImage`."""

REQUIRED: Final = 15
"""How many of them every version has."""


class Addresses(NamedTuple):
    """Where the variables of the runtime are; one that is not known is missing."""

    at: dict[str, int]

    def get(self, name: str) -> int | None:
        """Return the address of a variable of the package runtime."""
        return self.at.get(f"runtime.{name}")

    def need(self, name: str) -> int:
        """Return the address of a variable without which nothing can be read.

        Raises: WitnessError if it is not known.
        """
        found = self.get(name)
        if found is None:
            raise WitnessError(f"runtime.{name} is not found: the program has no symbol for it")
        return found


class Reader:
    """Reads the parts of one image. What cannot be read is noted in `broken`, and left out.

    A miss of memory that was not copied is not damage: it is raised.
    """

    def __init__(self, memory: Memory, layout: Layout, addresses: Addresses) -> None:
        self.memory = memory
        self.layout = layout
        self.addresses = addresses
        self.heap = addresses.need("mheap_")
        self.broken: list[Broken] = []
        self.unknown: list[str] = []
        self.most_listed = MOST_LISTED

    def attempt(self, rule: str, what: str, descriptor: int = 0) -> "Attempt":
        """Return a context in which an unreadable address is noted as broken."""
        return Attempt(self, rule, what, descriptor)

    def value(self, base: int, field: Field) -> int:
        """Return the number in a field.

        Raises: Unreadable.
        """
        return self.memory.number(base + field.offset, min(field.size, 8))

    def heap_value(self, *paths: str) -> int | None:
        """Return a number of mheap_, or None if it has no such field."""
        field = self.layout.field("mheap", *paths)
        return None if field is None else self.value(self.heap, field)

    def slice_of(self, base: int, field: Field, most: int) -> tuple[int, int, int]:
        """Return address, length and capacity of a slice.

        Raises: Unreadable if its length cannot be one.
        """
        array, length, capacity = self.memory.words(base + field.offset, 3)
        if not length <= capacity or length > most:
            raise Unreadable(array)
        return array, length, capacity


class Attempt:
    """A part of the reading that may fail."""

    def __init__(self, reader: Reader, rule: str, what: str, descriptor: int) -> None:
        self._reader = reader
        self._broken = Broken(rule, what, descriptor)

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> bool:
        """Note an address that cannot be read; everything else goes on."""
        if not isinstance(problem, Unreadable) or problem.missing:
            return False
        self._broken.what += f" (at {problem.address:#x})"
        self._reader.broken.append(self._broken)
        return True


# --- descriptors ----------------------------------------------------------------------------------


def span_decoder(layout: Layout) -> tuple[int, Callable[[int, bytes], SpanImage]]:
    """Return how many bytes of a descriptor are read, and what makes an image of them."""
    known = layout.types.structs["runtime.mspan"]
    for (name,) in SPAN_FIELDS[:REQUIRED]:
        layout.need("mspan", name)
    present = [
        (known[name].offset, known[name].size, place)
        for place, (name,) in enumerate(SPAN_FIELDS)
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
                Broken("I-33", f"allspans[{number}] is {descriptor:#x}: no memory", descriptor)
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
                        Broken("SWP-24", "the special records form a circle", span.descriptor)
                    )
                    break
                seen.add(at)
                those.append((reader.value(at, offset), reader.value(at, kind)))
                at = reader.value(at, following)
    return found


# --- Ps -------------------------------------------------------------------------------------------


def read_procs(reader: Reader) -> list[ProcImage]:
    """Return the Ps, with their mcaches."""
    layout, at = reader.layout, reader.addresses.get("allp")
    if at is None:
        reader.unknown.append("Ps and their caches: runtime.allp is not found")
        return []
    found: list[ProcImage] = []
    with reader.attempt("MC-1", "runtime.allp cannot be read"):
        array, length, _ = reader.slice_of(at, Field(0, 24), MOST_PROCS)
        for number, address in enumerate(reader.memory.words(array, length)):
            if address:
                with reader.attempt("MC-1", f"P {number} at {address:#x} cannot be read"):
                    found.append(read_proc(reader, layout, address))
    return found


def read_proc(reader: Reader, layout: Layout, at: int) -> ProcImage:
    """Return one P.

    Raises: Unreadable.
    """
    mcache = reader.value(at, layout.need("p", "mcache"))
    slots: list[int] = []
    proc = ProcImage(
        id=reader.value(at, layout.need("p", "id")),
        status=reader.value(at, layout.need("p", "status")),
        m=reader.value(at, layout.need("p", "m")),
        mcache=mcache,
        slots=slots,
    )
    base, bits = layout.field("p", "pcache.base"), layout.field("p", "pcache.cache")
    if base is not None and bits is not None:
        proc.page_base, proc.page_bits = reader.value(at, base), reader.value(at, bits)
    count, buffer = layout.field("p", "mspancache.len"), layout.field("p", "mspancache.buf")
    if count is not None and buffer is not None:
        number = min(reader.value(at, count), buffer.length)
        proc.spare = list(reader.memory.words(at + buffer.offset, number))
    if not mcache:
        return proc
    alloc = layout.need("mcache", "alloc")
    slots += reader.memory.words(mcache + alloc.offset, alloc.length)
    proc.tiny = reader.value(mcache, layout.need("mcache", "tiny"))
    proc.tiny_offset = reader.value(mcache, layout.need("mcache", "tinyoffset"))
    flush = layout.field("mcache", "flushGen")
    proc.flush_gen = None if flush is None else reader.value(mcache, flush)
    return proc


# --- central lists --------------------------------------------------------------------------------


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


# --- arenas ---------------------------------------------------------------------------------------


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


# --- bits, classes, statistics --------------------------------------------------------------------


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


def read_classes(reader: Reader) -> tuple[list[int], list[int]]:
    """Return the sizes and pages of the classes: the process's own, or those of the file."""
    count = reader.layout.need("mcache", "alloc").length // 2
    for size_name, pages_name in CLASS_TABLES:
        sizes_at, pages_at = (
            reader.addresses.at.get(size_name),
            reader.addresses.at.get(pages_name),
        )
        if sizes_at is not None and pages_at is not None:
            try:
                sizes = memoryview(reader.memory.read(sizes_at, 2 * count)).cast("H")
                return list(sizes), list(reader.memory.read(pages_at, count))
            except Unreadable as problem:
                if problem.missing:
                    raise
    return list(reader.layout.class_sizes), list(reader.layout.class_pages)


def read_counters(reader: Reader, image: Image) -> None:
    """Add the statistics to an image."""
    used = reader.heap_value("pagesInUse")
    if used is not None:
        image.counters["pagesInUse"] = used
    at, base = reader.addresses.get("memstats"), reader.layout.field("mstats", "heapStats")
    parts = reader.layout.field("consistentHeapStats", "stats")
    delta = reader.layout.types.structs.get("runtime.heapStatsDelta", {})
    if base is None or parts is None or not delta:
        reader.unknown.append("statistics of objects: this version keeps them otherwise")
        return
    if at is None:
        reader.unknown.append("statistics of objects: runtime.memstats is not found")
        return
    with reader.attempt("I-29", "memstats.heapStats cannot be read"):
        starts = [at + base.offset + parts.stride * n for n in range(parts.length)]
        for name, field in delta.items():
            if field.size == 8:
                total = sum(reader.value(start, field) for start in starts)
                image.counters[name] = total & 0xFFFF_FFFF_FFFF_FFFF
        for name, into in (
            ("smallAllocCount", image.allocated_by_class),
            ("smallFreeCount", image.freed_by_class),
        ):
            columns = [
                reader.memory.words(s + delta[name].offset, delta[name].length) for s in starts
            ]
            into += (sum(column) & 0xFFFF_FFFF_FFFF_FFFF for column in zip(*columns, strict=True))


def offset_of_arenas(layout: Layout) -> int:
    """Return what is added to an address, modulo 2**64, before arenas are counted.

    Versions that name the offset as a uintptr subtract it; those before (1.13, 1.14) add it.
    """
    subtracted = layout.constant("arenaBaseOffsetUintptr", 0)
    return -subtracted & M64 if subtracted else layout.constant("arenaBaseOffset", 0)


def read_image(memory: Memory, layout: Layout, addresses: Addresses, source: str) -> Image:
    """Read the heap; the threads are left to who knows their registers.

    Raises: WitnessError if the layout does not fit; Unreadable for memory that was not copied.
    """
    reader = Reader(memory, layout, addresses)
    states = {
        name: layout.constant(name, 1 << 8)
        for name in ("mSpanDead", "mSpanInUse", "mSpanManual", "mSpanFree", "_MSpanFree")
        if f"runtime.{name}" in layout.types.constants
    }
    pages = layout.constant("pagesPerArena", 8192)
    try:
        listed, capacity = descriptors(reader)
        reader.most_listed = 2 * len(listed) + FEW
        sweepgen = reader.heap_value("sweepgen")
        lock = reader.heap_value("lock.key", "lock")
        empty = addresses.get("emptymspan")
        phase_at, sweep_at = addresses.get("gcphase"), addresses.get("sweep")
        state = layout.field("sweepdata", "active.state")
        sweeping = None
        if sweep_at is not None and state is not None:
            sweeping = reader.value(sweep_at, state)
        phase = None if phase_at is None else memory.number(phase_at, 4)
        image = Image(
            kind=KIND,
            go=layout.go,
            source=source,
            page_size=layout.constant("_PageSize", 8192),
            pages_per_arena=pages,
            arena_offset=offset_of_arenas(layout),
            states=states,
            present=[name for (name,) in SPAN_FIELDS if layout.field("mspan", name) is not None],
            class_sizes=[],
            class_pages=[],
            sweepgen=sweepgen or 0,
            phase=phase,
            swept=None,
            sweepers=0,
            heap_lock=lock or 0,
            descriptors_capacity=capacity,
            empty_span=empty or 0,
            empty_span_bytes="",
            spans=[],
            procs=[],
            threads=[],
            central_classes=[],
            central=[],
            arenas=[],
            counters={},
            allocated_by_class=[],
            freed_by_class=[],
            bit_arenas={},
            specials={},
            broken=reader.broken,
            unknown=reader.unknown,
        )
        if phase is None:
            reader.unknown.append("the collector's phase: runtime.gcphase is not found")
        if sweeping is not None:
            drained = layout.constant("sweepDrainedMask", 1 << 31)
            image.swept, image.sweepers = bool(sweeping & drained), sweeping & ~drained
        if empty:
            image.empty_span_bytes = memory.read(empty, layout.size("mspan")).hex()
        panicking = addresses.get("panicking")
        image.panicking = 0 if panicking is None else memory.number(panicking, 4)
        image.class_sizes, image.class_pages = read_classes(reader)
        image.spans = read_spans(reader, listed, layout.constant("mSpanInUse", 1))
        if any(span.user_arena for span in image.spans):
            reader.unknown.append(
                "user arenas, and sums over all spans: the program has user arenas"
            )
        image.specials = read_specials(reader, image.spans)
        image.procs = read_procs(reader)
        image.central_classes, image.central = read_central(reader)
        image.arenas = read_arenas(reader, pages)
        image.bit_arenas = read_bit_arenas(reader)
        read_counters(reader, image)
    except Unreadable as problem:
        if problem.missing:
            raise
        raise WitnessError(f"the heap cannot be read: {problem}; does the file fit?") from None
    return image
